//! Damage found in the store while it is used.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Places that are remembered, so that one is counted and told of once: about a megabyte.
const PLACES: usize = 65_536;
/// Sentences that wait to be told; of what comes meanwhile the count alone tells.
const WAITING: usize = 100;

/// What the writer and the readers of a store have found damaged since it was opened. What they have
/// found is not served; whoever uses the store tells the operator.
#[derive(Debug, Default)]
pub struct Damage {
    total: AtomicU64,
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    places: HashSet<(&'static str, String)>,
    waiting: Vec<String>,
}

impl Damage {
    /// How many places were found damaged.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// What was found since this was asked last, a sentence for each place, at most a hundred.
    pub fn take(&self) -> Vec<String> {
        let mut found = self.found.lock().expect("nothing that notes damage panics");
        std::mem::take(&mut found.waiting)
    }

    /// Notes that a place, which is `key` of a `table`, is damaged. `sentence` says how.
    pub(crate) fn note(&self, table: &'static str, key: &dyn ToString, sentence: String) {
        let mut found = self.found.lock().expect("nothing that notes damage panics");
        let place = (table, key.to_string());
        if found.places.contains(&place) || found.places.len() >= PLACES {
            return;
        }
        found.places.insert(place);
        self.total.fetch_add(1, Ordering::Relaxed);
        if found.waiting.len() < WAITING {
            found.waiting.push(sentence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_of_once_and_what_waits_is_bounded() {
        let damage = Damage::default();
        for key in (0..1000).chain(0..1000) {
            damage.note("events", &key, format!("event {key} is damaged"));
        }
        assert_eq!(damage.total(), 1000);
        assert_eq!(damage.take().len(), WAITING);
        assert_eq!(damage.take(), Vec::<String>::new());
        damage.note("rooms", &1, "the room 1 is damaged".to_owned());
        assert_eq!((damage.total(), damage.take().len()), (1001, 1));
    }
}
