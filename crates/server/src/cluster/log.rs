//! The interface to a log that orders what several nodes publish.
//!
//! A node sends [`Request`]s to the log, which sends it [`Event`]s. Neither waits for the other,
//! and every answer may come late, twice, or never: `publisher` and `follower` make that reliable.
//! A log guarantees only this:
//!
//! 1. It gives each message that it stores a sequence, without gaps, and the same one for everybody.
//! 2. What it has once returned or acknowledged stays as it is, at that sequence.
//! 3. It removes messages only from the beginning, at the request of a node.

use std::sync::Arc;
use std::time::Duration;

/// A node's request to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Store this at the end.
    Publish {
        /// The number of this attempt, which the answer repeats; higher with each attempt.
        attempt: u64,
        /// What to store.
        bytes: Arc<[u8]>,
    },
    /// Announce a stored message to the other nodes, as [`Seal::prove`] returns it.
    ///
    /// [`Seal::prove`]: super::seal::Seal::prove
    Announce(Arc<[u8]>),
    /// Return the messages from this sequence on, as many as fit into one answer.
    Fetch {
        /// The sequence.
        from: u64,
        /// Whether the leader itself must answer, which takes longer. Otherwise any replica does, and
        /// it may lag behind.
        leader: bool,
    },
    /// Remove what is before this sequence.
    Purge {
        /// The sequence.
        before: u64,
    },
}

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its position, from 1.
    pub sequence: u64,
    /// What was published.
    pub bytes: Arc<[u8]>,
}

/// What the log reports to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Connected, or connected again; precedes everything else over this connection.
    Connected(Extent),
    /// Disconnected. Open requests may have been carried out, and are not answered.
    Disconnected,
    /// Connected, but to another log than the one the node has followed.
    OtherLog,
    /// An announcement, from a node or from anybody else who can reach the log: [`Seal::verify`]
    /// checks it. Announcements may be lost or arrive out of order.
    ///
    /// [`Seal::verify`]: super::seal::Seal::verify
    Announced(Arc<[u8]>),
    /// The answer to [`Request::Fetch`]: in order, and without gaps if the log has all of it. Empty
    /// if there is nothing yet, or if the replica that answers does not have it yet.
    Fetched {
        /// The messages.
        messages: Vec<Message>,
        /// What the log had at that time.
        extent: Extent,
    },
    /// A publication was stored.
    Acknowledged {
        /// The attempt.
        attempt: u64,
        /// Its sequence.
        sequence: u64,
    },
    /// The log could not store it, or the outcome is unknown.
    Refused {
        /// The attempt.
        attempt: u64,
    },
}

/// What a log has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The first sequence it still has; one above the last if it has none.
    pub first: u64,
    /// The last sequence assigned; 0 for none.
    pub last: u64,
}

/// A log, as one node is connected to it.
pub trait Log {
    /// Sends a request. Any outcome is reported by [`Log::next`].
    fn request(&mut self, request: Request);

    /// Waits for the next event, at most this long; also returns if something else wakes it.
    fn next(&mut self, timeout: Duration) -> Option<Event>;
}
