//! Which conversations an account has muted or follows. The setting stays when somebody leaves a
//! room, and applies again when they come back.

use crate::effects::Effects;
use crate::state::State;
use crate::state::records;
use crate::state::user::UserId;
use serde::{Deserialize, Serialize};
use store::{Conversation, RecordKind};

/// What an account wants to be notified of, besides private messages and mentions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notify {
    /// Nothing.
    Mute,
    /// Every message.
    Follow,
}

/// Its spelling in the protocol.
pub fn word(notify: Option<Notify>) -> &'static str {
    match notify {
        Some(Notify::Mute) => "mute",
        Some(Notify::Follow) => "follow",
        None => "default",
    }
}

/// Parses a word of the protocol.
pub fn parse(given: &str) -> Option<Option<Notify>> {
    let all = [Some(Notify::Mute), Some(Notify::Follow), None];
    all.into_iter().find(|one| word(*one).eq_ignore_ascii_case(given))
}

/// A user's setting for a conversation.
pub fn of(state: &State, user: UserId, conversation: Conversation) -> Option<Notify> {
    state.records.get(RecordKind::Conversation, user, &key(user, conversation))
}

/// All settings of a user.
pub fn all(state: &State, user: UserId) -> Vec<(Conversation, Notify)> {
    let records = state.records.of(RecordKind::Conversation, user);
    records
        .filter_map(|(key, value)| Some((conversation(user, key)?, records::parse(value)?)))
        .collect()
}

/// Sets or clears it.
pub fn set(
    state: &mut State,
    out: &mut Effects,
    user: UserId,
    conversation: Conversation,
    to: Option<Notify>,
) {
    let record = (RecordKind::Conversation, user, &*key(user, conversation));
    records::set(state, out, record, to.as_ref());
}

/// Removes a user's settings for rooms that no longer exist.
pub fn tidy(state: &mut State, out: &mut Effects, user: UserId) {
    for (conversation, _) in all(state, user) {
        if conversation.as_room().is_some_and(|room| !state.rooms.contains_key(&room)) {
            set(state, out, user, conversation, None);
        }
    }
}

/// The record key: the room, or the other user.
fn key(user: UserId, conversation: Conversation) -> String {
    match (conversation.as_room(), conversation.other(user)) {
        (Some(room), _) => format!("#{room}"),
        (None, other) => format!("@{}", other.unwrap_or_default()),
    }
}

fn conversation(user: UserId, key: &str) -> Option<Conversation> {
    match key.split_at_checked(1)? {
        ("#", room) => Some(Conversation::room(room.parse().ok()?)),
        ("@", other) => Some(Conversation::direct(user, other.parse().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_survives_the_round_trip_through_its_key() {
        for of in [Conversation::room(7), Conversation::direct(3, 9), Conversation::direct(3, 3)] {
            assert_eq!(conversation(3, &key(3, of)), Some(of));
        }
        for nonsense in ["", "7", "#", "#x", "é7"] {
            assert_eq!(conversation(3, nonsense), None);
        }
    }
}
