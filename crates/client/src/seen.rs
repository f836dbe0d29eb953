//! The newest msgids received, so that nothing is shown twice after a reconnect.

use std::collections::{HashSet, VecDeque};

use crate::limits::SEEN_MAX;

/// A set of msgids that forgets the oldest beyond [`SEEN_MAX`].
#[derive(Debug, Default)]
pub struct Seen {
    order: VecDeque<String>,
    ids: HashSet<String>,
}

impl Seen {
    /// Remembers `msgid`; false if it was known already.
    pub fn insert(&mut self, msgid: &str) -> bool {
        if !self.ids.insert(msgid.to_owned()) {
            return false;
        }
        self.order.push_back(msgid.to_owned());
        if self.order.len() > SEEN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }

    /// Whether `msgid` is remembered.
    pub fn contains(&self, msgid: &str) -> bool {
        self.ids.contains(msgid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_known_and_memory_is_bounded() {
        let mut seen = Seen::default();
        for number in 0..SEEN_MAX + 10 {
            assert!(seen.insert(&number.to_string()));
        }
        assert!(!seen.insert(&(SEEN_MAX + 9).to_string()));
        assert!(!seen.contains("9") && seen.contains("10"));
        assert_eq!((seen.ids.len(), seen.order.len()), (SEEN_MAX, SEEN_MAX));
    }
}
