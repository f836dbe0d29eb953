//! The column `flags` of `events`: a set of bits, whose meaning never changes.

use crate::{Event, EventKind, Kinds};

/// The author is a guest. In version 1 the column had only this bit.
const GUEST: u8 = 1;
/// The author was marked as a bot.
const BOT: u8 = 2;
/// The redacted event was not a message. Its position in `history` stays, and its kind no longer
/// tells where that is.
pub(crate) const OTHER: u8 = 4;

/// The flags of a new event.
pub(crate) fn of(event: &Event) -> u8 {
    let flag = |on: bool, flag: u8| if on { flag } else { 0 };
    flag(event.guest, GUEST) | flag(event.bot, BOT)
}

/// The flag added when an event is redacted.
pub(crate) fn taken_back(kind: EventKind) -> u8 {
    if kind.is_message() { 0 } else { OTHER }
}

pub(crate) fn guest(flags: u8) -> bool {
    flags & GUEST != 0
}

pub(crate) fn bot(flags: u8) -> bool {
    flags & BOT != 0
}

/// The class of messages in `history`.
pub(crate) const MESSAGES: u8 = 0;
/// The class of everything else; once the only other class.
pub(crate) const REST: u8 = 1;

/// All classes.
pub(crate) const CLASSES: std::ops::RangeInclusive<u8> = MESSAGES..=4;

/// The class of a kind in `history`: kinds that are not shown to everybody are separate, so that
/// queries without them need not skip them. The classes are on disk and never change.
pub(crate) fn class_of(kind: EventKind) -> u8 {
    match kind {
        EventKind::Message | EventKind::Notice => MESSAGES,
        EventKind::Tagmsg => 2,
        EventKind::Redact => 3,
        EventKind::Rename => 4,
        _ => REST,
    }
}

/// The class of a stored event. `coarse`: it is from a time with only two classes.
pub(crate) fn class(kind: Option<EventKind>, flags: u8, coarse: bool) -> u8 {
    let class = match kind {
        // Other than messages, only a `TAGMSG` can be redacted.
        Some(EventKind::Redacted) if flags & OTHER != 0 => class_of(EventKind::Tagmsg),
        Some(EventKind::Redacted) => MESSAGES,
        kind => kind.map_or(REST, class_of),
    };
    if coarse { class.min(REST) } else { class }
}

/// The classes that contain events of some kinds.
pub(crate) fn classes(kinds: Kinds) -> Vec<u8> {
    let asked = EventKind::ALL.into_iter().filter(|kind| kinds.contains(*kind));
    let mut classes: Vec<u8> = asked.map(class_of).collect();
    // From a time with only two classes.
    if classes.iter().any(|class| *class > REST) {
        classes.push(REST);
    }
    classes.sort_unstable();
    classes.dedup();
    classes
}
