//! Reads of history, for the readers to carry out.

use crate::limits::{
    EXPORT_EVENTS, HISTORY_PAGE_MOST, SEARCH_EVENTS, UNKNOWN_CONVERSATIONS, UNREAD_EVENTS,
};
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
    /// The requester's capabilities.
    pub capabilities: Capabilities,
    /// The page budget in bytes; what exceeds it is dropped.
    pub bytes: usize,
    /// The names of rooms that may occur.
    pub rooms: Vec<(RoomId, Arc<str>)>,
    /// The events after which the requester may read these rooms; others from the beginning.
    pub since: Vec<(RoomId, EventId)>,
    /// Whose private messages are left out.
    pub ignored: Box<[Silence]>,
    /// The requester.
    pub me: (AccountId, Arc<str>),
}

impl Read {
    /// The part of a scope that the requester may read. The only room in [`store::Scope::Everything`]
    /// is the lobby, which all may read from the beginning.
    pub fn readable(&self, of: store::Scope) -> store::Scope {
        let store::Scope::One(one) = of else { return of };
        let since = |room: RoomId| self.since.iter().find(|(of, _)| *of == room);
        match one.as_room().and_then(since) {
            Some((room, after)) => store::Scope::Since { room: *room, after: *after },
            None => of,
        }
    }

    /// Whether it is a search.
    pub fn is_search(&self) -> bool {
        matches!(self.what, ReadKind::Search { .. } | ReadKind::Find { .. })
    }

    /// Whether it covers many conversations.
    pub fn is_overview(&self) -> bool {
        match &self.what {
            ReadKind::Targets { .. } | ReadKind::Buffers => true,
            ReadKind::Unread { of, .. } => of.is_none(),
            ReadKind::Playback { of, .. } => of.as_ref().is_none_or(|of| of.len() > 1),
            ReadKind::Export { .. } => true,
            ReadKind::Ch { .. }
            | ReadKind::Page { .. }
            | ReadKind::Search { .. }
            | ReadKind::Find { .. }
            | ReadKind::Audit { .. }
            | ReadKind::Pending { .. } => false,
        }
    }

    /// An estimate of the number of events read.
    pub fn events(&self) -> usize {
        match &self.what {
            ReadKind::Ch { query, .. } | ReadKind::Page { query, .. } => query.limit,
            ReadKind::Audit { limit, .. } => *limit,
            ReadKind::Targets { limit, .. } => self.rooms.len() + limit,
            ReadKind::Playback { of: Some(of), limit, .. } => of.len() * limit,
            // Only the store knows the private conversations.
            ReadKind::Playback { of: None, limit, .. } => {
                (self.rooms.len() + UNKNOWN_CONVERSATIONS) * (*limit).min(HISTORY_PAGE_MOST)
            }
            ReadKind::Unread { of: Some(_), .. } => UNREAD_EVENTS,
            ReadKind::Buffers | ReadKind::Unread { of: None, .. } => {
                self.rooms.len() + UNKNOWN_CONVERSATIONS
            }
            ReadKind::Export { .. } => EXPORT_EVENTS,
            ReadKind::Search { .. } | ReadKind::Find { .. } => SEARCH_EVENTS,
            // A pending message is usually shown once.
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
        /// The target as shown to the requester.
        target: Arc<str>,
    },
    /// `CHATHISTORY`: a page as a batch.
    Page {
        /// Which page.
        query: store::Query,
        /// The target as written by the requester.
        target: Arc<str>,
    },
    /// `SEARCH`: a batch.
    Search {
        /// For what; without the rooms.
        search: store::Search,
    },
    /// `FIND`: messages and a `NOTE FIND END`.
    Find {
        /// For what; without the rooms.
        search: store::Search,
    },
    /// `CHATHISTORY TARGETS`.
    Targets {
        /// Between this time (milliseconds since the epoch), from which the limit counts,
        first: i64,
        /// and this one.
        second: i64,
        /// The maximum number, plus those with the same time as the last.
        limit: usize,
    },
    /// What somebody missed in some conversations, as one batch per conversation that has anything.
    Playback {
        /// The conversations and their names; if none, all that the requester may read.
        of: Option<Vec<(Conversation, Arc<str>)>>,
        /// Later than this (milliseconds since the epoch).
        after: i64,
        /// Earlier than this.
        before: i64,
        /// The maximum number per conversation, the newest ones.
        limit: usize,
        /// Up to this event: later ones are delivered after the answer.
        up_to: EventId,
        /// The type of the batches.
        batch: &'static str,
    },
    /// `AUDIT`.
    Audit {
        /// Entries with numbers below this one.
        before: u64,
        /// The maximum number, the newest ones.
        limit: usize,
    },
    /// The conversations that can be played back.
    Buffers,
    /// `UNREAD`: the number of unread messages.
    Unread {
        /// The conversation and its name; if none, all of them.
        of: Option<(Conversation, Arc<str>)>,
        /// In which words.
        form: UnreadForm,
        /// Where there is no read marker, what comes after this event.
        unmarked: EventId,
        /// The conversations that the requester has muted.
        muted: Box<[Conversation]>,
        /// The present (milliseconds since the epoch).
        now: i64,
    },
    /// A page of an account's data.
    Export {
        /// After this event.
        after: EventId,
    },
    /// Pending messages of a user who was offline.
    Pending {
        /// Up to this event.
        up_to: EventId,
        /// Up to when conversations have been read; older messages are left out.
        read: Vec<(Conversation, i64)>,
    },
}

/// Somebody whom a user ignores: an account, or whoever matches a mask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Silence {
    /// An account, under any name.
    Account(AccountId),
    /// `nick!user@host`
    Mask(Box<str>),
}

impl Silence {
    /// Whether it matches an account with this source. Adds the characters compared to `steps`.
    pub fn matches(&self, account: AccountId, source: &str, steps: &mut u64) -> bool {
        match self {
            Silence::Account(id) => *id == account,
            Silence::Mask(mask) => matches_counted(mask, source, steps),
        }
    }
}
