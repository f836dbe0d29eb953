//! The column `flags` of `events`: a set of bits, whose meaning never changes.

use crate::{Event, EventKind, Kinds};

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

/// The class of messages in `history`.
pub(crate) const MESSAGES: u8 = 0;
/// The class of all that is in no other one; before there were the others, of all but messages.
pub(crate) const REST: u8 = 1;

/// All of them.
pub(crate) const CLASSES: std::ops::RangeInclusive<u8> = MESSAGES..=4;

/// Where in `history` the events of a kind are: kinds that are not shown to everybody are apart, so
/// that a question that leaves them out need not read past them. On disk, and never changed.
pub(crate) fn class_of(kind: EventKind) -> u8 {
    match kind {
        EventKind::Message | EventKind::Notice => MESSAGES,
        EventKind::Tagmsg => 2,
        EventKind::Redact => 3,
        EventKind::Rename => 4,
        _ => REST,
    }
}

/// Where in `history` a stored event is. `coarse`: it is from before there were more than two
/// classes.
pub(crate) fn class(kind: Option<EventKind>, flags: u8, coarse: bool) -> u8 {
    let class = match kind {
        // Of what is no message, only a `TAGMSG` can be taken back.
        Some(EventKind::Redacted) if flags & OTHER != 0 => class_of(EventKind::Tagmsg),
        Some(EventKind::Redacted) => MESSAGES,
        kind => kind.map_or(REST, class_of),
    };
    if coarse { class.min(REST) } else { class }
}

/// The classes in which events of some kinds can be.
pub(crate) fn classes(kinds: Kinds) -> Vec<u8> {
    let asked = EventKind::ALL.into_iter().filter(|kind| kinds.contains(*kind));
    let mut classes: Vec<u8> = asked.map(class_of).collect();
    // From before there were the others.
    if classes.iter().any(|class| *class > REST) {
        classes.push(REST);
    }
    classes.sort_unstable();
    classes.dedup();
    classes
}
