//! What the journal asks the store to write, and the outcomes.

use std::sync::Arc;

use crate::{
    Account, AccountId, Audit, Conversation, Event, EventId, Fingerprint, Member, RecordKind, Room,
    RoomId, Subject,
};

/// How long a resend id is remembered: 24 hours, in milliseconds by [`Resend::at`].
pub const RESEND_MS: i64 = 24 * 60 * 60 * 1000;
/// The maximum number of accounts that one event mentions.
pub const MENTIONS: usize = 50;
/// Mentioned in place of an account: everybody in the room.
pub const EVERYBODY: AccountId = 0;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// An event.
    Event {
        /// The event, with an id above that of every stored event.
        event: Arc<Event>,
        /// The client's own id of the message, remembered for the author's account for
        /// [`RESEND_MS`].
        resend: Option<Resend>,
        /// The account for which the event is pending until it is acknowledged.
        pending_for: Option<AccountId>,
        /// The accounts mentioned, without duplicates, at most [`MENTIONS`], or [`EVERYBODY`]. Only
        /// messages and notices mention anybody.
        mentions: Box<[AccountId]>,
    },
    /// An account was created or changed; replaces the one with the same id.
    Account(Account),
    /// A room was created or changed; replaces the one with the same id, including its lists.
    Room(Room),
    /// A room has ended: removes it with its lists, members, metadata, records and read markers.
    /// Its events stay, although nobody can ask for them.
    RoomEnded(RoomId),
    /// Somebody joined a room, or their rights in it have changed.
    Member(Member),
    /// Somebody left a room.
    MemberGone {
        /// The room.
        room: RoomId,
        /// Who left.
        account: AccountId,
    },
    /// A member may read a room after this event, for as long as they are a member; account 0
    /// stands for anybody who joins.
    ReadsFrom {
        /// The room.
        room: RoomId,
        /// The member.
        account: AccountId,
        /// The event.
        since: EventId,
    },
    /// An account has acknowledged a range of pending events.
    PendingDelivered {
        /// The receiver.
        account: AccountId,
        /// After this event,
        after: EventId,
        /// up to this one.
        up_to: EventId,
    },
    /// Redacts a message: overwrites its text and tags, and makes it pending for nobody, and
    /// invisible to readers. Or it is [`Outcome::Refused`], and nothing is stored.
    Redact {
        /// The redaction, of kind [`crate::EventKind::Redact`]; its [`Event::about`] is a message,
        /// notice or tagmsg of the same conversation.
        event: Arc<Event>,
        /// Whether it may redact anybody's message; otherwise only the account's own.
        anybodys: bool,
        /// The entry of the audit log, if the message turns out to be somebody else's.
        audit: Option<Audit>,
    },
    /// An account has read a conversation up to a time; replaces the earlier marker.
    ReadMarker {
        /// The reader.
        account: AccountId,
        /// The conversation.
        conversation: Conversation,
        /// Up to where: milliseconds since the Unix epoch.
        time: i64,
    },
    /// Sets or removes a metadata key.
    Metadata {
        /// Its subject.
        of: Subject,
        /// The key.
        key: Box<str>,
        /// Its new value; none to remove it.
        value: Option<Box<str>>,
    },
    /// Assigns a certificate to one account, or to none.
    Certificate {
        /// The certificate.
        fingerprint: Fingerprint,
        /// Its account; none to remove it.
        account: Option<AccountId>,
        /// Whether a client has presented it for that account.
        proved: bool,
    },
    /// The day on which an account without stored events was last online.
    Unheard {
        /// The account.
        account: AccountId,
        /// Days since the Unix epoch; none: it has now said something, which is never forgotten.
        day: Option<u32>,
    },
    /// Removes an account that never said anything, with everything that belongs to it:
    /// certificates, metadata, records, read markers, memberships, pending messages, and mentions
    /// of it. Messages sent to it stay with their authors.
    AccountGone(AccountId),
    /// Removes an account like [`Write::AccountGone`], and its name from all events that it sent or
    /// received: from now on readers return [`crate::DELETED_USER`], and the rows follow later (see
    /// [`crate::Store::forget`]). Messages of others stay unchanged. A [`RecordKind::ReservedName`]
    /// in the same commit reserves the name.
    DeleteAccount {
        /// The account.
        id: AccountId,
        /// Whether to redact its messages, too.
        messages: bool,
    },
    /// Sets or removes a record.
    Record {
        /// Its kind.
        kind: RecordKind,
        /// The account or room it belongs to; 0 for the server.
        owner: u32,
        /// Its key within the kind, of at most [`crate::RECORD_KEY_BYTES`].
        key: Box<str>,
        /// Its new value, of at most [`crate::RECORD_VALUE_BYTES`]; none to remove it.
        value: Option<Box<str>>,
    },
    /// Appends an entry to the audit log.
    Audit(Audit),
    /// The key with which addresses are hidden; replaces the earlier one.
    CloakKey([u8; 32]),
    /// Everything from a log up to this sequence is stored; see [`crate::Loaded::applied`].
    Applied(u64),
    /// The live state after a sequence of a log, from which the program continues when it starts
    /// again; replaces the earlier one. It is on disk when the commit returns, also in a store that
    /// does not wait for the disk.
    Live {
        /// The sequence.
        sequence: u64,
        /// The state and everything that belongs to it.
        bytes: Arc<[u8]>,
    },
    /// The store is of no log any more: it forgets [`Write::Applied`] and [`Write::Live`].
    LogLeft,
    /// Removes some expired events, as [`crate::Store::forget`] does, but the same in every store with
    /// the same writes: after all other writes of this commit, and before any later commit. The outcome
    /// is [`Outcome::More`] if there is more to remove; another such write continues there.
    Forget(crate::Keep),
    /// Stores nothing lasting, but writes something, to see whether the store is writable.
    Probe,
}

/// Panics if an event may not have these mentions.
pub(crate) fn assert_mentions(event: &Event, mentions: &[AccountId]) {
    assert!(mentions.len() <= MENTIONS, "an event's mentions are within their bound");
    assert!(mentions.is_empty() || event.kind.is_message(), "only messages mention anybody");
}

/// A client's own id of a message, by which duplicates are detected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resend {
    /// The id.
    pub id: Box<str>,
    /// When it arrived, in milliseconds by a monotonic clock that continues from
    /// [`crate::Loaded::last_resend`]. If the wall clock were set forward, the id would be
    /// forgotten at once.
    pub at: i64,
}

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Stored.
    Stored,
    /// The author sent the same resend id within the last [`RESEND_MS`]. Nothing of this write is
    /// stored or pending; this is the first event.
    Duplicate {
        /// The first event.
        id: EventId,
        /// Its time in milliseconds since the Unix epoch.
        time: i64,
    },
    /// A [`Write::Forget`] is done with its part, and there is more.
    More,
    /// A [`Write::Redact`] was refused. Nothing of this write is stored.
    Refused(Refused),
}

/// Why a message is not redacted. The first applicable reason is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such message, notice or tagmsg in the conversation, or it was redacted before.
    NoSuchEvent,
    /// Its author is somebody else.
    NotTheirs,
}
