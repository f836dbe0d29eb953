//! The top line: the open conversation, its topic, what is unread elsewhere, the connection.

use crate::canvas::{Canvas, Span};
use crate::rich::bare;
use crate::theme::Role;
use crate::tui::{Link, Tui};
use crate::wrap::{ellipsis, width};
use chat::Chat;
use chat::conversation::{Notify, With};
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

pub(super) fn draw(tui: &Tui, chat: &Chat, now_ms: i64, canvas: &mut Canvas, area: Rect) {
    if area.height == 0 {
        return;
    }
    let theme = tui.settings.theme;
    canvas.tint(area, theme.style(Role::Bar));
    let end = area.right();
    let right = right_side(tui, chat, now_ms, area.width < 80);
    let cells: usize = right.iter().map(|span| width(&span.text)).sum();
    let cells = u16::try_from(cells).unwrap_or(u16::MAX);
    // The conversation comes first; what does not fit beside it is left out.
    let from = end.saturating_sub(cells + 1);
    let mut until = end;
    if from >= 14 {
        canvas.put_spans(from, area.y, end, &right);
        until = from.saturating_sub(1);
    }
    let (name, topic) = match tui.conversation(chat) {
        Some(conversation) if conversation.name.is_empty() => (server_name(chat), String::new()),
        Some(conversation) => {
            let muted = if conversation.notify == Notify::None { " (muted)" } else { "" };
            let about = match conversation.with {
                With::Person => about(chat, &conversation.name),
                _ => conversation.topic.clone(),
            };
            (format!("{}{muted}", conversation.name), about)
        }
        None => (tui.open.clone(), String::new()),
    };
    let strong = theme.style(Role::Strong);
    let x = canvas.put_cut(1, area.y, until, &bare(&name), strong);
    if !topic.is_empty() && until > x + 8 {
        canvas.put_cut(x + 2, area.y, until, &bare(&topic), Style::new());
    }
}

/// What somebody says of themselves.
fn about(chat: &Chat, nick: &str) -> String {
    let metadata = chat.people.metadata(nick).cloned().unwrap_or_default();
    let metadata: Vec<String> =
        [metadata.display_name, metadata.status].into_iter().flatten().collect();
    metadata.join(" · ")
}

/// What the server's own conversation is called.
pub(super) fn server_name(chat: &Chat) -> String {
    match chat.server.name.as_str() {
        "" => "server".to_owned(),
        name => ellipsis(&bare(name), 40),
    }
}

/// On a narrow terminal it is shorter, and leaves out what is in order.
fn right_side(tui: &Tui, chat: &Chat, now_ms: i64, is_narrow: bool) -> Vec<Span> {
    let theme = tui.settings.theme;
    let mut spans: Vec<Span> = Vec::new();
    let (unread, mentions) = chat.unread_elsewhere(&tui.open);
    if unread > 0 {
        let style = if mentions > 0 { theme.style(Role::Call) } else { theme.style(Role::Strong) };
        let for_me = match mentions {
            0 => String::new(),
            mentions => format!(", {mentions} for you"),
        };
        let elsewhere = if is_narrow { "" } else { " elsewhere" };
        spans.push(Span::new(format!("{unread} unread{elsewhere}{for_me}"), style));
    }
    let bad = theme.style(Role::Bad);
    let connection = match &tui.link {
        Link::Waiting(at) => {
            let seconds = (at - now_ms).max(0).div_euclid(1_000);
            vec![Span::new(format!("no connection, again in {seconds} s"), bad)]
        }
        Link::Connecting => vec![Span::new("connecting …", bad)],
        Link::Connected { .. } if !chat.connected => vec![Span::new("logging in …", bad)],
        Link::Connected { tls: true } if is_narrow => Vec::new(),
        Link::Connected { tls: false } if is_narrow => vec![Span::new("not encrypted", bad)],
        Link::Connected { tls } => {
            let me = Span::new(ellipsis(&bare(&chat.me), 20), theme.style(Role::Strong));
            let encrypted = Span::new("TLS", theme.style(Role::Good));
            let between = Span::new(" · ", Style::new());
            vec![me, between, if *tls { encrypted } else { Span::new("not encrypted", bad) }]
        }
    };
    if !spans.is_empty() && !connection.is_empty() {
        spans.push(Span::new(" · ", Style::new()));
    }
    spans.extend(connection);
    spans
}
