//! A request for the messages from some sequence on, whose answer comes in many pieces.

use super::stream;
use crate::cluster::log::{Event, Extent, Message};
use crate::limits::{FETCH_BYTES, FETCH_MESSAGES};
use serde_json::json;

/// An unanswered request.
pub(super) struct Fetch {
    /// The request's number.
    pub(super) number: u64,
    from: u64,
    /// Whether the leader was asked, for one message.
    pub(super) leader: bool,
    messages: Vec<Message>,
    /// The last known sequence of the stream.
    last: u64,
    /// No more messages follow.
    pub(super) ended: bool,
}

impl Fetch {
    pub(super) fn new(number: u64, from: u64, leader: bool) -> Fetch {
        Fetch { number, from, leader, messages: Vec::new(), last: 0, ended: false }
    }

    /// Where the request goes.
    pub(super) fn subject(&self, cluster: &str) -> String {
        if self.leader { stream::leader_get_subject(cluster) } else { stream::get_subject(cluster) }
    }

    /// The request as JSON.
    pub(super) fn question(&self) -> String {
        if self.leader {
            return json!({ "seq": self.from }).to_string();
        }
        let question =
            json!({ "seq": self.from, "batch": FETCH_MESSAGES, "max_bytes": FETCH_BYTES });
        question.to_string()
    }

    /// Takes the leader's answer, which is only one.
    pub(super) fn take(&mut self, message: &async_nats::Message) {
        let from = self.from;
        self.messages.extend(stream::of_leader(message).filter(|kept| kept.sequence == from));
    }

    /// Adds a message of the answer. A message that does not follow the previous one is dropped,
    /// with all after it.
    pub(super) fn add(&mut self, message: &async_nats::Message) {
        let Some(kept) = stream::kept(message) else { return };
        let pending = stream::number(message, "Nats-Num-Pending").unwrap_or(0);
        self.last = self.last.max(kept.sequence.saturating_add(pending));
        if kept.sequence == self.from + self.messages.len() as u64 {
            self.messages.push(kept);
        }
    }

    /// Whether the answer is complete by itself.
    pub(super) fn is_whole(&self) -> bool {
        !self.messages.is_empty()
    }

    /// The answer; with the stream's state, if it was asked for.
    pub(super) fn answer(self, extent: Option<Extent>) -> Event {
        let given = self.from + self.messages.len() as u64 - 1;
        let known = Extent { first: self.from, last: self.last.max(given) };
        Event::Fetched { messages: self.messages, extent: extent.unwrap_or(known) }
    }
}
