//! What the journal asks the store to keep, and what became of it.

use std::sync::Arc;

use crate::{Account, AccountId, Event, EventId, Member, Room, RoomId};

/// How long a resend id is remembered, in milliseconds of event time: 24 hours.
pub const RESEND_MS: i64 = 24 * 60 * 60 * 1000;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// An event happened.
    Event {
        /// The event; its id is above that of every stored event and its time not below theirs.
        event: Arc<Event>,
        /// The client's own id of this message, remembered for the event's account for
        /// [`RESEND_MS`].
        resend: Option<Box<str>>,
        /// The receiver, if it is offline and must get the event at its next login.
        pending_for: Option<AccountId>,
    },
    /// An account was made or changed; it replaces the one with the same id.
    Account(Account),
    /// A room was made or changed; it replaces the one with the same id, lists included.
    Room(Room),
    /// A room is over: it, its lists and its members go. Its events stay; nobody asks for them
    /// again.
    RoomEnded(RoomId),
    /// Somebody came into a room or has other rights there now.
    Member(Member),
    /// Somebody left a room.
    MemberGone {
        /// The room.
        room: RoomId,
        /// Who left.
        account: AccountId,
    },
    /// The pending events of an account were delivered.
    PendingDelivered {
        /// The receiver.
        account: AccountId,
        /// The last event delivered; it and all pending ones before it are done.
        up_to: EventId,
    },
}

/// What became of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored.
    Stored,
    /// The event's author sent the same resend id less than [`RESEND_MS`] before. Of this write
    /// nothing is stored and nothing is pending; this is the first event.
    Duplicate {
        /// The first event.
        id: EventId,
        /// Its time in milliseconds since the Unix epoch.
        time: i64,
    },
}
