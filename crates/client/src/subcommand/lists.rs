//! `chatclient who`, `rooms` and `status`: lists, one line each.

use std::io::Write;

use chat::conversation::With;
use chat::entry::Kind;
use chat::{Change, Chat, Intent};
use serde_json::json;

use super::Caller;
use crate::Outcome;
use crate::failure::Failure;
use crate::show::harmless;
use crate::wire::{members_elsewhere, refusal};

/// Who is in a room, or who somebody is.
pub(super) fn who(
    caller: &mut Caller,
    target: Option<&str>,
    json: bool,
) -> Result<Outcome, Failure> {
    // What people say of themselves comes with the answer to what was asked at the login.
    caller.ask("PING :known", |_, change| match change {
        Change::Pong(text) => (text == "known").then_some(Ok(())),
        _ => None,
    })?;
    let target = match target {
        Some(target) => target.to_owned(),
        None => lobby(caller.chat())?,
    };
    if !caller.chat().server.is_room(&target) {
        return person(caller, &target, json);
    }
    let room = caller.chat().conversation(&target).filter(|room| room.joined);
    let members = match room {
        Some(room) => room.members.values().cloned().collect(),
        None => caller
            .ask(&format!("NAMES {target}"), |_, change| members_elsewhere(&target, change))?,
    };
    let mut out = std::io::stdout();
    for member in &members {
        if json {
            let metadata = caller.chat().people.metadata(&member.nick).cloned().unwrap_or_default();
            let line = json!({
                "nick": member.nick, "ranks": member.marks, "away": member.away,
                "display_name": metadata.display_name, "status": metadata.status,
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{}", crate::show::member(caller.chat(), member))?;
        }
    }
    Ok(Outcome::Done)
}

/// The room that everybody is in, or the largest that this person is in.
fn lobby(chat: &Chat) -> Result<String, Failure> {
    let rooms = chat.conversations.values().filter(|c| c.with == With::Room && c.joined);
    let largest = || rooms.max_by_key(|room| room.members.len()).map(|room| &*room.name);
    let found = chat.lobby().or_else(largest).map(str::to_owned);
    found.ok_or_else(|| Failure::Refused("you are in no room; name one".to_owned()))
}

/// Who somebody is.
fn person(caller: &mut Caller, nick: &str, json: bool) -> Result<Outcome, Failure> {
    let mut sentences = Vec::new();
    let person = caller.ask(&format!("WHOIS {nick}"), |_, change| match change {
        Change::Happened { entry, .. } if entry.kind == Kind::Info => {
            sentences.push(entry.text.clone());
            None
        }
        Change::Whois(person) => Some(Ok(person.clone())),
        change => refusal(change).map(Err),
    })?;
    let mut out = std::io::stdout();
    if json {
        writeln!(out, "{}", json!(person))?;
    } else {
        for sentence in &sentences {
            writeln!(out, "{}", harmless(sentence))?;
        }
    }
    Ok(Outcome::Done)
}

/// The rooms of the server.
pub(super) fn rooms(caller: &mut Caller, json: bool) -> Result<Outcome, Failure> {
    caller.wire.perform(Intent::List).map_err(|error| Failure::Refused(error.to_string()))?;
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
