//! Damage found in the store while it is used.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Damaged places remembered, so that each is counted and reported once: about a megabyte.
const PLACES: usize = 65_536;
/// Sentences waiting to be reported; of further ones only the count is kept.
const WAITING: usize = 100;

/// Damage found by the writer and the readers of a store since it was opened. Damaged data is never
/// served; the user of the store tells the operator.
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
    /// The number of damaged places found.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// The damage found since the last call, a sentence for each place, at most a hundred.
    pub fn take(&self) -> Vec<String> {
        let mut found = self.found.lock().expect("nothing that notes damage panics");
        std::mem::take(&mut found.waiting)
    }

    /// Records that `key` of a `table` is damaged, with a sentence about it.
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
    fn each_place_is_reported_once_and_waiting_reports_are_bounded() {
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
