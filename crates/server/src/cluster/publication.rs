//! What nodes publish, each in one message of the log.

use serde::{Deserialize, Serialize};

/// The version of the entries' format and meaning. A node applies only its own version: raise it
/// with every change of an entry's effect.
pub const VERSION: u32 = 1;

/// The contents of one message of the log.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub enum Publication<'a> {
    /// A node joins.
    Join {
        /// Its name.
        name: &'a str,
        /// The version it applies.
        version: u32,
        /// The sequence up to which it has applied everything. If a node of this name has joined or
        /// left since, this is an old copy of the message, or another node was faster: it is
        /// ignored.
        after: u64,
        /// By which the node recognizes its own message.
        nonce: u64,
        /// The address for clients, as [`proto::node::Node`] writes it; empty if there is none.
        advertise: &'a str,
    },
    /// A batch of items from a member.
    Batch {
        /// The number given to its name.
        node: u16,
        /// The sequence of its [`Publication::Join`].
        incarnation: u64,
        /// How many batches it has sent before in this incarnation. It is ignored unless all of those
        /// have arrived.
        counter: u64,
        /// The items, in order.
        #[serde(borrow)]
        items: Vec<Item<'a>>,
    },
}

/// One thing that a node publishes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum Item<'a> {
    /// An entry, as bytes.
    Entry(&'a [u8]),
    /// The node is alive.
    Heartbeat {
        /// It needs nothing up to this sequence any more.
        purgeable: u64,
    },
    /// The lease of another node has expired.
    Gone {
        /// Which one.
        node: u16,
        /// In which incarnation.
        incarnation: u64,
    },
    /// The node stops, and has published everything.
    Leave,
}

impl Publication<'_> {
    /// As bytes.
    pub fn write(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("all lengths are known")
    }

    /// Parses bytes; none if they are not of this form.
    pub fn read(bytes: &[u8]) -> Option<Publication<'_>> {
        let (publication, rest) = postcard::take_from_bytes(bytes).ok()?;
        rest.is_empty().then_some(publication)
    }
}
