//! `JOIN room[,room…] [key[,key…]]`: joins rooms; whoever joins first creates the room and is its
//! operator.
//!
//! <https://modern.ircdocs.horse/#join-message>

use super::refusal::{Refusal, refuse};
use super::{chathistory, markread, names, topic};
use crate::command::context::Context;
use crate::command::metadata::show as show_metadata;
use crate::effects::{Condition, Cursor, FollowUp};
use crate::state::apply_context::ApplyContext;
use crate::state::founder;
use crate::state::membership;
use crate::state::room::{MaskSubject, Member};
use crate::state::user::UserId;
use proto::name::{check_room, same};
use proto::{Capability, Message};
use std::sync::Arc;
use store::{EventKind, RoomId};

/// Carries out `JOIN`. Each room is answered separately, and each is a part of its own, since what is
/// shown of it may be long.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let rooms = message.param(0).unwrap_or_default();
    if rooms == "0" {
        super::part::all(context);
        return Ok(());
    }
    let names = super::names_of(rooms)?;
    let done = match context.out.take_cursor() {
        Cursor::Target(target) => target,
        _ => 0,
    };
    let is_new = |at: &usize| !names[..*at].iter().any(|name| same(name, names[*at]));
    let mut targets = (done..names.len()).filter(is_new);
    let Some(target) = targets.next() else { return Ok(()) };
    let key = message.param(1).unwrap_or_default().split(',').nth(target).unwrap_or_default();
    context.out.resume(Condition::Always);
    if let Err(refusal) = join(context, names[target], key) {
        refuse(context, "JOIN", &refusal);
    }
    if let Some(next) = targets.next() {
        context.out.go_on_at(Cursor::Target(next));
    }
    Ok(())
}

/// Joins a room, creating it if necessary.
pub fn join(context: &mut ApplyContext<'_>, name: &str, key: &str) -> Result<(), Refusal> {
    let me = context.me();
    let existing = context.state.room(name).map(|room| (room.id, room.is_abandoned()));
    if existing.is_none() {
        check_room(name).map_err(|error| match error {
            proto::name::RoomNameError::NoHash => Refusal::NoSuchRoom(name.to_owned()),
            proto::name::RoomNameError::TooLong => Refusal::RoomNameTooLong(name.to_owned()),
            other => Refusal::BadRoomName(name.to_owned(), other),
        })?;
    }
    if existing.is_none()
        && let Some(new) = super::rename::renamed(context, name)
    {
        return by_old_name(context, name, new, key);
    }
    if existing.is_none()
        && let Some(alike) = looks_like(context, name, None)
    {
        return Err(Refusal::LooksLikeRoom(name.to_owned(), alike));
    }
    may_enter_as_guest(context, name)?;
    let founds = existing.is_none_or(|(_, empty)| empty);
    let mut by_role = false;
    if let Some((room, _)) = existing {
        if context.state.rooms[&room].members.contains_key(&me) {
            return Ok(()); // In it already: nothing happens, as IRC has it.
        }
        // A room can be empty only if its end could not be stored: whoever joins founds it again.
        if !founds {
            by_role = may_join(context, room, key)?;
        }
    }
    let most = context.state.settings.rooms_per_user;
    let lobby = context.state.lobby;
    let mine = context.user().rooms.iter().filter(|room| Some(**room) != lobby).count();
    if most != 0 && mine >= most {
        return Err(Refusal::TooManyRooms(name.to_owned()));
    }
    context.must_be_storable()?;
    let room = match existing {
        Some((room, _)) => room,
        None => membership::make_room(context.state, context.out, name),
    };
    if founds {
        founder::founded(context.state, context.out, room, me);
    }
    let member = founder::standing(context.state, room, me, founds);
    enter(context, me, room, member);
    if by_role {
        context.audit("JOIN", name, "");
    }
    Ok(())
}

/// Refuses guests who may only enter certain rooms.
fn may_enter_as_guest(context: &ApplyContext<'_>, name: &str) -> Result<(), Refusal> {
    match context.user().guest && !context.state.settings.lets_guests_into(name) {
        true => Err(Refusal::NoGuests(name.to_owned())),
        false => Ok(()),
    }
}

/// Whether a room other than `own` has a similar-looking name; with its name, if the requester may
/// know about it.
pub fn looks_like(
    context: &ApplyContext<'_>,
    name: &str,
    own: Option<RoomId>,
) -> Option<Option<Arc<str>>> {
    let alike = &context.state.rooms[&context.state.room_skeletons.find(name, own)?];
    Some(context.may_see(alike).then(|| alike.name.clone()))
}

/// A former name of a room: clients with renames are told the new one, others are moved to it.
fn by_old_name(
    context: &mut ApplyContext<'_>,
    old: &str,
    new: Arc<str>,
    key: &str,
) -> Result<(), Refusal> {
    if context.has(Capability::ChannelRename) {
        return Err(Refusal::RoomRenamed(old.to_owned(), new));
    }
    refuse(context, "JOIN", &Refusal::RoomMoved(old.to_owned(), new.clone()));
    let (me, room) = (context.me(), context.state.room(&new).map(|room| room.id));
    match room.filter(|room| context.state.rooms[room].member(me).is_some()) {
        None => join(context, &new, key),
        // Already in it: this device is shown the room.
        Some(room) => {
            let news = context.passing_join(me, room);
            context.reply_news(news);
            context.out.follow_up(FollowUp::ShowRoomAgain { room });
            Ok(())
        }
    }
}

/// Whether the requester may join an existing room; if so, whether only as an operator of the
/// server.
fn may_join(context: &mut ApplyContext<'_>, room: RoomId, key: &str) -> Result<bool, Refusal> {
    let who = context.who();
    let may = admits(context, room, key, &who);
    context.out.spend(who.steps.get());
    match may {
        Ok(()) => Ok(false),
        Err(_) if context.user().is_operator() => Ok(true),
        Err(refusal) => Err(refusal),
    }
}

fn admits(
    context: &ApplyContext<'_>,
    room: RoomId,
    key: &str,
    who: &MaskSubject,
) -> Result<(), Refusal> {
    let room = &context.state.rooms[&room];
    let user = context.user();
    let invited = room.invited.get(&user.id) == Some(&true);
    if invited || room.founder == Some(user.id) {
        return Ok(());
    }
    if let Some(terms) = room.terms_for('b', who) {
        return Err(Refusal::Banned(room.name.clone(), terms.sentence()));
    }
    if room.is('R') && who.account.is_none() {
        return Err(Refusal::AccountsOnly(room.name.clone()));
    }
    if room.is('i') && !room.listed('I', who) {
        return Err(Refusal::InviteOnly(room.name.clone()));
    }
    if room.settings.key.as_deref().is_some_and(|right| right != key) {
        return Err(Refusal::BadKey(room.name.clone()));
    }
    if room.settings.limit.is_some_and(|limit| room.online >= limit as usize) {
        return Err(Refusal::RoomFull(room.name.clone()));
    }
    Ok(())
}

/// The requester joins: everybody in the room is told, and the requester is shown topic and names.
fn enter(context: &mut ApplyContext<'_>, me: UserId, room: RoomId, member: Member) {
    if let Some(room) = context.state.rooms.get_mut(&room) {
        room.invited.remove(&me);
    }
    let realname = context.user().realname.clone();
    let news = context.store_change(room, EventKind::Join, "", &realname, "JOIN");
    membership::enter(context.state, context.out, me, room, member);
    context.tell_join_or_part(room, news);
    founder::restore_role(context, room, me, member);
    founder::adopt(context, room);
    membership::tell_away(context, room, me);
    context.out.follow_up(FollowUp::Introduce { room, user: me });
    context.out.follow_up(FollowUp::ShowRoom { room, user: me });
}

/// Shows a user's devices at this node a room that the user has joined.
pub fn show(context: &mut Context<'_>, room: RoomId, user: UserId) {
    let Some(user) = context.state.users.get(&user) else { return };
    let mut names = names::SharedNames::default();
    for session in user.sessions.clone() {
        if !context.node.sessions.contains_key(&session) {
            continue;
        }
        let mut device = context.of(session);
        show_after_join(&mut device, room, &mut names);
        chathistory::replay(&mut device, room);
    }
}

/// Shows a device what follows its `JOIN`; names as another device of the same user was shown them.
pub fn show_after_join(device: &mut Context<'_>, room: RoomId, names: &mut names::SharedNames) {
    markread::show_room(device, room);
    topic::show(device, room, false);
    names.show_known(device, room);
    show_metadata::sync_room(device, room);
}
