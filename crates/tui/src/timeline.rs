//! The timeline: which rows are on the screen.

use crate::tui::Tui;
use chat::Chat;

pub(crate) fn scroll(_tui: &mut Tui, _rows: isize, _chat: &Chat) {}

pub(crate) fn scroll_to_start(_tui: &mut Tui, _chat: &Chat) {}

pub(crate) fn focus(_tui: &mut Tui, _above: bool, _chat: &Chat) {}
