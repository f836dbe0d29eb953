//! The whole screen as cells: first the layout, then each part.

mod sidebar;
mod members;
mod top;
mod middle;
mod bottom;
mod overlay;
mod list;

use crate::action::Action;
use crate::canvas::Canvas;
use crate::conversation_view::RowId;
use crate::theme::Role;
use crate::timeline;
use crate::tui::Tui;
use chat::Chat;
use ratatui_core::layout::Rect;

/// What is where on the screen, for clicks.
#[derive(Clone, Debug, Default)]
pub(crate) struct HitMap {
    pub(crate) timeline: Rect,
    /// The areas that can be clicked.
    pub(crate) hits: Vec<(Rect, Hit)>,
    /// The last known index of the focused message in the list of rows.
    pub(crate) focused: usize,
}

/// What a click can hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hit {
    /// A conversation in the list, by name.
    Conversation(String),
    /// A member, by name.
    Member(String),
    /// A message.
    Message(RowId),
    /// A link.
    Link(String),
    /// The composer.
    Composer,
    /// An item of the overlay's list.
    Item(usize),
    /// The line that says how much is below.
    ToEnd,
}

/// Where each part of the screen is.
#[derive(Clone, Copy, Debug, Default)]
struct ScreenLayout {
    top: Rect,
    left: Rect,
    middle: Rect,
    right: Rect,
    status: Rect,
    composer: Rect,
}

impl ScreenLayout {
    /// The layout of a screen whose composer needs this many rows, with or without the member list.
    fn of(columns: u16, rows: u16, composer: u16, members: bool) -> ScreenLayout {
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
        // A line separates the middle from each side.
        let (from, to) = (left + u16::from(left > 0), right + u16::from(right > 0));
        ScreenLayout {
            top: Rect::new(0, 0, columns, top),
            left: Rect::new(0, top, left, height),
            middle: Rect::new(from, top, columns.saturating_sub(from + to), height),
            right: Rect::new(columns - right, top, right, height),
            status: Rect::new(0, top + height, columns, status),
            composer: Rect::new(0, rows - composer, columns, composer),
        }
    }
}

/// Draws the screen, and returns what follows from it having been seen.
pub(crate) fn draw(tui: &mut Tui, chat: &Chat, now_ms: i64) -> (Canvas, Vec<Action>) {
    let (columns, rows) = (tui.columns, tui.rows);
    let mut canvas = Canvas::new(columns, rows);
    tui.map.hits.clear();
    if columns == 0 || rows == 0 {
        return (canvas, Vec::new());
    }
    let written = bottom::rows(tui, columns);
    let parts = ScreenLayout::of(columns, rows, written, tui.settings.members);
    tui.map.timeline = parts.middle;
    canvas.scrolls = parts.middle;
    timeline::resolve_jump(tui, chat);
    top::draw(tui, chat, now_ms, &mut canvas, parts.top);
    sidebar::draw(tui, chat, &mut canvas, parts.left);
    members::draw(tui, chat, &mut canvas, parts.right);
    let quiet = tui.settings.theme.style(Role::Quiet);
    for (is_shown, x) in [
        (parts.left.width > 0, parts.left.right()),
        (parts.right.width > 0, parts.right.left().saturating_sub(1)),
    ] {
        for y in parts.middle.top()..parts.middle.bottom() {
            if is_shown {
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

/// Highlights the text being selected with the mouse.
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
