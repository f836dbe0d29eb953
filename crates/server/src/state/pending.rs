//! Private messages that wait until their receivers have taken them, and how many of them each
//! sender may have waiting.

use super::apply_context::ApplyContext;
use super::user::UserId;
use crate::limits::{KEPT_EACH, KEPT_EACH_ONLINE, KEPT_IN_CROWD, KEPT_MOST, KEPT_UNCROWDED};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use store::{AccountId, EventId, Write};

/// All guests together are one sender: each comes back as somebody new.
pub const ANY_GUEST: UserId = 0;

/// What is kept for whom, and by whom it was sent: at least what the store has.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct PendingMessages {
    of: BTreeMap<UserId, VecDeque<(EventId, UserId)>>,
}

impl PendingMessages {
    /// What the store has, as receiver, event and sender, by receiver and then event.
    pub fn new(loaded: Vec<(AccountId, EventId, AccountId)>) -> PendingMessages {
        let mut kept = PendingMessages::default();
        for (receiver, event, sender) in loaded {
            kept.add(receiver, event, sender);
        }
        kept
    }

    /// Whether another message of a sender may be kept. Somebody online takes it soon, with the next
    /// sign of life, so more may wait for that.
    pub fn may(&self, receiver: UserId, sender: UserId, online: bool) -> bool {
        let Some(kept) = self.of.get(&receiver) else { return true };
        let share = match kept.len() {
            KEPT_MOST.. => return false,
            _ if online => KEPT_EACH_ONLINE,
            KEPT_UNCROWDED.. => KEPT_IN_CROWD,
            few if few < KEPT_IN_CROWD => return true,
            _ => KEPT_EACH,
        };
        kept.iter().filter(|(_, of)| *of == sender).take(share).count() < share
    }

    /// A message is kept.
    pub fn add(&mut self, receiver: UserId, event: EventId, sender: UserId) {
        self.of.entry(receiver).or_default().push_back((event, sender));
    }

    /// The newest of what is kept was not stored.
    pub fn undo(&mut self, receiver: UserId, event: EventId) {
        self.retain(receiver, |kept| kept != event);
    }

    /// All after one event, up to another, has been taken.
    pub fn taken(&mut self, receiver: UserId, after: EventId, up_to: EventId) {
        self.retain(receiver, |kept| kept <= after || kept > up_to);
    }

    /// Nothing is kept for a receiver any longer; returns what was.
    pub fn forget(&mut self, receiver: UserId) -> VecDeque<(EventId, UserId)> {
        self.of.remove(&receiver).unwrap_or_default()
    }

    /// All that was kept for a receiver is kept still.
    pub fn put_back(&mut self, receiver: UserId, kept: VecDeque<(EventId, UserId)>) {
        if !kept.is_empty() {
            self.of.insert(receiver, kept);
        }
    }

    fn retain(&mut self, receiver: UserId, stays: impl Fn(EventId) -> bool) {
        let Some(kept) = self.of.get_mut(&receiver) else { return };
        kept.retain(|(event, _)| stays(*event));
        if kept.is_empty() {
            self.of.remove(&receiver);
        }
    }
}

/// The requester has taken what was kept for them, in these ranges of events. If that cannot be stored, it
/// is kept still and shown once more, for nothing may get lost.
pub fn taken(context: &mut ApplyContext<'_>, ranges: [(EventId, EventId); 2]) {
    let account = context.me();
    for (after, up_to) in ranges.into_iter().filter(|(_, up_to)| *up_to > 0) {
        context.state.pending.taken(account, after, up_to);
        context.out.write(Write::PendingDelivered { account, after, up_to });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VICTIM: UserId = 1;

    #[test]
    fn one_sender_has_a_share_of_what_is_kept_and_a_crowd_small_ones() {
        let mut kept = PendingMessages::default();
        let mut event = 0;
        let mut fill = |kept: &mut PendingMessages, sender: UserId| {
            let before = event;
            while kept.may(VICTIM, sender, false) {
                event += 1;
                kept.add(VICTIM, event, sender);
            }
            (event - before) as usize
        };
        assert_eq!(fill(&mut kept, 2), KEPT_EACH);
        assert!(kept.may(VICTIM, 2, true), "who is online takes it soon");
        let all: usize = (3..10).map(|sender| fill(&mut kept, sender)).sum();
        assert!(KEPT_EACH + all < KEPT_UNCROWDED + 10 * KEPT_IN_CROWD);
        assert_eq!(fill(&mut kept, 10), KEPT_IN_CROWD, "a friend is not kept out");
        kept.taken(VICTIM, 0, event);
        assert!(kept.of.is_empty());
        assert!(kept.may(VICTIM, 2, false));
    }
}
