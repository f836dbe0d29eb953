//! Whether the hub and the journal are alive.

use std::sync::atomic::{AtomicU64, Ordering};

/// Numbered liveness checks, which the hub passes on and the journal answers. They cost a message
/// no more than reading an atomic.
#[derive(Debug, Default)]
pub struct Pulse {
    asked: AtomicU64,
    hub: AtomicU64,
    journal: AtomicU64,
}

impl Pulse {
    /// Starts a check with this number, higher than any before.
    pub fn ask(&self, question: u64) {
        self.asked.store(question, Ordering::Release);
    }

    /// For the hub, after it has applied an input: whether there is a new check to pass on to the
    /// journal.
    pub fn take_up(&self) -> bool {
        let asked = self.asked.load(Ordering::Acquire);
        self.hub.swap(asked, Ordering::AcqRel) != asked
    }

    /// For the journal, when it begins with some effects: the last check that the hub passed on, to
    /// be [answered](Pulse::answer) when they are done.
    pub fn question(&self) -> u64 {
        self.hub.load(Ordering::Acquire)
    }

    /// The journal has finished everything that came before this check.
    pub fn answer(&self, question: u64) {
        self.journal.store(question, Ordering::Release);
    }

    /// The last check that was answered.
    pub fn answered(&self) -> u64 {
        self.journal.load(Ordering::Acquire)
    }
}
