//! What the journal asks the store to keep, and what became of it.

use std::sync::Arc;

use crate::{
    Account, AccountId, Audit, Conversation, Event, EventId, Fingerprint, Member, RecordKind, Room,
    RoomId, Subject,
};

/// How long a resend id is remembered, in milliseconds by [`Resend::at`]: 24 hours.
pub const RESEND_MS: i64 = 24 * 60 * 60 * 1000;
/// The most accounts that one event mentions.
pub const MENTIONS: usize = 50;
/// Mentioned instead of an account: everybody in the room.
pub const EVERYBODY: AccountId = 0;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// An event happened.
    Event {
        /// The event; its id is above that of every stored event.
        event: Arc<Event>,
        /// The client's own id of this message, remembered for the event's account for
        /// [`RESEND_MS`].
        resend: Option<Resend>,
        /// The account for which the event is pending until it is known to have been taken.
        pending_for: Option<AccountId>,
        /// The accounts that the event mentions, each once, [`MENTIONS`] at most, or
        /// [`EVERYBODY`]. Only messages and notices mention anybody.
        mentions: Box<[AccountId]>,
    },
    /// An account was made or changed; it replaces the one with the same id.
    Account(Account),
    /// A room was made or changed; it replaces the one with the same id, lists included.
    Room(Room),
    /// A room is over: it, its lists, its members, its metadata, its records and everybody's read
    /// marker in it go. Its events stay; nobody asks for them again.
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
    /// A member may read a room from behind this event on, until the member is gone; account 0 is
    /// whoever comes.
    ReadsFrom {
        /// The room.
        room: RoomId,
        /// The member.
        account: AccountId,
        /// The event.
        since: EventId,
    },
    /// The pending events of an account within a range have been taken.
    PendingDelivered {
        /// The receiver.
        account: AccountId,
        /// Those above this one.
        after: EventId,
        /// The last of them.
        up_to: EventId,
    },
    /// A message is taken back: its text and tags are overwritten, it waits for nobody any more, and
    /// no reader is given it again. Or it is [`Outcome::Refused`], and nothing of this is stored.
    Redact {
        /// The event that says so. Its kind is [`crate::EventKind::Redact`], and
        /// [`Event::about`] names a message, notice or tagmsg of the same conversation.
        event: Arc<Event>,
        /// Whether it may be anybody's; else it must be of the event's own account.
        anybodys: bool,
    },
    /// An account has read a conversation up to a time; it replaces the one it had read to.
    ReadMarker {
        /// Who has read.
        account: AccountId,
        /// What was read.
        conversation: Conversation,
        /// Up to where: milliseconds since the Unix epoch.
        time: i64,
    },
    /// A key of somebody's or something's metadata is set, or removed.
    Metadata {
        /// Whose metadata.
        of: Subject,
        /// The key.
        key: Box<str>,
        /// Its new value; none removes the key.
        value: Option<Box<str>>,
    },
    /// A certificate logs in to an account from now on, and to no other; or to none.
    Certificate {
        /// Which certificate.
        fingerprint: Fingerprint,
        /// Whose it is now; none removes it.
        account: Option<AccountId>,
        /// Whether a client of that account has shown it.
        proved: bool,
    },
    /// An account of which no event was ever stored was here on this day.
    Unheard {
        /// The account.
        account: AccountId,
        /// Days since the Unix epoch; none: it has said something now, and that is never forgotten.
        day: Option<u32>,
    },
    /// An account that never said anything is removed with all that is its own: certificates, metadata,
    /// records, read markers, places in rooms, what is pending for it and who mentioned it. What was
    /// said to it stays with who said it.
    AccountGone(AccountId),
    /// An account is removed as by [`Write::AccountGone`], and so is its name from all events that it
    /// is the author of, or that were said to it: readers are given [`crate::DELETED_USER`] from now
    /// on, and the rows follow behind the commits (see [`crate::Store::forget`]). What others said
    /// stays as it is. A [`RecordKind::ReservedName`] in the same commit keeps the name.
    DeleteAccount {
        /// The account.
        id: AccountId,
        /// Whether all that it said is taken back, too.
        messages: bool,
    },
    /// A record is set, or removed.
    Record {
        /// What it is about.
        kind: RecordKind,
        /// The account or the room that it is of; 0: the server.
        owner: u32,
        /// Which one of its kind: [`crate::RECORD_KEY_BYTES`] at most.
        key: Box<str>,
        /// Its new value, [`crate::RECORD_VALUE_BYTES`] at most; none removes it.
        value: Option<Box<str>>,
    },
    /// The audit log gets an entry.
    Audit(Audit),
    /// The key under which addresses are hidden; it replaces the one there was.
    CloakKey([u8; 32]),
    /// Nothing to keep: something small is written all the same, to see that it can be.
    Probe,
}

/// Panics if these are no mentions that an event may have.
pub(crate) fn assert_mentions(event: &Event, mentions: &[AccountId]) {
    assert!(mentions.len() <= MENTIONS, "an event's mentions are within their bound");
    assert!(mentions.is_empty() || event.kind.is_message(), "only messages mention anybody");
}

/// A client's own id of a message, by which it is known when it is sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resend {
    /// The id.
    pub id: Box<str>,
    /// When it came, in milliseconds by a clock that never stands still, falls or jumps and goes on
    /// from [`crate::Loaded::last_resend`]: the wall clock may be put ahead, and would have it
    /// forgotten at once.
    pub at: i64,
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
    /// What a [`Write::Redact`] asked for cannot be taken back. Of this write nothing is stored.
    Refused(Refused),
}

/// Why a message is not taken back. The first of these that holds is the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// In that conversation there is no such message, notice or tagmsg, or it was taken back
    /// before.
    NoSuchEvent,
    /// Somebody else is its author.
    NotTheirs,
}
