//! Changes, for the user interfaces: what to redraw, and what to notify people of.

use crate::conversation::Member;
use crate::entry::Entry;
use crate::people::Whois;

/// Something that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A message arrived.
    Said {
        /// The conversation's name.
        target: String,
        /// The message.
        entry: Box<Entry>,
    },
    /// An event that is not a message: a join, a part, a topic, a sentence from the server.
    Happened {
        /// The conversation's name; the first of them if it happened in several.
        target: String,
        /// What happened.
        entry: Box<Entry>,
    },
    /// Somebody reacted to a message, or removed the reaction.
    Reacted {
        /// The conversation's name.
        target: String,
        /// The message's id; the message need not be loaded.
        msgid: String,
        /// The emoji or word.
        text: String,
        /// Who.
        by: String,
        /// The reaction was removed.
        undo: bool,
    },
    /// A message was taken back.
    Redacted {
        /// The conversation's name.
        target: String,
        /// The message's id; the message need not be loaded.
        msgid: String,
        /// Who took it back.
        by: String,
    },
    /// The rows of a timeline changed, or its unconfirmed messages.
    Timeline(String),
    /// The list of conversations changed, or what lists show of one: unread counts, members, topic, typing.
    Conversation(String),
    /// A requested page of history has arrived, or was refused.
    Page {
        /// The conversation's name.
        target: String,
        /// How many messages and events it has.
        count: usize,
        /// Why it was refused, in the server's words.
        refused: Option<String>,
    },
    /// A message sent by this client was confirmed or refused.
    Settled {
        /// Its number.
        number: u64,
        /// Its msgid, or the server's sentence.
        outcome: Result<Option<String>, String>,
    },
    /// The receiver of a message is away or offline. Comes before the message's [`Change::Settled`].
    Away {
        /// The message's number.
        number: u64,
        /// Why, in the person's or the server's words.
        text: String,
    },
    /// The server deferred a message; the core resends it later.
    Deferred {
        /// Its number.
        number: u64,
        /// The server's sentence.
        reason: String,
    },
    /// A standard reply to a command has come.
    Answered {
        /// The command's verb.
        verb: String,
        /// The code, such as `NO_SUCH_USER`.
        code: String,
        /// The parameters between the code and the sentence.
        params: Vec<String>,
        /// The server's sentence.
        text: String,
        /// It is a refusal (`FAIL`).
        refused: bool,
    },
    /// What was asked for with [`Intent::Everything`](crate::Intent::Everything) has arrived, or was refused.
    Everything(Result<Vec<(String, Entry)>, String>),
    /// The conversations with new messages, as requested with [`Intent::Changed`](crate::Intent::Changed), or why
    /// the server refused.
    Targets(Result<Vec<String>, String>),
    /// Somebody's metadata changed.
    Metadata {
        /// Who.
        nick: String,
        /// The key: one of [`KEYS`](crate::people::KEYS).
        key: String,
        /// The new value; none if it was removed.
        value: Option<String>,
    },
    /// The answer to `WHOIS` is complete.
    Whois(Box<Whois>),
    /// The answer to `NAMES` of a room that this person is not in is complete.
    Names {
        /// The room.
        room: String,
        /// Its visible members.
        members: Vec<Member>,
    },
    /// The answer to a `PING` that a user interface has sent: all earlier requests have been answered, too.
    Pong(String),
    /// The results of a search.
    Found,
    /// The list of rooms is complete.
    Listed,
    /// The server closes the connection, and why (`ERROR`).
    Closing(String),
    /// An operator ended this person's connections: the client should not reconnect by itself.
    Killed {
        /// Who did it.
        by: String,
        /// Why.
        reason: String,
    },
    /// The connection is logged in and has received the whole welcome.
    Ready,
}
