//! Intents: what a person or a script wants. The user interfaces turn keys, commands and calls into these.

use crate::conversation::Notify;
use crate::timeline::Run;
use serde::Deserialize;

/// A message to send.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct NewMessage {
    /// To whom.
    pub to: String,
    /// What; several lines are separated by `\n`.
    pub text: String,
    /// As an action (`/me`).
    #[serde(default)]
    pub action: bool,
    /// The msgid of the message it answers.
    #[serde(default)]
    pub reply_to: Option<String>,
}

/// Something to perform.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Say something.
    Say(NewMessage),
    /// Send a failed message again, with the held-back pieces of its text.
    Retry(u64),
    /// Discard a failed message.
    Discard(u64),
    /// React to a message, or take the reaction back.
    React {
        /// Where it is.
        target: String,
        /// Its msgid.
        msgid: String,
        /// The emoji or word.
        text: String,
        /// Take it back.
        undo: bool,
    },
    /// Take a message back.
    Redact {
        /// Where it is.
        target: String,
        /// Its msgid.
        msgid: String,
        /// Why; may be empty.
        reason: String,
    },
    /// Notify others that this person is typing, or has stopped.
    Typing {
        /// Where.
        target: String,
        /// They are.
        active: bool,
    },
    /// Open a conversation: a room is joined, and the newest page is asked for.
    Open(String),
    /// Join a room without opening it.
    Join(String),
    /// Close a conversation with a person, or leave a room. What was never sent in a closed one is dropped.
    Close(String),
    /// Fetch a page of history.
    Load {
        /// Of which conversation.
        target: String,
        /// Which one.
        run: Run,
    },
    /// Fetch the newest messages of the lobby and all private conversations together, as Parlor's `CH` does.
    Everything {
        /// How many.
        count: usize,
        /// Only what is older than this msgid.
        before: Option<String>,
    },
    /// Ask which conversations have messages since a time, in milliseconds since 1970 UTC.
    Changed(i64),
    /// Mark a conversation as read.
    MarkRead(String),
    /// Set which messages of a conversation this person is notified of.
    Notify {
        /// Where.
        target: String,
        /// Which messages.
        notify: Notify,
    },
    /// Look for messages.
    Search {
        /// What to look for, in the words of `FIND`.
        words: String,
        /// Only what is older than this, in milliseconds since 1970 UTC: the next page.
        before_ms: Option<i64>,
    },
    /// List the rooms.
    List,
    /// Send a line as it is.
    Raw(String),
    /// Leave.
    Quit(String),
}
