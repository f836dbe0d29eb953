//! `NAMES [room[,room…]]`: the members of a room.
//!
//! <https://modern.ircdocs.horse/#names-message>

use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::Cursor;
use crate::effects::Effect;
use crate::limits::{NAMES_LINE_BYTES, ROW_WORK, TARGETS};
use crate::state::apply_context::{Reads, Responder};
use crate::state::user::{User, UserId};
use proto::{Capability, Message, numeric as n};
use std::ops::{Bound, Range};
use store::RoomId;

/// Carries out `NAMES`. Of several rooms each has its own end, though some expect one for all of the
/// list: so `TARGMAX` says 1.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let names = message.param(0).and_then(|names| super::names_of(names).ok());
    let Some(names) = names else {
        context.numeric(n::RPL_ENDOFNAMES, &["*"], "End of /NAMES list");
        return Ok(());
    };
    let (first, mut after) = match context.out.take_cursor() {
        Cursor::Member(target, user) => (target, Some(user)),
        Cursor::Target(target) => (target, None),
        _ => (0, None),
    };
    // A room named twice is shown once: large ones are long.
    for (at, name) in super::once(names).into_iter().take(TARGETS).enumerate().skip(first) {
        if context.turn_is_over() {
            context.go_on_at(Cursor::Target(at));
            break;
        }
        match visible(context, name) {
            Ok(room) => {
                if let Some(user) = show(context, room, true, after.take(), true) {
                    context.go_on_at(Cursor::Member(at, user));
                    break;
                }
            }
            Err(_) => context.numeric(n::RPL_ENDOFNAMES, &[name], "End of /NAMES list"),
        }
    }
    Ok(())
}

/// A room whose members the requester may see: not somebody else's secret one.
pub fn visible(context: &Responder<'_, impl Reads>, name: &str) -> Result<RoomId, Refusal> {
    let room = context.room(name)?;
    match context.may_see(room) {
        true => Ok(room.id),
        false => Err(Refusal::NoSuchRoom(name.to_owned())),
    }
}

/// Replies with the members whose departure a new member will be told of: in a large room, not
/// those who have not yet sent anything. `NAMES` itself lists everybody.
pub fn show_known(context: &mut Context<'_>, room: RoomId) {
    if context.has(Capability::NoImplicitNames) || context.has(Capability::NoImplicitNamesDraft) {
        return;
    }
    let large = context.state.settings.large_room;
    let all = large == 0 || context.state.rooms[&room].online <= large;
    show(context, room, all, None, false);
}

/// A list of names as one device was sent it: devices of the same user with equal capabilities
/// share it.
#[derive(Default)]
pub struct SharedNames(Vec<([bool; 4], Range<u32>)>);

impl SharedNames {
    /// Sends a device of a new member what [`show_known`] does.
    pub fn show_known(&mut self, device: &mut Context<'_>, room: RoomId) {
        let alike = [
            Capability::MultiPrefix,
            Capability::UserhostInNames,
            Capability::NoImplicitNames,
            Capability::NoImplicitNamesDraft,
        ]
        .map(|capability| device.has(capability));
        if let Some((_, text)) = self.0.iter().find(|(other, _)| *other == alike) {
            let (to, text) = (device.requester.session, text.clone());
            return device.out.push(Effect::Reply { to, text });
        }
        let start = device.out.end_of_text();
        show_known(device, room);
        self.0.push((alike, start..device.out.end_of_text()));
    }
}

/// Replies with the members of a room after one of them. In turns, if asked to: returns after whom
/// to continue.
fn show(
    context: &mut Context<'_>,
    room: RoomId,
    all: bool,
    after: Option<UserId>,
    turns: bool,
) -> Option<UserId> {
    let name = context.state.rooms[&room].name.clone();
    let kind = if context.state.rooms[&room].is('s') { "@" } else { "=" };
    let most = NAMES_LINE_BYTES - name.len();
    let mut cursor = after;
    loop {
        let (line, last) = next_line(context, room, all, cursor, most);
        if !line.is_empty() {
            context.numeric(n::RPL_NAMREPLY, &[kind, &name], &line);
        }
        match last {
            None => break,
            Some(user) if turns && context.turn_is_over() => return Some(user),
            Some(_) if context.out.answered() > context.node.config.limits.answer() => {
                context.notice("The list is too long for one answer");
                break;
            }
            Some(user) => cursor = Some(user),
        }
    }
    context.numeric(n::RPL_ENDOFNAMES, &[&name], "End of /NAMES list");
    None
}

/// The next line of names, and the last user examined, if there may be more.
fn next_line(
    context: &mut Context<'_>,
    room: RoomId,
    all: bool,
    after: Option<UserId>,
    most: usize,
) -> (String, Option<UserId>) {
    let me = context.me();
    let room = &context.state.rooms[&room];
    let inside = room.member(me).is_some() || context.user().is_operator();
    let all_prefixes = context.has(Capability::MultiPrefix);
    let sources = context.has(Capability::UserhostInNames);
    let (mut line, mut last, mut work, mut more) = (String::new(), after, 0, false);
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    for (id, member) in room.members.range((from, Bound::Unbounded)) {
        work += ROW_WORK;
        let user = member.online.then(|| &*context.state.users[id]);
        let shown =
            |user: &&User| (all || !member.hidden || *id == me) && (inside || !user.invisible);
        if let Some(user) = user.filter(shown) {
            let source = if sources { context.state.source(*id) } else { user.nick.to_string() };
            let word = member.prefixes(all_prefixes) + &source;
            if !line.is_empty() && line.len() + 1 + word.len() > most {
                more = true;
                break;
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        last = Some(*id);
    }
    context.out.spend(work);
    (line, last.filter(|_| more))
}

/// Words joined by spaces into lines of at most `most` bytes, with at least one word each.
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
