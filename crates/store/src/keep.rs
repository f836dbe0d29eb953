//! Retention: how long events are kept.

use crate::{EventId, RESEND_MS};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Younger events are never removed: they may still be resent, and must be recognized then.
const YOUNG_MS: i64 = RESEND_MS;
/// How long the events of an ended room are kept after its last one.
const ENDED_MS: i64 = 30 * DAY_MS;

/// The room metadata key for the number of days for which events are kept.
pub const KEEP_DAYS: &str = "parlor/keep-days";
/// The room metadata key for the number of messages that are kept.
pub const KEEP_MESSAGES: &str = "parlor/keep-messages";

/// The retention settings. A room may keep less; see [`KEEP_DAYS`] and [`KEEP_MESSAGES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// The current time in milliseconds since the Unix epoch.
    pub now: i64,
    /// Days for which events are kept; 0: forever.
    pub days: u32,
    /// The number of messages kept per room, along with other events since the oldest of them; 0:
    /// all.
    pub messages: u32,
}

/// What is removed from one conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Only events older than this.
    young: i64,
    /// Events older than this.
    older: i64,
    /// Events older than this many messages.
    pub(crate) messages: Option<usize>,
}

impl Keep {
    /// For a direct conversation.
    pub(crate) fn of_pair(&self) -> Rule {
        Rule { messages: None, ..self.rule(0, 0) }
    }

    /// For a room with these values of [`KEEP_DAYS`] and [`KEEP_MESSAGES`].
    pub(crate) fn of_room(&self, days: Option<&str>, messages: Option<&str>) -> Rule {
        let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or(0);
        self.rule(number(days), number(messages))
    }

    /// For an ended room whose last event has this time.
    pub(crate) fn of_ended(&self, last: i64) -> Rule {
        let over = last < self.now.saturating_sub(ENDED_MS);
        let rule = self.rule(0, 0);
        Rule { older: if over { i64::MAX } else { rule.older }, ..rule }
    }

    fn rule(&self, days: u32, messages: u32) -> Rule {
        let days = lesser(self.days, days);
        let older = days.map_or(i64::MIN, |days| i64::from(days).saturating_mul(DAY_MS));
        Rule {
            young: self.now.saturating_sub(YOUNG_MS),
            older: days.map_or(i64::MIN, |_| self.now.saturating_sub(older)),
            messages: lesser(self.messages, messages).map(|messages| messages as usize),
        }
    }
}

/// The lesser of two limits, each optional.
fn lesser(one: u32, other: u32) -> Option<u32> {
    [one, other].into_iter().filter(|bound| *bound != 0).min()
}

impl Rule {
    /// Whether anything can be removed at all.
    pub(crate) fn lets_go(&self) -> bool {
        self.older > i64::MIN || self.messages.is_some()
    }

    /// Whether no event with this time can be removed.
    pub(crate) fn is_young(&self, time: i64) -> bool {
        time >= self.young
    }

    /// Whether an event is removed, provided that all earlier ones in its conversation are.
    /// `oldest` is the oldest message that is counted.
    pub(crate) fn goes(&self, id: EventId, time: i64, oldest: EventId) -> bool {
        !self.is_young(time) && (time < self.older || id < oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_can_keep_less_than_the_server_but_never_more() {
        let keep = Keep { now: 100 * DAY_MS, days: 30, messages: 500 };
        let older = |days: i64| (100 - days) * DAY_MS;
        for (days, messages, expected) in [
            (None, None, (30, 500)),
            (Some("7"), Some("1000"), (7, 500)),
            (Some("90"), Some("20"), (30, 20)),
            (Some("0"), Some("much"), (30, 500)),
        ] {
            let rule = keep.of_room(days, messages);
            assert_eq!((rule.older, rule.messages), (older(expected.0), Some(expected.1)));
        }
        let for_ever = Keep { days: 0, messages: 0, ..keep };
        assert!(!for_ever.of_room(None, None).lets_go());
        assert_eq!(for_ever.of_room(Some("7"), None).older, older(7));
        assert_eq!(keep.of_pair().messages, None);
    }

    #[test]
    fn events_stay_for_a_day_and_those_of_ended_rooms_for_thirty() {
        let keep = Keep { now: 100 * DAY_MS, days: 1, messages: 1 };
        let rule = keep.of_room(None, None);
        assert!(!rule.goes(1, 99 * DAY_MS, 9));
        assert!(rule.goes(1, 99 * DAY_MS - 1, 1) && rule.goes(1, 99 * DAY_MS - 1, 9));
        let keep = Keep { now: 100 * DAY_MS, ..Keep::default() };
        assert!(!keep.of_ended(70 * DAY_MS).lets_go());
        assert!(keep.of_ended(70 * DAY_MS - 1).goes(1, 0, 0));
    }
}
