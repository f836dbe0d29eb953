//! Whom a message mentions: members of the room, or the receiver, whose names occur in the text; an
//! operator's `@room` mentions everybody in the room.

use crate::limits::LOOK_UP_WORK;
use crate::state::apply_context::ApplyContext;
use crate::state::room::Rank;
use proto::limits::NAME_BYTES;
use proto::name::in_name;
use std::collections::BTreeSet;
use store::{AccountId, EVERYBODY, Event, MENTIONS, RoomId};

/// The word that mentions everybody in a room.
const ALL: &str = "@room";

/// The accounts mentioned by the requester's message, never its author.
pub(super) fn of(context: &mut ApplyContext<'_>, event: &Event) -> Box<[AccountId]> {
    if !event.kind.is_message() {
        return Box::default();
    }
    let room = event.conversation.as_room();
    let action = event.text.strip_prefix("\x01ACTION ");
    let text = action.unwrap_or(&event.text);
    if room.is_some_and(|room| says_all(text) && may_mention_all(context, room)) {
        return [EVERYBODY].into();
    }
    let mut found = BTreeSet::new();
    let (mut looked_up, mut folded) = (0, String::new());
    for word in text.split(|c| !in_name(c)) {
        if found.len() == MENTIONS {
            break;
        }
        if word.is_empty() || word.len() > NAME_BYTES {
            continue;
        }
        looked_up += LOOK_UP_WORK;
        // One buffer for all words: allocating one for each took a twentieth of a message's CPU
        // time.
        folded.clear();
        folded.push_str(word);
        folded.make_ascii_lowercase();
        let account = context.state.accounts.get(&folded).map(|account| account.id);
        let Some(account) = account else { continue };
        if account != event.account && is_told(context, event, account) {
            found.insert(account);
        }
    }
    context.out.spend(looked_up);
    found.into_iter().collect()
}

/// Whether an account can be mentioned there; in the lobby anybody can.
fn is_told(context: &ApplyContext<'_>, event: &Event, account: AccountId) -> bool {
    match event.conversation.as_room() {
        Some(room) if Some(room) == context.state.lobby => true,
        Some(room) => context.state.rooms[&room].members.contains_key(&account),
        None => context.state.account(&event.target).is_some_and(|to| to.id == account),
    }
}

fn says_all(text: &str) -> bool {
    let end = |word: &str| word.get(ALL.len()..).is_some_and(|rest| !rest.starts_with(in_name));
    let begins = |word: &str| word.get(..ALL.len()).is_some_and(|it| it.eq_ignore_ascii_case(ALL));
    text.contains('@') && text.split_whitespace().any(|word| begins(word) && end(word))
}

fn may_mention_all(context: &ApplyContext<'_>, room: RoomId) -> bool {
    let member = context.state.rooms[&room].member(context.me());
    context.user().is_operator() || member.is_some_and(|member| member.rank() >= Rank::Op)
}
