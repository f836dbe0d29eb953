//! The column `flags` of `events`: a set of bits, on disk, which never change their meaning.

use crate::{Event, EventKind};

/// The author is a guest. In version 1 the column had this bit alone.
const GUEST: u8 = 1;
/// The author was marked as a bot.
const BOT: u8 = 2;
/// Of what was taken back: it was something else than a message. Its place in `history` stays
/// where it was put at first, and the kind does not say any more where that was.
pub(crate) const OTHER: u8 = 4;

/// The flags of an event that is stored now.
pub(crate) fn of(event: &Event) -> u8 {
    let flag = |on: bool, flag: u8| if on { flag } else { 0 };
    flag(event.guest, GUEST) | flag(event.bot, BOT)
}

/// The flag that an event gets when it is taken back.
pub(crate) fn taken_back(kind: EventKind) -> u8 {
    if kind.is_message() { 0 } else { OTHER }
}

pub(crate) fn guest(flags: u8) -> bool {
    flags & GUEST != 0
}

pub(crate) fn bot(flags: u8) -> bool {
    flags & BOT != 0
}

/// Whether an event's place in `history` is among what is not a message; see
/// [`crate::tail::Entry::other`].
pub(crate) fn other(kind: Option<EventKind>, flags: u8) -> bool {
    match kind {
        Some(EventKind::Redacted) => flags & OTHER != 0,
        kind => !kind.is_some_and(EventKind::is_message),
    }
}
