//! The pinned messages of a room.

use crate::limits::PINS;
use crate::state::State;
use serde::{Deserialize, Serialize};
use store::{EventId, RecordKind, RoomId};

/// A pinned message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Who pinned it.
    pub by: Box<str>,
    /// When, in milliseconds since the epoch.
    pub time: i64,
}

/// The record key of a message.
pub fn key(message: EventId) -> String {
    message.to_string()
}

/// Whether a message is pinned in a room.
pub fn has(state: &State, room: RoomId, message: EventId) -> bool {
    state.records.raw(RecordKind::Pin, room, &key(message)).is_some()
}

/// Whether the room has as many pinned messages as it may.
pub fn is_full(state: &State, room: RoomId) -> bool {
    state.records.count(RecordKind::Pin, room) >= PINS
}

/// The pinned messages, in the order in which they were pinned.
pub fn all(state: &State, room: RoomId) -> Vec<(EventId, Pin)> {
    let records = state.records.of(RecordKind::Pin, room);
    let pins = records
        .filter_map(|(key, value)| Some((key.parse().ok()?, crate::state::records::parse(value)?)));
    let mut pins: Vec<(EventId, Pin)> = pins.collect();
    pins.sort_by_key(|(message, pin)| (pin.time, *message));
    pins
}
