//! What a command leaves to the node of its session, because it concerns what only a node knows.

use std::sync::Arc;
use store::{AccountId, Conversation, RoomId, Subject};

/// Something to do when a command has been applied.
#[derive(Debug)]
pub enum FollowUp {
    /// The asker has had a user told so many bytes.
    ChargeShare {
        /// The receiver.
        of: AccountId,
        /// How many.
        bytes: usize,
    },
    /// A room comes to know of a user: who is subscribed to what the user has is told.
    Introduce {
        /// The room.
        room: RoomId,
        /// The user.
        user: AccountId,
    },
    /// News of a user are for those, too, who watch the user and are in none of the rooms.
    TellWatchers {
        /// The user.
        user: AccountId,
        /// Index in [`super::Effects::news`].
        news: u32,
        /// The rooms that are told.
        told: Box<[RoomId]>,
    },
    /// The other devices of the asker are shown a read marker.
    ShowMarker {
        /// Of which conversation.
        conversation: Conversation,
        /// Its name.
        name: Arc<str>,
    },
    /// A key of metadata has changed: who is subscribed to it is told.
    MetadataChanged {
        /// Whose.
        of: Subject,
        /// The name of that.
        name: Arc<str>,
        /// The key.
        key: Box<str>,
        /// Its value, if it has one.
        value: Option<Box<str>>,
    },
    /// To some it looked as if a user came anew: who is subscribed to what the user has is told again.
    MetadataAgain {
        /// The user.
        user: AccountId,
    },
}
