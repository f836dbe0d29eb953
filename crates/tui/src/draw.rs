//! The whole screen as cells.

use crate::canvas::Canvas;
use crate::place::Id;
use crate::tui::Tui;
use chat::Chat;
use ratatui_core::layout::Rect;

/// What stands where on the screen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Map {
    pub(crate) timeline: Rect,
    pub(crate) hits: Vec<(Rect, Hit)>,
}

/// What a click can meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hit {
    /// A conversation of the list, by its name.
    Conversation(String),
    /// A member, by name.
    Member(String),
    /// A message.
    Message(Id),
    /// An address.
    Link(String),
    /// What is being written.
    Composer,
    /// An item of the overlay's list.
    Item(usize),
}

pub(crate) fn draw(tui: &mut Tui, _chat: &Chat, _now_ms: i64) -> Canvas {
    Canvas::new(tui.columns, tui.rows)
}
