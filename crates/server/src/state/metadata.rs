//! Metadata: what users and rooms say of themselves by keys, and who is subscribed to which key and
//! so is told of it.
//!
//! `draft/metadata-3` (<https://github.com/ircv3/ircv3-specifications/pull/613>), and
//! `draft/metadata-2` (<https://ircv3.net/specs/extensions/metadata>), which pushes changes under the
//! verb `METADATA` instead of numerics.

use crate::effects::{Condition, Effect, Effects, FollowUp};
use crate::limits::{METADATA_CHANGES, METADATA_CHANGES_SECONDS};
use crate::state::State;
use crate::state::apply_context::ApplyContext;
use crate::state::history;
use crate::state::undo::Undo;
use crate::state::user::UserId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Subject, Write};

/// The keys that somebody or something has, and their values.
pub type Keys = BTreeMap<Box<str>, Box<str>>;

/// The metadata of users. That of rooms is in the rooms.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Metadata {
    /// The keys of accounts, and of guests while they are online; nobody without any.
    pub users: BTreeMap<UserId, Keys>,
    /// How much users who are online have changed lately.
    changes: BTreeMap<UserId, Changes>,
}

/// How many changes there were since a time.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Serialize)]
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

/// Stores what keys are set to; what follows in the command depends on it, and the requester is told if
/// it cannot be stored.
fn store(context: &mut ApplyContext<'_>, of: Subject, changes: &[(Box<str>, Option<Box<str>>)]) {
    if !is_stored(context.state, of) {
        return;
    }
    let writes = changes.iter().map(|(key, value)| {
        let (key, value) = (key.clone(), value.clone());
        context.out.write(Write::Metadata { of, key, value })
    });
    if let Some(write) = writes.last() {
        let what = Effect::NotStored { to: context.requester.session, verb: "METADATA", tag: None };
        context.out.push_when(Condition::Failed(write), what);
    }
}

/// Sets keys of a user or a room, or removes them: all of it is stored before anybody is told,
/// the requester, who is answered by the caller, included. Also what changes nothing is stored: the
/// answer must not come before what the store has still to confirm.
pub fn change(
    context: &mut ApplyContext<'_>,
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
        context.note_undo(Undo::Metadata(of, key.clone(), before));
        if changed {
            let (name, key, value) = (name.clone(), key.clone(), value.clone());
            context.out.follow_up(FollowUp::MetadataChanged { of, name, key, value });
        }
    }
    if let Some((id, settings, keys)) = before
        && history::changed(context, id, &settings, &keys)
    {
        context.note_undo(Undo::Settings(id, Box::new(settings)));
    }
}

/// Stores what a user has who was a guest until now.
pub fn store_all(state: &State, out: &mut Effects, user: UserId) {
    let of = Subject::Account(user);
    for (key, value) in keys_of(state, of) {
        out.write(Write::Metadata { of, key, value: Some(value) });
    }
}
