//! `chatclient who`, `rooms` and `status`: lists, one line each.

use std::io::Write;

use chat::conversation::With;
use chat::{Change, Intent};
use serde_json::json;

use super::Caller;
use crate::Outcome;
use crate::failure::Failure;
use crate::show::harmless;

/// Who is in a room.
pub(super) fn who(caller: &mut Caller, room: Option<&str>, json: bool) -> Result<Outcome, Failure> {
    let rooms =
        || caller.chat().conversations.values().filter(|c| c.with == With::Room && c.joined);
    let found = match room {
        Some(room) => rooms().find(|conversation| proto::name::same(&conversation.name, room)),
        // The largest room, usually the lobby.
        None => rooms().max_by_key(|conversation| conversation.members.len()),
    };
    let Some(conversation) = found else {
        let room = room.unwrap_or("a room");
        return Err(Failure::Refused(format!("you are not in {room}")));
    };
    let mut out = std::io::stdout();
    for member in conversation.members.values() {
        if json {
            let line = json!({ "nick": member.nick, "ranks": member.marks, "away": member.away });
            writeln!(out, "{line}")?;
        } else {
            let away = if member.away { " (away)" } else { "" };
            writeln!(out, "{}{}{away}", member.marks, harmless(&member.nick))?;
        }
    }
    Ok(Outcome::Done)
}

/// The rooms of the server.
pub(super) fn rooms(caller: &mut Caller, json: bool) -> Result<Outcome, Failure> {
    caller.wire.intend(Intent::List).map_err(|error| Failure::Refused(error.to_string()))?;
    caller.wait(|_, change| *change == Change::Listed)?;
    let mut out = std::io::stdout();
    for room in &caller.chat().listed {
        if json {
            let joined = caller.chat().conversation(&room.name).is_some_and(|room| room.joined);
            let line = json!({
                "room": room.name, "members": room.members, "topic": room.topic, "joined": joined,
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{} {} {}", harmless(&room.name), room.members, harmless(&room.topic))?;
        }
    }
    Ok(Outcome::Done)
}

/// The unread counts.
pub(super) fn status(caller: &mut Caller, json: bool) -> Result<Outcome, Failure> {
    let mut out = std::io::stdout();
    for conversation in caller.chat().conversations.values() {
        if conversation.unread == 0 {
            continue;
        }
        let (name, unread, mentions) =
            (&conversation.name, conversation.unread, conversation.mentions);
        if json {
            let line = json!({
                "target": name, "unread": unread, "more": conversation.unread_more,
                "mentions": mentions, "first_unread": conversation.first_unread,
            });
            writeln!(out, "{line}")?;
        } else {
            let more = if conversation.unread_more { "+" } else { "" };
            writeln!(out, "{} {unread}{more} unread, {mentions} mention you", harmless(name))?;
        }
    }
    Ok(Outcome::Done)
}
