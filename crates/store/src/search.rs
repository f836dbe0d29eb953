//! Searching for words in messages.
//!
//! [`Search::wants`] defines what is found. The stores differ only in how they find it.

mod analyzer;
mod words;
mod index_query;
mod search_run;
mod index;
mod messages;
mod mark;
mod postings;
mod page;
mod segment;
mod volumes;
mod shared;

use std::time::Duration;

use crate::{AccountId, Conversation, Event, EventId, RoomId};

pub(crate) use index::FILE;
pub use index::{Indexed, WordIndex};
pub(crate) use search_run::{WordReader, run_search};
pub(crate) use shared::{RemovedMessage, Shared, count};
pub use words::{Item, Words};

/// A search for messages and notices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The requester, whose direct conversations are searched.
    pub account: AccountId,
    /// The rooms searched, each with the event after which it may be read.
    pub rooms: Vec<(RoomId, EventId)>,
    /// Only this one of those conversations.
    pub of: Option<Conversation>,
    /// Only messages of this account or guest.
    pub from: Option<AccountId>,
    /// Only texts with these words.
    pub words: Words,
    /// Only texts with a link.
    pub link: bool,
    /// Not before this time, in milliseconds since the Unix epoch.
    pub since: Option<i64>,
    /// Not after this time.
    pub until: Option<i64>,
    /// Ignores events above this id.
    pub up_to: EventId,
    /// Finds the oldest messages instead of the newest.
    pub oldest_first: bool,
    /// The maximum number of messages.
    pub limit: usize,
    /// How long to search: after that, returns what was found.
    pub patience: Duration,
}

/// The result of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The messages, oldest first.
    pub events: Vec<Event>,
    /// How far the search went; none: through everything.
    pub reached: Option<Reached>,
}

/// Where a search stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The last event examined.
    pub id: EventId,
    /// Roughly its time, in milliseconds since the Unix epoch.
    pub time: i64,
    /// Whether the time was up; otherwise as many as requested were found.
    pub late: bool,
}

impl Search {
    /// Whether a message matches.
    pub fn wants(&self, event: &Event) -> bool {
        event.kind.is_message()
            && event.id <= self.up_to
            && self.is_in_scope(event.conversation, event.id)
            && self.from.is_none_or(|from| from == event.account)
            && self.since.is_none_or(|since| since <= event.time)
            && self.until.is_none_or(|until| event.time <= until)
            && (!self.link || analyzer::has_link(&event.text))
            && self.words.are_in(&event.text)
    }

    /// Whether an event is in a searched conversation, and readable.
    pub(crate) fn is_in_scope(&self, conversation: Conversation, id: EventId) -> bool {
        self.of.is_none_or(|of| of == conversation)
            && match conversation.as_room() {
                None => conversation.other(self.account).is_some(),
                Some(room) => self.rooms.iter().any(|(of, behind)| *of == room && *behind < id),
            }
    }
}
