//! Whether the hub and the journal are alive.

use std::sync::atomic::{AtomicU64, Ordering};

/// How far the question got whether the server is alive: the hub takes it up, the journal answers
/// it. Each is a number that rises; it costs those on the way of messages one look.
#[derive(Debug, Default)]
pub struct Pulse {
    asked: AtomicU64,
    hub: AtomicU64,
    journal: AtomicU64,
}

impl Pulse {
    /// Asks the question of this number, higher than those before.
    pub fn ask(&self, question: u64) {
        self.asked.store(question, Ordering::Release);
    }

    /// For the hub, when it has applied something: whether there is a new question, which it is to
    /// pass on to the journal.
    pub fn take_up(&self) -> bool {
        let asked = self.asked.load(Ordering::Acquire);
        self.hub.swap(asked, Ordering::AcqRel) != asked
    }

    /// For the journal, when it has taken something up: the last question of the hub, to be
    /// [answered](Pulse::answer) when that is dealt with.
    pub fn question(&self) -> u64 {
        self.hub.load(Ordering::Acquire)
    }

    /// The journal has dealt with all that came before this question.
    pub fn answer(&self, question: u64) {
        self.journal.store(question, Ordering::Release);
    }

    /// The last question that was answered.
    pub fn answered(&self) -> u64 {
        self.journal.load(Ordering::Acquire)
    }
}
