//! The newest events of each conversation, until they are in the table `history`; see
//! [`crate::index`].
//!
//! It is shared by the writer and its readers: a reader takes the tail first and its snapshot of
//! the database second, and queries the table only up to [`Tail::indexed`]. So it sees each event
//! once, whatever is committed or indexed meanwhile.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use crate::flags::MESSAGES;
use crate::{AccountId, Conversation};

/// An event's position in the history, in the order of `history`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) conversation: Conversation,
    /// Its kind, as far as queries distinguish kinds; see [`flags::class`](crate::flags::class).
    pub(crate) class: u8,
    pub(crate) id: i64,
    /// Its author; 0 where only the position matters.
    pub(crate) author: AccountId,
}

impl Entry {
    /// A position without an author.
    pub(crate) fn place(conversation: Conversation, class: u8, id: i64) -> Self {
        Self { conversation, class, id, author: 0 }
    }
}

/// Events that are not in `history`, or not certainly.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    /// `history` is complete up to this id.
    pub(crate) indexed: i64,
    /// The run that is being indexed, sorted.
    pub(crate) run: Arc<[Entry]>,
    /// The events after the run, by id.
    pub(crate) fresh: Vec<Entry>,
}

/// The tail as shared by the writer and its readers. It is only locked briefly.
pub(crate) type Shared = Arc<Mutex<Arc<Tail>>>;

/// A copy of the current tail.
pub(crate) fn now(shared: &Shared) -> Arc<Tail> {
    Arc::clone(&shared.lock().expect("nothing that holds the tail panics"))
}

/// The end of a range from which a limit counts.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum End {
    Newest,
    Oldest,
}

impl Tail {
    /// The positions of some conversations within a range, unordered: for each conversation and
    /// class in the run, and for all later events together, the `limit` nearest to an end of the
    /// range.
    pub(crate) fn places(
        &self,
        conversations: &BTreeSet<Conversation>,
        classes: &[u8],
        range: &Range<i64>,
        from: End,
        limit: usize,
    ) -> Vec<Entry> {
        let mut found = Vec::new();
        for &conversation in conversations.iter().filter(|_| !self.run.is_empty()) {
            for &class in classes {
                let at = |id| Entry::place(conversation, class, id);
                let start = self.run.partition_point(|entry| *entry < at(range.start));
                let run = &self.run[start..];
                let run = &run[..run.partition_point(|entry| *entry < at(range.end))];
                let nearest = match from {
                    End::Newest => &run[run.len().saturating_sub(limit)..],
                    End::Oldest => &run[..run.len().min(limit)],
                };
                found.extend(nearest);
            }
        }
        let start = self.fresh.partition_point(|entry| entry.id < range.start);
        let fresh = &self.fresh[start..];
        let fresh = &fresh[..fresh.partition_point(|entry| entry.id < range.end)];
        let wanted = |entry: &&Entry| {
            conversations.contains(&entry.conversation) && classes.contains(&entry.class)
        };
        match from {
            End::Newest => found.extend(fresh.iter().rev().filter(wanted).take(limit)),
            End::Oldest => found.extend(fresh.iter().filter(wanted).take(limit)),
        }
        found
    }

    /// The newest message in the tail of each of some conversations, if any.
    pub(crate) fn latest(&self, of: &BTreeSet<Conversation>) -> HashMap<Conversation, i64> {
        let messages = self.run.iter().chain(&self.fresh).filter(|entry| entry.class == MESSAGES);
        let wanted = messages.filter(|entry| of.contains(&entry.conversation));
        wanted.map(|entry| (entry.conversation, entry.id)).collect()
    }
}
