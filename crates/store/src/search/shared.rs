//! What the store's writer and the search index share.
//!
//! The writer reports each commit by the number of its newest event, and the messages whose texts
//! have left the store. The store counts removals per volume in the same transaction; the index
//! counts as well. So if the index misses one (a crash, a full list), the counts differ, and that
//! volume is rebuilt.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::volumes::volume_of;
use crate::about;

/// Removed messages waiting for the index; further ones are not reported.
const WAITING: usize = 1 << 20;
/// How many may wait before the removal of expired events pauses.
const BACKLOG: usize = 8192;

/// A message whose text has left the store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RemovedMessage {
    pub(crate) id: i64,
    /// Its ordinal number among the removals of its volume.
    pub(crate) nth: i64,
}

impl RemovedMessage {
    pub(crate) fn new(id: i64) -> Self {
        Self { id, nth: 0 }
    }
}

/// Counts removals, within the transaction that makes them.
pub(crate) fn count(
    connection: &Connection,
    removed: &mut [RemovedMessage],
) -> rusqlite::Result<()> {
    let mut at = 0;
    while at < removed.len() {
        let volume = volume_of(removed[at].id);
        let mut count = counted(connection, volume)?;
        while at < removed.len() && volume_of(removed[at].id) == volume {
            count += 1;
            removed[at].nth = count;
            at += 1;
        }
        about::set(connection, &key(volume), count)?;
    }
    Ok(())
}

/// The number of removals from a volume.
pub(crate) fn counted(connection: &Connection, volume: i64) -> rusqlite::Result<i64> {
    Ok(about::get(connection, &key(volume))?.unwrap_or(0))
}

fn key(volume: i64) -> String {
    format!("taken from volume {volume}")
}

/// Shared by the store's writer, the writer of the index, and readers.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Whether there is an index from which texts must be removed.
    attached: AtomicBool,
    /// There will be no more commits.
    ended: AtomicBool,
    newest: AtomicI64,
    /// The time of the oldest commit that is not indexed: microseconds since `begun`, or 0.
    since: AtomicU64,
    begun: Instant,
    /// A reader found the index damaged.
    pub(crate) damaged: AtomicBool,
    /// Raised when the index is rebuilt.
    pub(crate) generation: AtomicU64,
    removed: Mutex<VecDeque<RemovedMessage>>,
    asleep: AtomicBool,
    indexer: Mutex<Option<Thread>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            attached: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            newest: AtomicI64::new(0),
            since: AtomicU64::new(0),
            begun: Instant::now(),
            damaged: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            removed: Mutex::default(),
            asleep: AtomicBool::new(false),
            indexer: Mutex::default(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// From now on removals must reach an index.
    pub(crate) fn attach(&self) {
        self.attached.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.attached.load(Ordering::Relaxed)
    }

    /// For the writer: a commit.
    pub(crate) fn committed(&self, newest: i64, removed: Vec<RemovedMessage>) {
        if !self.is_attached() {
            return;
        }
        if !removed.is_empty() {
            let mut waiting = lock(&self.removed);
            waiting.extend(removed);
            let too_many = waiting.len().saturating_sub(WAITING);
            waiting.drain(..too_many);
        }
        self.newest.store(newest, Ordering::Release);
        if self.since.load(Ordering::Relaxed) == 0 {
            let now = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.since.store(now.max(1), Ordering::Release);
        }
        self.wake();
    }

    /// For readers: an error of the index. If it is damaged, it is rebuilt.
    pub(crate) fn note(&self, error: &rusqlite::Error) {
        let passing = [ErrorCode::OperationInterrupted, ErrorCode::DatabaseBusy];
        if !error.sqlite_error_code().is_some_and(|code| passing.contains(&code)) {
            self.damaged.store(true, Ordering::Release);
            self.wake();
        }
    }

    /// For the writer: no more commits.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn wake(&self) {
        if self.asleep.swap(false, Ordering::AcqRel)
            && let Some(indexer) = &*lock(&self.indexer)
        {
            indexer.unpark();
        }
    }

    /// Whether too many removals are waiting for the index.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_attached() && lock(&self.removed).len() >= BACKLOG
    }

    /// For the indexer: removals since the last call, in order.
    pub(crate) fn take_removed(&self) -> VecDeque<RemovedMessage> {
        std::mem::take(&mut *lock(&self.removed))
    }

    /// For the indexer: since when commits have been waiting, if any.
    pub(crate) fn take_since(&self) -> Option<Instant> {
        let since = self.since.swap(0, Ordering::AcqRel);
        (since > 0).then(|| self.begun + Duration::from_micros(since))
    }

    /// For the indexer: waits for a commit, the end, or until its patience is up.
    pub(crate) fn wait(&self, seen: i64, patience: Duration) {
        *lock(&self.indexer) = Some(thread::current());
        self.asleep.store(true, Ordering::Release);
        let nothing_new = self.newest.load(Ordering::Acquire) <= seen
            && self.since.load(Ordering::Acquire) == 0
            && !self.damaged.load(Ordering::Acquire)
            && !self.has_ended();
        if nothing_new {
            thread::park_timeout(patience);
        }
        self.asleep.store(false, Ordering::Release);
    }
}
