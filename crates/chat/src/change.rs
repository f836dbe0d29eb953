//! What has changed, for the faces: what to draw again, whom to tell.

use crate::entry::Entry;

/// Something that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A message came live, or was missed and is here now.
    Said {
        /// The conversation's name.
        target: String,
        /// The message.
        entry: Box<Entry>,
    },
    /// The rows of a timeline, or what is on its way there.
    Timeline(String),
    /// Which conversations there are, or what their lists show: unread counts, members, topics, who is typing.
    Conversation(String),
    /// A page of history that was asked for is here, or will not come.
    Page {
        /// The conversation's name.
        target: String,
        /// How many messages and events it has.
        count: usize,
        /// Why it will not come, in the server's words.
        refused: Option<String>,
    },
    /// A message that was sent from here is on the server's disk, or was refused.
    Settled {
        /// Its number.
        number: u64,
        /// Its msgid, or the server's sentence.
        outcome: Result<Option<String>, String>,
    },
    /// A standard reply to a command has come.
    Answered {
        /// The command's verb.
        verb: String,
        /// The server's sentence, if it says no.
        refused: Option<String>,
    },
    /// The results of a search.
    Found,
    /// The list of rooms is complete.
    Listed,
    /// The server says goodbye, and why.
    Closing(String),
    /// An operator ended this person's connections: it is no use to come back by oneself.
    Killed(String),
    /// The connection is logged in and has everything that comes with the welcome.
    Ready,
}
