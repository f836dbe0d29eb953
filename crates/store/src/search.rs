//! Searching for words in what was said.
//!
//! [`Search::wants`] says what is found. The stores differ only in how they come to it.

mod analyzer;
mod words;
mod question;
mod ask;
mod index;
mod said;
mod mark;
mod gather;
mod page;
mod segment;
mod volumes;
mod shared;

use std::time::Duration;

use crate::{AccountId, Conversation, Event, EventId, RoomId};

pub(crate) use ask::{WordReader, ask};
pub(crate) use index::FILE;
pub use index::{Indexed, WordIndex};
pub(crate) use shared::{Removed, Shared, count};
pub use words::{Item, Words};

/// A search for messages and notices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The requester, whose direct conversations are searched.
    pub account: AccountId,
    /// The rooms that are searched, and of each the event behind which.
    pub rooms: Vec<(RoomId, EventId)>,
    /// Only this one of those conversations.
    pub of: Option<Conversation>,
    /// Only what this account or guest said.
    pub from: Option<AccountId>,
    /// Only texts with these words.
    pub words: Words,
    /// Only texts with a link.
    pub link: bool,
    /// Not before this time, in milliseconds since the Unix epoch.
    pub since: Option<i64>,
    /// Not after this time.
    pub until: Option<i64>,
    /// Events above this id are not looked at.
    pub up_to: EventId,
    /// Finds the oldest ones, instead of the newest.
    pub oldest_first: bool,
    /// At most so many.
    pub limit: usize,
    /// How long to search: then there is what was found until then.
    pub patience: Duration,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The messages, oldest first.
    pub events: Vec<Event>,
    /// How far the search went; none: to its end.
    pub reached: Option<Reached>,
}

/// How far a search went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The last event that was looked at: the rest is behind it.
    pub id: EventId,
    /// About its time, in milliseconds since the Unix epoch.
    pub time: i64,
    /// Whether the time was over; otherwise as many were found as were asked for.
    pub late: bool,
}

impl Search {
    /// Whether a message is one of those that are searched for.
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

    /// Whether an event stands where it is searched for.
    pub(crate) fn is_in_scope(&self, conversation: Conversation, id: EventId) -> bool {
        self.of.is_none_or(|of| of == conversation)
            && match conversation.as_room() {
                None => conversation.other(self.account).is_some(),
                Some(room) => self.rooms.iter().any(|(of, behind)| *of == room && *behind < id),
            }
    }
}
