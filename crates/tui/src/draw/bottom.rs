//! The bottom: the status line and the composer.

use super::Hit;
use super::middle::DrawOutcome;
use crate::canvas::Canvas;
use crate::composer::Composer;
use crate::conversation_view::RowId;
use crate::keymap::MessageTraits;
use crate::rich::bare;
use crate::theme::Role;
use crate::timeline::View;
use crate::tui::{Focus, Tui};
use crate::wrap::{characters, width, wrap};
use chat::Chat;
use chat::entry::{Delivery, Entry};
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

/// Precedes the text in the composer.
const PROMPT: &str = "> ";

/// How many rows the composer's text takes.
pub(super) fn rows(tui: &Tui, columns: u16) -> u16 {
    let Some(place) = tui.known_view() else { return 1 };
    let (rows, _) = layout(&place.composer, text_columns(columns));
    u16::try_from(rows.len()).unwrap_or(u16::MAX)
}

/// A column is left for the cursor behind a full row.
fn text_columns(columns: u16) -> usize {
    usize::from(columns).saturating_sub(PROMPT.len() + 1).max(2)
}

/// The rows of the composer's text, and the cursor's row and column.
pub(super) fn layout(composer: &Composer, columns: usize) -> (Vec<String>, (usize, usize)) {
    let (text, cursor) = (composer.text(), composer.cursor().min(composer.text().len()));
    let mut rows = Vec::new();
    let mut spot = (0, 0);
    let mut start = 0;
    for line in text.split('\n') {
        for range in wrap(line, columns) {
            let (from, to) = (start + range.start, start + range.end);
            if from <= cursor {
                let before = text[from..to.min(cursor).max(from)].to_owned();
                let spaces =
                    text[to.min(cursor)..cursor.min(start + line.len()).max(to.min(cursor))].len();
                spot = (rows.len(), (width(&before) + spaces).min(columns));
            }
            rows.push(text[from..to].to_owned());
        }
        start += line.len() + 1;
    }
    (rows, spot)
}

pub(super) fn draw_composer(tui: &mut Tui, canvas: &mut Canvas, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme = tui.settings.theme;
    let quiet = theme.style(Role::Quiet);
    let indent = u16::try_from(PROMPT.len()).unwrap_or(0);
    let empty = Composer::default();
    let composer = tui.known_view().map_or(&empty, |view| &view.composer);
    let (rows, (row, column)) = layout(composer, text_columns(area.width));
    let height = usize::from(area.height);
    // Keeps the cursor's row visible.
    let skip = (row + 1).saturating_sub(height).max(rows.len().saturating_sub(height).min(row));
    canvas.put(area.x, area.y, area.right(), PROMPT, theme.style(Role::Strong));
    for (at, text) in rows.iter().skip(skip).take(height).enumerate() {
        let y = area.y + u16::try_from(at).unwrap_or(0);
        canvas.put(area.x + indent, y, area.right(), &visible(text), Style::new());
    }
    if composer.is_empty() && tui.overlay.is_none() {
        let hint = "F1: help";
        let x = area.right().saturating_sub(u16::try_from(hint.len() + 1).unwrap_or(0));
        if x > 30 {
            canvas.put(x, area.y, area.right(), hint, quiet);
        }
    }
    if tui.overlay.is_none() && tui.focus == Focus::Composer {
        let x = area.x + indent + u16::try_from(column).unwrap_or(0);
        let y = area.y + u16::try_from(row - skip).unwrap_or(0);
        canvas.cursor = Some((x.min(area.right() - 1), y.min(area.bottom() - 1)));
    }
    tui.map.hits.push((area, Hit::Composer));
}

/// A text as shown in the composer: characters of no width get a visible form.
pub(super) fn visible(text: &str) -> String {
    characters(text).filter(|(_, _, width)| *width > 0).map(|(_, grapheme, _)| grapheme).collect()
}

/// The line above the composer: a status, else what can be done, else who is typing.
pub(super) fn draw_status(
    tui: &mut Tui,
    chat: &Chat,
    now_ms: i64,
    seen: &DrawOutcome,
    canvas: &mut Canvas,
    area: Rect,
) {
    if area.is_empty() {
        return;
    }
    let theme = tui.settings.theme;
    let quiet = theme.style(Role::Quiet);
    canvas.rule(area.x, area.y, area.right(), "─", quiet);
    let mut end = area.right();
    if seen.below > 0 {
        let text = format!(" {} below: End ", seen.below);
        let cells = u16::try_from(text.len()).unwrap_or(0);
        if end > cells + 12 {
            end -= cells + 1;
            let style = theme.style(Role::Strong);
            canvas.put(end, area.y, area.right(), &text, style);
            tui.map.hits.push((Rect::new(end, area.y, cells, 1), Hit::ToEnd));
        }
    }
    let (text, style) = sentence(tui, chat, now_ms);
    if !text.is_empty() {
        let x =
            canvas.put_cut(area.x + 2, area.y, end.saturating_sub(2), &format!(" {text}"), style);
        canvas.put(x, area.y, end, " ", Style::new());
    }
}

fn sentence(tui: &Tui, chat: &Chat, now_ms: i64) -> (String, Style) {
    let theme = tui.settings.theme;
    let quiet = theme.style(Role::Quiet);
    if let Some(status) = &tui.status {
        let role = if status.failed { Role::Bad } else { Role::Strong };
        return (bare(&status.text.replace('\n', " ")), theme.style(role));
    }
    if let Focus::Message(id) = &tui.focus {
        return (menu(tui, chat, id), theme.style(Role::Strong));
    }
    let reply = tui.known_view().and_then(|view| view.reply_to.as_deref());
    if let Some(msgid) = reply {
        let text = match chat.find_message(&tui.open, msgid) {
            Some(entry) => format!("answering {}: {}", entry.from, entry.text.replace('\n', " ")),
            None => "answering an earlier message".to_owned(),
        };
        return (bare(&text), theme.style(Role::Strong));
    }
    let typing = tui.conversation(chat).map(|open| open.typing.as_slice()).unwrap_or_default();
    let typing: Vec<String> =
        typing.iter().filter(|(_, until)| *until > now_ms).map(|(name, _)| bare(name)).collect();
    let text = match typing.as_slice() {
        [] => String::new(),
        [one] => format!("{one} is typing …"),
        [one, two] => format!("{one} and {two} are typing …"),
        many => format!("{} are typing …", many.len()),
    };
    (text, quiet)
}

/// The actions for the focused message, and its time.
fn menu(tui: &Tui, chat: &Chat, id: &RowId) -> String {
    let Some(view) = View::of(tui, chat) else { return String::new() };
    let index = view.locate(id, tui.map.focused);
    let Some(entry) = index.and_then(|index| view.entry(index)) else { return String::new() };
    let when = view.at(entry.time_ms).strftime("%-d %b %H:%M:%S").to_string();
    let keys = tui.keymap.menu(has(entry));
    format!("{when} · {keys}")
}

/// What decides which actions a message has.
fn has(entry: &Entry) -> MessageTraits {
    MessageTraits {
        failed: matches!(entry.delivery, Some(Delivery::Failed { .. })),
        msgid: entry.msgid.is_some() && entry.redacted_by.is_none(),
        mine: entry.mine,
        reply: entry.reply_to.is_some(),
    }
}
