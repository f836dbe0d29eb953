//! Recent former names of rooms, so that commands with an old name still find the room. Not stored:
//! a restart forgets them.

use crate::limits::{RENAMED_MILLIS, RENAMES_REMEMBERED};
use proto::name::fold;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use store::RoomId;

/// Former names, oldest change first.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Renames {
    list: VecDeque<Renamed>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Renamed {
    /// The folded old name.
    old: String,
    room: RoomId,
    /// When (monotonic milliseconds).
    time: i64,
}

impl Renames {
    /// A room has been renamed from this name.
    pub fn add(&mut self, old: &str, room: RoomId, now: i64) {
        while self.list.len() >= RENAMES_REMEMBERED {
            self.list.pop_front();
        }
        self.list.push_back(Renamed { old: fold(old), room, time: now });
    }

    /// A room's latest renaming is rolled back.
    pub fn roll_back(&mut self, room: RoomId) {
        if let Some(at) = self.list.iter().rposition(|renamed| renamed.room == room) {
            self.list.remove(at);
        }
    }

    /// The room that recently had this name.
    pub fn find(&self, name: &str, now: i64) -> Option<RoomId> {
        let name = fold(name);
        let recent = self.list.iter().rev().take_while(|one| now - one.time < RENAMED_MILLIS);
        recent.filter(|one| one.old == name).map(|one| one.room).next()
    }

    /// When a room was last renamed (monotonic milliseconds).
    pub fn last(&self, room: RoomId) -> Option<i64> {
        self.list.iter().rev().find(|renamed| renamed.room == room).map(|renamed| renamed.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_former_name_is_known_for_a_day_and_their_number_is_bounded() {
        let mut renames = Renames::default();
        renames.add("#Old", 1, 1000);
        assert_eq!(renames.find("#OLD", 1000 + RENAMED_MILLIS - 1), Some(1));
        assert_eq!(renames.find("#old", 1000 + RENAMED_MILLIS), None);
        renames.add("#old", 2, 2000);
        assert_eq!(renames.find("#old", 2000), Some(2), "the newest counts");
        assert_eq!((renames.last(1), renames.last(2)), (Some(1000), Some(2000)));
        renames.roll_back(2);
        assert_eq!(renames.find("#old", 2000), Some(1));
        for room in 0..RENAMES_REMEMBERED as RoomId {
            renames.add("#other", 10 + room, 3000);
        }
        assert_eq!(renames.find("#old", 3000), None, "the oldest is forgotten");
        assert_eq!(renames.list.len(), RENAMES_REMEMBERED);
    }
}
