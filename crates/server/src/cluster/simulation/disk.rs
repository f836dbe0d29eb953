//! The disk of a simulated node: in memory, or a folder with the store that a real one has.

use crate::hub::replay::random::Random;
use std::fs;
use std::path::Path;
use std::time::SystemTime;
use store::{MemoryStore, SqliteStore, Store, Write};
use tempfile::TempDir;

/// Bytes of the header of SQLite's write-ahead log, and of a frame in it: a header and a page.
const HEAD: usize = 32;
const FRAME: usize = 24 + 8192;

pub(super) enum Disk {
    /// All transactions.
    Memory(Vec<Vec<Write>>),
    /// A folder, and where its write-ahead log was when the store last waited for the disk.
    Real(TempDir, Flushed),
}

/// How much of a write-ahead log is certainly on disk: so many frames of the one with this salt.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flushed {
    salt: [u8; 8],
    frames: usize,
    /// When the database was last written: what goes there has been flushed in the log.
    database: Option<SystemTime>,
}

impl Disk {
    /// A disk with these transactions.
    pub(super) fn new(real: bool, transactions: Vec<Vec<Write>>) -> Disk {
        if !real {
            return Disk::Memory(transactions);
        }
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = SqliteStore::open(folder.path(), "test").expect("a new one");
        for writes in &transactions {
            store.commit(&mut writes.iter()).expect("there is room");
        }
        Box::new(store).close().expect("nothing is open");
        Disk::Real(folder, Flushed::default())
    }

    pub(super) fn open(&self) -> Box<dyn Store> {
        match self {
            Disk::Memory(transactions) => {
                let mut store = MemoryStore::new("test");
                for writes in transactions {
                    store.commit(&mut writes.iter()).expect("it is in memory");
                }
                Box::new(store)
            }
            Disk::Real(folder, _) => {
                let mut store = SqliteStore::open(folder.path(), "test").expect("it is whole");
                store.relax().expect("it can be read");
                Box::new(store)
            }
        }
    }

    /// Transactions are about to be committed.
    pub(super) fn commits(&mut self, writes: &[Write]) {
        if let Disk::Memory(transactions) = self {
            transactions.push(writes.to_vec());
        }
    }

    /// Transactions have been committed.
    pub(super) fn committed(&mut self, writes: &[Write]) {
        if let Disk::Real(folder, flushed) = self {
            let database = written(folder.path());
            if writes.iter().any(is_live) || database != flushed.database {
                *flushed = Flushed { database, ..log_of(folder.path()).1 };
            }
        }
    }

    /// What is on the disk after a crash of the machine; `torn`: up to about so many of the last
    /// transactions are not.
    pub(super) fn crash(&self, torn: usize, random: &mut Random) -> Disk {
        match self {
            Disk::Memory(transactions) => {
                let mut left = transactions.clone();
                for _ in 0..torn {
                    if left.last().is_none_or(|writes| writes.iter().any(is_live)) {
                        break;
                    }
                    left.pop();
                }
                Disk::Memory(left)
            }
            Disk::Real(folder, flushed) => {
                let left = copy_of(folder.path());
                let (mut log, now) = log_of(left.path());
                // A log with another salt was begun when all of the one before was in the database.
                let mut least = if now.salt == flushed.salt { flushed.frames } else { 0 };
                if written(folder.path()) != flushed.database {
                    least = now.frames;
                }
                let lost = random.below(2 * torn + 1).min(now.frames.saturating_sub(least));
                if lost > 0 {
                    let end = HEAD + (now.frames - lost) * FRAME;
                    // A part of the first lost transaction may be on disk.
                    let some = random.below(FRAME);
                    log.truncate(end + some);
                    log[end..].iter_mut().rev().take(some / 2).for_each(|byte| *byte = 0);
                    fs::write(left.path().join("parlor.db-wal"), log).expect("there is room");
                }
                Disk::Real(left, Flushed::default())
            }
        }
    }

    /// It becomes a copy of another one.
    pub(super) fn copy(&mut self, other: &Disk) {
        *self = match other {
            Disk::Memory(transactions) => Disk::Memory(transactions.clone()),
            Disk::Real(folder, flushed) => Disk::Real(copy_of(folder.path()), *flushed),
        };
    }
}

/// When the database of a folder was last written.
fn written(folder: &Path) -> Option<SystemTime> {
    fs::metadata(folder.join("parlor.db")).and_then(|database| database.modified()).ok()
}

fn is_live(write: &Write) -> bool {
    matches!(write, Write::Live { .. })
}

/// A copy of a folder, without the files that only a running store has.
fn copy_of(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    for name in ["parlor.db", "parlor.db-wal", "state"] {
        let from = folder.join(name);
        if from.exists() {
            fs::copy(from, copy.path().join(name)).expect("there is room");
        }
    }
    copy
}

/// The write-ahead log of a folder, and how many frames of it are valid.
fn log_of(folder: &Path) -> (Vec<u8>, Flushed) {
    let log = fs::read(folder.join("parlor.db-wal")).unwrap_or_default();
    let Some(salt) = log.get(16..24) else { return (log, Flushed::default()) };
    let frames = log[HEAD.min(log.len())..].chunks_exact(FRAME);
    let frames = frames.take_while(|frame| frame[8..16] == *salt).count();
    let salt = salt.try_into().expect("eight of them");
    (log, Flushed { salt, frames, database: None })
}
