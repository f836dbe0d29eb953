//! What a store promises. `tests/contract.rs` holds both implementations to it.

use std::time::Duration;

use crate::{
    AccountId, Audit, Conversation, Damage, Event, EventId, Failure, Found, Keep, Loaded, Outcome,
    Query, RoomId, Search, WordIndex, Write,
};
use std::sync::Arc;

/// How many events that were taken back, or are of a kind that is not asked for, a reader looks past
/// for one question, and so where a question's cost ends. A page, or half of it in [`crate::Select::Around`], that has more of them
/// in its way is shorter than asked for although there is more; a conversation whose newest messages
/// are so many of them is no target.
pub const REDACTED_PASSED: usize = 4096;

/// The most messages of a conversation that are counted as unread, and the most mentions.
pub const UNREAD_MOST: usize = 1000;
/// Once one answer has counted so many messages, of each further conversation it counts
/// [`UNREAD_FEW`] at most.
pub const UNREAD_TOTAL: usize = 50_000;
/// See [`UNREAD_TOTAL`].
pub const UNREAD_FEW: usize = 100;

/// The writing side. The journal thread owns it and is the only writer.
pub trait Store: Send {
    /// Everything the hub starts from.
    ///
    /// # Errors
    /// When the store cannot be read, or what it cannot do without is damaged.
    fn load(&mut self) -> Result<Loaded, Failure>;

    /// Stores all writes as one transaction, which is on disk when this returns. Outcomes are one
    /// per write, in order; later writes see the earlier ones.
    ///
    /// # Errors
    /// When it cannot be stored: then nothing of it is, and the store can be used again. Only of
    /// [`Failure::Uncertain`] nobody knows: then nobody must be told anything, and the process ends.
    ///
    /// # Panics
    /// When an event's id is not above all stored ones, it is an [`crate::EventKind::Redacted`] or
    /// [`crate::EventKind::Damaged`], a [`Write::Redact`] has an event of another kind or about
    /// none, or an event's mentions or a [`Write::Record`] are out of their bounds: a bug of the
    /// caller.
    fn commit(&mut self, writes: &mut dyn Iterator<Item = &Write>)
    -> Result<Vec<Outcome>, Failure>;

    /// What was found damaged, by this and all its readers.
    fn damage(&self) -> Arc<Damage>;

    /// A new reader, for another thread. It sees what is committed at the time of each question.
    ///
    /// # Errors
    /// When another connection to the store cannot be opened.
    fn reader(&self) -> Result<Box<dyn Reader>, Failure>;

    /// What writes the index of words that searches use, if the store has one. It is for a thread of
    /// its own, which is told of every commit from now on. Searches find the same without it, but
    /// slowly.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn word_index(&mut self) -> Result<Option<WordIndex>, Failure> {
        Ok(None)
    }

    /// Tells what writes the index of words that no further commits come.
    fn end_commits(&mut self) {}

    /// How the store is, besides what each commit says of it.
    fn condition(&mut self) -> Condition {
        Condition::default()
    }

    /// Forgets resend ids that are older than [`crate::RESEND_MS`] at `now` (by the clock of
    /// [`crate::Resend::at`]), a bounded number of them, and moves what waits to its place. Call it
    /// about once a minute.
    ///
    /// # Errors
    /// When the store cannot be written; nothing is lost, the next call does it.
    fn maintain(&mut self, now: i64) -> Result<(), Failure>;

    /// Removes some of what is not kept any longer: of each conversation its oldest events, up to the
    /// first that stays, with what waits of them; and gives free space back. A step takes some
    /// milliseconds. Returns whether there is more to do now.
    ///
    /// Nothing younger than [`crate::RESEND_MS`] goes, and the newest event of all stays. Of a room
    /// that has ended all goes 30 days after its last event. Goes on with what
    /// [`Write::DeleteAccount`] has begun, and removes the oldest entries of the audit log: of those
    /// that are more than [`crate::AUDIT_KEPT`] the ones older than [`crate::AUDIT_DAYS`], and all that
    /// are more than [`crate::AUDIT_MOST`].
    ///
    /// # Errors
    /// When the store cannot be written; nothing is lost, another call does it.
    fn forget(&mut self, keep: &Keep) -> Result<bool, Failure>;

    /// Ends the use of the store, with everything committed in its place: one file, if no reader is
    /// left and no other program has it open.
    ///
    /// # Errors
    /// When that cannot be written; what was committed is safe all the same.
    fn close(self: Box<Self>) -> Result<(), Failure>;
}

/// How a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Bytes of the write-ahead log.
    pub log_bytes: u64,
    /// How long part of the log has waited for a checkpoint into the database.
    pub log_waits: Duration,
    /// A file of it was moved or deleted: nothing can be stored.
    pub gone: bool,
}

/// Whose unread messages are asked for, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unreads {
    /// Who has not read them. What they said themselves does not count.
    pub account: AccountId,
    /// The only conversation asked about; none: all of them.
    pub only: Option<Conversation>,
    /// Others with whom direct conversations do not count. In rooms their messages do.
    pub ignored: Vec<AccountId>,
    /// The rooms, and for each the event behind which it may be read.
    pub rooms: Vec<(RoomId, EventId)>,
    /// Where the account has no read marker, it has read up to this event.
    pub unmarked: EventId,
}

impl Unreads {
    /// Whether a conversation is asked about.
    pub(crate) fn asks(&self, conversation: Conversation) -> bool {
        self.only.is_none_or(|only| only == conversation)
    }
}

/// How many messages somebody has not read in one conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The conversation.
    pub conversation: Conversation,
    /// How many messages and notices, as far as they are counted; see [`UNREAD_MOST`]. What was taken
    /// back does not count.
    pub messages: usize,
    /// Whether so many were counted that there may be more.
    pub more: bool,
    /// How many of them, or of those that were not counted, mention the account or everybody; no more than
    /// were counted.
    pub mentions: usize,
    /// The first of them.
    pub first: EventId,
}

/// Some of what is an account's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// Where the next question goes on; none: there is nothing more.
    pub next: Option<EventId>,
}

/// A reading side. Each of a few reader threads owns one.
pub trait Reader: Send {
    /// A page of history, oldest first. What was taken back is left out, and the page filled up with
    /// what comes next, within [`REDACTED_PASSED`]. What is damaged is in its place as an event of
    /// [`crate::EventKind::Damaged`], and what the store finds in a history that it is not of is left
    /// out; both are noted in [`Store::damage`].
    ///
    /// # Errors
    /// When the store cannot be read.
    fn page(&mut self, query: &Query) -> Result<Vec<Event>, Failure>;

    /// The events waiting for `account`, none above `up_to`, oldest first, `limit` at most; only of
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

    /// The conversations (the rooms given and the direct ones of `account`) whose latest message
    /// lies strictly between two times (see [`crate::Point::Time`]), with its time, in milliseconds since the Unix epoch.
    /// What was taken back is no message; see [`REDACTED_PASSED`].
    /// In the order of those messages; `limit` at most, counted from `first`: if it is the later one,
    /// the newest ones. Those next to the last that is counted with the same time come along, so that
    /// who goes on from there misses none.
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

    /// What `of.account` has not read, of each conversation that has any: of the rooms given and of
    /// its direct ones, by conversation. What counts is said to be read, or not, by read markers; see
    /// [`Unreads`].
    ///
    /// # Errors
    /// When the store cannot be read.
    fn unread(&mut self, of: &Unreads) -> Result<Vec<Unread>, Failure>;

    /// The newest entries of the audit log with numbers below `before`, oldest first, `limit` at
    /// most. Numbers begin at 1 and rise by one.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn audit(&mut self, before: u64, limit: usize) -> Result<Vec<(u64, Audit)>, Failure>;

    /// Some of the events that are an account's: those that it is the author of, and those of its
    /// direct conversations. Looks at some thousand events above `after`; what was taken back, and
    /// what is damaged, is left out.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn export(&mut self, account: AccountId, after: EventId) -> Result<Exported, Failure>;

    /// The newest messages, or the oldest, that a search wants and that `may_read` lets pass, in
    /// the time that it has; see [`Search::wants`]. What is damaged is found by nobody.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn search(
        &mut self,
        search: &Search,
        may_read: &dyn Fn(&Event) -> bool,
    ) -> Result<Found, Failure>;

    /// An event's conversation, and its time in milliseconds since the Unix epoch; also of what was
    /// taken back. None of what is damaged.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn event_time(&mut self, id: EventId) -> Result<Option<(Conversation, i64)>, Failure>;
}
