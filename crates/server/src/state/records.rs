//! Records of accounts, rooms and the server: small things that survive a restart, each with a
//! kind, an owner and a key. The store keeps them as JSON without interpreting them; what is needed
//! often is derived from them by `changed`.

use crate::effects::Effects;
use crate::state::State;
use crate::state::undo::Undo;
use crate::state::user::UserId;
use crate::state::{ban_terms, former_names, founder, room_rules, server_bans, silence};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::{Record, RecordKind, RecordOwner, Write};

/// The owner of the server's records.
pub const SERVER: u32 = 0;

/// All records, as in the store, and those of guests, which are not stored.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Records {
    all: BTreeMap<(RecordKind, u32), BTreeMap<Box<str>, Box<str>>>,
}

impl Records {
    /// The records of a kind and owner: key and value, sorted by key.
    pub fn of(&self, kind: RecordKind, owner: u32) -> impl Iterator<Item = (&str, &str)> {
        let records = self.all.get(&(kind, owner)).into_iter().flatten();
        records.map(|(key, value)| (&**key, &**value))
    }

    /// The number of records of a kind that an owner has.
    pub fn count(&self, kind: RecordKind, owner: u32) -> usize {
        self.all.get(&(kind, owner)).map_or(0, BTreeMap::len)
    }

    /// One record as text.
    pub fn raw(&self, kind: RecordKind, owner: u32, key: &str) -> Option<&str> {
        self.all.get(&(kind, owner))?.get(key).map(|value| &**value)
    }

    /// One record, parsed; none if it does not exist.
    pub fn get<T: DeserializeOwned>(&self, kind: RecordKind, owner: u32, key: &str) -> Option<T> {
        self.raw(kind, owner, key).and_then(parse)
    }

    /// All records, by kind, owner and key.
    pub fn all(&self) -> impl Iterator<Item = Record> {
        self.all.iter().flat_map(|((kind, owner), records)| {
            records.iter().map(|(key, value)| {
                let (key, value) = (key.clone(), value.clone());
                Record { kind: *kind, owner: *owner, key, value }
            })
        })
    }

    fn put(
        &mut self,
        kind: RecordKind,
        owner: u32,
        key: &str,
        value: Option<Box<str>>,
    ) -> Option<Box<str>> {
        let records = self.all.entry((kind, owner)).or_default();
        let before = match value {
            Some(value) => records.insert(key.into(), value),
            None => records.remove(key),
        };
        if records.is_empty() {
            self.all.remove(&(kind, owner));
        }
        before
    }
}

/// Parses a record. None if a later version of the server wrote it in a form unknown to this one;
/// the record is kept as it is.
pub fn parse<T: DeserializeOwned>(value: &str) -> Option<T> {
    serde_json::from_str(value).ok()
}

/// Sets or removes a record; further effects of the current command depend on that write.
pub fn set<T: Serialize>(
    state: &mut State,
    out: &mut Effects,
    (kind, owner, key): (RecordKind, u32, &str),
    value: Option<&T>,
) {
    let value = value.map(|value| {
        let text = serde_json::to_string(value);
        text.expect("records are structs of numbers and texts").into_boxed_str()
    });
    set_raw(state, out, (kind, owner, key), value);
}

/// Removes a record.
pub fn remove(state: &mut State, out: &mut Effects, record: (RecordKind, u32, &str)) {
    set_raw(state, out, record, None);
}

fn set_raw(
    state: &mut State,
    out: &mut Effects,
    (kind, owner, key): (RecordKind, u32, &str),
    value: Option<Box<str>>,
) {
    let before = put(state, kind, owner, key, value.clone());
    state.undo.note(out, Undo::Record(kind, owner, key.into(), before));
    if is_stored(state, kind, owner) {
        out.write(Write::Record { kind, owner, key: key.into(), value });
    }
}

/// Whether records survive a restart: not those of a guest.
fn is_stored(state: &State, kind: RecordKind, owner: u32) -> bool {
    kind.owner() != RecordOwner::Account || state.users.get(&owner).is_none_or(|user| !user.guest)
}

/// Sets a record; returns the one before.
pub fn put(
    state: &mut State,
    kind: RecordKind,
    owner: u32,
    key: &str,
    value: Option<Box<str>>,
) -> Option<Box<str>> {
    let before = state.records.put(kind, owner, key, value);
    if kind == RecordKind::ReservedName {
        former_names::changed(state, key, before.as_deref());
    }
    changed(state, kind, owner, key);
    before
}

/// Loads records from the store; accounts and rooms exist already.
pub fn restore(state: &mut State, records: Vec<Record>) {
    for Record { kind, owner, key, value } in records {
        put(state, kind, owner, &key, Some(value));
    }
}

/// Rebuilds everything that is derived from records. Rooms exist already.
pub fn index(state: &mut State) {
    for Record { kind, owner, key, .. } in state.records.all().collect::<Vec<_>>() {
        if kind == RecordKind::ReservedName {
            former_names::changed(state, &key, None);
        }
        changed(state, kind, owner, &key);
    }
}

/// A record has changed: updates what is derived from it.
fn changed(state: &mut State, kind: RecordKind, owner: u32, key: &str) {
    match kind {
        RecordKind::RoomSetting => room_rules::changed(state, owner, key),
        RecordKind::RoomBan => ban_terms::changed(state, owner, key),
        RecordKind::Founder => founder::changed(state, owner),
        RecordKind::Role => founder::role_changed(state, owner, key),
        RecordKind::Silence => silence::changed(state, owner),
        RecordKind::ServerBan => server_bans::changed(state, key),
        _ => {}
    }
}

/// Removes the records of an account or a room. The caller removes the owner from the store, and
/// the store its records.
pub fn forget(state: &mut State, out: &mut Effects, of: RecordOwner, owner: u32) {
    for kind in RecordKind::ALL.into_iter().filter(|kind| kind.owner() == of) {
        let keys: Vec<Box<str>> =
            state.records.of(kind, owner).map(|(key, _)| key.into()).collect();
        for key in keys {
            let before = put(state, kind, owner, &key, None);
            state.undo.note(out, Undo::Record(kind, owner, key, before));
        }
    }
}

/// Removes the records of a guest, or of an account or room that was rolled back: the store has
/// none.
pub fn discard(state: &mut State, of: RecordOwner, owner: u32) {
    for kind in RecordKind::ALL.into_iter().filter(|kind| kind.owner() == of) {
        let keys: Vec<Box<str>> =
            state.records.of(kind, owner).map(|(key, _)| key.into()).collect();
        for key in keys {
            put(state, kind, owner, &key, None);
        }
    }
}

/// Stores the records of a user who was a guest until now.
pub fn store_all(state: &State, out: &mut Effects, user: UserId) {
    for kind in RecordKind::ALL.into_iter().filter(|kind| kind.owner() == RecordOwner::Account) {
        for (key, value) in state.records.of(kind, user) {
            let (key, value) = (key.into(), Some(value.into()));
            out.write(Write::Record { kind, owner: user, key, value });
        }
    }
}
