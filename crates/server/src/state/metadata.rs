//! Metadata: keys and values that users and rooms set about themselves, and who is subscribed to
//! which key.
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

/// Keys and their values.
pub type Keys = BTreeMap<Box<str>, Box<str>>;

/// The metadata of users. That of rooms is in [`Room`](crate::state::room::Room).
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Metadata {
    /// The keys of accounts, and of guests while they are online; only those with any.
    pub users: BTreeMap<UserId, Keys>,
    /// How often users online have changed theirs recently.
    changes: BTreeMap<UserId, Changes>,
}

/// The number of changes since a time.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Serialize)]
struct Changes {
    since: i64,
    count: u32,
}

/// The owner of metadata, and their name.
#[derive(Debug, Clone)]
pub struct Target {
    /// A user or room; none for a session that has not registered.
    pub of: Option<Subject>,
    /// The name.
    pub name: Arc<str>,
}

impl Metadata {
    /// Counts a change by a user; the seconds to wait, if there were too many recently.
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

    /// A user's account was rolled back.
    pub fn forget(&mut self, user: UserId) {
        self.users.remove(&user);
    }
}

/// Loads metadata from the store; the rooms exist already.
pub fn restore(state: &mut State, metadata: Vec<(Subject, Box<str>, Box<str>)>) {
    for (of, key, value) in metadata {
        put(state, of, &key, Some(value));
    }
}

/// The keys of a user or a room, if any.
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

/// A change could not be stored: restores the value before.
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

/// Stores new values; further effects of the command depend on it, and the requester is told if it
/// fails.
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

/// Sets or removes keys of a user or a room. Everything is stored before anybody is told, including
/// the requester, whom the caller answers. Unchanged values are stored as well: the answer must not
/// overtake a write that is not confirmed yet.
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

/// Stores the metadata of a user who was a guest until now.
pub fn store_all(state: &State, out: &mut Effects, user: UserId) {
    let of = Subject::Account(user);
    for (key, value) in keys_of(state, of) {
        out.write(Write::Metadata { of, key, value: Some(value) });
    }
}
