//! The data folder: the free space on its disk, and the condition of the store in it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use store::Condition;

/// The data folder, as last seen by the journal.
#[derive(Debug)]
pub struct Disk {
    free: AtomicU64,
    scarce: AtomicBool,
    log_bytes: AtomicU64,
    log_waits: AtomicU64,
    gone: AtomicBool,
}

/// The space on the disk of the data folder, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Available to the server.
    pub free: u64,
    /// The size of the disk.
    pub total: u64,
}

impl Space {
    /// Of a folder's disk, if known.
    pub fn of(folder: &Path) -> Option<Space> {
        let disk = rustix::fs::statvfs(folder).ok()?;
        Some(Space {
            free: disk.f_bavail.saturating_mul(disk.f_frsize),
            total: disk.f_blocks.saturating_mul(disk.f_frsize),
        })
    }
}

/// The state of the data folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskState {
    /// Free bytes on its disk; none if unknown, or if nothing is stored on disk.
    pub free: Option<u64>,
    /// The reserve is in use: ordinary writes are refused.
    pub scarce: bool,
    /// Bytes of the write-ahead log.
    pub log_bytes: u64,
    /// Seconds for which something in the log has been waiting for a checkpoint.
    pub log_waits: u64,
    /// A file of the database was moved or deleted.
    pub gone: bool,
    /// The number of places found damaged in the stored data.
    pub damaged: u64,
    /// Whether the log of the cluster answers; none without a cluster.
    pub log: Option<bool>,
}

impl Disk {
    pub(super) fn new() -> Disk {
        Disk {
            free: AtomicU64::new(u64::MAX),
            scarce: AtomicBool::new(false),
            log_bytes: AtomicU64::new(0),
            log_waits: AtomicU64::new(0),
            gone: AtomicBool::new(false),
        }
    }

    /// Checks the free space of a folder's disk, and records the store's condition. Called by the
    /// journal, so that a hanging disk delays nobody else. Returns the space, if known.
    pub fn look(&self, folder: &Path, store: Condition) -> Option<Space> {
        let space = Space::of(folder);
        self.free.store(space.map_or(u64::MAX, |space| space.free), Ordering::Relaxed);
        self.log_bytes.store(store.log_bytes, Ordering::Relaxed);
        self.log_waits.store(store.log_waits.as_secs(), Ordering::Relaxed);
        self.gone.store(store.gone, Ordering::Relaxed);
        space
    }

    /// Records whether the reserve is in use.
    pub fn is_scarce(&self, scarce: bool) {
        self.scarce.store(scarce, Ordering::Relaxed);
    }

    /// What was last recorded.
    pub fn seen(&self) -> DiskState {
        DiskState {
            free: Some(self.free.load(Ordering::Relaxed)).filter(|bytes| *bytes != u64::MAX),
            log_bytes: self.log_bytes.load(Ordering::Relaxed),
            log_waits: self.log_waits.load(Ordering::Relaxed),
            scarce: self.scarce.load(Ordering::Relaxed),
            gone: self.gone.load(Ordering::Relaxed),
            damaged: 0,
            log: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use std::time::Duration;

    #[test]
    fn disk_metrics_appear_after_the_first_check() {
        let metrics = Metrics::new(1);
        assert_eq!(metrics.disk().seen(), DiskState::default());
        assert!(!metrics.text().contains("parlor_disk_free_bytes"));
        let log_waits = Duration::from_secs(7);
        let condition = Condition { log_bytes: 4096, log_waits, gone: true };
        metrics.disk().look(&std::env::temp_dir(), condition);
        let DiskState { free, log_bytes, log_waits, gone, .. } = metrics.disk().seen();
        assert!(free.is_some_and(|bytes| bytes < 1 << 60));
        assert_eq!((log_bytes, log_waits, gone), (4096, 7, true));
        assert!(metrics.text().contains("\nparlor_log_bytes 4096\n"));
        assert!(metrics.text().contains("\nparlor_log_waits_seconds 7\n"));
        assert!(metrics.text().contains("\nparlor_disk_free_bytes "));
        metrics.disk().look(Path::new("/nowhere/at/all"), Condition::default());
        assert_eq!(metrics.disk().seen(), DiskState::default());
    }
}
