//! The progress of a long task, shared between the task, which sets it, and others, which watch it
//! and may stop the task.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use crate::Failure;

/// The stage of a long task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Not begun.
    Waiting = 0,
    /// Migrating an older database.
    Migrating = 1,
    /// Copying pages.
    Copying = 2,
    /// Checking the database; SQLite does not report its progress.
    Checking = 3,
    /// Verifying the checksums of rows.
    Reading = 4,
    /// Computing or verifying the overall hash.
    Hashing = 5,
    /// Restoring a backup.
    Restoring = 6,
    /// Copying undamaged rows.
    Salvaging = 7,
    /// Fetching a copy from another node.
    Fetching = 8,
}

const STAGES: [Stage; 9] = [
    Stage::Waiting,
    Stage::Migrating,
    Stage::Copying,
    Stage::Checking,
    Stage::Reading,
    Stage::Hashing,
    Stage::Restoring,
    Stage::Salvaging,
    Stage::Fetching,
];

/// The progress of a long task.
#[derive(Debug, Default)]
pub struct Progress {
    stage: AtomicU8,
    done: AtomicU64,
    of: AtomicU64,
    stopped: AtomicBool,
}

impl Progress {
    /// The current stage.
    pub fn stage(&self) -> Stage {
        STAGES[usize::from(self.stage.load(Ordering::Relaxed))]
    }

    /// Roughly how many bytes of how many are done; of 0 if unknown.
    pub fn bytes(&self) -> (u64, u64) {
        let of = self.of.load(Ordering::Relaxed);
        (self.done.load(Ordering::Relaxed).min(of), of)
    }

    /// Asks the task to stop: it soon ends with [`Failure::Stopped`], and leaves nothing behind.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether the task was asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Begins a stage, of so many bytes; 0 if unknown.
    pub fn begin(&self, stage: Stage, of: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.of.store(of, Ordering::Relaxed);
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    /// Sets the progress.
    ///
    /// # Errors
    /// [`Failure::Stopped`] if the task is to stop.
    pub fn reach(&self, done: u64) -> Result<(), Failure> {
        self.done.store(done, Ordering::Relaxed);
        if self.is_stopped() { Err(Failure::Stopped) } else { Ok(()) }
    }
}
