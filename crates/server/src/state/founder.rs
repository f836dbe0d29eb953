//! Who owns a room: its founder, the roles kept for absent accounts, and who takes over a room
//! without operators.

use crate::effects::{Effect, Effects, News, Rooms};
use crate::limits::{ROLES, ROOMS_FOUNDED};
use crate::state::State;
use crate::state::apply_context::ApplyContext;
use crate::state::membership;
use crate::state::records;
use crate::state::room::{Member, Rank};
use crate::state::user::UserId;
use proto::Line;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{AccountId, RecordKind, RoomId};

/// The rooms of each founder.
pub type Founders = BTreeMap<AccountId, BTreeSet<RoomId>>;

/// The record key of a room's founder.
const KEY: &str = "";

/// The role kept for an account that is not in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Role {
    /// `+o`
    pub op: bool,
    /// `+h`
    pub halfop: bool,
    /// `+v`
    pub voice: bool,
}

/// The record of a room's founder has changed or is gone.
pub fn changed(state: &mut State, room: RoomId) {
    let founder: Option<AccountId> = state.records.get(RecordKind::Founder, room, KEY);
    let Some(known) = state.rooms.get_mut(&room) else { return };
    let before = std::mem::replace(&mut known.founder, founder);
    if let Some(before) = before
        && let Some(rooms) = state.founders.get_mut(&before)
    {
        rooms.remove(&room);
        if rooms.is_empty() {
            state.founders.remove(&before);
        }
    }
    if let Some(founder) = founder {
        state.founders.entry(founder).or_default().insert(room);
    }
}

/// The role kept for an absent account has changed or is gone.
pub fn role_changed(state: &mut State, room: RoomId, key: &str) {
    let role: Option<Role> = state.records.get(RecordKind::Role, room, key);
    let Some(known) = state.rooms.get_mut(&room) else { return };
    match (key.parse(), role) {
        (Ok(account), Some(role)) => _ = known.roles.insert(account, role),
        (Ok(account), None) => _ = known.roles.remove(&account),
        (Err(_), _) => {}
    }
}

/// Whether an account may found another room.
pub fn may_have_another(state: &State, account: AccountId) -> bool {
    state.founders.get(&account).is_none_or(|rooms| rooms.len() < ROOMS_FOUNDED)
}

/// Sets or clears the founder of a room, who has an account.
pub fn set(state: &mut State, out: &mut Effects, room: RoomId, founder: Option<AccountId>) {
    records::set(state, out, (RecordKind::Founder, room, KEY), founder.as_ref());
}

/// A user has created a room. Rooms of guests, and rooms beyond an account's limit, have no founder
/// and end with their last member.
pub fn founded(state: &mut State, out: &mut Effects, room: RoomId, user: UserId) {
    if !state.users[&user].guest && may_have_another(state, user) {
        set(state, out, room, Some(user));
    }
}

/// A member with an account leaves and may come back: keeps the role.
pub fn keep_role(state: &mut State, out: &mut Effects, room_id: RoomId, user: UserId) {
    let guest = state.users.get(&user).is_some_and(|user| user.guest);
    let room = &state.rooms[&room_id];
    if let Some(member) = room.members.get(&user).copied().filter(|_| !guest) {
        keep(state, out, room_id, user, member);
    }
}

/// Keeps a role for an account that is not in the room, if it is more than a plain member's and
/// there is space.
pub fn keep(state: &mut State, out: &mut Effects, room_id: RoomId, account: UserId, of: Member) {
    let roles = &state.rooms[&room_id].roles;
    let full = roles.len() >= ROLES && !roles.contains_key(&account);
    if of.rank() == Rank::Plain || full {
        return;
    }
    let role = Role { op: of.op, halfop: of.halfop, voice: of.voice };
    records::set(state, out, (RecordKind::Role, room_id, &account.to_string()), Some(&role));
}

/// A role in the lobby has changed. Only people online are members of the lobby, so an account's
/// role is kept beside the membership.
pub fn keep_in_lobby(state: &mut State, out: &mut Effects, lobby: RoomId, user: UserId) {
    let plain = |member: &Member| member.rank() == Rank::Plain;
    if state.rooms[&lobby].members.get(&user).is_some_and(plain) {
        forget_role(state, out, lobby, user);
    }
    keep_role(state, out, lobby, user);
}

/// The account is in the room now, or has lost its role: none is kept.
pub fn forget_role(state: &mut State, out: &mut Effects, room: RoomId, account: UserId) {
    if state.rooms[&room].roles.contains_key(&account) {
        records::remove(state, out, (RecordKind::Role, room, &account.to_string()));
    }
}

/// The membership with which a user joins a room.
pub fn standing(state: &State, room: RoomId, user: UserId, founds: bool) -> Member {
    let room = &state.rooms[&room];
    let role = room.roles.get(&user).copied().unwrap_or_default();
    // The lobby belongs to the server, even if somebody founded it when it was another room.
    let founder = room.founder == Some(user) && Some(room.id) != state.lobby;
    let op = founds || role.op || founder;
    Member { op, halfop: role.halfop, voice: role.voice, ..Member::default() }
}

/// A user has joined: the kept role becomes part of the membership, and the room is told.
pub fn restore_role(context: &mut ApplyContext<'_>, room: RoomId, user: UserId, member: Member) {
    let (state, out) = (&mut *context.state, &mut *context.out);
    forget_role(state, out, room, user);
    let letters: String =
        member.prefixes(true).chars().filter_map(crate::state::room::mode_of_prefix).collect();
    if !letters.is_empty() && state.rooms[&room].online > 1 {
        tell_modes(state, out, room, user, &format!("+{letters}"));
    }
}

/// Tells a room that the server has changed a member's modes.
fn tell_modes(state: &State, out: &mut Effects, room: RoomId, user: UserId, change: &str) {
    let (server, name) = (&state.renderer.server, &state.rooms[&room].name);
    let nick = name_of(state, user);
    let news = News { time: state.now, ..News::default() };
    let news = out.news(news, |out| {
        let line = Line::to(out).source(server).verb("MODE").param(name).param(change);
        change.chars().skip(1).fold(line, |line, _| line.param(&nick)).end();
    });
    out.push(Effect::Tell { rooms: Rooms::One(room), except: Vec::new(), news });
}

/// The name of a user who is online, or has an account.
pub fn name_of(state: &State, user: UserId) -> Arc<str> {
    if let Some(user) = state.users.get(&user) {
        return user.nick.clone();
    }
    let account = state.accounts.values().find(|account| account.id == user);
    account.map_or_else(|| "*".into(), |account| account.name.clone())
}

/// Makes a member an operator of a room, by the server.
pub fn make_operator(context: &mut ApplyContext<'_>, room: RoomId, user: UserId) {
    if let Some(member) = context.state.rooms[&room].members.get(&user).copied() {
        raise(context, room, user, Member { op: true, ..member });
    }
}

/// Raises the rank of a member, present or absent, by the server.
pub fn raise(context: &mut ApplyContext<'_>, room: RoomId, user: UserId, after: Member) {
    let Some(before) = context.state.rooms[&room].members.get(&user).copied() else { return };
    let gained = |prefix: &char| !before.prefixes(true).contains(*prefix);
    let gained: String = after
        .prefixes(true)
        .chars()
        .filter(gained)
        .filter_map(crate::state::room::mode_of_prefix)
        .collect();
    if gained.is_empty() {
        return;
    }
    if before.online {
        membership::reveal(context, room, user);
    }
    let (state, out) = (&mut *context.state, &mut *context.out);
    membership::set_member(state, out, room, user, Some(Member { hidden: false, ..after }));
    if before.online {
        tell_modes(state, out, room, user, &format!("+{gained}"));
    }
}

/// A room without operators goes to the member who has been in it longest: somebody with an
/// account, if possible.
pub fn adopt(context: &mut ApplyContext<'_>, id: RoomId) {
    let room = &context.state.rooms[&id];
    let led = room.founder.is_some()
        || room.members.values().any(|member| member.op)
        || room.roles.values().any(|role| role.op);
    if led || Some(id) == context.state.lobby {
        return;
    }
    let is_guest = |user: &UserId| context.state.users.get(user).is_some_and(|user| user.guest);
    let longest =
        room.members.iter().min_by_key(|(user, member)| (is_guest(user), member.joined, **user));
    let Some((user, guest)) = longest.map(|(user, _)| (*user, is_guest(user))) else { return };
    make_operator(context, id, user);
    if !guest && may_have_another(context.state, user) {
        set(context.state, context.out, id, Some(user));
    }
}

/// An account is being removed: its roles and founded rooms go, and rooms that existed only for it
/// end.
pub fn account_gone(state: &mut State, out: &mut Effects, account: AccountId) {
    let rooms = state.founders.get(&account).cloned().unwrap_or_default();
    for room in &rooms {
        records::remove(state, out, (RecordKind::Founder, *room, KEY));
    }
    let with_role = state.rooms.values().filter(|room| room.roles.contains_key(&account));
    for room in with_role.map(|room| room.id).collect::<Vec<_>>() {
        records::remove(state, out, (RecordKind::Role, room, &account.to_string()));
    }
    for room in rooms {
        membership::end_if_empty(state, out, room);
    }
}
