//! The table of connections: dense, because every line looks up its session.

use crate::session::{Attempt, Prompt, Sasl, Session};
use crate::session_id::SessionId;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Index;
use store::AccountId;

/// All connections by shard and slot. Iterates in that order, so that the hub stays deterministic.
#[derive(Debug, Default)]
pub struct Sessions {
    /// The number of this node; 0 without a cluster.
    pub node: u16,
    shards: Vec<Vec<Option<(u32, Session)>>>,
    /// Closed sessions whose slots are in use again: a command of theirs is still in flight.
    displaced: BTreeMap<SessionId, Session>,
    count: usize,
}

impl Sessions {
    /// The session, if it exists.
    pub fn get(&self, id: &SessionId) -> Option<&Session> {
        let entry = self.shards.get(usize::from(id.shard))?.get(id.slot as usize)?.as_ref();
        let is_current = |generation| (generation, self.node) == (id.generation, id.node);
        let found = entry.filter(|(generation, _)| is_current(*generation));
        found.map(|(_, session)| session).or_else(|| self.displaced.get(id))
    }

    /// The session, to change it, if it exists.
    pub fn get_mut(&mut self, id: &SessionId) -> Option<&mut Session> {
        let entry = self.shards.get_mut(usize::from(id.shard))?.get_mut(id.slot as usize)?.as_mut();
        let is_current = |generation| (generation, self.node) == (id.generation, id.node);
        let found = entry.filter(|(generation, _)| is_current(*generation));
        found.map(|(_, session)| session).or_else(|| self.displaced.get_mut(id))
    }

    /// Whether the session exists.
    pub fn contains_key(&self, id: &SessionId) -> bool {
        self.get(id).is_some()
    }

    /// Adds a session. Slots are dense, so the table grows no larger than the largest number of
    /// connections at once.
    pub fn insert(&mut self, id: SessionId, session: Session) {
        let (shard, slot) = (usize::from(id.shard), id.slot as usize);
        if self.shards.len() <= shard {
            self.shards.resize_with(shard + 1, Vec::new);
        }
        let slots = &mut self.shards[shard];
        if slots.len() <= slot {
            slots.resize_with(slot + 1, || None);
        }
        if let Some((generation, before)) = slots[slot].replace((id.generation, session)) {
            assert!(
                before.extras().closed.is_some(),
                "a shard reuses a slot only after closing it"
            );
            self.displaced.insert(SessionId { generation, ..id }, before);
        }
        self.count += 1;
    }

    /// Removes a session.
    pub fn remove(&mut self, id: &SessionId) -> Option<Session> {
        self.get(id)?;
        self.count -= 1;
        if let Some(session) = self.displaced.remove(id) {
            return Some(session);
        }
        self.shards[usize::from(id.shard)][id.slot as usize].take().map(|(_, session)| session)
    }

    /// Sessions that are logging in to an account: logged in or about to be, but not its user's yet.
    pub fn logging_in_as(&self, account: AccountId) -> Vec<SessionId> {
        let matches = |(_, session): &(SessionId, &Session)| logging_in(session) == Some(account);
        self.iter().filter(matches).map(|(id, _)| id).collect()
    }

    /// The accounts of all such sessions.
    pub fn logging_in(&self) -> BTreeSet<AccountId> {
        self.iter().filter_map(|(_, session)| logging_in(session)).collect()
    }

    /// The number of sessions.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no sessions.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All sessions.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        let node = self.node;
        let displaced = self.displaced.iter().map(|(id, session)| (*id, session));
        let placed = self.shards.iter().zip(0u8..).flat_map(move |(slots, shard)| {
            slots.iter().zip(0u32..).filter_map(move |(entry, slot)| {
                let (generation, session) = entry.as_ref()?;
                let generation = *generation;
                Some((SessionId { node, shard, slot, generation }, session))
            })
        });
        displaced.chain(placed)
    }
}

impl Index<&SessionId> for Sessions {
    type Output = Session;

    /// # Panics
    /// If it does not exist: a bug in the caller.
    fn index(&self, id: &SessionId) -> &Session {
        self.get(id).expect("the session exists")
    }
}

/// The account that a session has logged in to, or is about to, while it is not its user's yet.
fn logging_in(session: &Session) -> Option<AccountId> {
    let by_sasl = match session.extras().sasl.as_deref() {
        Some(Sasl::ScramFinal(_, _, account) | Sasl::ScramDone(account, ..)) => Some(account),
        _ => None,
    };
    let proving = match session.extras().pending_attempt.as_deref().map(|pending| &pending.attempt)
    {
        Some(Attempt::ScramProof(_, _, account) | Attempt::Code(account, _)) => Some(account),
        _ => None,
    };
    let asked = match session.extras().prompt.as_deref() {
        Some(Prompt::LoginCode(account)) => Some(account),
        _ => None,
    };
    let registering = session.registration.as_deref().and_then(|it| it.account.as_ref());
    registering.or(by_sasl).or(proving).or(asked).map(|account| account.id)
}
