//! Conversations.

use crate::{AccountId, RoomId};
use serde::{Deserialize, Serialize};

/// A conversation: a room, or a pair of users, packed into the number that is its key in the store.
///
/// Room `r` is `r`; the pair `a <= b` is `a << 32 | b`. Ids start at 1, so the two never collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub struct Conversation(i64);

impl Conversation {
    /// The lowest key.
    pub const FIRST: Self = Self(i64::MIN);
    /// The highest key.
    pub const LAST: Self = Self(i64::MAX);

    /// The conversation in a room.
    pub fn room(room: RoomId) -> Self {
        Self(i64::from(room))
    }

    /// The conversation of two users, in either order. Users may talk to themselves.
    pub fn direct(one: AccountId, other: AccountId) -> Self {
        let (low, high) = (one.min(other), one.max(other));
        Self((i64::from(low) << 32) | i64::from(high))
    }

    /// The room, if this is one.
    pub fn as_room(self) -> Option<RoomId> {
        u32::try_from(self.0).ok()
    }

    /// The two users, the lower id first, if this is a direct conversation.
    pub fn pair(self) -> Option<(AccountId, AccountId)> {
        match self.as_room() {
            Some(_) => None,
            None => Some(((self.0 >> 32) as u32, self.0 as u32)),
        }
    }

    /// The other party of `me` in a direct conversation; `None` for a room, and if `me` is not a
    /// party.
    pub fn other(self, me: AccountId) -> Option<AccountId> {
        match self.pair()? {
            (a, b) if a == me => Some(b),
            (a, b) if b == me => Some(a),
            _ => None,
        }
    }

    /// The key in the store.
    pub(crate) fn key(self) -> i64 {
        self.0
    }

    /// The conversation for a key from the store.
    pub(crate) fn from_key(key: i64) -> Self {
        Self(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_and_pairs_are_distinct() {
        for room in [1, 2, u32::MAX] {
            let conversation = Conversation::room(room);
            assert_eq!(conversation.as_room(), Some(room));
            assert_eq!(conversation.pair(), None);
            assert_eq!(conversation.other(room), None);
        }
        for (low, high) in [(1, 1), (1, 2), (7, u32::MAX), (u32::MAX - 1, u32::MAX)] {
            let conversation = Conversation::direct(high, low);
            assert_eq!(conversation, Conversation::direct(low, high));
            assert_eq!(conversation.as_room(), None);
            assert_eq!(conversation.pair(), Some((low, high)));
            assert_eq!(conversation.other(low), Some(high));
            assert_eq!(conversation.other(high), Some(low));
        }
        assert_eq!(Conversation::direct(1, 2).other(3), None);
    }
}
