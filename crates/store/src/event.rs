//! A stored fact.

use std::sync::Arc;

use crate::{AccountId, Conversation, Said};

/// The number of an event. The hub gives it: from 1, strictly rising, gaps allowed, at most
/// `i64::MAX`.
pub type EventId = u64;

/// The nick of an author, or of a receiver, whose account was deleted. Nobody can be called so.
pub const DELETED_USER: &str = "*deleted*";

/// What kind of fact an event is. The codes are on disk and never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Somebody left a room; `text` is the reason.
    Part = 5,
    /// Somebody (`target`) was kicked from a room; `text` is the reason.
    Kick = 6,
    /// A room's modes changed; `text` is the change with its parameters.
    Mode = 7,
    /// Somebody went offline; `text` is the reason.
    Quit = 8,
    /// A guest changed its nick; `target` is the new one.
    Nick = 9,
    /// What is left of a message whose text was taken back: no text, no tags. Only the store makes
    /// one, out of the message, and no reader is given it.
    Redacted = 10,
    /// Somebody took a message back: [`Event::about`] says which, `text` is the reason.
    Redact = 11,
    /// A room got another name: `target` is the old one, `text` the new one, and after a space the
    /// reason if there is one.
    Rename = 12,
    /// What is shown in the place of an event that the disk has damaged: its id is right, its time
    /// about right, and the rest empty. Only a reader makes one; it is never stored.
    Damaged = 255,
}

impl EventKind {
    /// Every kind that is stored, in the order of the codes.
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

    /// The kind of a code read from disk.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Whether this is a text from one person to others (`PRIVMSG` or `NOTICE`): what history shows
    /// to a client that did not ask for the other kinds. What is left of one is none.
    pub fn is_message(self) -> bool {
        matches!(self, Self::Message | Self::Notice)
    }

    /// What is never stored has none.
    const fn bit(self) -> u16 {
        match 1_u16.checked_shl(self as u32) {
            Some(bit) => bit,
            None => 0,
        }
    }

    /// Whether somebody said it to others, so that it can be taken back.
    pub(crate) fn is_said(self) -> bool {
        matches!(self, Self::Message | Self::Notice | Self::Tagmsg)
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    /// Texts from one person to others; see [`EventKind::is_message`].
    pub const MESSAGES: Self = Self(EventKind::Message.bit() | EventKind::Notice.bit());
    /// All that a reader is given.
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

/// A stored fact: a message, or a change of a room that its history needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number; see [`EventId`].
    pub id: EventId,
    /// Where it happened.
    pub conversation: Conversation,
    /// What it is.
    pub kind: EventKind,
    /// Its author; guests have ids from the same sequence as accounts.
    pub account: AccountId,
    /// Whether the author is a guest, so that the name is nobody's account.
    pub guest: bool,
    /// Whether the author was marked as a bot at that time.
    pub bot: bool,
    /// The author's nick at that time.
    pub nick: Arc<str>,
    /// The rest of the author's source at that time, as far as it does not follow from nick and server: `user`, or
    /// `user@host`. None for an account whose user name is its nick, and for what was stored before this was kept.
    pub userhost: Option<Arc<str>>,
    /// A direct message's receiver, also when one is taken back; for a kick who was kicked; for a
    /// nick the new one; for a rename the room's old name; else empty.
    pub target: Arc<str>,
    /// Milliseconds since the Unix epoch, by the wall clock: when that is put back, it is below the
    /// time of events with lower ids.
    pub time: i64,
    /// The text; may be empty. A message sent as several lines has them joined: by `\n` where a new
    /// line begins, by `\r` where the next one goes on with the same (`draft/multiline-concat`).
    /// Neither can occur within a line.
    pub text: Box<str>,
    /// The client-only tags as they came, without `@`; may be empty.
    pub tags: Box<str>,
    /// The event that this one speaks of: for [`EventKind::Redact`] what was taken back; else none.
    pub about: Option<EventId>,
}

impl Event {
    /// Who said it where and when, if it was said in a room.
    pub(crate) fn said(&self) -> Option<Said> {
        let room = self.conversation.as_room().filter(|_| self.kind.is_said())?;
        Some(Said { id: self.id, room, author: self.account, time: self.time })
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
