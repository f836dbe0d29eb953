//! Who is in which room, and what follows when that changes.

use crate::effects::{Effect, Effects, FollowUp, Rooms};
use crate::limits::WHOWAS_KEPT;
use crate::state::State;
use crate::state::apply_context::ApplyContext;
use crate::state::founder;
use crate::state::history;
use crate::state::records;
use crate::state::room::{Member, Rank, Room};
use crate::state::undo::Undo;
use crate::state::user::{FormerUser, UserId};
use proto::{Capabilities, Capability};
use std::sync::Arc;
use store::{Conversation, RecordOwner, RoomId, Write};

/// Creates a room and stores it, without members.
pub fn make_room(state: &mut State, out: &mut Effects, name: &str) -> RoomId {
    let id = state.next_room();
    let room = Room::new(id, name.into(), state.now);
    state.undo.note(out, Undo::NoRoom(id));
    out.write(Write::Room(room.record()));
    state.add_room_name(name, id);
    state.rooms.insert(id, room);
    id
}

/// Renames a room to a free name, and stores that.
pub fn rename(state: &mut State, out: &mut Effects, id: RoomId, name: &str) {
    let before = put_name(state, id, &name.into());
    state.renames.add(&before, id, state.steady);
    state.undo.note(out, Undo::Name(id, before));
    out.write(Write::Room(state.rooms[&id].record()));
}

/// Sets a room's name; returns the one before.
pub fn put_name(state: &mut State, id: RoomId, name: &Arc<str>) -> Arc<str> {
    let room = state.rooms.get_mut(&id).expect("the caller has looked the room up");
    let before = std::mem::replace(&mut room.name, name.clone());
    state.remove_room_name(&before, id);
    state.add_room_name(name, id);
    before
}

/// Stores a room's settings after a change; `before` is how they were.
pub fn settings_changed(
    context: &mut ApplyContext<'_>,
    room: RoomId,
    before: crate::state::room::Settings,
) {
    let keys = context.state.rooms[&room].metadata.clone();
    history::changed(context, room, &before, &keys);
    context.note_undo(Undo::Settings(room, Box::new(before)));
    let record = context.state.rooms[&room].record();
    context.out.write(Write::Room(record));
}

/// A user joins a room with all sessions. The caller tells the room.
pub fn enter(state: &mut State, out: &mut Effects, user: UserId, room: RoomId, member: Member) {
    let large = state.settings.large_room;
    let hidden = large != 0 && state.rooms[&room].online >= large && member.rank() == Rank::Plain;
    let of = &state.rooms[&room];
    let (since, joined) = match of.members.get(&user) {
        Some(remembered) => (remembered.since, remembered.joined),
        None => (history::at_join(state, of), state.last_event()),
    };
    let member = Member { online: true, hidden, since, joined, ..member };
    set_member(state, out, room, user, Some(member));
    let user = state.users.get_mut(&user).expect("who enters is online");
    user.rooms.push(room);
    for session in user.sessions.clone() {
        out.push(Effect::Enter { session, room });
    }
}

/// Somebody offline will be in a room from the next login on; where rooms are not remembered, only
/// the role is kept for when they join.
pub fn enter_absent(
    state: &mut State,
    out: &mut Effects,
    account: UserId,
    room: RoomId,
    member: Member,
) {
    if !state.settings.remember_rooms {
        return founder::keep(state, out, room, account, member);
    }
    founder::forget_role(state, out, room, account);
    let of = &state.rooms[&room];
    let (since, joined) = (history::at_join(state, of), state.last_event());
    set_member(state, out, room, account, Some(Member { since, joined, ..member }));
    state.remembered.entry(account).or_default().push(room);
}

/// A user leaves a room with all sessions. The caller has told the room.
pub fn leave(state: &mut State, out: &mut Effects, user: UserId, room: RoomId) {
    let online = state.users.get_mut(&user).expect("who leaves is online");
    online.rooms.retain(|id| *id != room);
    for session in online.sessions.clone() {
        out.push(Effect::Leave { session, room });
    }
    set_member(state, out, room, user, None);
    end_if_empty(state, out, room);
}

/// A user who is offline will not be back in a room.
pub fn forget(state: &mut State, out: &mut Effects, user: UserId, room: RoomId) {
    if let Some(rooms) = state.remembered.get_mut(&user) {
        rooms.retain(|id| *id != room);
    }
    set_member(state, out, room, user, None);
    end_if_empty(state, out, room);
}

/// Changes a membership, and stores it if it has to survive a restart.
pub fn set_member(
    state: &mut State,
    out: &mut Effects,
    room_id: RoomId,
    user: UserId,
    after: Option<Member>,
) {
    let room = state.rooms.get_mut(&room_id).expect("the caller has looked the room up");
    let before = put_member(room, user, after);
    if before.map(Member::standing) == after.map(Member::standing) {
        return;
    }
    // Whoever comes online is in the lobby, even if other writes of the login fail.
    if before.is_some() || Some(room_id) != state.lobby {
        state.undo.note(out, Undo::Member(room_id, user, before));
    }
    if Some(room_id) == state.lobby && before.is_some() && after.is_some() {
        return founder::keep_in_lobby(state, out, room_id, user);
    }
    if !is_stored(state, room_id, user) {
        return;
    }
    out.write(match after {
        Some(member) => Write::Member(record(room_id, user, member)),
        None => Write::MemberGone { room: room_id, account: user },
    });
    if before.is_none() {
        store_since(out, room_id, user, after);
    }
}

/// Stores from which event on a new member may read, unless from the beginning.
fn store_since(out: &mut Effects, room: RoomId, account: UserId, member: Option<Member>) {
    if let Some(since) = member.map(|member| member.since).filter(|since| *since > 0) {
        out.write(Write::ReadsFrom { room, account, since });
    }
}

/// A membership as the store keeps it.
fn record(room: RoomId, account: UserId, member: Member) -> store::Member {
    let Member { op, halfop, voice, joined, .. } = member;
    store::Member { room, account, op, halfop, voice, joined }
}

/// Sets a membership and updates the number of members online; returns the one before.
pub fn put_member(room: &mut Room, user: UserId, after: Option<Member>) -> Option<Member> {
    let before = match after {
        Some(member) => room.members.insert(user, member),
        None => room.members.remove(&user),
    };
    room.online += usize::from(after.is_some_and(|member| member.online));
    room.online -= usize::from(before.is_some_and(|member| member.online));
    before
}

/// Stores the memberships of a user who was a guest until now.
pub fn store_rooms(state: &mut State, out: &mut Effects, user: UserId) {
    for room in &state.users[&user].rooms {
        if is_stored(state, *room, user) {
            let member = state.rooms[room].members[&user];
            out.write(Write::Member(record(*room, user, member)));
            store_since(out, *room, user, Some(member));
        }
    }
    if let Some(lobby) = state.lobby {
        founder::keep_role(state, out, lobby, user);
    }
}

/// Whether a membership survives a restart: not a guest's, and not one in the lobby, whose members
/// are exactly the people online.
fn is_stored(state: &State, room: RoomId, user: UserId) -> bool {
    let guest = state.users.get(&user).is_some_and(|user| user.guest);
    state.settings.remember_rooms && !guest && Some(room) != state.lobby
}

/// Remembers the former user of a name, for `WHOWAS`.
pub fn remember(state: &mut State, left: FormerUser) {
    if state.left.len() == WHOWAS_KEPT {
        state.left.pop_front();
    }
    state.left.push_back(left);
}

/// The rooms of a user in which the user is visible.
pub fn known_in(state: &State, user: UserId) -> Vec<RoomId> {
    let known = |room: &&RoomId| !state.rooms[room].members[&user].hidden;
    state.users[&user].rooms.iter().filter(known).copied().collect()
}

/// Tells everybody else in a common room in which the user is visible, each session once; for some
/// news also those who watch the user.
pub fn tell_common_rooms(state: &State, out: &mut Effects, user: UserId, news: u32) {
    let rooms = known_in(state, user);
    if out.news[news as usize].needs != Capabilities::default() {
        let told = rooms.clone().into();
        out.follow_up(FollowUp::TellWatchers { user, news, told });
    }
    // Everybody is in the lobby, so telling the lobby is enough.
    let rooms = match state.lobby.filter(|lobby| rooms.contains(lobby)) {
        Some(lobby) => Rooms::One(lobby),
        None => match *rooms {
            [] => return,
            [room] => Rooms::One(room),
            _ => Rooms::Several(rooms.into()),
        },
    };
    let except = state.users[&user].sessions.clone();
    out.push(Effect::Tell { rooms, except, news });
}

/// Tells a room about a member who joined unannounced because the room is large, before the
/// member's first message there.
pub fn reveal(context: &mut ApplyContext<'_>, room_id: RoomId, user: UserId) {
    let room = context.state.rooms.get_mut(&room_id).expect("the caller has looked the room up");
    let Some(member) = room.members.get_mut(&user).filter(|member| member.hidden) else { return };
    member.hidden = false;
    let news = context.passing_join(user, room_id);
    // The user's own sessions were told at the join.
    tell_others(context, room_id, user, news);
    tell_away(context, room_id, user);
    context.out.follow_up(FollowUp::Introduce { room: room_id, user });
}

/// Tells a room that a member who has just become visible is away, if so.
pub fn tell_away(context: &mut ApplyContext<'_>, room: RoomId, user: UserId) {
    let Some(away) = context.state.users[&user].away.clone() else { return };
    if !context.state.rooms[&room].members[&user].hidden {
        let capability = Capability::AwayNotify;
        let news = context.passing_for(capability, user, ("AWAY", &[]), Some(&away));
        tell_others(context, room, user, news);
    }
}

/// Tells a room, except for the user's own sessions.
fn tell_others(context: &mut ApplyContext<'_>, room: RoomId, user: UserId, news: u32) {
    let except = context.state.users[&user].sessions.clone();
    context.out.push(Effect::Tell { rooms: Rooms::One(room), except, news });
}

/// Ends a room without members.
pub fn end_if_empty(state: &mut State, out: &mut Effects, id: RoomId) {
    if !state.rooms[&id].is_abandoned() || Some(id) == state.lobby {
        return;
    }
    records::forget(state, out, RecordOwner::Room, id);
    let room = state.rooms.remove(&id).expect("just looked at");
    state.remove_room_name(&room.name, id);
    let conversation = Conversation::room(id);
    for (user, time) in state.read_markers.end(conversation) {
        state.undo.note(out, Undo::ReadMarker(user, conversation, Some(time)));
    }
    state.undo.note(out, Undo::Room(Box::new(room)));
    out.write(Write::RoomEnded(id));
}
