//! A question for the messages from some sequence on, and its answer, which comes in many pieces.

use super::stream;
use crate::cluster::log::{Event, Extent, Message};
use crate::limits::{FETCH_BYTES, FETCH_MESSAGES};
use serde_json::json;

/// A question under way.
pub(super) struct Fetch {
    /// The question's number.
    pub(super) number: u64,
    from: u64,
    messages: Vec<Message>,
    /// The last sequence that the stream is known to have.
    last: u64,
    /// No more messages come.
    pub(super) ended: bool,
}

impl Fetch {
    pub(super) fn new(number: u64, from: u64) -> Fetch {
        Fetch { number, from, messages: Vec::new(), last: 0, ended: false }
    }

    /// What the stream is asked.
    pub(super) fn question(&self) -> String {
        let question =
            json!({ "seq": self.from, "batch": FETCH_MESSAGES, "max_bytes": FETCH_BYTES });
        question.to_string()
    }

    /// A message of the answer. What does not follow the one before is left out, and all after it.
    pub(super) fn add(&mut self, message: &async_nats::Message) {
        let Some(kept) = stream::kept(message) else { return };
        let pending = stream::number(message, "Nats-Num-Pending").unwrap_or(0);
        self.last = self.last.max(kept.sequence + pending);
        if kept.sequence == self.from + self.messages.len() as u64 {
            self.messages.push(kept);
        }
    }

    /// Whether the stream has returned something, so that nothing else needs to be known.
    pub(super) fn is_whole(&self) -> bool {
        !self.messages.is_empty()
    }

    /// The answer; with what the stream says of itself, if it was asked.
    pub(super) fn answer(self, extent: Option<Extent>) -> Event {
        let given = self.from + self.messages.len() as u64 - 1;
        let known = Extent { first: self.from, last: self.last.max(given) };
        Event::Fetched { messages: self.messages, extent: extent.unwrap_or(known) }
    }
}
