//! The seam to a log that orders what several nodes publish.
//!
//! A node says what it wants of the log by [`Request`]s, and the log tells it by [`Event`]s. Neither
//! side waits for the other, and every answer may be late, come twice, or never: `publisher` and
//! `follower` make something reliable of that. What a log promises is only this:
//!
//! 1. It gives each message that it keeps a sequence, without gaps, and the same one for everybody.
//! 2. What it has told, returned or acknowledged once stays as it is, at that sequence.
//! 3. It forgets messages only from the beginning, when a node has asked for it.

use std::sync::Arc;
use std::time::Duration;

/// What a node wants of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Keep this, at the end.
    Publish {
        /// By which the answer names it. Each attempt has another one, and they rise.
        ticket: u64,
        /// What to keep.
        bytes: Arc<[u8]>,
    },
    /// Return what there is from this sequence on, as far as one answer goes.
    Fetch {
        /// The sequence.
        from: u64,
    },
    /// Forget what is before this sequence.
    Purge {
        /// The sequence.
        before: u64,
    },
}

/// Something that the log keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place in the order, from 1.
    pub sequence: u64,
    /// What was published.
    pub bytes: Arc<[u8]>,
}

/// What the log tells a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The connection is there, perhaps again; told before anything else that comes over it.
    Connected(Extent),
    /// The connection is gone. What was asked for may have been done, and is not answered.
    Disconnected,
    /// It is there, but another log than the one that the node has followed.
    Other,
    /// Something new is kept. Not all of it is told, nor in order.
    Told(Message),
    /// The answer to [`Request::Fetch`]: in order, and without gaps if the log has all of it. Empty:
    /// there is nothing yet.
    Fetched {
        /// What there is.
        messages: Vec<Message>,
        /// The log as it was then.
        extent: Extent,
    },
    /// It is kept.
    Acknowledged {
        /// The attempt.
        ticket: u64,
        /// Its place.
        sequence: u64,
    },
    /// The log could not keep it, or it is unknown whether it has.
    Refused {
        /// The attempt.
        ticket: u64,
    },
}

/// What a log has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The first sequence that it still has; one above the last if it has none.
    pub first: u64,
    /// The last sequence that it has given; 0 for none.
    pub last: u64,
}

/// A log, as one node is connected to it.
pub trait Log {
    /// Takes a request. What comes of it, [`Log::next`] tells, if anything does.
    fn request(&mut self, request: Request);

    /// Waits for the next event, at most so long; also returns when something else wakes the log.
    fn next(&mut self, patience: Duration) -> Option<Event>;
}
