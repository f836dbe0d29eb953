//! What has changed, for the faces: what to draw again, whom to tell.

use crate::conversation::Member;
use crate::entry::Entry;
use crate::people::Person;

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
    /// Something that nobody said: somebody came or went, a topic was set, the server says something.
    Happened {
        /// The conversation's name; the first of them if it happened in several.
        target: String,
        /// What happened.
        entry: Box<Entry>,
    },
    /// Somebody reacted to a message, or took that back.
    Reacted {
        /// The conversation's name.
        target: String,
        /// The message's id; it need not be here.
        msgid: String,
        /// The emoji or word.
        text: String,
        /// Who.
        by: String,
        /// It was taken back.
        undo: bool,
    },
    /// A message was taken back.
    Redacted {
        /// The conversation's name.
        target: String,
        /// The message's id; it need not be here.
        msgid: String,
        /// Who took it back.
        by: String,
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
    /// The person for whom a message is does not see it now: they are away, or offline. Comes before its
    /// [`Change::Settled`].
    Away {
        /// The message's number.
        number: u64,
        /// Why, in the person's or the server's words.
        text: String,
    },
    /// The server will take a message later, for which the core waits.
    PutOff {
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
        /// What stands between the code and the sentence.
        params: Vec<String>,
        /// The server's sentence.
        text: String,
        /// It says no.
        refused: bool,
    },
    /// What was asked for with [`Intent::Everything`](crate::Intent::Everything) is here, or will not come.
    Everything(Result<Vec<(String, Entry)>, String>),
    /// The conversations that have something new, as asked for with [`Intent::Changed`](crate::Intent::Changed), or why
    /// the server does not say.
    Targets(Result<Vec<String>, String>),
    /// Somebody says something else of themselves.
    Facts {
        /// Who.
        nick: String,
        /// Of what: one of [`KEYS`](crate::people::KEYS).
        key: String,
        /// What they say now.
        value: Option<String>,
    },
    /// The answer to `WHOIS` is complete.
    Whois(Box<Person>),
    /// The answer to `NAMES` of a room in which this person is not is complete.
    Names {
        /// The room.
        room: String,
        /// Those of its members that may be known.
        members: Vec<Member>,
    },
    /// The answer to a `PING` that a face has sent: all that was asked before is answered, too.
    Pong(String),
    /// The results of a search.
    Found,
    /// The list of rooms is complete.
    Listed,
    /// The server says goodbye, and why.
    Closing(String),
    /// An operator ended this person's connections: it is no use to come back by oneself.
    Killed {
        /// Who did it.
        by: String,
        /// Why.
        reason: String,
    },
    /// The connection is logged in and has everything that comes with the welcome.
    Ready,
}
