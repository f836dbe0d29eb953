//! A row of a timeline: a message, or an event in a conversation.

use crate::limits::{REACTION_BYTES, REACTIONS};
use proto::name::same;
use serde::Serialize;
use std::collections::BTreeMap;

/// The kind of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A message.
    Message,
    /// A message that nothing should answer automatically.
    Notice,
    /// An action: `/me`.
    Action,
    /// Somebody joined.
    Join,
    /// Somebody left the room; the text is the reason.
    Part,
    /// Somebody went offline; the text is the reason.
    Quit,
    /// `whom` was removed; the text is the reason.
    Kick,
    /// Somebody changed their nick to `whom`.
    Nick,
    /// The topic changed to the text.
    Topic,
    /// The room's modes changed, as the text says.
    Mode,
    /// Somebody invited `whom`.
    Invite,
    /// A message from the server, or from this client.
    Info,
    /// The same, about a failure.
    Error,
}

impl Kind {
    /// Whether it is a message of a person.
    pub fn is_said(&self) -> bool {
        matches!(self, Kind::Message | Kind::Notice | Kind::Action)
    }

    /// Whether somebody comes or goes; such rows are folded into one.
    pub fn is_coming_or_going(&self) -> bool {
        matches!(self, Kind::Join | Kind::Part | Kind::Quit | Kind::Nick)
    }
}

/// The progress of a message of this person's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum Delivery {
    /// Not sent yet, or not confirmed.
    Pending,
    /// It is on the server's disk.
    Stored,
    /// It was sent to a server that does not confirm messages.
    Sent,
    /// It was refused.
    Failed {
        /// The server's sentence.
        reason: String,
    },
}

/// A reaction to a message, and who reacted with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reaction {
    /// The emoji or word.
    pub text: String,
    /// Their names, in the order of reacting.
    pub by: Vec<String>,
}

/// One row of a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The server's id, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msgid: Option<String>,
    /// When the server received it, in milliseconds since 1970 UTC; without a server time, when it
    /// arrived here.
    pub time_ms: i64,
    /// The kind.
    pub kind: Kind,
    /// The author: the nick, or the server's name.
    pub from: String,
    /// The author's account, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// It is this person's own, from this device or another.
    pub mine: bool,
    /// It mentions this person.
    pub mentions_me: bool,
    /// Whom it happened to, for the kinds that have that.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub whom: String,
    /// The raw text, not yet safe for a terminal or a page. Lines are separated by `\n`.
    pub text: String,
    /// The msgid of the message it replies to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The other client tags of the message, without their `+`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Reactions of others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
    /// Who redacted it; its text is empty then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redacted_by: Option<String>,
    /// Its progress, if this person sent it from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// The number it was sent under from here.
    #[serde(skip)]
    pub outgoing: Option<u64>,
}

impl Entry {
    /// A row with just a kind, author, time and text.
    pub fn new(kind: Kind, from: &str, time_ms: i64, text: &str) -> Entry {
        Entry {
            msgid: None,
            time_ms,
            kind,
            from: from.to_owned(),
            account: None,
            mine: false,
            mentions_me: false,
            whom: String::new(),
            text: text.to_owned(),
            reply_to: None,
            tags: BTreeMap::new(),
            reactions: Vec::new(),
            redacted_by: None,
            delivery: None,
            outgoing: None,
        }
    }

    /// Empties it, because `by` redacted it.
    pub fn redact(&mut self, by: &str) {
        self.text.clear();
        self.reactions.clear();
        self.redacted_by = Some(by.to_owned());
    }

    /// Adds somebody's reaction; repeating it changes nothing.
    pub fn react(&mut self, text: &str, by: &str) {
        if text.is_empty() || text.len() > REACTION_BYTES {
            return;
        }
        match self.reactions.iter().position(|reaction| reaction.text == text) {
            Some(at) => {
                let names = &mut self.reactions[at].by;
                if names.len() < REACTIONS && !names.iter().any(|name| same(name, by)) {
                    names.push(by.to_owned());
                }
            }
            None if self.reactions.len() < REACTIONS => {
                let by = vec![by.to_owned()];
                self.reactions.push(Reaction { text: text.to_owned(), by });
            }
            None => {}
        }
    }

    /// Removes somebody's reaction.
    pub fn unreact(&mut self, text: &str, by: &str) {
        for reaction in self.reactions.iter_mut().filter(|reaction| reaction.text == text) {
            reaction.by.retain(|name| !same(name, by));
        }
        self.reactions.retain(|reaction| !reaction.by.is_empty());
    }
}

/// Whether a text mentions a name: as a word, in any case.
pub fn mentions(text: &str, name: &str) -> bool {
    let in_name = |c: char| proto::name::in_name(c) || c.is_alphanumeric();
    !name.is_empty() && text.split(|c| !in_name(c)).any(|word| same(word, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_mentioned_as_a_word_in_any_case() {
        for text in ["ann: hi", "hi ANN", "(ann)", "hi @ann!", "ann"] {
            assert!(mentions(text, "Ann"), "{text}");
        }
        for text in ["hannah", "annex", "", "ann-marie", "änn"] {
            assert!(!mentions(text, "ann"), "{text}");
        }
    }

    #[test]
    fn a_reaction_counts_once_for_each_person() {
        let mut entry = Entry::new(Kind::Message, "bob", 0, "hi");
        for (text, by) in [("👍", "ann"), ("👍", "Ann"), ("👍", "eve"), ("🎉", "ann"), ("", "ann")]
        {
            entry.react(text, by);
        }
        let counts: Vec<_> =
            entry.reactions.iter().map(|r| (r.text.as_str(), r.by.len())).collect();
        assert_eq!(counts, [("👍", 2), ("🎉", 1)]);
        entry.unreact("🎉", "ANN");
        assert_eq!(entry.reactions.len(), 1);
    }
}
