//! What nodes publish: one message of the log each.

use serde::{Deserialize, Serialize};

/// The version of what entries mean and how they are written. A node applies only its own: raise it
/// with every change of what comes of an entry.
pub const VERSION: u32 = 1;

/// What one message of the log says.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub enum Publication<'a> {
    /// A node wants to take part from here on.
    Join {
        /// Its name.
        name: &'a str,
        /// The version that it applies.
        version: u32,
        /// What it has applied up to now. If something has changed about a node of this name since,
        /// this is an old copy of the message, or another one was faster: it does not count.
        after: u64,
        /// By which the node knows its own.
        nonce: u64,
        /// Where clients may go, as [`proto::node::Node`] writes it; empty: nowhere else.
        advertise: &'a str,
    },
    /// Something that a node has to say, once it takes part.
    Batch {
        /// The number that its name got.
        node: u16,
        /// The sequence of its [`Publication::Join`].
        incarnation: u64,
        /// How many batches it has sent before in this incarnation. It counts only if all of those
        /// have come.
        counter: u64,
        /// What it says, in order.
        #[serde(borrow)]
        items: Vec<Item<'a>>,
    },
}

/// One thing that a node says.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum Item<'a> {
    /// An entry, as bytes.
    Entry(&'a [u8]),
    /// It is there.
    Heartbeat {
        /// What it needs no longer of the log: all up to this sequence.
        kept: u64,
    },
    /// Another node has said nothing for too long.
    Gone {
        /// Which one.
        node: u16,
        /// In which incarnation.
        incarnation: u64,
    },
    /// The node stops, and everything that it had to say is said.
    Leave,
}

impl Publication<'_> {
    /// As bytes.
    pub fn write(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("all lengths are known")
    }

    /// What bytes say; none if they are not of this form.
    pub fn read(bytes: &[u8]) -> Option<Publication<'_>> {
        let (publication, rest) = postcard::take_from_bytes(bytes).ok()?;
        rest.is_empty().then_some(publication)
    }
}
