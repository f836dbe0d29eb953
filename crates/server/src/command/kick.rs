//! `KICK room[,room…] user[,user…] [:reason]`: removes members from one room, or one from each
//! room.
//!
//! <https://modern.ircdocs.horse/#kick-message>

use super::refusal::{Refusal, refuse};
use crate::effects::Condition;
use crate::limits::{KICK_BYTES, TARGETS};
use crate::state::apply_context::ApplyContext;
use crate::state::membership;
use crate::state::room::{Rank, Room};
use crate::state::user::UserId;
use crate::text::shorten;
use proto::Message;
use proto::name::fold;
use std::collections::BTreeSet;
use store::{EventKind, RoomId};

/// Carries out `KICK`. Each user is answered separately.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let rooms = super::names_of(message.param(0).unwrap_or_default())?;
    let users = super::names_of(message.param(1).unwrap_or_default())?;
    let requester = context.user().nick.clone();
    let reason = message.param(2).filter(|reason| !reason.is_empty()).unwrap_or(&requester);
    let reason = shorten(reason, KICK_BYTES);
    if let [room] = rooms[..] {
        return from_room(context, room, users, reason);
    }
    if rooms.len() != users.len() {
        return Err(Refusal::NeedMoreParams);
    }
    let mut seen = BTreeSet::new();
    let mut pairs: Vec<(&str, &str)> = rooms.into_iter().zip(users).collect();
    pairs.retain(|(room, user)| seen.insert((fold(room), fold(user))));
    if let Some((_, beyond)) = pairs.get(TARGETS) {
        return Err(Refusal::TooManyTargets((*beyond).to_owned()));
    }
    for (room, user) in pairs {
        context.out.resume(Condition::Always);
        if let Err(refusal) = from_room(context, room, vec![user], reason) {
            refuse(context, "KICK", &refusal);
        }
    }
    Ok(())
}

fn from_room(
    context: &mut ApplyContext<'_>,
    room: &str,
    users: Vec<&str>,
    reason: &str,
) -> Result<(), Refusal> {
    let (room, rank) = context.room_as(room, Rank::HalfOp)?;
    let (id, name) = (room.id, room.name.clone());
    if Some(id) == context.state.lobby {
        return Err(Refusal::LobbyStays(name));
    }
    super::for_each_target(context, "KICK", users, |context, _, target| {
        // The room ends with its last member, who may be the requester.
        if !context.state.rooms.contains_key(&id) {
            return Err(Refusal::NoSuchRoom(name.to_string()));
        }
        kick(context, id, rank, target, reason)
    })
}

fn kick(
    context: &mut ApplyContext<'_>,
    id: RoomId,
    rank: Rank,
    target: &str,
    reason: &str,
) -> Result<(), Refusal> {
    let (target, nick, online) = super::privmsg::find(context, target)?;
    let room = &context.state.rooms[&id];
    let Some(member) = room.members.get(&target) else {
        return Err(Refusal::UserNotInRoom(nick, room.name.clone()));
    };
    if room.founder != Some(context.me()) {
        context.must_not_be_above(target)?;
    }
    let (by_role, name) = (context.acts_by_role_on(room, target), room.name.clone());
    if rank < Rank::Op && member.rank() >= Rank::HalfOp && target != context.me() {
        return Err(Refusal::NotBelow(room.name.clone()));
    }
    if room.founder == Some(target) && !may_touch_founder(context, room) {
        return Err(Refusal::FounderStays(room.name.clone()));
    }
    put_out(context, id, (target, &nick, online), reason, "KICK");
    if by_role {
        context.audit("KICK", &format!("{name} {nick}"), reason);
    }
    Ok(())
}

/// Whether the requester may remove the founder or take the rank: only the founder, and operators
/// of the server.
pub fn may_touch_founder(context: &ApplyContext<'_>, room: &Room) -> bool {
    let above = |founder| context.must_not_be_above(founder).is_ok();
    room.founder == Some(context.me())
        || (context.user().is_operator() && room.founder.is_none_or(above))
}

/// Removes a member from a room.
pub fn put_out(
    context: &mut ApplyContext<'_>,
    id: RoomId,
    (target, nick, online): (UserId, &str, bool),
    reason: &str,
    verb: &'static str,
) {
    membership::reveal(context, id, target);
    context.tell_change(id, EventKind::Kick, nick, reason, verb);
    if online {
        membership::leave(context.state, context.out, target, id);
    } else {
        membership::forget(context.state, context.out, target, id);
    }
}
