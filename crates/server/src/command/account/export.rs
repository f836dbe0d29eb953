//! `ACCOUNT EXPORT [from]`: all that is stored of an account, as lines of JSON, some at a time.

use super::{refused, sessions};
use crate::command::chathistory::read;
use crate::command::refusal::Refusal;
use crate::effects::{Read, ReadKind};
use crate::limits::{EXPORT_PAGE_BYTES, EXPORT_PAGE_MILLIS, EXPORT_PIECE_BYTES};
use crate::render::Renderer;
use crate::render::lines::pieces;
use crate::session::context::Context;
use crate::state::{app_password, last_login, metadata, second_factor, standing};
use proto::Line;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use store::{Account, Event, EventId, EventKind, Failure, Reader, Subject};

/// Carries it out: first what the account itself is, then what it said and what was said to it.
pub(super) fn run(
    context: &mut Context<'_>,
    account: &Account,
    from: Option<&str>,
) -> Result<(), Refusal> {
    super::must_be_proven(context)?;
    let after = match from {
        None => {
            for part in parts(context, account) {
                show(context, &part);
            }
            0
        }
        Some(given) => {
            let text = "An export goes on where its last page said: ACCOUNT EXPORT and that number";
            let after = given.parse().ok().filter(|after| *after <= EventId::MAX >> 1);
            after.ok_or_else(|| refused("BAD_POSITION", given, text))?
        }
    };
    read(context, ReadKind::Export { after });
    Ok(())
}

/// What the hub knows of the account.
fn parts(context: &Context<'_>, account: &Account) -> Vec<Value> {
    let (state, id) = (&context.state, account.id);
    let invited = standing::invited_by(state, id).map(|by| by.by);
    let mut parts = vec![json!({"account": {
        "name": &*account.name,
        "created": time(account.created),
        "second_factor": second_factor::is_on(state, id),
        "strict": standing::is_strict(state, id),
        "private_messages_from": standing::takes_from(state, id).name(),
        "invited_by": invited,
    }})];
    if let Some(login) = last_login::of(state, id) {
        parts.push(json!({"login": {
            "time": time(login.time), "from": login.from, "failed_since": login.failed,
        }}));
    }
    for one in app_password::of(state, id) {
        let used = one.used.map(time);
        parts.push(json!({"app_password": {
            "name": one.name, "created": time(one.created), "used": used,
        }}));
    }
    for certificate in state.certificates.of(id) {
        parts.push(json!({"certificate": format!("{certificate:x}")}));
    }
    for (key, value) in metadata::keys_of(state, Subject::Account(id)) {
        parts.push(json!({"metadata": {"key": key, "value": value}}));
    }
    for room in context.user().rooms.iter().map(|room| &state.rooms[room]) {
        let member = room.members[&id];
        parts.push(json!({"room": {
            "name": &*room.name,
            "operator": member.op, "half_operator": member.halfop, "voice": member.voice,
        }}));
    }
    for (of, at) in state.read_markers.of(id) {
        // Of private conversations the others' names are in the messages.
        if let Some(room) = of.as_room().and_then(|room| state.rooms.get(&room)) {
            parts.push(json!({"read_marker": {"room": &*room.name, "time": time(at)}}));
        }
    }
    for session in &context.user().sessions {
        if let Some(known) = context.node.sessions.get(session) {
            parts.push(json!({"session": {
                "id": sessions::name(*session),
                "since": time(known.since),
                "address": known.address.to_canonical().to_string(),
                "by": sessions::proof(known).0,
            }}));
        }
    }
    parts
}

fn time(millis: i64) -> String {
    super::time(millis)
}

fn show(context: &mut Context<'_>, part: &Value) {
    let text = part.to_string();
    for (mark, piece) in cut(&text) {
        context.note("ACCOUNT", "EXPORT", &[mark], piece);
    }
}

/// Pieces of a line of JSON, each but the last marked `+`: it goes on in the next.
fn cut(text: &str) -> impl Iterator<Item = (&'static str, &str)> {
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

/// Writes a page of an export. The next one begins where this one ends.
///
/// # Errors
/// When the store cannot be read.
pub fn write_page(
    out: &mut Vec<u8>,
    (renderer, request, tag): (&Renderer, &Read, &str),
    store: &mut dyn Reader,
    mut after: EventId,
) -> Result<(), Failure> {
    let until = Instant::now() + Duration::from_millis(EXPORT_PAGE_MILLIS);
    let mut written = 0;
    loop {
        let page = store.export(request.me.0, after)?;
        for event in &page.events {
            if written > EXPORT_PAGE_BYTES {
                break;
            }
            let text = one(renderer, request, event).to_string();
            for (mark, piece) in cut(&text) {
                line(out, renderer, tag, &["EXPORT", mark], piece);
            }
            (written, after) = (written + text.len(), event.id);
        }
        let cut_off = page.events.last().is_some_and(|last| last.id > after);
        match page.next {
            None if !cut_off => {
                line(out, renderer, tag, &["EXPORT_END"], "That is all that is stored of you");
                return Ok(());
            }
            Some(next) if !cut_off => after = next,
            _ => {}
        }
        if cut_off || written > EXPORT_PAGE_BYTES || Instant::now() > until {
            let after = after.to_string();
            let text = format!("There may be more: ACCOUNT EXPORT {after}");
            line(out, renderer, tag, &["EXPORT_NEXT", &after], &text);
            return Ok(());
        }
    }
}

fn line(out: &mut Vec<u8>, renderer: &Renderer, tag: &str, params: &[&str], text: &str) {
    let line = Line::to(out).raw_tags(tag).source(&renderer.server).verb("NOTE").param("ACCOUNT");
    params.iter().fold(line, |line, param| line.param(param)).text(text).end();
}

/// An event as JSON.
fn one(renderer: &Renderer, request: &Read, event: &Event) -> Value {
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
    fn pieces_put_together_are_the_line() {
        let text = "\u{20ac}".repeat(300);
        let all: Vec<_> = cut(&text).collect();
        assert!(all.iter().all(|(_, piece)| piece.len() <= EXPORT_PIECE_BYTES));
        assert_eq!(all.iter().map(|(_, piece)| *piece).collect::<String>(), text);
        let marks: Vec<_> = all.iter().map(|(mark, _)| *mark).collect();
        assert_eq!(marks, ["+", "+", "."]);
        assert_eq!(cut("{}").collect::<Vec<_>>(), [(".", "{}")]);
    }
}
