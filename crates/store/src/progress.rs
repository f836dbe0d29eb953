//! How far a long task is. It is shared: the task sets it, others look, and may stop the task.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use crate::Failure;

/// What a long task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// It has not begun.
    Waiting = 0,
    /// An older database is taken forward.
    Migrating = 1,
    /// Pages are copied.
    Copying = 2,
    /// The database is checked; SQLite does not say how far it is with that.
    Checking = 3,
    /// Rows are compared with their checksums.
    Reading = 4,
    /// The hash over all is made or compared.
    Hashing = 5,
    /// A backup is laid into its folder.
    Restoring = 6,
    /// Rows that are sound are copied.
    Salvaging = 7,
}

const STAGES: [Stage; 8] = [
    Stage::Waiting,
    Stage::Migrating,
    Stage::Copying,
    Stage::Checking,
    Stage::Reading,
    Stage::Hashing,
    Stage::Restoring,
    Stage::Salvaging,
];

/// How far a long task is.
#[derive(Debug, Default)]
pub struct Progress {
    stage: AtomicU8,
    done: AtomicU64,
    of: AtomicU64,
    stopped: AtomicBool,
}

impl Progress {
    /// What is being done.
    pub fn stage(&self) -> Stage {
        STAGES[usize::from(self.stage.load(Ordering::Relaxed))]
    }

    /// How many bytes of how many are done, about; of none if that is not known.
    pub fn bytes(&self) -> (u64, u64) {
        let of = self.of.load(Ordering::Relaxed);
        (self.done.load(Ordering::Relaxed).min(of), of)
    }

    /// Asks the task to stop: it ends soon, with [`Failure::Stopped`], and leaves nothing behind.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether the task was asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(&self, stage: Stage, of: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.of.store(of, Ordering::Relaxed);
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    /// So much is done; an error if the task is to stop.
    pub(crate) fn reach(&self, done: u64) -> Result<(), Failure> {
        self.done.store(done, Ordering::Relaxed);
        if self.is_stopped() { Err(Failure::Stopped) } else { Ok(()) }
    }
}
