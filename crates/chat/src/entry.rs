//! One row of a timeline: something said, or something that happened in a conversation.

use crate::limits::{REACTION_BYTES, REACTIONS};
use proto::name::same;
use serde::Serialize;
use std::collections::BTreeMap;

/// What kind of row it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something said.
    Message,
    /// The same, which nothing should answer automatically.
    Notice,
    /// Something somebody does: `/me`.
    Action,
    /// Somebody joined.
    Join,
    /// Somebody left the room; the text is the reason.
    Part,
    /// Somebody went offline; the text is the reason.
    Quit,
    /// `whom` was removed; the text is the reason.
    Kick,
    /// Somebody is called `whom` now.
    Nick,
    /// The topic is now the text.
    Topic,
    /// The room's modes changed as the text says.
    Mode,
    /// Somebody invited `whom`.
    Invite,
    /// The server, or this client, says something.
    Info,
    /// The same about something that failed.
    Error,
}

impl Kind {
    /// Whether somebody said it.
    pub fn is_said(&self) -> bool {
        matches!(self, Kind::Message | Kind::Notice | Kind::Action)
    }

    /// Whether it is somebody coming or going, which is folded with others of its kind.
    pub fn is_coming_or_going(&self) -> bool {
        matches!(self, Kind::Join | Kind::Part | Kind::Quit | Kind::Nick)
    }
}

/// How far a message of this person's own has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum Delivery {
    /// It is on its way: not sent yet, or not confirmed.
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

/// One reaction to a message, and who reacted so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reaction {
    /// The emoji or word.
    pub text: String,
    /// The names, in the order in which they reacted.
    pub by: Vec<String>,
}

/// One row of a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The server's id; none for what it gives none to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msgid: Option<String>,
    /// When the server took it, in milliseconds since 1970 UTC; of what has no time, when it came.
    pub time_ms: i64,
    /// What it is.
    pub kind: Kind,
    /// Whose it is: the nick, or the server's name.
    pub from: String,
    /// The account of who it is, where the server says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// It is this person's own, from this or another device.
    pub mine: bool,
    /// It mentions this person.
    pub mentions_me: bool,
    /// To whom it happened, for the kinds that say so.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub whom: String,
    /// What was said, as it came: not yet safe for a terminal or a page. Lines are separated by `\n`.
    pub text: String,
    /// The msgid of the message it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The other client tags of the message, without their `+`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// How others reacted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
    /// Who took it back; its text is empty then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redacted_by: Option<String>,
    /// How far it has come, if it is this person's own and sent from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// The number under which it was sent from here.
    #[serde(skip)]
    pub outgoing: Option<u64>,
}

impl Entry {
    /// A row with nothing but its kind, author, time and text.
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

    /// Empties it, because `by` took it back.
    pub fn redact(&mut self, by: &str) {
        self.text.clear();
        self.reactions.clear();
        self.redacted_by = Some(by.to_owned());
    }

    /// Adds somebody's reaction; a second time is the same as once.
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

    /// Takes somebody's reaction back.
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
