//! `KICK room user [:reason]`: an operator of a room puts somebody out of it.
//!
//! <https://modern.ircdocs.horse/#kick-message>

use super::quit::shorten;
use super::refusal::Refusal;
use crate::hub::context::Context;
use crate::hub::membership;
use crate::hub::room::Rank;
use crate::limits::KICK_BYTES;
use proto::Message;
use store::EventKind;

/// Carries out `KICK`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let name = message.param(0).unwrap_or_default();
    let target = message.param(1).unwrap_or_default();
    let (room, rank) = context.room_as(name, Rank::HalfOp)?;
    let (id, room_name) = (room.id, room.name.clone());
    if Some(id) == context.state.lobby {
        return Err(Refusal::LobbyStays(room_name));
    }
    let (target, nick, online) = super::privmsg::find(context, target)?;
    let Some(member) = context.state.rooms[&id].members.get(&target) else {
        return Err(Refusal::UserNotInRoom(nick, room_name));
    };
    if rank < Rank::Op && member.rank() >= Rank::HalfOp && target != context.me() {
        return Err(Refusal::NotBelow(room_name));
    }
    membership::reveal(context, id, target);
    let asker = context.user().nick.clone();
    let reason = message.param(2).filter(|reason| !reason.is_empty()).unwrap_or(&asker);
    context.tell_change(id, EventKind::Kick, &nick, shorten(reason, KICK_BYTES), "KICK");
    if online {
        membership::leave(context.state, context.out, target, id);
    } else {
        membership::forget(context.state, context.out, target, id);
    }
    Ok(())
}
