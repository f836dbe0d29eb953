//! Events: stored facts.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{AccountId, Conversation, RecentMessage};

/// The id of an event, assigned by the hub: starts at 1, strictly increasing, gaps allowed, at most
/// `i64::MAX`.
pub type EventId = u64;

/// The nick shown for an author or receiver whose account was deleted. Nobody can have this name.
pub const DELETED_USER: &str = "*deleted*";

/// The kind of an event. The codes are on disk and never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[repr(u8)]
pub enum EventKind {
    /// A `PRIVMSG`.
    Message = 0,
    /// A `NOTICE`.
    Notice = 1,
    /// A `TAGMSG`: tags without text.
    Tagmsg = 2,
    /// A topic was set (`text`) or removed (empty `text`).
    Topic = 3,
    /// Somebody joined a room.
    Join = 4,
    /// Somebody left a room, with the reason in `text`.
    Part = 5,
    /// Somebody (`target`) was kicked from a room, with the reason in `text`.
    Kick = 6,
    /// A room's modes changed, with the change and its parameters in `text`.
    Mode = 7,
    /// Somebody went offline, with the reason in `text`.
    Quit = 8,
    /// A guest changed its nick to `target`.
    Nick = 9,
    /// What remains of a redacted message: no text, no tags. Only made by the store, out of the
    /// message, and never returned by readers.
    Redacted = 10,
    /// Somebody redacted the message in [`Event::about`], with the reason in `text`.
    Redact = 11,
    /// A room was renamed from `target` to the first word of `text`, with the rest of `text` as the
    /// reason.
    Rename = 12,
    /// The placeholder for a damaged event: its id is right, its time approximate, and the rest
    /// empty. Only made by readers, never stored.
    Damaged = 255,
}

impl EventKind {
    /// All stored kinds, in the order of their codes.
    pub const ALL: [Self; 13] = [
        Self::Message,
        Self::Notice,
        Self::Tagmsg,
        Self::Topic,
        Self::Join,
        Self::Part,
        Self::Kick,
        Self::Mode,
        Self::Quit,
        Self::Nick,
        Self::Redacted,
        Self::Redact,
        Self::Rename,
    ];

    /// The code on disk.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The kind with a code from disk.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Whether this is text from one person to others (`PRIVMSG` or `NOTICE`), which history shows
    /// to all clients. Redacted messages do not count.
    pub fn is_message(self) -> bool {
        matches!(self, Self::Message | Self::Notice)
    }

    /// Kinds that are never stored have none.
    const fn bit(self) -> u16 {
        match 1_u16.checked_shl(self as u32) {
            Some(bit) => bit,
            None => 0,
        }
    }

    /// Whether somebody sent it to others, so that it can be redacted.
    pub(crate) fn is_said(self) -> bool {
        matches!(self, Self::Message | Self::Notice | Self::Tagmsg)
    }
}

/// A set of event kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    /// Text from one person to others; see [`EventKind::is_message`].
    pub const MESSAGES: Self = Self(EventKind::Message.bit() | EventKind::Notice.bit());
    /// All kinds that readers return.
    pub const ALL: Self = Self(!EventKind::Redacted.bit());

    /// Whether a kind is in the set.
    #[must_use]
    pub const fn contains(self, kind: EventKind) -> bool {
        self.0 & kind.bit() != 0
    }
}

impl FromIterator<EventKind> for Kinds {
    fn from_iter<I: IntoIterator<Item = EventKind>>(kinds: I) -> Self {
        let bits = kinds.into_iter().fold(0, |bits, kind| bits | kind.bit());
        Self(bits & Self::ALL.0)
    }
}

/// A stored fact: a message, or a change that belongs in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// Where it happened.
    pub conversation: Conversation,
    /// Its kind.
    pub kind: EventKind,
    /// The author's id; guests and accounts share one sequence.
    pub account: AccountId,
    /// Whether the author is a guest, so the name is not an account's.
    pub guest: bool,
    /// Whether the author was marked as a bot at that time.
    pub bot: bool,
    /// The author's nick at that time.
    pub nick: Arc<str>,
    /// The rest of the author's source at that time, unless it follows from the nick and the
    /// server's name: `user` or `user@host`. None for an account whose user name is its nick, and
    /// in events from before this was stored.
    pub userhost: Option<Arc<str>>,
    /// The receiver of a direct message or its redaction, the kicked user, the new nick, or the old
    /// name of a renamed room; else empty.
    pub target: Arc<str>,
    /// Milliseconds since the Unix epoch by the wall clock, so it may be less than that of earlier
    /// events, when the clock was set back.
    pub time: i64,
    /// The text; may be empty. The lines of a multi-line message are joined: by `\n`, or by `\r` if
    /// the second continues the first (`draft/multiline-concat`). Neither can occur within a line.
    pub text: Box<str>,
    /// The client-only tags in raw form, without `@`; may be empty.
    pub tags: Box<str>,
    /// The event this one refers to: for [`EventKind::Redact`] the redacted message, else none.
    pub about: Option<EventId>,
}

impl Event {
    /// Who said it where and when, if it was said in a room.
    pub(crate) fn as_recent_message(&self) -> Option<RecentMessage> {
        let room = self.conversation.as_room().filter(|_| self.kind.is_said())?;
        Some(RecentMessage { id: self.id, room, author: self.account, time: self.time })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_kinds_are_a_bijection() {
        for (index, kind) in EventKind::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(kind.code()), index);
            assert_eq!(EventKind::from_code(kind.code()), Some(kind));
        }
        assert_eq!(EventKind::from_code(EventKind::ALL.len() as u8), None);
    }
}
