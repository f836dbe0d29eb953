//! The newest events of every conversation, until the table `history` has them too; see
//! [`crate::index`].
//!
//! The writer and its readers share it: a reader takes the tail first and its snapshot of the
//! database second, and asks the table only for what is not newer than [`Tail::indexed`]. So it
//! sees each event once, whatever is committed or indexed meanwhile.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use crate::flags::MESSAGES;
use crate::{AccountId, Conversation};

/// One event's place in the history, in the order of `history`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) conversation: Conversation,
    /// Its kind, as far as questions tell kinds apart; see [`flags::class`](crate::flags::class).
    pub(crate) class: u8,
    pub(crate) id: i64,
    /// Who said it; 0 where only the place matters.
    pub(crate) author: AccountId,
}

impl Entry {
    /// Just a place.
    pub(crate) fn place(conversation: Conversation, class: u8, id: i64) -> Self {
        Self { conversation, class, id, author: 0 }
    }
}

/// The events that `history` does not have, or not surely.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    /// Up to this id `history` is complete.
    pub(crate) indexed: i64,
    /// What is being indexed, sorted.
    pub(crate) run: Arc<[Entry]>,
    /// What came after the run, rising by id.
    pub(crate) fresh: Vec<Entry>,
}

/// The writer's and its readers' common knowledge. It is locked for an instant only.
pub(crate) type Shared = Arc<Mutex<Arc<Tail>>>;

/// The tail as it is now.
pub(crate) fn now(shared: &Shared) -> Arc<Tail> {
    Arc::clone(&shared.lock().expect("nothing that holds the tail panics"))
}

/// Which end of a range a limit counts from.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum End {
    Newest,
    Oldest,
}

impl Tail {
    /// The places of some conversations within a range, in no order: of each conversation and class in
    /// the run, and of the fresh ones together, the `limit` nearest to an end of the range.
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

    /// The newest message of each of some conversations that has one here.
    pub(crate) fn latest(&self, of: &BTreeSet<Conversation>) -> HashMap<Conversation, i64> {
        let messages = self.run.iter().chain(&self.fresh).filter(|entry| entry.class == MESSAGES);
        let wanted = messages.filter(|entry| of.contains(&entry.conversation));
        wanted.map(|entry| (entry.conversation, entry.id)).collect()
    }
}
