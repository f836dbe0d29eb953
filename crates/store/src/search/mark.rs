//! Marks: what the index stores for a message besides its words. `=r5` for its room, or `=p1` and
//! `=p2` for the two users of a direct conversation, `=a1` for its author, `=l` if it contains a
//! link. Words contain no `=`, so nobody can write a mark.

use std::fmt::Write as _;

use super::analyzer;
use crate::{AccountId, Conversation};

pub(super) const LINK: &str = "=l";

pub(super) fn room(room: u32) -> String {
    format!("=r{room}")
}

pub(super) fn person(account: AccountId) -> String {
    format!("=p{account}")
}

pub(super) fn author(account: AccountId) -> String {
    format!("=a{account}")
}

/// The marks of a message.
pub(super) fn each(
    conversation: Conversation,
    account: AccountId,
    text: &str,
    mark: &mut dyn FnMut(&str),
) {
    let mut buffer = String::with_capacity(16);
    let mut numbered = |kind, number: u32| {
        buffer.clear();
        _ = write!(buffer, "={kind}{number}");
        mark(&buffer);
    };
    match (conversation.as_room(), conversation.pair()) {
        (Some(room), _) => numbered('r', room),
        (None, Some((one, other))) => {
            numbered('p', one);
            numbered('p', other);
        }
        (None, None) => {}
    }
    numbered('a', account);
    if analyzer::has_link(text) {
        mark(LINK);
    }
}
