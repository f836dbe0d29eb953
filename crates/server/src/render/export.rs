//! Exports of accounts: lines of JSON.

use super::Renderer;
use super::lines::pieces;
use crate::effects::Read;
use crate::limits::EXPORT_PIECE_BYTES;
use proto::time::write_server_time;
use serde_json::{Value, json};
use store::{Event, EventKind};

/// Splits a line of JSON into pieces, each marked `+` if it continues in the next.
pub fn cut(text: &str) -> impl Iterator<Item = (&'static str, &str)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let end = text.floor_char_boundary(EXPORT_PIECE_BYTES);
        if end == text.len() {
            return Some((".", text));
        }
        rest = Some(&text[end..]);
        Some(("+", &text[..end]))
    })
}

/// An event as JSON.
pub fn event(renderer: &Renderer, request: &Read, event: &Event) -> Value {
    let room = event.conversation.as_room();
    let known = request.rooms.iter().find(|(id, _)| Some(*id) == room);
    let room = room.map(|id| known.map_or(format!("room {id}"), |(_, name)| name.to_string()));
    let lines: Vec<&str> = pieces(&event.text).map(|(_, line)| line).collect();
    json!({"event": {
        "msgid": renderer.msgid(event.id),
        "time": time(event.time),
        "kind": kind(event.kind),
        "from": &*event.nick,
        "to": &*event.target,
        "room": room,
        "text": lines.join("\n"),
        "tags": &*event.tags,
    }})
}

/// A time in milliseconds since the epoch, as `server-time` has it.
pub fn time(millis: i64) -> String {
    let mut time = Vec::new();
    write_server_time(millis, &mut time);
    String::from_utf8_lossy(&time).into_owned()
}

fn kind(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Message => "message",
        EventKind::Notice => "notice",
        EventKind::Tagmsg => "tagmsg",
        EventKind::Topic => "topic",
        EventKind::Join => "join",
        EventKind::Part => "part",
        EventKind::Kick => "kick",
        EventKind::Mode => "mode",
        EventKind::Quit => "quit",
        EventKind::Nick => "nick",
        EventKind::Redact | EventKind::Redacted => "redaction",
        EventKind::Rename => "rename",
        EventKind::Damaged => "damaged",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_pieces_give_the_line() {
        let text = "\u{20ac}".repeat(300);
        let all: Vec<_> = cut(&text).collect();
        assert!(all.iter().all(|(_, piece)| piece.len() <= EXPORT_PIECE_BYTES));
        assert_eq!(all.iter().map(|(_, piece)| *piece).collect::<String>(), text);
        let marks: Vec<_> = all.iter().map(|(mark, _)| *mark).collect();
        assert_eq!(marks, ["+", "+", "."]);
        assert_eq!(cut("{}").collect::<Vec<_>>(), [(".", "{}")]);
    }
}
