//! The left side: rooms and people, with unread counts.

use super::Hit;
use super::top::server_name;
use crate::canvas::Canvas;
use crate::rich::bare;
use crate::theme::Role;
use crate::tui::Tui;
use chat::Chat;
use chat::conversation::{Conversation, Notify, With};
use proto::name::same;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Modifier, Style};

pub(super) fn draw(tui: &mut Tui, chat: &Chat, canvas: &mut Canvas, area: Rect) {
    if area.is_empty() {
        return;
    }
    let listed = tui.listed(chat);
    let height = usize::from(area.height);
    let open = listed.iter().position(|conversation| same(&conversation.name, &tui.open));
    // The open one is visible, with one more below it.
    let skip =
        (open.unwrap_or(0) + 2).saturating_sub(height).min(listed.len().saturating_sub(height));
    let mut hits = Vec::new();
    for (at, conversation) in listed.iter().enumerate().skip(skip).take(height) {
        let y = area.y + u16::try_from(at - skip).unwrap_or(0);
        let row = Rect::new(area.x, y, area.width, 1);
        draw_row(tui, chat, canvas, row, at, conversation);
        hits.push((row, Hit::Conversation(conversation.name.clone())));
    }
    tui.map.hits.extend(hits);
}

fn draw_row(
    tui: &Tui,
    chat: &Chat,
    canvas: &mut Canvas,
    row: Rect,
    at: usize,
    conversation: &Conversation,
) {
    let theme = tui.settings.theme;
    let quiet = theme.style(Role::Quiet);
    let is_open = same(&conversation.name, &tui.open);
    if is_open {
        canvas.tint(row, theme.style(Role::Chosen));
    }
    let mut end = row.right().saturating_sub(1);
    let is_muted = conversation.notify == Notify::None;
    let is_here = conversation.with != With::Room || conversation.joined;
    let is_new = conversation.unread > 0 && !is_muted;
    let style = match (is_new, is_muted || !is_here) {
        (true, _) => theme.style(Role::Strong),
        (_, true) => quiet,
        _ => Style::new(),
    };
    let style = if is_here { style } else { style.add_modifier(Modifier::ITALIC) };
    if conversation.unread > 0 {
        let count = count(conversation);
        let style = match (is_muted, conversation.mentions > 0) {
            (true, _) => quiet,
            (false, true) => theme.style(Role::Call),
            (false, false) => theme.style(Role::Strong),
        };
        let width = u16::try_from(count.len()).unwrap_or(0);
        end = end.saturating_sub(width);
        canvas.put(end, row.y, row.right(), &count, style);
        end = end.saturating_sub(1);
    }
    // The digit of the key that opens it.
    if at < 9 {
        canvas.put(row.x, row.y, end, &(at + 1).to_string(), quiet);
    }
    let name = match conversation.name.as_str() {
        "" => server_name(chat),
        name => bare(name),
    };
    canvas.put_cut(row.x + 2, row.y, end, &name, style);
}

/// The unread count: messages, and after `@` those that mention this person.
fn count(conversation: &Conversation) -> String {
    let short = |count: u64| if count > 999 { "999+".to_owned() } else { count.to_string() };
    let more = if conversation.unread_more && conversation.unread <= 999 { "+" } else { "" };
    let unread = format!("{}{more}", short(conversation.unread));
    match (conversation.mentions, conversation.with) {
        (0, _) | (_, With::Person) => unread,
        (mentions, _) => format!("@{} {unread}", short(mentions)),
    }
}
