//! `NAMES [room[,room…]]`: who is in a room.
//!
//! <https://modern.ircdocs.horse/#names-message>

use super::refusal::Refusal;
use crate::hub::context::Context;
use crate::hub::room::Room;
use crate::limits::{NAMES_LINE_BYTES, TARGETS};
use proto::{Capability, Message, numeric as n};
use std::collections::BTreeSet;
use store::RoomId;

/// Carries out `NAMES`. Of several rooms each has its own end, though some expect one for all of the
/// list: so `TARGMAX` says 1.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let names = message.param(0).and_then(|names| super::names_of(names).ok());
    let Some(names) = names else {
        context.numeric(n::RPL_ENDOFNAMES, &["*"], "End of /NAMES list");
        return Ok(());
    };
    // A room named twice is shown once: in a large one that is much.
    let mut shown = BTreeSet::new();
    for name in names.into_iter().take(TARGETS) {
        match visible(context, name) {
            Ok(room) if !shown.insert(room) => {}
            Ok(room) => show(context, room, true),
            Err(_) => context.numeric(n::RPL_ENDOFNAMES, &[name], "End of /NAMES list"),
        }
    }
    Ok(())
}

/// A room that the asker may look into: not a secret one of others.
pub fn visible(context: &Context<'_>, name: &str) -> Result<RoomId, Refusal> {
    let room = context.room(name)?;
    match may_see(context, room) {
        true => Ok(room.id),
        false => Err(Refusal::NoSuchRoom(name.to_owned())),
    }
}

/// Whether the asker may know of a room.
pub fn may_see(context: &Context<'_>, room: &Room) -> bool {
    !room.is('s') || room.member(context.me()).is_some() || context.user().operator
}

/// Replies with those whom a new member of the room will be told of when they leave: in a large
/// room, not with those who have not said anything yet. `NAMES` itself answers with everybody.
pub fn show_known(context: &mut Context<'_>, room: RoomId) {
    if context.has(Capability::NoImplicitNames) || context.has(Capability::NoImplicitNamesDraft) {
        return;
    }
    let large = context.state.config.limits.large_room;
    let all = large == 0 || context.state.rooms[&room].online <= large;
    show(context, room, all);
}

fn show(context: &mut Context<'_>, room: RoomId, all: bool) {
    let me = context.me();
    let room = &context.state.rooms[&room];
    let name = room.name.clone();
    let inside = room.member(context.me()).is_some();
    let operator = context.user().operator;
    let every_mark = context.has(Capability::MultiPrefix);
    let sources = context.has(Capability::UserhostInNames);
    let marked: Vec<String> = room
        .members
        .iter()
        .filter(|(id, member)| member.online && (all || !member.hidden || **id == me))
        .map(|(id, member)| (&context.state.users[id], member))
        .filter(|(user, _)| inside || operator || !user.invisible)
        .map(|(user, member)| {
            let marks = member.marks(every_mark);
            match sources {
                true => format!("{marks}{}", context.state.source(user.id)),
                false => format!("{marks}{}", user.nick),
            }
        })
        .collect();
    let kind = if room.is('s') { "@" } else { "=" };
    for line in lines(marked.iter().map(String::as_str), NAMES_LINE_BYTES - name.len()) {
        context.numeric(n::RPL_NAMREPLY, &[kind, &name], &line);
    }
    context.numeric(n::RPL_ENDOFNAMES, &[&name], "End of /NAMES list");
}

/// Words joined by spaces into lines of at most `most` bytes (one word a line at least).
pub fn lines<'a>(words: impl Iterator<Item = &'a str>, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
