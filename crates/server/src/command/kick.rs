//! `KICK room user[,user…] [:reason]`: puts members out of a room.
//!
//! <https://modern.ircdocs.horse/#kick-message>

use super::quit::shorten;
use super::refusal::{Refusal, refuse};
use crate::hub::context::Context;
use crate::hub::membership;
use crate::hub::room::Rank;
use crate::limits::{KICK_BYTES, TARGETS};
use proto::Message;
use store::{EventKind, RoomId};

/// Carries out `KICK`. Each user is answered for by itself.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let targets = super::names_of(message.param(1).unwrap_or_default())?;
    let (room, rank) = context.room_as(message.param(0).unwrap_or_default(), Rank::HalfOp)?;
    let (id, name) = (room.id, room.name.clone());
    if Some(id) == context.state.lobby {
        return Err(Refusal::LobbyStays(name));
    }
    let asker = context.user().nick.clone();
    let reason = message.param(2).filter(|reason| !reason.is_empty()).unwrap_or(&asker);
    for (at, target) in targets.into_iter().enumerate() {
        if at == TARGETS {
            return Err(Refusal::TooManyTargets(target.to_owned()));
        }
        // The room ends when the last one goes, who may be the asker.
        if !context.state.rooms.contains_key(&id) {
            return Err(Refusal::NoSuchRoom(name.to_string()));
        }
        if let Err(refusal) = kick(context, id, rank, target, shorten(reason, KICK_BYTES)) {
            refuse(context, "KICK", &refusal);
        }
    }
    Ok(())
}

fn kick(
    context: &mut Context<'_>,
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
    if rank < Rank::Op && member.rank() >= Rank::HalfOp && target != context.me() {
        return Err(Refusal::NotBelow(room.name.clone()));
    }
    membership::reveal(context, id, target);
    context.tell_change(id, EventKind::Kick, &nick, reason, "KICK");
    if online {
        membership::leave(context.state, context.out, target, id);
    } else {
        membership::forget(context.state, context.out, target, id);
    }
    Ok(())
}
