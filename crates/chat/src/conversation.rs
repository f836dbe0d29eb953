//! A conversation in a room, with a person or with the server, and what is known of it.

use crate::limits::{MEMBERS, PINS, TYPING, TYPING_MS};
use crate::timeline::Timeline;
use proto::name::fold;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who the conversation is with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum With {
    /// The members of a room.
    Room,
    /// One person.
    Person,
    /// The server: its notices, and answers to commands that belong nowhere else.
    Server,
}

/// Which new messages in it this person wants to be notified of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notify {
    /// Those that mention this person, and private ones.
    #[default]
    Mentions,
    /// All.
    All,
    /// None.
    None,
}

/// A member of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// The name.
    pub nick: String,
    /// The marks of the member's ranks, highest first, such as `@`.
    pub marks: String,
    /// Away, as far as the server reports.
    pub away: bool,
}

/// How far joining a room has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Joining {
    /// Nothing is asked of the server: the room is joined, was refused, or nobody wants to be in it.
    #[default]
    Idle,
    /// `JOIN` is sent at the next login, before anything is sent to the room.
    Wanted,
    /// `JOIN` was sent on this connection, and not answered yet.
    Sent,
}

/// A conversation.
#[derive(Debug)]
pub struct Conversation {
    /// The room's or the person's name; empty for the server.
    pub name: String,
    /// Who it is with.
    pub with: With,
    /// This person is in the room.
    pub joined: bool,
    /// The room's topic.
    pub topic: String,
    /// The room's members by folded name.
    pub members: BTreeMap<String, Member>,
    /// Messages of others after the last one read.
    pub unread: u64,
    /// There may be more unread messages than were counted.
    pub unread_more: bool,
    /// How many of them mention this person.
    pub mentions: u64,
    /// The first of them, if known.
    pub first_unread: Option<String>,
    /// The time up to which this person has read, in milliseconds since 1970 UTC.
    pub read_ms: Option<i64>,
    /// Which messages this person wants to be notified of.
    pub notify: Notify,
    /// Who is typing, and until when to believe it.
    pub typing: Vec<(String, i64)>,
    /// Pinned messages' ids.
    pub pins: Vec<String>,
    /// What is known of the history.
    pub timeline: Timeline,
    /// Pages of history that were requested and have not arrived.
    pub loading: usize,
    /// Names of an unfinished `NAMES`.
    pub(crate) names: Option<BTreeMap<String, Member>>,
    /// How far joining the room has come.
    pub(crate) joining: Joining,
}

impl Conversation {
    /// A conversation with nothing known yet.
    pub fn new(name: &str, with: With) -> Conversation {
        Conversation {
            name: name.to_owned(),
            with,
            joined: false,
            topic: String::new(),
            members: BTreeMap::new(),
            unread: 0,
            unread_more: false,
            mentions: 0,
            first_unread: None,
            read_ms: None,
            notify: Notify::default(),
            typing: Vec::new(),
            pins: Vec::new(),
            timeline: Timeline::default(),
            loading: 0,
            names: None,
            joining: Joining::Idle,
        }
    }

    /// A member by name.
    pub fn member(&self, nick: &str) -> Option<&Member> {
        self.members.get(&fold(nick))
    }

    /// Adds a member; an existing one keeps the marks unless there are new ones.
    pub(crate) fn add_member(&mut self, nick: &str, marks: &str) {
        let full = self.members.len() >= MEMBERS;
        let key = fold(nick);
        match self.members.get_mut(&key) {
            Some(member) => {
                nick.clone_into(&mut member.nick);
                marks.clone_into(&mut member.marks);
            }
            None if full => {}
            None => {
                let (nick, marks) = (nick.to_owned(), marks.to_owned());
                self.members.insert(key, Member { nick, marks, away: false });
            }
        }
    }

    /// Marks everything as read.
    pub(crate) fn set_read(&mut self) {
        (self.unread, self.unread_more, self.mentions) = (0, false, 0);
        self.first_unread = None;
    }

    /// Records that somebody is typing, or has stopped.
    pub(crate) fn set_typing(&mut self, nick: &str, now_ms: i64, active: bool) {
        self.typing.retain(|(name, until)| *until > now_ms && !proto::name::same(name, nick));
        if active && self.typing.len() < TYPING {
            self.typing.push((nick.to_owned(), now_ms + TYPING_MS));
        }
    }

    /// Pins or unpins a message.
    pub(crate) fn set_pin(&mut self, msgid: &str, pinned: bool) {
        self.pins.retain(|pin| pin != msgid);
        if pinned && self.pins.len() < PINS {
            self.pins.push(msgid.to_owned());
        }
    }

    /// Counts the unread messages after the read marker, for servers that do not count.
    pub(crate) fn count_unread(&mut self) {
        let Some(read) = self.read_ms else { return };
        self.set_read();
        let new = |entry: &&crate::entry::Entry| {
            entry.kind.is_said() && !entry.mine && entry.time_ms > read
        };
        for entry in self.timeline.entries().filter(new) {
            self.unread += 1;
            self.mentions += u64::from(entry.mentions_me);
            if self.first_unread.is_none() {
                self.first_unread.clone_from(&entry.msgid);
            }
        }
    }
}
