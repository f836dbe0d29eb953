//! `INVITE user room`: lets somebody into a room that is for the invited.
//!
//! <https://modern.ircdocs.horse/#invite-message>

use super::refusal::Refusal;
use crate::hub::context::Context;
use crate::hub::effects::{Rooms, What};
use crate::hub::room::Rank;
use crate::hub::user::UserId;
use crate::limits::INVITES;
use proto::{Capability, Message, numeric as n};
use store::RoomId;

/// Carries out `INVITE`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let target = message.param(0).unwrap_or_default();
    let name = message.param(1).unwrap_or_default();
    let (room, member) = context.my_room(name)?;
    // Any member may point somebody to a room; only its operators open a closed one.
    let opens = member.rank() >= Rank::HalfOp || context.user().operator;
    if room.is('i') && !opens {
        return Err(Refusal::NotHalfOperator(room.name.clone()));
    }
    let (id, room_name) = (room.id, room.name.clone());
    let user = context.state.online(target);
    let user = user.ok_or_else(|| Refusal::NoSuchUser(target.to_owned()))?;
    let (target, nick, away) = (user.id, user.nick.clone(), user.away.clone());
    if context.state.rooms[&id].member(target).is_some() {
        return Err(Refusal::UserInRoom(nick, room_name));
    }
    if opens {
        invite(context, id, target);
    }
    let me = context.me();
    let news = context.passing(me, "INVITE", &[&nick, &room_name], None);
    let sessions = context.state.users[&target].sessions.clone();
    for to in &sessions {
        context.out.push(What::TellOne { to: *to, news });
    }
    let params: &[&str] = &[&nick, &room_name];
    let news = context.passing_for(Capability::InviteNotify, me, ("INVITE", params), None);
    let except = context.user().sessions.clone();
    context.out.push(What::Tell { rooms: Rooms::One(id), except, news });
    context.numeric_only(n::RPL_INVITING, &[&nick, &room_name]);
    if let Some(away) = away {
        context.numeric(n::RPL_AWAY, &[&nick], &away);
    }
    Ok(())
}

/// Lets a user in once, whatever closes the room to others.
fn invite(context: &mut Context<'_>, id: RoomId, target: UserId) {
    let room = context.state.rooms.get_mut(&id).expect("the caller has looked the room up");
    if room.invited.len() >= INVITES
        && let Some(first) = room.invited.iter().next().copied()
    {
        room.invited.remove(&first);
    }
    room.invited.insert(target);
}
