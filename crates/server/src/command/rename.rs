//! `RENAME room name [:reason]`: renames a room; everything else about it stays.
//!
//! <https://ircv3.net/specs/extensions/channel-rename>

use super::refusal::{Refusal, looks_like};
use super::{join, names};
use crate::command::context::Context;
use crate::effects::FollowUp;
use crate::limits::{RENAME_BYTES, RENAME_DEVICES, RENAME_SECONDS};
use crate::session_id::SessionId;
use crate::state::apply_context::ApplyContext;
use crate::state::membership;
use crate::state::user::UserId;
use crate::text::shorten;
use proto::name::{check_room, same};
use proto::{Capability, Message};
use std::sync::Arc;
use store::{EventKind, RoomId};

/// Carries out `RENAME`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let room = context.room_as_operator(message.param(0).unwrap_or_default())?;
    let (id, old, by_role) = (room.id, room.name.clone(), context.acts_by_role(room));
    let new = message.param(1).unwrap_or_default();
    may_be_named(context, id, new).map_err(|why| match why {
        None => Refusal::RoomNameInUse(old.clone(), new.to_owned()),
        Some(why) => Refusal::CannotRename(old.clone(), new.to_owned(), why),
    })?;
    context.must_be_storable()?;
    let reason = shorten(message.param(2).unwrap_or_default(), RENAME_BYTES);
    let inside = context.state.rooms[&id].member(context.me()).is_some();
    rename(context, id, &old, new, reason);
    if !inside && !context.has(Capability::ChannelRename) {
        context.note("RENAME", "RENAMED", &[&old, new], "The room has another name now");
    }
    if by_role {
        let text =
            if reason.is_empty() { format!("to {new}") } else { format!("to {new}: {reason}") };
        context.audit("RENAME", &old, &text);
    }
    Ok(())
}

/// Refuses a new name for any reason except that it is taken.
fn may_be_named(context: &ApplyContext<'_>, id: RoomId, new: &str) -> Result<(), Option<String>> {
    let state = &context.state;
    let room = &state.rooms[&id];
    let cannot = |why: &str| Err(Some(why.to_owned()));
    if Some(id) == state.lobby {
        return cannot("The lobby is named in the server's config");
    }
    check_room(new).map_err(|error| Some(error.to_string()))?;
    if state.room(new).is_some_and(|other| other.id != id) {
        return Err(None);
    }
    if let Some(alike) = join::looks_like(context, new, Some(id)) {
        return Err(Some(looks_like(alike.as_deref())));
    }
    if *room.name == *new {
        return cannot("The room already has this name");
    }
    let again = state.renames.last(id).map(|last| last + RENAME_SECONDS * 1000);
    if again.is_some_and(|again| state.steady < again) {
        return cannot("The room has just been renamed; wait half a minute");
    }
    let members = room.members.iter().filter(|(_, member)| member.online);
    let devices = members.map(|(user, _)| state.users[user].sessions.len()).sum::<usize>();
    if devices > RENAME_DEVICES && !same(&room.name, new) {
        return cannot("There are too many people in the room to rename it");
    }
    Ok(())
}

fn rename(context: &mut ApplyContext<'_>, id: RoomId, old: &Arc<str>, new: &str, reason: &str) {
    let me = context.me();
    membership::reveal(context, id, me);
    membership::rename(context.state, context.out, id, new);
    let text = if reason.is_empty() { new.to_owned() } else { format!("{new} {reason}") };
    let news = context.store_change(id, EventKind::Rename, old, &text, "RENAME");
    context.tell_room_and_requester(id, news);
    // Clients without `RENAME` are not bothered with a change of case.
    if !same(old, new) {
        let (old, reason) = (old.clone(), reason.into());
        context.out.follow_up(FollowUp::RoomRenamed { room: id, old, reason });
    }
}

/// Tells the members' devices without `RENAME`.
pub fn show(context: &mut Context<'_>, id: RoomId, old: &str, reason: &str) {
    let Some(room) = context.state.rooms.get(&id) else { return };
    let members = room.members.iter().filter(|(_, member)| member.online);
    for user in members.map(|(user, _)| *user).collect::<Vec<UserId>>() {
        take_over(context, user, id, (old, reason));
    }
}

/// Tells a member's devices without `RENAME`: for them it looks like leaving the old room and
/// joining the new one.
fn take_over(context: &mut Context<'_>, user: UserId, id: RoomId, (old, reason): (&str, &str)) {
    let is_told = |session: &SessionId| {
        let known = context.node.sessions.get(session);
        known.is_some_and(|known| !known.capabilities.contains(Capability::ChannelRename))
    };
    let sessions = context.state.users[&user].sessions.iter().copied();
    let sessions: Vec<SessionId> = sessions.filter(is_told).collect();
    if sessions.is_empty() {
        return;
    }
    let reason = Some(reason).filter(|reason| !reason.is_empty());
    let part = context.passing(user, "PART", &[old], reason);
    let join = context.passing_join(user, id);
    let mut names = names::SharedNames::default();
    for session in sessions {
        let mut device = context.of(session);
        device.reply_news(part);
        device.reply_news(join);
        join::show_after_join(&mut device, id, &mut names);
    }
}

/// The present name of the room that recently had this name; not if it is secret to the requester.
pub fn renamed(context: &ApplyContext<'_>, name: &str) -> Option<Arc<str>> {
    let id = context.state.renames.find(name, context.state.steady)?;
    let room = context.state.rooms.get(&id)?;
    let secret =
        room.is('s') && room.member(context.me()).is_none() && !context.user().is_operator();
    (!secret).then(|| room.name.clone())
}
