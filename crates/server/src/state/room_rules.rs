//! The settings of a room that are neither modes nor metadata: slow mode, who may invite, and
//! whether only operators speak. Each that differs from its default is a record.

use crate::limits::SLOW_SECONDS_MOST;
use crate::state::State;
use crate::state::records;
use crate::state::user::UserId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::{RecordKind, RoomId};

/// The record key of slow mode; the value is its seconds.
pub const SLOW: &str = "slow";
/// The record key of whether members may invite.
pub const INVITE: &str = "invite";
/// The record key of whether it is an announcement room.
pub const ANNOUNCE: &str = "announce";

/// The settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoomRules {
    /// Seconds that a member waits between two messages; 0: none.
    pub slow: u32,
    /// Whether an invitation by any member lets somebody into a closed room.
    pub members_invite: bool,
    /// Whether only operators and half-operators speak.
    pub announce: bool,
}

impl RoomRules {
    /// Applies a record, or its removal.
    pub fn apply(&mut self, key: &str, value: Option<&str>) {
        let switch = |value: Option<&str>| value.and_then(records::parse).unwrap_or(false);
        match key {
            SLOW => {
                let seconds: Option<u32> = value.and_then(records::parse);
                self.slow = seconds.unwrap_or(0).min(SLOW_SECONDS_MOST);
            }
            INVITE => self.members_invite = switch(value),
            ANNOUNCE => self.announce = switch(value),
            _ => {}
        }
    }
}

/// A setting's record has changed, or is gone.
pub fn changed(state: &mut State, room: RoomId, key: &str) {
    let Some(known) = state.rooms.get_mut(&room) else { return };
    known.rules.apply(key, state.records.raw(RecordKind::RoomSetting, room, key));
    if key == SLOW && known.rules.slow == 0 {
        known.slow.end();
    }
}

/// Parses the seconds of slow mode: a number, a duration, or `off`.
pub fn parse_slow(text: &str) -> Option<u32> {
    let seconds = match text {
        _ if text.eq_ignore_ascii_case("off") => 0,
        _ => match text.parse::<u32>() {
            Ok(seconds) => seconds,
            Err(_) => u32::try_from(proto::duration::parse_duration(text)? / 1000).ok()?,
        },
    };
    (seconds <= SLOW_SECONDS_MOST).then_some(seconds)
}

/// Parses `on` or `off`.
pub fn parse_switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

/// When each member of a room in slow mode last spoke.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct SlowMode {
    spoke: BTreeMap<UserId, i64>,
}

impl SlowMode {
    /// Seconds that a user still has to wait; times are in monotonic milliseconds.
    pub fn wait(&self, user: UserId, seconds: u32, now: i64) -> Option<u64> {
        let next = self.spoke.get(&user)? + i64::from(seconds) * 1000;
        let millis = u64::try_from(next - now).ok().filter(|millis| *millis > 0)?;
        Some(millis.div_ceil(1000))
    }

    /// A user speaks now. When there are `most`, those who may speak again are forgotten; if all
    /// still have to wait, the one who has waited longest is.
    pub fn spoke(&mut self, user: UserId, seconds: u32, now: i64, most: usize) {
        if self.spoke.len() >= most && !self.spoke.contains_key(&user) {
            self.spoke.retain(|_, at| *at + i64::from(seconds) * 1000 > now);
            if self.spoke.len() >= most {
                let longest = self.spoke.iter().min_by_key(|(user, at)| (**at, **user));
                if let Some(longest) = longest.map(|(user, _)| *user) {
                    self.spoke.remove(&longest);
                }
            }
        }
        self.spoke.insert(user, now);
    }

    /// Slow mode was switched off: nobody has to wait.
    pub fn end(&mut self) {
        self.spoke.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_is_a_setting_and_without_one_the_default_applies() {
        let mut rules = RoomRules::default();
        rules.apply(SLOW, Some("10"));
        rules.apply(INVITE, Some("true"));
        rules.apply(ANNOUNCE, Some("true"));
        rules.apply("later", Some("{}"));
        assert_eq!(rules, RoomRules { slow: 10, members_invite: true, announce: true });
        for key in [SLOW, INVITE, ANNOUNCE] {
            rules.apply(key, None);
        }
        assert_eq!(rules, RoomRules::default());
        rules.apply(SLOW, Some("\"fast\""));
        assert_eq!(rules, RoomRules::default());
    }

    #[test]
    fn seconds_of_slow_mode_are_within_their_bound() {
        for (text, seconds) in [("0", 0), ("off", 0), ("OFF", 0), ("10", 10), ("5m", 300)] {
            assert_eq!(parse_slow(text), Some(seconds), "{text}");
        }
        let most = SLOW_SECONDS_MOST;
        assert_eq!(parse_slow(&most.to_string()), Some(most));
        for text in ["", "-1", "fast", "1.5", "2w", &(most + 1).to_string()] {
            assert_eq!(parse_slow(text), None, "{text}");
        }
        assert_eq!(
            [parse_switch("On"), parse_switch("OFF"), parse_switch("1")],
            [Some(true), Some(false), None]
        );
    }

    #[test]
    fn who_has_spoken_waits_and_the_number_remembered_is_bounded() {
        let mut slow = SlowMode::default();
        assert_eq!(slow.wait(1, 10, 0), None);
        slow.spoke(1, 10, 0, 2);
        assert_eq!(slow.wait(1, 10, 1), Some(10));
        assert_eq!(slow.wait(1, 10, 9001), Some(1));
        assert_eq!(slow.wait(1, 10, 10_000), None);
        assert_eq!(slow.wait(2, 10, 1), None);
        slow.spoke(2, 10, 5000, 2);
        slow.spoke(3, 10, 10_000, 2);
        assert_eq!(slow.wait(1, 10, 10_000), None);
        assert_eq!(slow.wait(2, 10, 10_000), Some(5));
        slow.spoke(4, 10, 10_001, 2);
        assert_eq!([slow.wait(3, 10, 10_001), slow.wait(4, 10, 10_001)], [Some(10); 2]);
        assert_eq!(slow.wait(2, 10, 10_001), None, "the one who waited longest was forgotten");
        slow.end();
        assert_eq!(slow.wait(4, 10, 10_001), None);
    }
}
