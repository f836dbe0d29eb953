//! Reads the log completely, once and in order, although it may deliver messages late, twice or
//! never.
//!
//! A message beyond the next sequence is buffered until the missing ones have arrived. Each node
//! announces its own messages, so they may arrive out of order; what stays missing is fetched. When
//! nothing has arrived for a while, the node fetches, too: an announcement may have been lost.

use super::log::{Extent, Message, Request};
use crate::limits::{
    AHEAD_BYTES, AHEAD_MESSAGES, ANNOUNCED_AHEAD, FETCH_RETRY_MILLIS, GAP_MILLIS,
    IDLE_FETCH_MILLIS, LEADER_FETCHES, WAITING_FETCH_MILLIS,
};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use thiserror::Error;

/// Why a node cannot go on reading.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum FollowError {
    /// The next message has been purged.
    #[error("the log begins at {first}, and this node has applied it only up to {applied}")]
    TooLate {
        /// The first sequence that the log still has.
        first: u64,
        /// The sequence the node has applied.
        applied: u64,
    },
    /// The log has less than before.
    #[error("the log ends at {last}, and this node has applied it up to {applied}")]
    Behind {
        /// The log's last sequence.
        last: u64,
        /// The sequence the node has applied.
        applied: u64,
    },
}

/// The reading side of a node. Times are in milliseconds by any steady clock.
pub struct Follower {
    /// The next sequence.
    next: u64,
    /// Buffered messages from there on.
    ahead: BTreeMap<u64, Message>,
    ahead_bytes: usize,
    /// The last sequence that the log is known to have.
    last: u64,
    /// A sequence that is missing although later messages have arrived, and since when.
    missing: (u64, u64),
    /// When the unanswered fetch was sent.
    fetching: Option<u64>,
    /// How many fetches still go to the leader, because a replica lagged behind.
    leader_fetches: u32,
    /// When anything last arrived.
    last_arrival: u64,
    /// How often something was missing after everything had been read.
    gaps: u64,
    connected: bool,
    /// Everything that the log had at the time of connecting has been read.
    up_to_date: bool,
}

impl Follower {
    /// A follower that has applied everything up to this sequence.
    pub fn new(applied: u64, now: u64) -> Follower {
        Follower {
            next: applied + 1,
            ahead: BTreeMap::new(),
            ahead_bytes: 0,
            last: applied,
            missing: (0, 0),
            fetching: None,
            leader_fetches: 0,
            last_arrival: now,
            gaps: 0,
            connected: false,
            up_to_date: false,
        }
    }

    /// The sequence up to which everything has been read.
    pub fn applied(&self) -> u64 {
        self.next - 1
    }

    /// How many messages are known to be missing.
    pub fn lag(&self) -> u64 {
        self.last.saturating_sub(self.applied())
    }

    /// The number of gaps since the last call.
    pub fn take_gaps(&mut self) -> u64 {
        std::mem::take(&mut self.gaps)
    }

    /// Whether the log is connected.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Whether everything has been read that the log had at the time of connecting.
    pub fn is_up_to_date(&self) -> bool {
        self.connected && self.up_to_date
    }

    /// The log is connected. Nothing has arrived over this connection yet.
    ///
    /// # Errors
    /// When it cannot go on with this log.
    pub fn connected(&mut self, extent: Extent, now: u64) -> Result<(), FollowError> {
        let (last, applied) = (extent.last, self.applied());
        if last < applied {
            return Err(FollowError::Behind { last, applied });
        }
        self.check_first(extent.first)?;
        (self.connected, self.up_to_date, self.fetching) = (true, false, None);
        (self.last, self.last_arrival) = (self.last.max(extent.last), now);
        Ok(())
    }

    /// The log is disconnected.
    pub fn disconnected(&mut self) {
        (self.connected, self.fetching) = (false, None);
    }

    /// A node has announced a message of the log.
    pub fn announced(&mut self, message: Message, now: u64) {
        if message.sequence > self.last.saturating_add(ANNOUNCED_AHEAD) {
            return; // It is of another log; fetches show where this one ends.
        }
        self.last_arrival = now;
        self.last = self.last.max(message.sequence);
        self.buffer(message);
    }

    /// The log has answered a request.
    ///
    /// # Errors
    /// When it cannot go on with this log.
    pub fn fetched(
        &mut self,
        messages: Vec<Message>,
        extent: Extent,
        now: u64,
    ) -> Result<(), FollowError> {
        if self.fetching.take().is_none() {
            return Ok(()); // An answer from before the connection broke.
        }
        self.last_arrival = now;
        // Announced messages may be newer than the answer.
        self.check_first(extent.first)?;
        self.last = self.last.max(extent.last);
        let empty = messages.is_empty();
        messages.into_iter().for_each(|message| self.buffer(message));
        if empty && self.lag() > 0 && !self.ahead.contains_key(&self.next) {
            // While JetStream recovers, the leader may lack it, too: then the next fetch waits.
            self.fetching = (self.leader_fetches > 0).then_some(now);
            self.leader_fetches = LEADER_FETCHES;
        }
        Ok(())
    }

    fn check_first(&self, first: u64) -> Result<(), FollowError> {
        let applied = self.applied();
        if first > self.next { Err(FollowError::TooLate { first, applied }) } else { Ok(()) }
    }

    fn buffer(&mut self, message: Message) {
        let bytes = message.bytes.len();
        let is_next = message.sequence == self.next;
        let room = self.ahead.len() < AHEAD_MESSAGES && self.ahead_bytes + bytes <= AHEAD_BYTES;
        if message.sequence < self.next || !(is_next || room) {
            return; // What there is no room for is fetched later.
        }
        if let Entry::Vacant(entry) = self.ahead.entry(message.sequence) {
            entry.insert(message);
            self.ahead_bytes += bytes;
        }
    }

    /// The next message, if it has arrived.
    pub fn take(&mut self) -> Option<Message> {
        let message = self.ahead.remove(&self.next);
        if let Some(message) = &message {
            self.ahead_bytes -= message.bytes.len();
            self.next += 1;
        }
        self.up_to_date |= self.connected && self.next > self.last;
        message
    }

    /// The fetch that is due, if any. `waiting`: the node has published something that was not
    /// delivered yet.
    pub fn poll(&mut self, waiting: bool, now: u64) -> Option<Request> {
        let idle = if waiting { WAITING_FETCH_MILLIS } else { IDLE_FETCH_MILLIS };
        let gap = self.next <= self.last;
        if gap && self.missing.0 != self.next {
            self.missing = (self.next, now);
        }
        // A message that others have overtaken may still arrive by itself.
        let overtaken = self.up_to_date && !self.ahead.is_empty();
        let wait = if overtaken { GAP_MILLIS } else { 0 };
        let due = match self.fetching {
            Some(sent) => now >= sent + FETCH_RETRY_MILLIS,
            None => (gap && now >= self.missing.1 + wait) || now >= self.last_arrival + idle,
        };
        let fetch = self.connected && due && !self.ahead.contains_key(&self.next);
        fetch.then(|| {
            self.gaps += u64::from(gap && self.up_to_date && self.fetching.is_none());
            (self.fetching, self.last_arrival) = (Some(now), now);
            let leader = self.leader_fetches > 0;
            self.leader_fetches = self.leader_fetches.saturating_sub(1);
            Request::Fetch { from: self.next, leader }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sequence: u64) -> Message {
        Message { sequence, bytes: [sequence as u8].into() }
    }

    fn follower(applied: u64, last: u64) -> Follower {
        let mut follower = Follower::new(applied, 0);
        follower.connected(Extent { first: 1, last }, 0).expect("it fits");
        follower
    }

    fn fetch(from: u64) -> Option<Request> {
        Some(Request::Fetch { from, leader: false })
    }

    fn taken(follower: &mut Follower) -> Vec<u64> {
        std::iter::from_fn(|| follower.take()).map(|message| message.sequence).collect()
    }

    #[test]
    fn missing_messages_are_fetched_and_all_are_read_once_in_order() {
        let mut follower = follower(4, 4);
        assert_eq!((taken(&mut follower), follower.poll(false, 1)), (vec![], None));
        for sequence in [6, 5, 5, 4, 9, 8] {
            follower.announced(message(sequence), 2);
        }
        assert_eq!(taken(&mut follower), [5, 6]);
        assert_eq!((follower.applied(), follower.lag()), (6, 3));
        assert_eq!(follower.poll(false, 3), None, "it may be on its way");
        assert_eq!(follower.poll(false, 2 + GAP_MILLIS), None);
        let late = 3 + GAP_MILLIS;
        assert_eq!(follower.poll(false, late), fetch(7));
        assert_eq!(follower.poll(false, late), None, "it has fetched it already");
        assert_eq!(follower.poll(false, late + FETCH_RETRY_MILLIS), fetch(7));
        let extent = Extent { first: 2, last: 9 };
        follower.fetched(vec![message(7), message(8)], extent, 9).expect("it fits");
        assert_eq!(taken(&mut follower), [7, 8, 9]);
        follower.fetched(vec![message(10)], extent, 9).expect("nothing was fetched");
        assert_eq!((taken(&mut follower), follower.lag()), (vec![], 0));
        assert_eq!((follower.take_gaps(), follower.take_gaps()), (1, 0));
    }

    #[test]
    fn without_arrivals_the_follower_fetches_and_sooner_if_something_is_expected() {
        let mut follower = follower(0, 0);
        follower.announced(message(1), 100);
        assert_eq!(taken(&mut follower), [1]);
        assert_eq!(follower.poll(true, 100 + WAITING_FETCH_MILLIS - 1), None);
        let expected = fetch(2);
        assert_eq!(follower.poll(true, 100 + WAITING_FETCH_MILLIS), expected);
        follower.fetched(Vec::new(), Extent { first: 1, last: 1 }, 400).expect("it fits");
        assert_eq!(follower.poll(false, 400 + IDLE_FETCH_MILLIS - 1), None);
        assert_eq!(follower.poll(false, 400 + IDLE_FETCH_MILLIS), expected);
        follower.disconnected();
        assert_eq!(follower.poll(true, 1_000_000), None, "it is not connected");
    }

    #[test]
    fn what_a_replica_lacks_is_fetched_from_the_leader() {
        let mut follower = follower(0, 900);
        let extent = Extent { first: 1, last: 900 };
        assert_eq!(follower.poll(false, 0), fetch(1));
        follower.fetched(Vec::new(), extent, 1).expect("it fits");
        for next in 1..=u64::from(LEADER_FETCHES) {
            let ask = Some(Request::Fetch { from: next, leader: true });
            assert_eq!(follower.poll(false, 1), ask, "at once");
            follower.fetched(vec![message(next)], extent, 1).expect("it fits");
            assert_eq!(taken(&mut follower), [next]);
        }
        let next = u64::from(LEADER_FETCHES) + 1;
        assert_eq!(follower.poll(false, 1), fetch(next), "the replica may have caught up");
    }

    #[test]
    fn what_the_leader_lacks_is_fetched_again_after_a_pause() {
        let mut follower = follower(0, 9);
        let extent = Extent { first: 1, last: 9 };
        assert_eq!(follower.poll(false, 0), fetch(1));
        follower.fetched(Vec::new(), extent, 0).expect("it fits");
        let ask = Some(Request::Fetch { from: 1, leader: true });
        for round in 0..3 {
            let now = round * FETCH_RETRY_MILLIS;
            assert_eq!(follower.poll(false, now), ask);
            follower.fetched(Vec::new(), extent, now).expect("it fits");
            assert_eq!(follower.poll(false, now + FETCH_RETRY_MILLIS - 1), None);
        }
    }

    #[test]
    fn it_is_up_to_date_after_reading_what_the_log_had_when_connecting() {
        let mut follower = follower(0, 2);
        assert!(!follower.is_up_to_date());
        assert!(follower.poll(false, 0).is_some());
        follower.fetched(vec![message(1)], Extent { first: 1, last: 3 }, 0).expect("it fits");
        assert_eq!(taken(&mut follower), [1]);
        assert!(!follower.is_up_to_date() && follower.poll(false, 0).is_some());
        follower
            .fetched(vec![message(2), message(3)], Extent { first: 1, last: 3 }, 0)
            .expect("it fits");
        assert_eq!(taken(&mut follower), [2, 3]);
        assert!(follower.is_up_to_date());
    }

    #[test]
    fn a_log_without_its_beginning_or_end_is_not_followed() {
        let mut follower = Follower::new(10, 0);
        let behind = FollowError::Behind { last: 9, applied: 10 };
        assert_eq!(follower.connected(Extent { first: 1, last: 9 }, 0), Err(behind));
        let late = FollowError::TooLate { first: 12, applied: 10 };
        assert_eq!(follower.connected(Extent { first: 12, last: 20 }, 0), Err(late));
        follower.connected(Extent { first: 11, last: 20 }, 0).expect("it has the next one");
        assert!(follower.poll(false, 0).is_some());
        assert_eq!(follower.fetched(Vec::new(), Extent { first: 12, last: 20 }, 0), Err(late));
    }

    #[test]
    fn messages_that_overtake_each_other_are_not_fetched() {
        let mut follower = follower(0, 0);
        assert!(taken(&mut follower).is_empty());
        for now in 0..10 * GAP_MILLIS {
            follower.announced(message(2 * now + 2), now);
            assert_eq!((taken(&mut follower).len(), follower.poll(true, now)), (0, None));
            follower.announced(message(2 * now + 1), now);
            assert_eq!((taken(&mut follower).len(), follower.poll(true, now)), (2, None));
        }
        assert_eq!(follower.take_gaps(), 0);
    }

    #[test]
    fn a_duplicate_of_another_size_is_counted_once() {
        let mut follower = follower(0, 0);
        for size in [1, 100] {
            follower.announced(Message { sequence: 2, bytes: vec![7; size].into() }, 0);
        }
        follower.announced(message(1), 0);
        assert_eq!(taken(&mut follower), [1, 2]);
        assert_eq!(follower.ahead_bytes, 0);
    }

    #[test]
    fn a_sequence_far_beyond_the_logs_end_is_ignored() {
        let mut follower = follower(4, 4);
        for sequence in [u64::MAX, 4 + ANNOUNCED_AHEAD + 1] {
            follower.announced(message(sequence), 0);
        }
        assert_eq!((follower.lag(), follower.ahead.len()), (0, 0));
        follower.announced(message(5), 0);
        assert_eq!(taken(&mut follower), [5]);
        assert!(follower.is_up_to_date() && follower.lag() == 0);
    }

    #[test]
    fn buffered_messages_are_bounded_and_the_next_one_always_fits() {
        let mut follower = follower(0, 0);
        for sequence in 2..AHEAD_MESSAGES as u64 + 100 {
            follower.announced(message(sequence), 0);
        }
        follower.announced(message(1), 0);
        assert_eq!(taken(&mut follower).len(), AHEAD_MESSAGES + 1);
        assert_eq!(follower.poll(false, 0), fetch(AHEAD_MESSAGES as u64 + 2));
    }
}
