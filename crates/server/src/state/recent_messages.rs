//! The newest messages in rooms with their authors, by number alone, so that somebody's messages of
//! the last hour can be redacted at once.

use crate::limits::RECENT_MESSAGES;
use crate::state::user::UserId;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use store::{EventId, RecentMessage, RoomId};

/// The newest messages in rooms, oldest first.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct RecentMessages {
    messages: VecDeque<Message>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
struct Message {
    id: EventId,
    room: RoomId,
    author: UserId,
    time: i64,
}

impl RecentMessages {
    /// From the store, oldest first.
    pub fn new(said: &[RecentMessage]) -> RecentMessages {
        let mut recent = RecentMessages::default();
        for RecentMessage { id, room, author, time } in said {
            recent.add(*id, *room, *author, *time);
        }
        recent
    }

    /// Whether it has this message of a room.
    pub fn is_in(&self, room: RoomId, id: EventId) -> bool {
        let found = self.messages.binary_search_by_key(&id, |message| message.id);
        found.is_ok_and(|at| self.messages[at].room == room)
    }

    /// The room and the author of a message, if it is known.
    pub fn of(&self, id: EventId) -> Option<(RoomId, UserId)> {
        let found = self.messages.binary_search_by_key(&id, |message| message.id).ok()?;
        let message = &self.messages[found];
        Some((message.room, message.author))
    }

    /// Somebody has sent a message to a room.
    pub fn add(&mut self, id: EventId, room: RoomId, author: UserId, time: i64) {
        if self.messages.len() >= RECENT_MESSAGES {
            self.messages.pop_front();
        }
        self.messages.push_back(Message { id, room, author, time });
    }

    /// Messages of some authors in a room since a time, newest first; and how many entries were
    /// examined.
    pub fn since(
        &self,
        room: RoomId,
        time: i64,
        authors: &[UserId],
        most: usize,
    ) -> (Vec<EventId>, usize) {
        let mut looked_at = 0;
        let recent = self.messages.iter().rev().take_while(|message| message.time >= time);
        let recent = recent.inspect(|_| looked_at += 1);
        let theirs =
            recent.filter(|message| message.room == room && authors.contains(&message.author));
        let found = theirs.take(most).map(|message| message.id).collect();
        (found, looked_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_messages_are_found_within_a_bound() {
        let mut recent = RecentMessages::default();
        for (id, room, author, time) in [(1, 1, 1, 10), (2, 1, 2, 20), (3, 2, 1, 30), (4, 1, 1, 40)]
        {
            recent.add(id, room, author, time);
        }
        assert_eq!(recent.since(1, 0, &[1], 9), (vec![4, 1], 4));
        assert_eq!(recent.since(1, 11, &[1], 9), (vec![4], 3));
        assert_eq!(recent.since(1, 0, &[1, 2], 2).0, [4, 2]);
        assert_eq!((recent.of(3), recent.of(5)), (Some((2, 1)), None));
        assert_eq!([3, 4, 5].map(|id| recent.is_in(1, id)), [false, true, false]);
        for id in 0..RECENT_MESSAGES as u64 {
            recent.add(id + 5, 3, 3, 50);
        }
        assert!(recent.since(1, 0, &[1], 9).0.is_empty());
    }
}
