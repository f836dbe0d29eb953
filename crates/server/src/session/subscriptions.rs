//! Which sessions are subscribed to which metadata keys, and so are notified of changes.

use crate::limits::METADATA_SUBS;
use crate::session_id::SessionId;
use std::collections::{BTreeMap, BTreeSet};

/// The subscriptions, by session and by key.
#[derive(Debug, Default)]
pub struct Subscriptions {
    subscriptions: BTreeMap<SessionId, BTreeSet<Box<str>>>,
    /// The reverse index.
    subscribers: BTreeMap<Box<str>, BTreeSet<SessionId>>,
}

impl Subscriptions {
    /// The keys to which a session is subscribed.
    pub fn of(&self, session: SessionId) -> BTreeSet<Box<str>> {
        self.subscriptions.get(&session).cloned().unwrap_or_default()
    }

    /// Subscribes a session to a key; returns whether that is new. None if it has too many
    /// subscriptions.
    pub fn subscribe(&mut self, session: SessionId, key: &str) -> Option<bool> {
        let keys = self.subscriptions.entry(session).or_default();
        if keys.contains(key) {
            return Some(false);
        }
        if keys.len() >= METADATA_SUBS {
            return None;
        }
        keys.insert(key.into());
        self.subscribers.entry(key.into()).or_default().insert(session);
        Some(true)
    }

    /// Removes a session's subscription to a key, if there is one.
    pub fn unsubscribe(&mut self, session: SessionId, key: &str) {
        if let Some(keys) = self.subscriptions.get_mut(&session) {
            keys.remove(key);
            if keys.is_empty() {
                self.subscriptions.remove(&session);
            }
        }
        if let Some(sessions) = self.subscribers.get_mut(key) {
            sessions.remove(&session);
            if sessions.is_empty() {
                self.subscribers.remove(key);
            }
        }
    }

    /// Removes all subscriptions of a session.
    pub fn unsubscribe_all(&mut self, session: SessionId) {
        for key in self.of(session) {
            self.unsubscribe(session, &key);
        }
    }

    /// All sessions with subscriptions, for consistency checks.
    #[cfg(test)]
    pub fn all_subscribed(&self) -> BTreeSet<SessionId> {
        let subscribers = self.subscribers.values().flatten();
        subscribers.chain(self.subscriptions.keys()).copied().collect()
    }

    /// The sessions that are subscribed to a key.
    pub fn to(&self, key: &str) -> impl Iterator<Item = SessionId> {
        self.subscribers.get(key).into_iter().flatten().copied()
    }
}
