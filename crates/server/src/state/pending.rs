//! Private messages that their receivers have not acknowledged, and how many of them each sender
//! may have.

use super::apply_context::ApplyContext;
use super::user::UserId;
use crate::limits::{KEPT_EACH, KEPT_EACH_ONLINE, KEPT_IN_CROWD, KEPT_MOST, KEPT_UNCROWDED};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use store::{AccountId, EventId, Write};

/// All guests count as one sender: each comes back as somebody new.
pub const ANY_GUEST: UserId = 0;

/// The pending messages per receiver with their senders: at least what the store has.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct PendingMessages {
    of: BTreeMap<UserId, VecDeque<(EventId, UserId)>>,
}

impl PendingMessages {
    /// From the store: receiver, event and sender, sorted by receiver and then event.
    pub fn new(loaded: Vec<(AccountId, EventId, AccountId)>) -> PendingMessages {
        let mut kept = PendingMessages::default();
        for (receiver, event, sender) in loaded {
            kept.add(receiver, event, sender);
        }
        kept
    }

    /// Whether another message of a sender may become pending. A receiver online will acknowledge
    /// soon, so more may be pending for one.
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

    /// A message becomes pending.
    pub fn add(&mut self, receiver: UserId, event: EventId, sender: UserId) {
        self.of.entry(receiver).or_default().push_back((event, sender));
    }

    /// The newest pending message was not stored.
    pub fn undo(&mut self, receiver: UserId, event: EventId) {
        self.retain(receiver, |kept| kept != event);
    }

    /// Everything after one event, up to another, was acknowledged.
    pub fn taken(&mut self, receiver: UserId, after: EventId, up_to: EventId) {
        self.retain(receiver, |kept| kept <= after || kept > up_to);
    }

    /// Drops everything pending for a receiver; returns it.
    pub fn forget(&mut self, receiver: UserId) -> VecDeque<(EventId, UserId)> {
        self.of.remove(&receiver).unwrap_or_default()
    }

    /// Restores what was pending for a receiver.
    pub fn restore(&mut self, receiver: UserId, kept: VecDeque<(EventId, UserId)>) {
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

/// The requester has acknowledged pending messages in these ranges of events. If that cannot be
/// stored, they stay pending and are shown again, so nothing is lost.
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
    fn pending_messages_per_sender_are_limited_more_strictly_in_a_crowd() {
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
