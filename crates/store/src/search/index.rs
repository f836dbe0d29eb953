//! Writing the index of words, `search.db`, behind the store's commits.
//!
//! It holds nothing that the events do not have: when it is missing, damaged or of another version
//! it is made anew, the newest events first. Whoever searches looks at the events that are not in it
//! yet one by one, so it only makes searches fast.

use std::collections::VecDeque;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction};

use super::shared::{self, Removed, Shared};
use super::volumes::{self, Volume, volume_of};
use crate::departure::NOBODY;
use crate::row::Rows;
use crate::tail::End;
use crate::{Damage, Failure, about, open, private};

/// The file beside the store's.
pub(crate) const FILE: &str = "search.db";
/// Events that go into the index in one transaction: some tens of milliseconds.
const STEP: usize = 4096;
/// Pages of the write-ahead log after which it is moved into the file.
const CHECKPOINT_PAGES: i64 = 4096;
const CACHE_KIB: i32 = 16 * 1024;
/// Between two lines about how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// After it could not be written, it is left alone for so long.
const PAUSE: Duration = Duration::from_secs(60);
/// A reader is waited for no longer.
const BUSY: Duration = Duration::from_millis(500);

/// What writes the index. It belongs on a thread of its own.
pub struct WordIndex {
    events: Connection,
    damage: Arc<Damage>,
    path: PathBuf,
    instance: String,
    shared: Arc<Shared>,
    /// None while it cannot be written.
    connection: Option<Connection>,
    /// What has left the store and not yet the index.
    removed: VecDeque<Removed>,
    /// The newest event seen.
    seen: i64,
    /// Its log may have a word that has left.
    unclean: bool,
    retry: Instant,
    /// Since when the oldest commit has waited that it does not have.
    since: Option<Instant>,
    /// Whether it has the newest event.
    caught_up: bool,
    building: Option<Building>,
}

/// An index that is being made.
struct Building {
    done: u64,
    of: u64,
    told: Instant,
}

/// What a step has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indexed {
    /// Whether there is more to do now.
    pub more: bool,
    /// Messages that were added.
    pub added: usize,
    /// How long the oldest of the commits had waited that are in the index now.
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
            caught_up: false,
            building: None,
        };
        match index.open_existing() {
            Ok(connection) => index.connection = connection,
            Err(error) => {
                tracing::warn!(%error, "The search index is damaged and will be built again");
            }
        }
        Ok(index)
    }

    /// The index that is there, if it is of these events and this version. Volumes that have not seen
    /// all that left the store begin anew.
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
                volumes::put(&connection, &volume)?;
            }
        }
        Ok(Some(connection))
    }

    /// Waits until there is something to do, but not for longer than `patience`. False: no further
    /// commits come, and after one more round of steps this can be closed.
    pub fn wait(&self, patience: Duration) -> bool {
        self.shared.wait(self.seen, patience);
        !self.shared.has_ended()
    }

    /// Whether no further commits come.
    pub fn has_ended(&self) -> bool {
        self.shared.has_ended()
    }

    /// Brings the index forward by some milliseconds of work. When it cannot be written it is made
    /// anew, at once or after a minute.
    pub fn step(&mut self) -> Indexed {
        if self.shared.damaged.swap(false, Ordering::AcqRel) {
            tracing::warn!("The search index is damaged and will be built again");
            self.connection = None;
        }
        self.removed.extend(self.shared.take_removed());
        if self.connection.is_none() && !self.begin_anew() {
            self.removed.clear();
            return Indexed::default();
        }
        self.since = self.since.or_else(|| self.shared.take_since());
        match self.try_step() {
            Ok(mut indexed) => {
                if self.caught_up {
                    indexed.lag = self.since.take().map(|since| since.elapsed());
                }
                indexed
            }
            Err(error) => {
                tracing::warn!(%error, "The search index cannot be written and will be built again");
                self.connection = None;
                Indexed { more: true, ..Indexed::default() }
            }
        }
    }

    /// Moves its write-ahead log into the file, if words that have left may be in it. Call it a few
    /// times a minute.
    pub fn maintain(&mut self) {
        if let Some(connection) = self.connection.as_ref().filter(|_| self.unclean) {
            let moved = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                row.get::<_, bool>(0).map(|busy| !busy)
            });
            self.unclean = !moved.unwrap_or(false);
        }
    }

    /// Ends its use.
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
                // Those who search open it, too.
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
        let count = "SELECT max(id) - min(id) + 1 FROM events";
        let of = self.events.query_row(count, [], |row| row.get::<_, Option<i64>>(0))?;
        let of = of.map_or(0, i64::unsigned_abs);
        if of > STEP as u64 {
            tracing::info!(events = of, "Building the search index");
            self.building = Some(Building { done: 0, of, told: Instant::now() });
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

    fn try_step(&mut self) -> rusqlite::Result<Indexed> {
        let connection = self.connection.take().expect("the caller has it opened");
        let stepped = Step::begin(self, &connection).and_then(Step::run);
        let done = stepped?;
        self.removed = done.kept;
        self.seen = done.newest;
        self.caught_up = done.caught_up;
        if !done.gone.is_empty() {
            self.unclean = true;
            // What is deleted is written by the commit; only now there is something to clear.
            let clear = connection.unchecked_transaction()?;
            for (number, documents) in &done.gone {
                volumes::clear_tree(&clear, *number, documents)?;
            }
            clear.commit()?;
        }
        self.connection = Some(connection);
        let more = done.more || !self.removed.is_empty();
        if let Some(building) = &mut self.building {
            building.done += done.looked as u64;
            if !more {
                tracing::info!(events = building.done, "The search index is complete");
                self.building = None;
            } else if building.told.elapsed() >= TOLD_EVERY {
                building.told = Instant::now();
                let percent = 100 * building.done.min(building.of) / building.of.max(1);
                tracing::info!(percent, "Building the search index");
            }
        }
        Ok(Indexed { more, added: done.added, lag: None })
    }
}

/// A connection that reads the index; none if there is none of this version.
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
    // A loss of power may take the newest words with it; the counts tell, and they are added again.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(connection)
}

/// A volume begins anew; `removed` texts have left its events.
fn reset(connection: &Connection, volume: &mut Volume, removed: i64) -> rusqlite::Result<()> {
    volumes::empty(connection, volume.number)?;
    *volume = Volume::new(volume.number, removed);
    Ok(())
}

/// One transaction of the index, and a snapshot of the events for it.
struct Step<'a> {
    events: Transaction<'a>,
    index: Transaction<'a>,
    damage: &'a Damage,
    /// Rising by number.
    volumes: Vec<Volume>,
    removed: VecDeque<Removed>,
    /// The first and the newest event.
    ids: Option<(i64, i64)>,
    done: Done,
}

#[derive(Default)]
struct Done {
    more: bool,
    added: usize,
    looked: usize,
    newest: i64,
    caught_up: bool,
    /// What has left, by volume.
    gone: Vec<(i64, Vec<String>)>,
    /// What could not leave yet.
    kept: VecDeque<Removed>,
}

impl<'a> Step<'a> {
    fn begin(of: &'a WordIndex, connection: &'a Connection) -> rusqlite::Result<Self> {
        let index =
            Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate)?;
        let events = of.events.unchecked_transaction()?;
        let ids = "SELECT min(id), max(id) FROM events";
        let ids = events.query_row(ids, [], |row| {
            Ok(row.get::<_, Option<i64>>(0)?.zip(row.get::<_, Option<i64>>(1)?))
        })?;
        let mut removed = of.removed.clone();
        removed.extend(of.shared.take_removed());
        let volumes = volumes::all(&index)?;
        let damage = &*of.damage;
        Ok(Self { events, index, damage, volumes, removed, ids, done: Done::default() })
    }

    fn run(mut self) -> rusqlite::Result<Done> {
        let Some((first, newest)) = self.ids else {
            self.done.kept = std::mem::take(&mut self.removed);
            return self.commit();
        };
        self.done.newest = newest;
        let target = self.target(first, newest)?;
        let visible = match target {
            Some(at) => shared::counted(&self.events, self.volumes[at].number)?,
            None => i64::MAX,
        };
        self.remove(target, visible)?;
        if let Some(at) = target {
            if self.volumes[at].removed < visible {
                // Its text has not been handed over yet: that comes right after its commit.
                self.done.more = true;
                return self.commit();
            }
            self.add(at, newest)?;
        } else {
            self.done.caught_up = true;
            self.tidy(first)?;
        }
        self.commit()
    }

    fn commit(self) -> rusqlite::Result<Done> {
        self.index.commit()?;
        Ok(self.done)
    }

    /// Which volume to add events to: the newest, or else the newest that is not complete. It is made
    /// if there is none.
    fn target(&mut self, first: i64, newest: i64) -> rusqlite::Result<Option<usize>> {
        for number in (volume_of(first)..=volume_of(newest)).rev() {
            match self.volumes.binary_search_by_key(&number, |volume| volume.number) {
                Ok(at) if self.volumes[at].done >= newest || self.volumes[at].is_complete() => {}
                Ok(at) => return Ok(Some(at)),
                Err(at) => {
                    let removed = shared::counted(&self.events, number)?;
                    let volume = Volume::new(number, removed);
                    volumes::put(&self.index, &volume)?;
                    self.volumes.insert(at, volume);
                    return Ok(Some(at));
                }
            }
        }
        Ok(None)
    }

    /// Takes out what has left the events. In the volume that events are added to from a snapshot,
    /// what that still has stays for the next step.
    fn remove(&mut self, target: Option<usize>, visible: i64) -> rusqlite::Result<()> {
        let mut touched = Vec::new();
        for one in std::mem::take(&mut self.removed) {
            let number = volume_of(one.id);
            let Ok(at) = self.volumes.binary_search_by_key(&number, |volume| volume.number) else {
                continue; // It is made later, and counts then.
            };
            if target == Some(at) && one.nth > visible {
                self.done.kept.push_back(one);
                continue;
            }
            let volume = &mut self.volumes[at];
            touched.push(at);
            if one.nth <= volume.removed {
                continue;
            }
            let in_turn = one.nth == volume.removed + 1;
            let is_in = one.id <= volume.done;
            match one.text {
                _ if in_turn && !is_in => volume.removed = one.nth,
                Some(text) if in_turn => {
                    volume.removed = one.nth;
                    let document = volumes::document(one.conversation, one.account, &text);
                    volumes::remove(&self.index, number, one.id, &document)?;
                    match self.done.gone.iter_mut().find(|(of, _)| *of == number) {
                        Some((_, documents)) => documents.push(document),
                        None => self.done.gone.push((number, vec![document])),
                    }
                }
                // Some text was lost on the way, and only all of it together can leave.
                _ => reset(&self.index, volume, one.nth)?,
            }
        }
        for at in touched {
            volumes::put(&self.index, &self.volumes[at])?;
        }
        Ok(())
    }

    /// Adds events to a volume.
    fn add(&mut self, at: usize, newest: i64) -> rusqlite::Result<()> {
        let volume = &mut self.volumes[at];
        let range: Range<i64> = volume.done + 1..volume.end().min(newest + 1);
        // As they are on disk: what is masked for a time leaves when that is overwritten.
        let rows = Rows { connection: &self.events, damage: self.damage, departed: &NOBODY };
        let stretch = rows.stretch(&range, End::Oldest, STEP, &|_, _| true)?;
        for event in &stretch.events {
            if event.kind.is_message() {
                let document = volumes::document(event.conversation, event.account, &event.text);
                volumes::add(&self.index, volume.number, event.id.cast_signed(), &document)?;
                self.done.added += 1;
            }
        }
        self.done.looked = stretch.events.len();
        self.done.caught_up = volume_of(newest) > volume.number || stretch.last >= newest;
        let all = stretch.last + 1 >= range.end;
        volume.done = if all && volume.end() <= newest { volume.end() - 1 } else { stretch.last };
        volumes::put(&self.index, volume)?;
        if let Some(last) = stretch.events.last().filter(|_| volume_of(newest) == volume.number) {
            volumes::set_last_seen(&self.index, last.id.cast_signed(), last.time)?;
        }
        self.done.more = true;
        Ok(())
    }

    /// Nothing is to be added: drops what has no events any more, and merges what is complete.
    fn tidy(&mut self, first: i64) -> rusqlite::Result<()> {
        if let Some(volume) = self.volumes.first().filter(|volume| volume.end() <= first) {
            volumes::drop_volume(&self.index, volume.number)?;
            self.done.more = true;
            return Ok(());
        }
        let unmerged = |volume: &&mut Volume| volume.is_complete() && !volume.merged;
        if let Some(volume) = self.volumes.iter_mut().rev().find(unmerged) {
            volume.merged = !volumes::merge(&self.index, volume.number, true)?;
            volumes::put(&self.index, volume)?;
            self.done.more = true;
        }
        Ok(())
    }
}
