//! Read markers: how far users have read conversations.

use crate::state::user::UserId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use store::Conversation;

/// The read markers by user and by conversation, so that ending a room or removing a guest does not
/// scan all of them.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Markers {
    times: BTreeMap<(UserId, Conversation), i64>,
    #[serde(skip)]
    readers: BTreeSet<(Conversation, UserId)>,
}

impl Markers {
    /// How far a user has read a conversation (milliseconds since the epoch), if known.
    pub fn get(&self, user: UserId, conversation: Conversation) -> Option<i64> {
        self.times.get(&(user, conversation)).copied()
    }

    /// Sets a marker.
    pub fn set(&mut self, user: UserId, conversation: Conversation, time: i64) {
        self.times.insert((user, conversation), time);
        self.readers.insert((conversation, user));
    }

    /// Removes a marker.
    pub fn remove(&mut self, user: UserId, conversation: Conversation) {
        self.times.remove(&(user, conversation));
        self.readers.remove(&(conversation, user));
    }

    /// The markers of a user.
    pub fn of(&self, user: UserId) -> impl Iterator<Item = (Conversation, i64)> {
        let mine = (user, Conversation::FIRST)..=(user, Conversation::LAST);
        self.times.range(mine).map(|((_, conversation), time)| (*conversation, *time))
    }

    /// Removes all markers of a user.
    pub fn forget(&mut self, user: UserId) {
        for (conversation, _) in self.of(user).collect::<Vec<_>>() {
            self.remove(user, conversation);
        }
    }

    /// Removes all markers of a conversation; returns them.
    pub fn end(&mut self, conversation: Conversation) -> Vec<(UserId, i64)> {
        let there = (conversation, UserId::MIN)..=(conversation, UserId::MAX);
        let readers = self.readers.range(there).map(|(_, user)| *user).collect::<Vec<_>>();
        let ended = readers.iter().filter_map(|user| Some((*user, self.get(*user, conversation)?)));
        let ended = ended.collect();
        readers.iter().for_each(|user| self.remove(*user, conversation));
        ended
    }

    /// Rebuilds the index by conversation, which is not part of a snapshot.
    pub fn index(&mut self) {
        self.readers = self.times.keys().map(|(user, of)| (*of, *user)).collect();
    }

    /// All markers.
    #[cfg(test)]
    pub fn iter(&self) -> impl Iterator<Item = (UserId, Conversation, i64)> {
        self.times.iter().map(|((user, conversation), time)| (*user, *conversation, *time))
    }
}

impl FromIterator<(UserId, Conversation, i64)> for Markers {
    fn from_iter<I: IntoIterator<Item = (UserId, Conversation, i64)>>(all: I) -> Markers {
        let mut markers = Markers::default();
        all.into_iter().for_each(|(user, in_, time)| markers.set(user, in_, time));
        markers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::hub::Hub;
    use store::{MemoryStore, Store, Write};

    #[test]
    fn removing_a_user_or_room_removes_only_its_own_markers() {
        let (room, talk) = (Conversation::room(1), Conversation::direct(1, 2));
        let all = [(1, room, 10), (1, talk, 11), (2, room, 12), (2, talk, 13)];
        let mut markers = Markers::from_iter(all);
        assert_eq!(markers.end(room), [(1, 10), (2, 12)]);
        assert_eq!(markers.end(room), []);
        markers.forget(2);
        assert_eq!(markers, Markers::from_iter([(1, talk, 11)]));
    }

    /// A room that nobody is in ends with a restart, and so do its markers.
    #[test]
    fn a_restart_drops_the_markers_of_rooms_that_end() {
        let room = crate::state::room::Room::new(1, "#a".into(), 0).record();
        let marker = |conversation| Write::ReadMarker { account: 1, conversation, time: 10 };
        let (there, talk) = (Conversation::room(1), Conversation::direct(1, 2));
        let mut store = MemoryStore::new("test");
        let writes = [Write::Room(room), marker(there), marker(talk)];
        store.commit(&mut writes.iter()).expect("it is in memory");
        let loaded = store.load().expect("it is in memory");
        let (hub, first) = Hub::new(Config::default().into(), loaded, 0);
        store.commit(&mut first.iter()).expect("it is in memory");
        let kept = store.load().expect("it is in memory").read_markers;
        assert_eq!(hub.state.read_markers.iter().collect::<Vec<_>>(), kept);
        assert_eq!(kept, [(1, talk, 10)]);
    }
}
