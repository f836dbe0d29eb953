//! The thread that writes the search index, behind the store's commits.

use crate::limits::{INDEX_GATHER_MILLIS, INDEX_MAINTAIN_SECONDS, INDEX_NICE};
use crate::metrics::Metrics;
use crate::priority::{self, Foreground};
use std::thread;
use std::time::{Duration, Instant};
use store::WordIndex;

/// Steps after the last commit: they remove redacted messages from the index.
const LAST_STEPS: usize = 3;

/// Writes the index until no further commits come.
pub fn run(mut index: WordIndex, metrics: &Metrics, foreground: &Foreground) {
    priority::stand_back(INDEX_NICE, "The search index is written");
    let every = Duration::from_secs(INDEX_MAINTAIN_SECONDS);
    let mut maintained = Instant::now();
    while index.wait(every) {
        // Commits that come meanwhile go into the same transaction.
        thread::sleep(Duration::from_millis(INDEX_GATHER_MILLIS));
        loop {
            foreground.pause();
            let step = index.step();
            metrics.indexed(step.added, step.lag);
            if maintained.elapsed() >= every {
                maintained = Instant::now();
                index.maintain();
            }
            if !step.more || index.has_ended() {
                break;
            }
        }
    }
    for _ in 0..LAST_STEPS {
        index.step();
    }
    index.close();
}
