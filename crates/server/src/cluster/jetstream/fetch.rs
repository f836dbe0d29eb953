//! A request for the messages from some sequence on, whose answer comes in many pieces.

use super::stream;
use crate::cluster::log::{Event, Extent, Message};
use crate::limits::{FETCH_BYTES, FETCH_MESSAGES, LEADER_MESSAGES};
use serde_json::json;
use std::collections::BTreeMap;

/// An unanswered request.
pub(super) struct Fetch {
    /// The request's number.
    pub(super) number: u64,
    from: u64,
    /// Whether the leader was asked, for each message by itself.
    leader: bool,
    messages: BTreeMap<u64, Message>,
    /// The number of answers.
    answers: usize,
    /// The last known sequence of the stream.
    last: u64,
    /// No more messages follow.
    pub(super) ended: bool,
}

impl Fetch {
    pub(super) fn new(number: u64, from: u64, leader: bool) -> Fetch {
        let (messages, answers, last) = (BTreeMap::new(), 0, 0);
        Fetch { number, from, leader, messages, answers, last, ended: false }
    }

    /// Where the request goes.
    pub(super) fn subject(&self, cluster: &str) -> String {
        if self.leader { stream::leader_get_subject(cluster) } else { stream::get_subject(cluster) }
    }

    /// The request as JSON, in as many pieces as it takes.
    pub(super) fn bodies(&self) -> Vec<String> {
        if self.leader {
            let wanted = self.from..self.from.saturating_add(LEADER_MESSAGES as u64);
            return wanted.map(|sequence| json!({ "seq": sequence }).to_string()).collect();
        }
        let body = json!({ "seq": self.from, "batch": FETCH_MESSAGES, "max_bytes": FETCH_BYTES });
        vec![body.to_string()]
    }

    /// Adds a piece of the answer. Returns whether it was the last.
    pub(super) fn add(&mut self, message: &async_nats::Message) -> bool {
        self.answers += 1;
        if self.leader {
            let stored = stream::leader_message(message);
            self.messages.extend(stored.map(|stored| (stored.sequence, stored)));
            return self.answers == LEADER_MESSAGES;
        }
        if message.status.is_some() {
            return true;
        }
        if let Some(stored) = stream::stored_message(message) {
            let pending = stream::number(message, "Nats-Num-Pending").unwrap_or(0);
            self.last = self.last.max(stored.sequence.saturating_add(pending));
            self.messages.insert(stored.sequence, stored);
        }
        false
    }

    /// Whether it has brought anything.
    pub(super) fn is_useful(&self) -> bool {
        self.messages.contains_key(&self.from)
    }

    /// The answer, up to the first gap; with the stream's state, if it was asked for.
    pub(super) fn answer(mut self, extent: Option<Extent>) -> Event {
        let messages: Vec<Message> =
            (self.from..).map_while(|sequence| self.messages.remove(&sequence)).collect();
        let given = self.from + messages.len() as u64 - 1;
        let known = Extent { first: self.from, last: self.last.max(given) };
        Event::Fetched { messages, extent: extent.unwrap_or(known) }
    }
}
