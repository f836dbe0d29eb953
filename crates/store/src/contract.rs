//! The contract of a store. `tests/contract` holds both implementations to it.

use std::time::Duration;

use crate::{
    AccountId, Audit, Conversation, Damage, Event, EventId, Failure, Found, Keep, Loaded, Outcome,
    Query, RoomId, Search, WordIndex, Write,
};
use std::sync::Arc;

/// The maximum number of redacted events, or events of unwanted kinds, that one query skips: the
/// bound of its cost. A page, or half of it for [`crate::Select::Around`], with more of them in its
/// way is shorter than requested although there is more; a conversation whose newest messages are
/// that many of them is not a target.
pub const REDACTED_PASSED: usize = 4096;

/// The maximum number of unread messages counted per conversation, and of mentions.
pub const UNREAD_MOST: usize = 1000;
/// After counting this many messages, one answer counts at most [`UNREAD_FEW`] in each further
/// conversation.
pub const UNREAD_TOTAL: usize = 50_000;
/// See [`UNREAD_TOTAL`].
pub const UNREAD_FEW: usize = 100;

/// The write side. The journal's thread owns it and is the only writer.
pub trait Store: Send {
    /// Loads everything the hub starts from.
    ///
    /// # Errors
    /// When the store cannot be read, or something indispensable is damaged.
    fn load(&mut self) -> Result<Loaded, Failure>;

    /// Stores all writes as one transaction, which is on disk when this returns. There is one
    /// outcome per write, in order; later writes see earlier ones.
    ///
    /// # Errors
    /// When it cannot be stored: then nothing is, and the store remains usable. Only after
    /// [`Failure::Uncertain`] the result is unknown: then nobody may be told anything, and the
    /// process must end.
    ///
    /// # Panics
    /// When an event's id is not above all stored ones, it is an [`crate::EventKind::Redacted`] or
    /// [`crate::EventKind::Damaged`], a [`Write::Redact`] has an event of another kind or without a
    /// target, or an event's mentions or a [`Write::Record`] exceed their limits: a bug of the
    /// caller.
    fn commit(&mut self, writes: &mut dyn Iterator<Item = &Write>)
    -> Result<Vec<Outcome>, Failure>;

    /// Damage found by this store and all its readers.
    fn damage(&self) -> Arc<Damage>;

    /// Creates a reader for another thread. It sees what is committed at the time of each query.
    ///
    /// # Errors
    /// When another connection to the store cannot be opened.
    fn reader(&self) -> Result<Box<dyn Reader>, Failure>;

    /// The writer of the search index, if the store has one. It belongs on a thread of its own, and
    /// is notified of every commit from now on. Without it, searches find the same, but slowly.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn word_index(&mut self) -> Result<Option<WordIndex>, Failure> {
        Ok(None)
    }

    /// Tells the writer of the search index that there will be no more commits.
    fn end_commits(&mut self) {}

    /// The store's condition, besides what each commit reports.
    fn condition(&mut self) -> Condition {
        Condition::default()
    }

    /// Drops resend ids older than [`crate::RESEND_MS`] at `now` (by the clock of
    /// [`crate::Resend::at`]), a bounded number of them, and runs a checkpoint. To be called about
    /// once a minute.
    ///
    /// # Errors
    /// When the store cannot be written; nothing is lost, the next call retries.
    fn maintain(&mut self, now: i64) -> Result<(), Failure>;

    /// Removes some expired events: the oldest of each conversation, up to the first that stays,
    /// with their pending entries; and gives free space back. A step takes some milliseconds.
    /// Returns whether there is more to do now.
    ///
    /// Nothing younger than [`crate::RESEND_MS`] is removed, nor the newest event of all. Events of
    /// an ended room are removed 30 days after the last one. Also continues what
    /// [`Write::DeleteAccount`] has begun, and removes the oldest entries of the audit log: those
    /// beyond [`crate::AUDIT_KEPT`] that are older than [`crate::AUDIT_DAYS`], and all beyond
    /// [`crate::AUDIT_MOST`].
    ///
    /// # Errors
    /// When the store cannot be written; nothing is lost, another call retries.
    fn forget(&mut self, keep: &Keep) -> Result<bool, Failure>;

    /// The part of [`Store::forget`] that changes nothing visible: continues what
    /// [`Write::DeleteAccount`] has begun, and gives free space back. For stores where
    /// [`Write::Forget`] does the rest.
    ///
    /// # Errors
    /// When the store cannot be written; nothing is lost, another call retries.
    fn tidy_up(&mut self) -> Result<bool, Failure>;

    /// Closes the store with everything in the database file, if no reader is left and no other
    /// program has it open.
    ///
    /// # Errors
    /// When that fails; everything committed is safe anyway.
    fn close(self: Box<Self>) -> Result<(), Failure>;
}

/// The condition of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Bytes of the write-ahead log.
    pub log_bytes: u64,
    /// How long part of the log has waited for a checkpoint into the database.
    pub log_waits: Duration,
    /// A file of it was moved or deleted: nothing can be stored.
    pub gone: bool,
}

/// A query for unread messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unreads {
    /// The reader. Their own messages do not count.
    pub account: AccountId,
    /// The only conversation to count; none: all.
    pub only: Option<Conversation>,
    /// Ignored accounts: direct conversations with them do not count; in rooms their messages do.
    pub ignored: Vec<AccountId>,
    /// The rooms, each with the event after which it may be read.
    pub rooms: Vec<(RoomId, EventId)>,
    /// Where the account has no read marker, it has read up to this event.
    pub unmarked: EventId,
}

impl Unreads {
    /// Whether a conversation is included.
    pub(crate) fn asks(&self, conversation: Conversation) -> bool {
        self.only.is_none_or(|only| only == conversation)
    }
}

/// The unread messages of one conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The conversation.
    pub conversation: Conversation,
    /// The number of messages and notices, up to [`UNREAD_MOST`]. Redacted ones do not count.
    pub messages: usize,
    /// Whether there may be more.
    pub more: bool,
    /// The number of those, or of messages not counted, that mention the account or everybody; at
    /// most `messages`.
    pub mentions: usize,
    /// The first of them.
    pub first: EventId,
}

/// A part of an account's events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// Where the next query continues; none: at the end.
    pub next: Option<EventId>,
}

/// A read side. Each reader thread owns one.
pub trait Reader: Send {
    /// Has the reader call `on_progress` every 10 to 100 µs while it reads. It may wait there to let
    /// others have the processor. Searches of words call it less often.
    fn set_progress_handler(&mut self, on_progress: Box<dyn FnMut() + Send>);

    /// A page of history, oldest first. Redacted events are left out, and the page filled up with
    /// further ones, within [`REDACTED_PASSED`]. A damaged event is represented by one of kind
    /// [`crate::EventKind::Damaged`], and an event indexed in the wrong conversation is left out;
    /// both are reported in [`Store::damage`].
    ///
    /// # Errors
    /// When the store cannot be read.
    fn page(&mut self, query: &Query) -> Result<Vec<Event>, Failure>;

    /// The events pending for `account`, up to `up_to`, oldest first, `limit` at most; only from
    /// its own direct conversations.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn pending(
        &mut self,
        account: AccountId,
        up_to: EventId,
        limit: usize,
    ) -> Result<Vec<Event>, Failure>;

    /// The conversations (the given rooms and the direct ones of `account`) whose newest message
    /// lies strictly between two times (see [`crate::Point::Time`]), with its time in milliseconds
    /// since the Unix epoch. Redacted messages do not count; see [`REDACTED_PASSED`]. Ordered by
    /// those messages; at most `limit`, counted from `first`: if it is the later one, the newest.
    /// Further ones with the same time as the last are included, so that whoever continues from
    /// there misses none.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn targets(
        &mut self,
        account: AccountId,
        rooms: &[RoomId],
        first: i64,
        second: i64,
        limit: usize,
    ) -> Result<Vec<(Conversation, i64)>, Failure>;

    /// The unread messages of `of.account` in each conversation that has any: the given rooms and
    /// its direct ones, ordered by conversation. Read markers decide what is read; see [`Unreads`].
    ///
    /// # Errors
    /// When the store cannot be read.
    fn unread(&mut self, of: &Unreads) -> Result<Vec<Unread>, Failure>;

    /// The newest entries of the audit log with numbers below `before`, oldest first, `limit` at
    /// most. Numbers start at 1 and are consecutive.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn audit(&mut self, before: u64, limit: usize) -> Result<Vec<(u64, Audit)>, Failure>;

    /// Part of an account's events: those that it wrote, and those of its direct conversations.
    /// Examines some thousand events after `after`; redacted and damaged ones are left out.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn export(&mut self, account: AccountId, after: EventId) -> Result<Exported, Failure>;

    /// The newest messages, or the oldest, that match a search and that `may_read` allows, within
    /// the search's time; see [`Search::wants`]. Damaged messages never match.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn search(
        &mut self,
        search: &Search,
        may_read: &dyn Fn(&Event) -> bool,
    ) -> Result<Found, Failure>;

    /// An event's conversation and its time in milliseconds since the Unix epoch, for redacted
    /// events as well. None if it is damaged.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn event_time(&mut self, id: EventId) -> Result<Option<(Conversation, i64)>, Failure>;
}
