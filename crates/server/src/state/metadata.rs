//! Metadata: what users and rooms say of themselves by keys, and who is subscribed to which key and
//! so is told of it.
//!
//! `draft/metadata-3` (<https://github.com/ircv3/ircv3-specifications/pull/613>), and
//! `draft/metadata-2` (<https://ircv3.net/specs/extensions/metadata>), which pushes changes under the
//! verb `METADATA` instead of numerics.

use crate::command::context::Context;
use crate::effects::{Condition, Effect, Effects};
use crate::limits::{METADATA_CHANGES, METADATA_CHANGES_SECONDS, METADATA_KEYS};
use crate::session::Node;
use crate::session_id::SessionId;
use crate::state::State;
use crate::state::history;
use crate::state::undo::Undo;
use crate::state::user::UserId;
use proto::name::fold;
use proto::{Capabilities, Capability};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{RoomId, Subject, Write};

/// The keys that somebody or something has, and their values.
pub type Keys = BTreeMap<Box<str>, Box<str>>;

/// The metadata of users. That of rooms is in the rooms.
#[derive(Debug, Default)]
pub struct Metadata {
    /// The keys of accounts, and of guests while they are online; nobody without any.
    pub users: BTreeMap<UserId, Keys>,
    /// How much users who are online have changed lately.
    changes: BTreeMap<UserId, Changes>,
}

/// How many changes there were since a time.
#[derive(Debug, Clone, Copy)]
struct Changes {
    since: i64,
    count: u32,
}

/// Whose metadata it is, and by which name.
#[derive(Debug, Clone)]
pub struct Target {
    /// A user, be it a guest, or a room; none for a session that is nobody yet.
    pub of: Option<Subject>,
    /// The name.
    pub name: Arc<str>,
}

impl Metadata {
    /// Counts a change by a user; the seconds to wait, if there were too many lately.
    pub fn count_change(&mut self, user: UserId, now: i64) -> Option<i64> {
        let changes = self.changes.entry(user).or_insert(Changes { since: now, count: 0 });
        let end = changes.since + METADATA_CHANGES_SECONDS * 1000;
        if now >= end {
            *changes = Changes { since: now, count: 0 };
        } else if changes.count >= METADATA_CHANGES {
            return Some((end - now + 999) / 1000);
        }
        changes.count += 1;
        None
    }

    /// A user went offline.
    pub fn user_gone(&mut self, user: UserId, guest: bool) {
        self.changes.remove(&user);
        if guest {
            self.users.remove(&user);
        }
    }

    /// A user's account never was.
    pub fn forget(&mut self, user: UserId) {
        self.users.remove(&user);
    }
}

/// Puts in place what the store has; the rooms are there.
pub fn restore(state: &mut State, metadata: Vec<(Subject, Box<str>, Box<str>)>) {
    for (of, key, value) in metadata {
        put(state, of, &key, Some(value));
    }
}

/// The keys of a user or a room, if there are any.
pub fn known_keys(state: &State, of: Subject) -> Option<&Keys> {
    match of {
        Subject::Account(user) => state.metadata.users.get(&user),
        Subject::Room(room) => state.rooms.get(&room).map(|room| &room.metadata),
    }
}

/// A copy of the keys of a user or a room.
pub fn keys_of(state: &State, of: Subject) -> Keys {
    known_keys(state, of).cloned().unwrap_or_default()
}

/// Sets a key, or removes it; returns the value before.
fn put(state: &mut State, of: Subject, key: &str, value: Option<Box<str>>) -> Option<Box<str>> {
    let keys = match of {
        Subject::Account(user) => state.metadata.users.entry(user).or_default(),
        Subject::Room(room) => &mut state.rooms.get_mut(&room)?.metadata,
    };
    let before = match value {
        Some(value) => keys.insert(key.into(), value),
        None => keys.remove(key),
    };
    if let Subject::Account(user) = of
        && keys.is_empty()
    {
        state.metadata.users.remove(&user);
    }
    before
}

/// A change could not be stored: the key has the value before again.
pub fn undo(state: &mut State, of: Subject, key: &str, before: Option<Box<str>>) {
    put(state, of, key, before);
}

/// Whether metadata survives a restart: not a guest's.
fn is_stored(state: &State, of: Subject) -> bool {
    match of {
        Subject::Account(user) => state.users.get(&user).is_none_or(|user| !user.guest),
        Subject::Room(_) => true,
    }
}

/// Stores what keys are set to; what follows in the command depends on it, and the asker is told if
/// it cannot be stored.
fn store(context: &mut Context<'_>, of: Subject, changes: &[(Box<str>, Option<Box<str>>)]) {
    if !is_stored(context.state, of) {
        return;
    }
    let writes = changes.iter().map(|(key, value)| {
        let (key, value) = (key.clone(), value.clone());
        context.out.write(Write::Metadata { of, key, value })
    });
    if let Some(write) = writes.last() {
        let what = Effect::NotStored { to: context.asker.session, verb: "METADATA", tag: None };
        context.out.push_when(Condition::Failed(write), what);
    }
}

/// Sets keys of a user or a room, or removes them: all of it is stored before anybody is told,
/// the asker, who is answered by the caller, included. Also what changes nothing is stored: the
/// answer must not come before what the store has still to confirm.
pub fn change(
    context: &mut Context<'_>,
    of: Subject,
    name: &Arc<str>,
    changes: &[(Box<str>, Option<Box<str>>)],
) {
    store(context, of, changes);
    let room = match of {
        Subject::Room(id) => context.state.rooms.get(&id),
        Subject::Account(_) => None,
    };
    let before = room.map(|room| (room.id, room.settings.clone(), room.metadata.clone()));
    for (key, value) in changes {
        let before = put(context.state, of, key, value.clone());
        let changed = before != *value;
        context.out.note(Undo::Metadata(of, key.clone(), before));
        if changed {
            let mut viewers = viewers(context.state, context.node, of, key);
            viewers.remove(&context.asker.session);
            crate::command::metadata::show::tell(context, &viewers, name, key, value.as_deref());
        }
    }
    if let Some((id, settings, keys)) = before
        && history::changed(context, id, &settings, &keys)
    {
        context.out.note(Undo::Settings(id, Box::new(settings)));
    }
}

/// Who is told when a key changes: who is subscribed to it and knows of its owner; and all devices
/// of the owner.
fn viewers(state: &State, node: &Node, of: Subject, key: &str) -> BTreeSet<SessionId> {
    let sees = |session: &SessionId| {
        node.sessions[session].user.is_some_and(|me| match of {
            Subject::Account(user) => {
                me == user || watches(state, node, *session, user) || shares(state, me, user, None)
            }
            Subject::Room(room) => state.rooms[&room].member(me).is_some(),
        })
    };
    let mut viewers: BTreeSet<SessionId> =
        node.subscriptions.to(key).filter(|session| sees(session)).collect();
    if let Subject::Account(user) = of
        && let Some(user) = state.users.get(&user)
    {
        viewers.extend(&user.sessions);
    }
    viewers
}

/// Whether a session watches the name of a user (`MONITOR`).
fn watches(state: &State, node: &Node, session: SessionId, user: UserId) -> bool {
    let name = state.users.get(&user).map(|user| fold(&user.nick));
    name.is_some_and(|name| node.sessions[&session].watched.contains_key(&*name))
}

/// Whether a user shares a room with another one, and has been told that they are there; `but` does
/// not count.
fn shares(state: &State, me: UserId, other: UserId, but: Option<RoomId>) -> bool {
    let shared = |id: &RoomId| {
        let room = &state.rooms[id];
        Some(*id) != but && !room.members[&other].hidden && room.member(me).is_some()
    };
    state.users.get(&other).is_some_and(|user| user.rooms.iter().any(shared))
}

/// A room comes to know of a user: who is subscribed to what the user has, and did not know the
/// user from elsewhere, is told.
pub fn introduce(context: &mut Context<'_>, room_id: RoomId, user: UserId) {
    let state = &context.state;
    // Both may be gone by the time that this is followed up.
    let member = state.rooms.get(&room_id).and_then(|room| room.member(user));
    if member.is_none_or(|member| member.hidden) {
        return;
    }
    let name = state.users[&user].nick.clone();
    for (key, value) in keys_of(state, Subject::Account(user)) {
        let state = &context.state;
        let newly = |session: &SessionId| {
            context.node.sessions[session].user.is_some_and(|me| {
                me != user
                    && state.rooms[&room_id].member(me).is_some()
                    && !watches(state, context.node, *session, user)
                    && !shares(state, me, user, Some(room_id))
            })
        };
        let viewers =
            context.node.subscriptions.to(&key).filter(|session| newly(session)).collect();
        crate::command::metadata::show::tell(context, &viewers, &name, &key, Some(&value));
    }
}

/// To some it looked as if the user came anew: everybody is told again what the user has.
pub fn tell_again(context: &mut Context<'_>, user: UserId) {
    let name = context.state.users[&user].nick.clone();
    let of = Subject::Account(user);
    for (key, value) in keys_of(context.state, of) {
        let mut viewers = viewers(context.state, context.node, of, &key);
        viewers.retain(|session| context.node.sessions[session].user != Some(user));
        crate::command::metadata::show::tell(context, &viewers, &name, &key, Some(&value));
    }
}

/// Stores what a user has who was a guest until now.
pub fn store_all(state: &State, out: &mut Effects, user: UserId) {
    let of = Subject::Account(user);
    for (key, value) in keys_of(state, of) {
        out.write(Write::Metadata { of, key, value: Some(value) });
    }
}

/// What a session had set before it was somebody: how far that is stored.
#[derive(Debug)]
pub struct Coming(Condition);

/// The session is somebody now and has what it has set before, as far as there is room for it. Only
/// what is told of metadata depends on that being stored.
pub fn coming(context: &mut Context<'_>, set: BTreeMap<Box<str>, Option<Box<str>>>) -> Coming {
    let (of, name) = (Subject::Account(context.me()), context.nick());
    let mut keys = keys_of(context.state, of);
    let before = context.out.condition();
    let mut changes = Vec::from_iter(set);
    changes.retain(|(key, value)| put_before(&mut keys, key, value.clone()));
    if !changes.is_empty() {
        change(context, of, &name, &changes);
    }
    let when = context.out.condition();
    context.out.resume(before);
    Coming(when)
}

/// Sets or removes a key of a copy; false if that changes nothing, or there is no room.
fn put_before(keys: &mut Keys, key: &str, value: Option<Box<str>>) -> bool {
    if keys.get(key) == value.as_ref() {
        return false;
    }
    match value {
        Some(_) if !keys.contains_key(key) && keys.len() >= METADATA_KEYS => return false,
        Some(value) => {
            keys.insert(key.into(), value);
        }
        None => {
            keys.remove(key);
        }
    }
    true
}

/// What a session that is nobody yet would have: the keys of the account to which it has logged
/// in, if any, with its own changes.
pub fn keys_before(context: &Context<'_>) -> Keys {
    let Some(registration) = context.session().registration.as_deref() else { return Keys::new() };
    let account = registration.account.as_ref();
    let of = account.map(|account| Subject::Account(account.id));
    let mut keys = of.map(|of| keys_of(context.state, of)).unwrap_or_default();
    for (key, value) in &registration.metadata {
        put_before(&mut keys, key, value.clone());
    }
    keys
}

impl Coming {
    /// Tells something of the user's metadata, once it is stored.
    pub fn then(&self, context: &mut Context<'_>, tell: impl FnOnce(&mut Context<'_>)) {
        let before = context.out.condition();
        context.out.resume(self.0);
        tell(context);
        context.out.resume(before);
    }

    /// Replies with all that the user has, as part of the welcome.
    pub fn show(&self, context: &mut Context<'_>) {
        if is_aware(context.capabilities()) {
            self.then(context, |context| {
                let (of, name) = (Subject::Account(context.me()), context.nick());
                let keys = keys_of(context.state, of);
                crate::command::metadata::show::keys(context, &name, &name, &keys);
            });
        }
    }
}

/// Whether a session is told of metadata.
pub fn is_aware(capabilities: Capabilities) -> bool {
    let has = |capability| capabilities.contains(capability);
    has(Capability::Batch) && (has(Capability::Metadata3) || has(Capability::Metadata2))
}

/// Whether a session is told in the way of the draft before. Who asks for both gets the newer one.
pub fn is_old(capabilities: Capabilities) -> bool {
    let has = |capability| capabilities.contains(capability);
    has(Capability::Metadata2) && !has(Capability::Metadata3)
}

/// A session has other capabilities now: without those for metadata its subscriptions end.
pub fn capabilities_changed(context: &mut Context<'_>, before: Capabilities) {
    let now = context.capabilities();
    let needed = [Capability::Batch, Capability::Metadata3, Capability::Metadata2];
    let lost = |capability: &Capability| before.contains(*capability) && !now.contains(*capability);
    if needed.iter().any(lost) && !is_aware(now) {
        context.node.subscriptions.unsubscribe_all(context.asker.session);
    }
}
