//! The whole screen as cells: what is where, then each part.

mod sidebar;
mod members;
mod top;
mod middle;
mod bottom;
mod overlay;
mod list;

use crate::action::Action;
use crate::canvas::Canvas;
use crate::place::Id;
use crate::theme::Role;
use crate::timeline;
use crate::tui::Tui;
use chat::Chat;
use ratatui_core::layout::Rect;

/// What stands where on the screen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Map {
    pub(crate) timeline: Rect,
    /// Where the list of an overlay is.
    pub(crate) hits: Vec<(Rect, Hit)>,
    /// Where the focused message was in the list of rows when it was seen last.
    pub(crate) focused: usize,
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
    /// The line that says how much there is below.
    ToEnd,
}

/// Where each part of the screen is.
#[derive(Clone, Copy, Debug, Default)]
struct Parts {
    top: Rect,
    left: Rect,
    middle: Rect,
    right: Rect,
    status: Rect,
    composer: Rect,
}

impl Parts {
    /// The parts of a screen whose composer wants so many rows, with the members of a room or without.
    fn of(columns: u16, rows: u16, composer: u16, members: bool) -> Parts {
        let composer = composer.clamp(1, (rows / 3).max(1)).min(rows);
        let top = u16::from(rows >= 4);
        let status = u16::from(rows >= 5);
        let height = rows.saturating_sub(composer + top + status);
        let left = match columns {
            100.. => 22,
            60.. => 18,
            _ => 0,
        };
        let right = match columns {
            _ if !members => 0,
            140.. => 20,
            100.. => 17,
            _ => 0,
        };
        // A line stands between the middle and what is beside it.
        let (from, to) = (left + u16::from(left > 0), right + u16::from(right > 0));
        Parts {
            top: Rect::new(0, 0, columns, top),
            left: Rect::new(0, top, left, height),
            middle: Rect::new(from, top, columns.saturating_sub(from + to), height),
            right: Rect::new(columns - right, top, right, height),
            status: Rect::new(0, top + height, columns, status),
            composer: Rect::new(0, rows - composer, columns, composer),
        }
    }
}

/// Draws the screen, and says what follows from it having been seen.
pub(crate) fn draw(tui: &mut Tui, chat: &Chat, now_ms: i64) -> (Canvas, Vec<Action>) {
    let (columns, rows) = (tui.columns, tui.rows);
    let mut canvas = Canvas::new(columns, rows);
    tui.map.hits.clear();
    if columns == 0 || rows == 0 {
        return (canvas, Vec::new());
    }
    let written = bottom::rows(tui, columns);
    let parts = Parts::of(columns, rows, written, tui.settings.members);
    tui.map.timeline = parts.middle;
    canvas.scrolls = parts.middle;
    timeline::arrive(tui, chat);
    top::draw(tui, chat, now_ms, &mut canvas, parts.top);
    sidebar::draw(tui, chat, &mut canvas, parts.left);
    members::draw(tui, chat, &mut canvas, parts.right);
    let quiet = tui.settings.theme.style(Role::Quiet);
    for (is_there, x) in [
        (parts.left.width > 0, parts.left.right()),
        (parts.right.width > 0, parts.right.left().saturating_sub(1)),
    ] {
        for y in parts.middle.top()..parts.middle.bottom() {
            if is_there {
                canvas.put(x, y, x + 1, "│", quiet);
            }
        }
    }
    let seen = middle::draw(tui, chat, &mut canvas, parts.middle);
    bottom::draw_status(tui, chat, now_ms, &seen, &mut canvas, parts.status);
    bottom::draw_composer(tui, &mut canvas, parts.composer);
    overlay::draw(tui, chat, &mut canvas);
    select(tui, &mut canvas);
    (canvas, seen.actions)
}

/// Shows what is being selected with the mouse.
fn select(tui: &Tui, canvas: &mut Canvas) {
    let Some((from, to)) = tui.selected_range() else { return };
    let style = tui.settings.theme.style(Role::Found);
    let area = tui.map.timeline;
    for y in area.top().max(from.1)..area.bottom().min(to.1 + 1) {
        let first = if y == from.1 { from.0 } else { area.left() };
        let end = if y == to.1 { to.0 + 1 } else { area.right() };
        let row = Rect::new(first, y, end.saturating_sub(first), 1);
        canvas.tint(row.intersection(area), style);
    }
}
