//! Writing the search index, `search.db`, behind the store's commits.
//!
//! It contains nothing that the events do not: if it is missing, damaged or of another version it
//! is rebuilt, newest events first. Searches examine events that are not indexed yet one by one, so
//! it only makes searches fast.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction};

use super::messages::Messages;
use super::postings::Postings;
use super::segment;
use super::shared::{self, RemovedMessage, Shared};
use super::volumes::{self, Volume, volume_of};
use crate::{Damage, Failure, about, open, private};

/// The file beside the database.
pub(crate) const FILE: &str = "search.db";
/// Events indexed in one transaction: a tenth of a second.
const STEP: usize = 65_536;
/// Bytes of their texts.
const STEP_BYTES: usize = 8 << 20;
/// Removed messages that are taken out of the index at once; fewer wait for
/// [`WordIndex::maintain`].
const MANY: usize = 65_536;
/// Pages of the write-ahead log after which a checkpoint runs.
const CHECKPOINT_PAGES: i64 = 4096;
const CACHE_KIB: i32 = 16 * 1024;
/// Between two log lines about its progress.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// How long it is left alone after a failed write.
const PAUSE: Duration = Duration::from_secs(60);
/// How long to wait for readers.
const BUSY: Duration = Duration::from_millis(500);

/// Writes the search index. It belongs on a thread of its own.
pub struct WordIndex {
    events: Connection,
    damage: Arc<Damage>,
    path: PathBuf,
    instance: String,
    shared: Arc<Shared>,
    /// None while it cannot be written.
    connection: Option<Connection>,
    /// Messages removed from the store and perhaps not yet from the index.
    removed: VecDeque<RemovedMessage>,
    /// The newest event seen.
    seen: i64,
    /// Its log may contain a removed word.
    unclean: bool,
    retry: Instant,
    /// The time of the oldest commit that is not indexed.
    since: Option<Instant>,
    building: Option<Rebuild>,
    /// Reused by each step.
    postings: Postings,
}

/// An index being built.
struct Rebuild {
    done: u64,
    of: u64,
    told: Instant,
}

/// The result of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indexed {
    /// Whether there is more to do now.
    pub more: bool,
    /// The number of messages added.
    pub added: usize,
    /// How long the oldest of the commits that are now indexed had waited.
    pub lag: Option<Duration>,
}

impl WordIndex {
    pub(crate) fn open(
        folder: &Path,
        database: &Path,
        shared: Arc<Shared>,
        damage: Arc<Damage>,
    ) -> Result<Self, Failure> {
        let events = open::reader(database)?;
        let instance = about::get(&events, "instance")?.unwrap_or_default();
        shared.attach();
        let path = folder.join(FILE);
        let mut index = Self {
            events,
            damage,
            path,
            instance,
            shared,
            connection: None,
            removed: VecDeque::new(),
            seen: 0,
            unclean: true, // before the end of another server
            retry: Instant::now(),
            since: None,
            building: None,
            postings: Postings::default(),
        };
        match index.open_existing() {
            Ok(connection) => index.connection = connection,
            Err(error) => {
                tracing::warn!(%error, "The search index is damaged and will be built again");
            }
        }
        Ok(index)
    }

    /// The existing index, if it belongs to these events and this version. Volumes that missed a
    /// removal start over.
    fn open_existing(&mut self) -> rusqlite::Result<Option<Connection>> {
        if !self.path.exists() {
            return Ok(None);
        }
        let connection = connect(&self.path)?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version != volumes::version() {
            tracing::info!("The search index is of another version and will be built again");
            return Ok(None);
        }
        let last_seen = volumes::last_seen(&connection)?;
        let same = |(instance, last, time): (String, i64, i64)| -> rusqlite::Result<bool> {
            let find = "SELECT time FROM events WHERE id = ?1";
            let mut find = self.events.prepare(find)?;
            let found = find.query_row([last], |row| row.get::<_, i64>(0)).optional()?;
            Ok(instance == self.instance && (last == 0 || found == Some(time)))
        };
        if !last_seen.map(same).transpose()?.unwrap_or(false) {
            tracing::info!("The search index is not of this history and will be built again");
            return Ok(None);
        }
        for mut volume in volumes::all(&connection)? {
            let removed = shared::counted(&self.events, volume.number)?;
            if volume.removed != removed {
                reset(&connection, &mut volume, removed)?;
            }
        }
        Ok(Some(connection))
    }

    /// Waits until there is something to do, at most for `patience`. False: there will be no more
    /// commits, and after one more round of steps this can be closed.
    pub fn wait(&self, patience: Duration) -> bool {
        self.shared.wait(self.seen, patience);
        !self.shared.has_ended()
    }

    /// Whether there will be no more commits.
    pub fn has_ended(&self) -> bool {
        self.shared.has_ended()
    }

    /// Advances the index by a tenth of a second of work. If it cannot be written it is rebuilt, at
    /// once or after a minute.
    pub fn step(&mut self) -> Indexed {
        if self.shared.damaged.swap(false, Ordering::AcqRel) {
            tracing::warn!("The search index is damaged and will be built again");
            self.connection = None;
        }
        // Before the snapshot, which then has none of these texts any more.
        self.removed.extend(self.shared.take_removed());
        if self.connection.is_none() && !self.begin_anew() {
            self.removed.clear();
            return Indexed::default();
        }
        self.since = self.since.or_else(|| self.shared.take_since());
        let many = self.removed.len() >= MANY;
        let done = self.write(|index, connection| {
            if many {
                index.take_out(connection)?;
            }
            index.advance(connection)
        });
        let Some(done) = done else { return Indexed { more: true, ..Indexed::default() } };
        self.seen = done.newest;
        self.tell(&done);
        let since = if done.caught_up { self.since.take() } else { None };
        let lag = since.map(|since| since.elapsed());
        Indexed { more: done.more, added: done.added, lag }
    }

    /// Takes out removed messages and moves the write-ahead log into the file, so that none of
    /// their words remains. To be called a few times a minute.
    pub fn maintain(&mut self) {
        self.removed.extend(self.shared.take_removed());
        if self.connection.is_some() && !self.removed.is_empty() {
            self.write(Self::take_out);
        }
        if let Some(connection) = self.connection.as_ref().filter(|_| self.unclean) {
            let moved = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                row.get::<_, bool>(0).map(|busy| !busy)
            });
            self.unclean = !moved.unwrap_or(false);
        }
    }

    /// Writes to the index; after a failure there is none.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Self, &Connection) -> rusqlite::Result<T>,
    ) -> Option<T> {
        let connection = self.connection.take()?;
        match work(self, &connection) {
            Ok(done) => {
                self.connection = Some(connection);
                Some(done)
            }
            Err(error) => {
                tracing::warn!(%error, "The search index cannot be written and will be built again");
                None
            }
        }
    }

    /// Closes it.
    pub fn close(mut self) {
        self.maintain();
    }

    fn begin_anew(&mut self) -> bool {
        if Instant::now() < self.retry {
            return false;
        }
        match self.create() {
            Ok(connection) => {
                self.connection = Some(connection);
                // Readers open it as well.
                self.shared.generation.fetch_add(1, Ordering::AcqRel);
                true
            }
            Err(error) => {
                tracing::error!(%error, "The search index cannot be written; searches are slow");
                let _ = self.remove_files();
                self.retry = Instant::now() + PAUSE;
                false
            }
        }
    }

    fn create(&mut self) -> Result<Connection, Failure> {
        self.remove_files()?;
        private::create(&self.path)
            .map_err(|source| Failure::NotWritable { path: self.path.clone(), source })?;
        let connection = connect(&self.path)?;
        volumes::create(&connection, &self.instance)?;
        let of =
            ids(&self.events)?.map_or(0, |(first, newest)| (newest - first + 1).unsigned_abs());
        if of > 0 {
            tracing::info!(events = of, "Building the search index");
            self.building = Some(Rebuild { done: 0, of, told: Instant::now() });
        }
        Ok(connection)
    }

    fn remove_files(&self) -> Result<(), Failure> {
        for suffix in ["", "-wal", "-shm"] {
            let path = open::beside(&self.path, suffix);
            match fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Failure::Io { path, source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Adds some events, or if there are none, drops a volume without events.
    fn advance(&mut self, connection: &Connection) -> rusqlite::Result<StepResult> {
        let index =
            Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate)?;
        let events = self.events.unchecked_transaction()?;
        let mut done = StepResult::default();
        if let Some((first, newest)) = ids(&events)? {
            done.newest = newest;
            if let Some(volume) = target(&events, &index, first, newest)? {
                let range = volume.done + 1..volume.end().min(newest + 1);
                let messages = Messages::read(&events, &self.damage, &range, (STEP, STEP_BYTES))?;
                // The rest takes time, in which the store's log must not wait for this reader.
                events.finish()?;
                self.postings.clear();
                add(&index, volume, newest, &messages, (&mut self.postings, &mut done))?;
            } else {
                done.caught_up = true;
                let volumes = volumes::all(&index)?;
                if let Some(volume) = volumes.first().filter(|volume| volume.end() <= first) {
                    volumes::remove(&index, volume.number)?;
                    done.more = true;
                }
            }
        }
        index.commit()?;
        Ok(done)
    }

    /// Takes out removed messages. A volume that missed a removal starts over.
    fn take_out(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut removed: BTreeMap<i64, Vec<RemovedMessage>> = BTreeMap::new();
        for one in self.removed.drain(..) {
            removed.entry(volume_of(one.id)).or_default().push(one);
        }
        self.unclean = true;
        for mut volume in volumes::all(connection)? {
            let Some(removed) = removed.remove(&volume.number) else { continue };
            let index =
                Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate)?;
            let new = removed.iter().filter(|one| one.nth > volume.removed);
            let mut gone: Vec<i64> = new.map(|one| one.id).collect();
            let last = removed.iter().map(|one| one.nth).max().unwrap_or(0);
            if volume.removed + gone.len() as i64 == last.max(volume.removed) {
                gone.sort_unstable();
                take_out(&index, volume.number, &gone)?;
                volume.removed = last.max(volume.removed);
                volumes::put(&index, &volume)?;
            } else {
                reset(&index, &mut volume, last)?;
            }
            index.commit()?;
        }
        Ok(())
    }

    /// Logs the progress of an index being built.
    fn tell(&mut self, done: &StepResult) {
        let Some(building) = &mut self.building else { return };
        building.done += done.looked as u64;
        if !done.more {
            tracing::info!(events = building.done, "The search index is complete");
            self.building = None;
        } else if building.told.elapsed() >= TOLD_EVERY {
            building.told = Instant::now();
            let percent = 100 * building.done.min(building.of) / building.of.max(1);
            tracing::info!(percent, "Building the search index");
        }
    }
}

/// The result of a step.
#[derive(Default)]
struct StepResult {
    more: bool,
    added: usize,
    looked: usize,
    newest: i64,
    caught_up: bool,
}

/// The first and the newest event.
fn ids(events: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    // In a single query SQLite would scan all events.
    let sql = "SELECT (SELECT min(id) FROM events), (SELECT max(id) FROM events)";
    let mut find = events.prepare_cached(sql)?;
    find.query_row([], |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get::<_, Option<i64>>(1)?)))
}

/// The volume to add events to: the newest, or else the newest incomplete one, created if
/// necessary.
fn target(
    events: &Connection,
    index: &Connection,
    first: i64,
    newest: i64,
) -> rusqlite::Result<Option<Volume>> {
    let volumes = volumes::all(index)?;
    for number in (volume_of(first)..=volume_of(newest)).rev() {
        match volumes.binary_search_by_key(&number, |volume| volume.number) {
            Ok(at) if volumes[at].done >= newest || volumes[at].is_complete() => {}
            Ok(at) => return Ok(Some(volumes[at])),
            Err(_) => return Ok(Some(Volume::new(number, shared::counted(events, number)?))),
        }
    }
    Ok(None)
}

/// Adds events to a volume.
fn add(
    index: &Connection,
    mut volume: Volume,
    newest: i64,
    messages: &Messages,
    (postings, done): (&mut Postings, &mut StepResult),
) -> rusqlite::Result<()> {
    let first = volume.done + 1;
    for (id, conversation, author, text) in messages.messages() {
        postings.add((id - first) as u32, conversation, author, text);
        done.added += 1;
    }
    (done.looked, done.more) = (messages.looked, true);
    done.caught_up = volume_of(newest) > volume.number || messages.last >= newest;
    let all = messages.last + 1 >= volume.end().min(newest + 1);
    volume.done = if all && volume.end() <= newest { volume.end() - 1 } else { messages.last };
    if !postings.is_empty() {
        segment::add(index, (volume.number, first, volume.done), postings)?;
        segment::merge(index, volume.number)?;
    }
    volumes::put(index, &volume)?;
    if let Some(time) = messages.time.filter(|_| volume_of(newest) == volume.number) {
        volumes::set_last_seen(index, messages.newest, time)?;
    }
    Ok(())
}

/// Takes messages out of the segments of a volume.
fn take_out(index: &Connection, volume: i64, gone: &[i64]) -> rusqlite::Result<()> {
    for segment in segment::of_volume(index, volume)? {
        let begin = gone.partition_point(|id| *id < segment.first);
        let end = gone.partition_point(|id| *id <= segment.last);
        let gone = &gone[begin..end];
        if !gone.is_empty() {
            let is_gone = |id| gone.binary_search(&(segment.first + i64::from(id))).is_ok();
            segment::remove(index, &segment, &is_gone)?;
        }
    }
    Ok(())
}

/// A read connection to the index; none if there is none of this version.
pub(crate) fn reader(path: &Path) -> rusqlite::Result<Option<Connection>> {
    if !path.exists() {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((version == volumes::version()).then_some(connection))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // A power failure may lose the newest words; the counts reveal that, and they are added again.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(connection)
}

/// A volume starts over; `removed` texts have left its events.
fn reset(connection: &Connection, volume: &mut Volume, removed: i64) -> rusqlite::Result<()> {
    volumes::remove(connection, volume.number)?;
    *volume = Volume::new(volume.number, removed);
    volumes::put(connection, volume)
}
