//! What the writer of the store and who writes the index behind it know of each other.
//!
//! The writer tells of each commit by the number of its newest event, and hands over the texts that
//! it has taken out of events: without its exact text nothing leaves an index. How many texts have
//! left each volume is counted in the store, in the same transaction; the index counts, too. So if a
//! text was lost on the way (a crash, a full list), the counts differ, and that volume is made anew.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::volumes::volume_of;
use crate::{Conversation, Event, about};

/// Bytes of texts that wait to leave the index; further ones are lost.
const WAITING_BYTES: usize = 16 << 20;
/// Texts that wait to leave the index, beyond which expired events wait to be removed.
const BACKLOG: usize = 1024;

/// A message whose text has left the store.
#[derive(Clone, Debug)]
pub(crate) struct Removed {
    pub(crate) id: i64,
    pub(crate) conversation: Conversation,
    pub(crate) account: u32,
    /// None if nobody knows it: it was damaged.
    pub(crate) text: Option<Box<str>>,
    /// The how manyth it is that has left its volume.
    pub(crate) nth: i64,
}

impl Removed {
    /// If it is a message, and so perhaps in the index.
    pub(crate) fn new(event: &Event) -> Option<Self> {
        event.kind.is_message().then(|| Self {
            id: event.id.cast_signed(),
            conversation: event.conversation,
            account: event.account,
            text: Some(event.text.clone()),
            nth: 0,
        })
    }
}

impl Removed {
    /// One whose text cannot be read.
    pub(crate) fn damaged(id: i64) -> Self {
        Self { id, conversation: Conversation::FIRST, account: 0, text: None, nth: 0 }
    }
}

/// Counts what leaves the store, within the transaction that removes it.
pub(crate) fn count(connection: &Connection, removed: &mut [Removed]) -> rusqlite::Result<()> {
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

/// How many texts have left a volume's events.
pub(crate) fn counted(connection: &Connection, volume: i64) -> rusqlite::Result<i64> {
    Ok(about::get(connection, &key(volume))?.unwrap_or(0))
}

fn key(volume: i64) -> String {
    format!("taken from volume {volume}")
}

/// Shared by the store's writer, who writes the index, and those who search.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Whether there is an index that texts have to leave.
    attached: AtomicBool,
    /// No further commits come.
    ended: AtomicBool,
    newest: AtomicI64,
    /// When the oldest commit was that the index does not have: microseconds since `begun`, or 0.
    since: AtomicU64,
    begun: Instant,
    /// The index was found damaged by who searched.
    pub(crate) damaged: AtomicBool,
    /// Rises when the index is made anew.
    pub(crate) generation: AtomicU64,
    waits: Mutex<Waits>,
    asleep: AtomicBool,
    indexer: Mutex<Option<Thread>>,
}

#[derive(Debug, Default)]
struct Waits {
    removed: VecDeque<Removed>,
    bytes: usize,
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
            waits: Mutex::default(),
            asleep: AtomicBool::new(false),
            indexer: Mutex::default(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// From now on texts that leave the store have to leave an index.
    pub(crate) fn attach(&self) {
        self.attached.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.attached.load(Ordering::Relaxed)
    }

    /// The writer: this was committed.
    pub(crate) fn committed(&self, newest: i64, removed: Vec<Removed>) {
        if !self.is_attached() {
            return;
        }
        if !removed.is_empty() {
            let mut waits = lock(&self.waits);
            for one in removed {
                waits.bytes += one.bytes();
                waits.removed.push_back(one);
            }
            while waits.bytes > WAITING_BYTES
                && let Some(lost) = waits.removed.pop_front()
            {
                waits.bytes -= lost.bytes();
            }
        }
        self.newest.store(newest, Ordering::Release);
        if self.since.load(Ordering::Relaxed) == 0 {
            let now = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.since.store(now.max(1), Ordering::Release);
        }
        self.wake();
    }

    /// Who searches: what the index answered. If it is damaged, it is made anew.
    pub(crate) fn note(&self, error: &rusqlite::Error) {
        let passing = [ErrorCode::OperationInterrupted, ErrorCode::DatabaseBusy];
        if !error.sqlite_error_code().is_some_and(|code| passing.contains(&code)) {
            self.damaged.store(true, Ordering::Release);
            self.wake();
        }
    }

    /// The writer: no further commits come.
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

    /// Whether so many texts wait to leave the index that no more should.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_attached() && lock(&self.waits).removed.len() >= BACKLOG
    }

    /// The indexer: what has left the store since it asked last, in that order.
    pub(crate) fn take_removed(&self) -> VecDeque<Removed> {
        std::mem::take(&mut *lock(&self.waits)).removed
    }

    /// The indexer: since when commits have waited for it, if any have.
    pub(crate) fn take_since(&self) -> Option<Instant> {
        let since = self.since.swap(0, Ordering::AcqRel);
        (since > 0).then(|| self.begun + Duration::from_micros(since))
    }

    /// The indexer: waits for a commit, an end, or until its patience is over.
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

impl Removed {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.text.as_ref().map_or(0, |text| text.len())
    }
}
