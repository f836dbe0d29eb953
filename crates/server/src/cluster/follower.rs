//! How a node reads the log: all of it, once and in order, although not all is told, nor in order.
//!
//! What is told beyond the next sequence waits until what is missing has been asked for. When
//! nothing is told for a while, there may be something all the same, and the node asks.

use super::log::{Extent, Message, Request};
use crate::limits::{AHEAD, AHEAD_BYTES, FETCH_MILLIS, LONG_SILENCE_MILLIS, SILENCE_MILLIS};
use std::collections::BTreeMap;
use thiserror::Error;

/// Why a node cannot go on reading.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Lost {
    /// What comes next has been purged.
    #[error("the log begins at {first}, and this node has applied it only up to {applied}")]
    TooLate {
        /// The first sequence that the log still has.
        first: u64,
        /// What the node has.
        applied: u64,
    },
    /// The log has less than it had.
    #[error("the log ends at {last}, and this node has applied it up to {applied}")]
    Behind {
        /// The log's last sequence.
        last: u64,
        /// What the node has.
        applied: u64,
    },
}

/// The reading side of a node. Times are in milliseconds by any steady clock.
pub struct Follower {
    /// The sequence that comes next.
    next: u64,
    /// What is ahead of it, or is it.
    ahead: BTreeMap<u64, Message>,
    ahead_bytes: usize,
    /// The last sequence that the log is known to have.
    last: u64,
    /// When it asked, while there is no answer.
    asked: Option<u64>,
    /// When it last heard anything.
    heard: u64,
    /// How often something was missing, and was asked for, after everything had been read.
    gaps: u64,
    connected: bool,
    /// Everything that the log had when it was last connected has been read.
    up_to_date: bool,
}

impl Follower {
    /// A node that has applied all up to this sequence.
    pub fn new(applied: u64, now: u64) -> Follower {
        Follower {
            next: applied + 1,
            ahead: BTreeMap::new(),
            ahead_bytes: 0,
            last: applied,
            asked: None,
            heard: now,
            gaps: 0,
            connected: false,
            up_to_date: false,
        }
    }

    /// What has been read.
    pub fn applied(&self) -> u64 {
        self.next - 1
    }

    /// How much is known to be missing.
    pub fn lag(&self) -> u64 {
        self.last.saturating_sub(self.applied())
    }

    /// How often something was missing that the log had not told, since this was last asked.
    pub fn take_gaps(&mut self) -> u64 {
        std::mem::take(&mut self.gaps)
    }

    /// Whether the log is there.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Whether everything has been read that the log had when the connection was made.
    pub fn is_up_to_date(&self) -> bool {
        self.connected && self.up_to_date
    }

    /// The log is there. Nothing has been told yet over this connection.
    ///
    /// # Errors
    /// When it cannot go on with this log.
    pub fn connected(&mut self, extent: Extent, now: u64) -> Result<(), Lost> {
        let (last, applied) = (extent.last, self.applied());
        if last < applied {
            return Err(Lost::Behind { last, applied });
        }
        self.check_first(extent.first)?;
        (self.connected, self.up_to_date, self.asked) = (true, false, None);
        (self.last, self.heard) = (self.last.max(extent.last), now);
        Ok(())
    }

    /// The log is not there.
    pub fn disconnected(&mut self) {
        (self.connected, self.asked) = (false, None);
    }

    /// The log has told something.
    pub fn told(&mut self, message: Message, now: u64) {
        self.heard = now;
        self.last = self.last.max(message.sequence);
        self.keep(message);
    }

    /// The log has answered.
    ///
    /// # Errors
    /// When it cannot go on with this log.
    pub fn fetched(
        &mut self,
        messages: Vec<Message>,
        extent: Extent,
        now: u64,
    ) -> Result<(), Lost> {
        if self.asked.take().is_none() {
            return Ok(()); // An answer from before the connection broke.
        }
        self.heard = now;
        // What is told may be newer than the answer, so it is no surprise if that ends before.
        self.check_first(extent.first)?;
        self.last = self.last.max(extent.last);
        messages.into_iter().for_each(|message| self.keep(message));
        Ok(())
    }

    fn check_first(&self, first: u64) -> Result<(), Lost> {
        let applied = self.applied();
        if first > self.next { Err(Lost::TooLate { first, applied }) } else { Ok(()) }
    }

    fn keep(&mut self, message: Message) {
        let bytes = message.bytes.len();
        let is_next = message.sequence == self.next;
        let room = self.ahead.len() < AHEAD && self.ahead_bytes + bytes <= AHEAD_BYTES;
        if message.sequence < self.next || !(is_next || room) {
            return; // What there is no room for is fetched later.
        }
        if self.ahead.insert(message.sequence, message).is_none() {
            self.ahead_bytes += bytes;
        }
    }

    /// What comes next, if it is there.
    pub fn take(&mut self) -> Option<Message> {
        let message = self.ahead.remove(&self.next);
        if let Some(message) = &message {
            self.ahead_bytes -= message.bytes.len();
            self.next += 1;
        }
        self.up_to_date |= self.connected && self.next > self.last;
        message
    }

    /// What to ask of the log. `waits`: the node has said something that has not come back.
    pub fn look(&mut self, waits: bool, now: u64) -> Option<Request> {
        let silence = if waits { SILENCE_MILLIS } else { LONG_SILENCE_MILLIS };
        let gap = self.next <= self.last;
        let due = match self.asked {
            Some(asked) => now >= asked + FETCH_MILLIS,
            None => gap || now >= self.heard + silence,
        };
        let ask = self.connected && due && !self.ahead.contains_key(&self.next);
        ask.then(|| {
            self.gaps += u64::from(gap && self.up_to_date && self.asked.is_none());
            (self.asked, self.heard) = (Some(now), now);
            Request::Fetch { from: self.next }
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

    fn taken(follower: &mut Follower) -> Vec<u64> {
        std::iter::from_fn(|| follower.take()).map(|message| message.sequence).collect()
    }

    #[test]
    fn what_is_missing_is_asked_for_and_all_comes_in_order_and_once() {
        let mut follower = follower(4, 4);
        assert_eq!((taken(&mut follower), follower.look(false, 1)), (vec![], None));
        for sequence in [6, 5, 5, 4, 9, 8] {
            follower.told(message(sequence), 2);
        }
        assert_eq!(taken(&mut follower), [5, 6]);
        assert_eq!((follower.applied(), follower.lag()), (6, 3));
        assert_eq!(follower.look(false, 3), Some(Request::Fetch { from: 7 }));
        assert_eq!(follower.look(false, 3), None, "it has asked");
        assert_eq!(follower.look(false, 3 + FETCH_MILLIS), Some(Request::Fetch { from: 7 }));
        let extent = Extent { first: 2, last: 9 };
        follower.fetched(vec![message(7), message(8)], extent, 9).expect("it fits");
        assert_eq!(taken(&mut follower), [7, 8, 9]);
        follower.fetched(vec![message(10)], extent, 9).expect("nobody has asked");
        assert_eq!((taken(&mut follower), follower.lag()), (vec![], 0));
        assert_eq!((follower.take_gaps(), follower.take_gaps()), (1, 0));
    }

    #[test]
    fn silence_is_not_trusted_and_less_if_something_is_waited_for() {
        let mut follower = follower(0, 0);
        follower.told(message(1), 100);
        assert_eq!(taken(&mut follower), [1]);
        assert_eq!(follower.look(true, 100 + SILENCE_MILLIS - 1), None);
        let ask = Some(Request::Fetch { from: 2 });
        assert_eq!(follower.look(true, 100 + SILENCE_MILLIS), ask);
        follower.fetched(Vec::new(), Extent { first: 1, last: 1 }, 400).expect("it fits");
        assert_eq!(follower.look(false, 400 + LONG_SILENCE_MILLIS - 1), None);
        assert_eq!(follower.look(false, 400 + LONG_SILENCE_MILLIS), ask);
        follower.disconnected();
        assert_eq!(follower.look(true, 1_000_000), None, "there is nobody to ask");
    }

    #[test]
    fn it_is_up_to_date_once_it_has_read_what_was_there_when_it_connected() {
        let mut follower = follower(0, 2);
        assert!(!follower.is_up_to_date());
        assert!(follower.look(false, 0).is_some());
        follower.fetched(vec![message(1)], Extent { first: 1, last: 3 }, 0).expect("it fits");
        assert_eq!(taken(&mut follower), [1]);
        assert!(!follower.is_up_to_date() && follower.look(false, 0).is_some());
        follower
            .fetched(vec![message(2), message(3)], Extent { first: 1, last: 3 }, 0)
            .expect("it fits");
        assert_eq!(taken(&mut follower), [2, 3]);
        assert!(follower.is_up_to_date());
    }

    #[test]
    fn a_log_that_has_lost_its_beginning_or_its_end_is_not_followed() {
        let mut follower = Follower::new(10, 0);
        let behind = Lost::Behind { last: 9, applied: 10 };
        assert_eq!(follower.connected(Extent { first: 1, last: 9 }, 0), Err(behind));
        let late = Lost::TooLate { first: 12, applied: 10 };
        assert_eq!(follower.connected(Extent { first: 12, last: 20 }, 0), Err(late));
        follower.connected(Extent { first: 11, last: 20 }, 0).expect("it has the next one");
        assert!(follower.look(false, 0).is_some());
        assert_eq!(follower.fetched(Vec::new(), Extent { first: 12, last: 20 }, 0), Err(late));
    }

    #[test]
    fn what_is_ahead_is_bounded_and_the_next_one_always_fits() {
        let mut follower = follower(0, 0);
        for sequence in 2..AHEAD as u64 + 100 {
            follower.told(message(sequence), 0);
        }
        follower.told(message(1), 0);
        assert_eq!(taken(&mut follower).len(), AHEAD + 1);
        assert_eq!(follower.look(false, 0), Some(Request::Fetch { from: AHEAD as u64 + 2 }));
    }
}
