//! Reads of history, which the readers carry out.

use crate::limits::{EXPORT_EVENTS, HISTORY_PAGE_MOST, UNKNOWN_CONVERSATIONS, UNREAD_EVENTS};
use proto::Capabilities;
use proto::mask::matches_counted;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{AccountId, Conversation, EventId, RoomId};

/// A read of history.
#[derive(Debug)]
pub struct Read {
    /// What to read.
    pub what: ReadKind,
    /// The capabilities of the asker.
    pub capabilities: Capabilities,
    /// At most so many bytes; what is more is left out.
    pub bytes: usize,
    /// Names for the conversations that may come up.
    pub rooms: Vec<(RoomId, Arc<str>)>,
    /// The events behind which the asker may read these rooms; the others from the beginning.
    pub since: Vec<(RoomId, EventId)>,
    /// Whose private messages the asker is not shown.
    pub ignored: Box<[Silence]>,
    /// The asker.
    pub me: (AccountId, Arc<str>),
}

impl Read {
    /// As much of a scope as is the asker's to read. Everything has no room in it but the lobby,
    /// which all may read from the beginning.
    pub fn readable(&self, of: store::Scope) -> store::Scope {
        let store::Scope::One(one) = of else { return of };
        let since = |room: RoomId| self.since.iter().find(|(of, _)| *of == room);
        match one.as_room().and_then(since) {
            Some((room, after)) => store::Scope::Since { room: *room, after: *after },
            None => of,
        }
    }

    /// Whether it is about many conversations.
    pub fn is_overview(&self) -> bool {
        match &self.what {
            ReadKind::Targets { .. } | ReadKind::Buffers => true,
            ReadKind::Unread { of, .. } => of.is_none(),
            ReadKind::Playback { of, .. } => of.as_ref().is_none_or(|of| of.len() > 1),
            ReadKind::Export { .. } => true,
            ReadKind::Ch { .. }
            | ReadKind::Page { .. }
            | ReadKind::Audit { .. }
            | ReadKind::Pending { .. } => false,
        }
    }

    /// About how many events are read for it.
    pub fn events(&self) -> usize {
        match &self.what {
            ReadKind::Ch { query, .. } | ReadKind::Page { query, .. } => query.limit,
            ReadKind::Audit { limit, .. } => *limit,
            ReadKind::Targets { limit, .. } => self.rooms.len() + limit,
            ReadKind::Playback { of: Some(of), limit, .. } => of.len() * limit,
            // The private conversations are known to the store alone.
            ReadKind::Playback { of: None, limit, .. } => {
                (self.rooms.len() + UNKNOWN_CONVERSATIONS) * (*limit).min(HISTORY_PAGE_MOST)
            }
            ReadKind::Unread { of: Some(_), .. } => UNREAD_EVENTS,
            ReadKind::Buffers | ReadKind::Unread { of: None, .. } => {
                self.rooms.len() + UNKNOWN_CONVERSATIONS
            }
            ReadKind::Export { .. } => EXPORT_EVENTS,
            // What is kept for somebody is shown once.
            ReadKind::Pending { .. } => 0,
        }
    }
}

/// In which words somebody is told what is unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreadForm {
    /// For programs: a batch.
    Batch,
    /// For people: a sentence for each conversation.
    Sentences,
    /// For people who have just logged in: one sentence, and nothing if nothing is unread.
    Greeting {
        /// To a client that does not know standard replies.
        notice: bool,
    },
}

/// The kinds of reads.
#[derive(Debug)]
pub enum ReadKind {
    /// `CH`: a page and a `NOTE CH END`.
    Ch {
        /// Which page.
        query: store::Query,
        /// What was asked for, as it is shown.
        target: Arc<str>,
    },
    /// `CHATHISTORY`: a page as a batch.
    Page {
        /// Which page.
        query: store::Query,
        /// What was asked for, as the asker wrote it.
        target: Arc<str>,
    },
    /// `CHATHISTORY TARGETS`.
    Targets {
        /// Between this time (milliseconds since the epoch), from which the limit counts,
        first: i64,
        /// and this one.
        second: i64,
        /// At most so many, and those with the same time as the last.
        limit: usize,
    },
    /// What somebody missed of some conversations; of each a batch, if there is anything.
    Playback {
        /// Which ones, and their names; none: all that the asker may read.
        of: Option<Vec<(Conversation, Arc<str>)>>,
        /// Later than this (milliseconds since the epoch).
        after: i64,
        /// Earlier than this.
        before: i64,
        /// At most so many of each, the newest ones.
        limit: usize,
        /// None later than this: those are delivered behind the answer.
        up_to: EventId,
        /// The kind of the batches.
        batch: &'static str,
    },
    /// `AUDIT`.
    Audit {
        /// Entries with numbers below this one.
        before: u64,
        /// At most so many, the newest ones.
        limit: usize,
    },
    /// The conversations that can be played back.
    Buffers,
    /// `UNREAD`: how much the asker has not read.
    Unread {
        /// In which conversation, and its name; none: in all of them.
        of: Option<(Conversation, Arc<str>)>,
        /// In which words.
        form: UnreadForm,
        /// Where there is no read marker, what comes after this event.
        unmarked: EventId,
        /// The conversations that the asker has muted.
        muted: Box<[Conversation]>,
        /// The present (milliseconds since the epoch).
        now: i64,
    },
    /// A page of all that is an account's.
    Export {
        /// Behind this event.
        after: EventId,
    },
    /// Messages kept for a user who was offline.
    Pending {
        /// None later than this.
        up_to: EventId,
        /// Up to when the conversations are read; what is older is not shown.
        read: Vec<(Conversation, i64)>,
    },
}

/// Somebody whom a user does not want to hear: an account, or whoever a mask matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Silence {
    /// An account, whatever it is called.
    Account(AccountId),
    /// `nick!user@host`
    Mask(Box<str>),
}

impl Silence {
    /// Whether it matches an account with this source. Adds to `steps` the characters compared.
    pub fn matches(&self, account: AccountId, source: &str, steps: &mut u64) -> bool {
        match self {
            Silence::Account(id) => *id == account,
            Silence::Mask(mask) => matches_counted(mask, source, steps),
        }
    }
}
