//! `INVITE user room`: invites somebody to a room, and lets them in if it is closed; alone: lists
//! the rooms one is invited to.
//!
//! <https://modern.ircdocs.horse/#invite-message>

use super::entry::SharedPart;
use super::privmsg::is_ignored;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::{Effect, Rooms};
use crate::limits::{INVITES, LINE_BYTES};
use crate::state::apply_context::ApplyContext;
use crate::state::room::Rank;
use crate::state::user::UserId;
use proto::{Capability, Message, numeric as n};
use std::sync::Arc;
use store::RoomId;

/// Answers a request for the list, and finds out how much the requester has recently sent to the
/// invited user.
pub fn prepare<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    let Some(target) = message.param(0) else {
        list(context);
        return Ok(SharedPart::None);
    };
    if let Some(user) = context.state.online(target).map(|user| user.id) {
        context.look_at_share(user, LINE_BYTES);
    }
    Ok(SharedPart::AsSent)
}

/// Carries out `INVITE`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let target = message.param(0).ok_or(Refusal::NeedMoreParams)?;
    let name = message
        .param(1)
        .filter(|name| ![target, *name].contains(&""))
        .ok_or(Refusal::NeedMoreParams)?;
    let (room, member) = context.my_room(name)?;
    // Any member may invite; only operators let people into a closed room.
    let may_open = member.rank() >= Rank::HalfOp || room.rules.members_invite;
    let opens = may_open || context.user().is_operator();
    let by_role = room.is('i') && !may_open;
    if room.is('i') && !opens {
        return Err(Refusal::NotHalfOperator(room.name.clone()));
    }
    let (id, room_name) = (room.id, room.name.clone());
    let user = context.state.online(target);
    let user = user.ok_or_else(|| Refusal::NotOnline(target.to_owned()))?;
    let (target, nick, away) = (user.id, user.nick.clone(), user.away.clone());
    if context.state.rooms[&id].member(target).is_some() {
        return Err(Refusal::UserInRoom(nick, room_name));
    }
    context.must_be_within_share(target, LINE_BYTES)?;
    // An ignored inviter gets the usual answer.
    let ignored = is_ignored(context, target);
    if !ignored {
        invite(context, id, target, opens);
    }
    let me = context.me();
    let news = context.passing(me, "INVITE", &[&nick, &room_name], None);
    let sessions = context.state.users[&target].sessions.clone();
    for to in sessions.iter().filter(|_| !ignored) {
        context.out.push(Effect::TellOne { to: *to, news, pending: false });
    }
    let params: &[&str] = &[&nick, &room_name];
    let news = context.passing_for(Capability::InviteNotify, me, ("INVITE", params), None);
    let except = context.user().sessions.clone();
    context.out.push(Effect::Tell { rooms: Rooms::One(id), except, news });
    if by_role {
        context.audit("INVITE", &format!("{room_name} {nick}"), "");
    }
    context.numeric_only(n::RPL_INVITING, &[&nick, &room_name]);
    if let Some(away) = away {
        context.numeric(n::RPL_AWAY, &[&nick], &away);
    }
    Ok(())
}

/// Replies with the rooms that the requester is invited to.
fn list(context: &mut Context<'_>) {
    let me = context.me();
    let rooms = context.state.rooms.values().filter(|room| room.invited.contains_key(&me));
    let names: Vec<Arc<str>> = rooms.map(|room| room.name.clone()).collect();
    let most = context.out.text.len() + context.node.config.limits.answer();
    for name in names {
        if context.out.text.len() > most {
            break;
        }
        context.numeric_only(n::RPL_INVITELIST, &[&name]);
    }
    context.numeric(n::RPL_ENDOFINVITELIST, &[], "End of INVITE list");
}

/// Records the invitation until the user joins. `opens`: it lets the user in, whatever closes the
/// room to others.
fn invite(context: &mut ApplyContext<'_>, id: RoomId, target: UserId, opens: bool) {
    let room = context.state.rooms.get_mut(&id).expect("the caller has looked the room up");
    if room.invited.len() >= INVITES && !room.invited.contains_key(&target) {
        room.invited.pop_first();
    }
    *room.invited.entry(target).or_default() |= opens;
}
