//! The store on disk: its single writer.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, params};

use crate::batch::{Batch, Filled, Marks, sql_id};
use crate::checkpoint::{self, CheckpointMode, Log};
use crate::departure::{self, NOBODY};
use crate::files::{Files, MissingFile};
use crate::forget::{self, Forget, Found};
use crate::forgetting::Forgetting;
use crate::history::SqliteReader;
use crate::index::Indexer;
use crate::load::Loader;
use crate::mark::{Mark, MarkFile};
use crate::row::Rows;
use crate::search::{self, WordReader};
use crate::start::Precheck;
use crate::{
    Condition, Conversation, Damage, Failure, Keep, Loaded, Outcome, Progress, RESEND_MS, Reader,
    Store, WordIndex, Write, audit, check, open, private, repair, schema, scrub, staging, tail,
};

/// Resend ids dropped by one call of `maintain`, in addition to as many as were stored since the
/// last one. It takes some tens of milliseconds, in which nothing is committed.
const FORGET: usize = 10_000;

/// The store in a data folder, in `parlor.db`; the folder is locked while this exists.
pub struct SqliteStore {
    // In this order: the lock is dropped last.
    connection: Connection,
    path: PathBuf,
    marks: Marks,
    indexer: Indexer,
    /// Pairs known to be in `talks`, a bounded number; see [`Batch`].
    pairs: HashSet<Conversation>,
    /// Resend ids stored since the last `maintain`.
    resends: usize,
    log: Log,
    /// The log may contain redacted text.
    taken_back: bool,
    /// The conversation up to which this round of removal is done, if one is in progress.
    forgotten: Option<i64>,
    /// That round's settings: days and messages.
    keeps: (u32, u32),
    files: Files,
    /// The file that is no longer in its place, once noticed.
    gone: Option<MissingFile>,
    /// What is known to be on disk, and the file that records it.
    mark: Mark,
    mark_file: MarkFile,
    damage: Arc<Damage>,
    /// The state shared with the search index.
    words: Arc<search::Shared>,
    /// Commits do not wait for the disk.
    relaxed: bool,
    /// The last commit must be flushed.
    flushes: bool,
    /// What is to be forgotten before the next commit.
    forgetting: Forgetting,
    _lock: File,
}

/// Why a transaction failed.
struct Failed {
    error: rusqlite::Error,
    /// Whether COMMIT had begun, so that the transaction may be on disk anyway.
    in_commit: bool,
}

impl Failed {
    fn filling(error: rusqlite::Error) -> Self {
        Self { error, in_commit: false }
    }

    fn committing(error: rusqlite::Error) -> Self {
        Self { error, in_commit: true }
    }

    /// Whether a write failed, within COMMIT or before: then the log has no complete transaction.
    /// If only the flush failed, it may have one.
    fn is_partial(&self) -> bool {
        let code = self.error.sqlite_error().map(|error| error.extended_code);
        matches!(code, Some(rusqlite::ffi::SQLITE_FULL | rusqlite::ffi::SQLITE_IOERR_WRITE))
    }
}

impl SqliteStore {
    /// Opens the store in a folder, creating what is missing; a new store permanently adopts
    /// `fresh_instance`, a few random characters `a-z 0-9`. An older database is migrated.
    ///
    /// # Errors
    /// When the folder is in use or not writable, or the database is newer than this program,
    /// damaged, or has less than was stored in it. A folder in use, a newer database and one with
    /// less are left unchanged.
    pub fn open(folder: &Path, fresh_instance: &str) -> Result<Self, Failure> {
        Self::open_watched(folder, fresh_instance, false, &Progress::default())
    }

    /// The same; with `accept_loss` even if the database has less than was stored in it: what it
    /// has is taken as complete. `progress` is updated while an older database is migrated.
    ///
    /// # Errors
    /// As above.
    pub fn open_watched(
        folder: &Path,
        fresh_instance: &str,
        accept_loss: bool,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        private::check_data_folder(folder)?;
        let lock = open::lock_folder(folder)?;
        staging::clear(folder)?;
        let path = folder.join(open::DATABASE);
        let mut before = Precheck::look(folder, &path, accept_loss)?;
        let mut connection = open::writer(&path)?;
        before.compare(&connection, &path, accept_loss)?;
        let damage = Arc::<Damage>::default();
        let told = |error| open::damaged_or(&path, error);
        schema::migrate(&mut connection, fresh_instance, progress)
            .map_err(|failure| open::told(&path, failure))?;
        check::quick(&connection, &path, &damage)?;
        repair::derived(&mut connection, &damage).map_err(told)?;
        let marks = Marks::read(&connection).map_err(told)?;
        let indexer = Indexer::new(&connection, &damage).map_err(told)?;
        let forgetting = Forgetting::read(&connection).map_err(told)?;
        let mark = before.begin(&connection).map_err(told)?;
        let mark_file = MarkFile::create(folder, &mark)?;
        checkpoint::preallocate(&connection, &path);
        Ok(Self {
            connection,
            marks,
            indexer,
            pairs: HashSet::new(),
            resends: 0,
            log: Log::new(),
            taken_back: true, // before the end of another server
            forgotten: None,
            keeps: (0, 0),
            files: Files::of(&path),
            gone: None,
            mark,
            mark_file,
            damage,
            path,
            words: Arc::default(),
            relaxed: false,
            flushes: false,
            forgetting,
            _lock: lock,
        })
    }

    /// Lets the database grow to this many pages (of 8 KiB) and no further, as on a full disk;
    /// `None` removes the limit. For tests, and for quotas. A limit below its present size means
    /// that size.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn limit_pages(&mut self, pages: Option<u32>) -> Result<(), Failure> {
        let pages = pages.unwrap_or(u32::MAX - 1); // SQLite's own limit
        self.connection.pragma_update(None, "max_page_count", pages)?;
        Ok(())
    }

    /// From here on commits do not wait for the disk: a log has the last ones if the machine
    /// crashes. Only [`Write::Live`] waits, which also flushes everything committed before. After a
    /// crash [`Loaded::events`] may be off by the events removed since then.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn relax(&mut self) -> Result<(), Failure> {
        self.relaxed = true;
        Ok(self.connection.pragma_update(None, "synchronous", "normal")?)
    }

    /// Flushes everything committed to disk.
    fn flush(&mut self) -> Result<(), Failure> {
        self.connection.pragma_update(None, "synchronous", "full")?;
        let flushed = self.transact(&mut [Write::Probe].iter());
        self.connection.pragma_update(None, "synchronous", "normal")?;
        flushed.map(drop).map_err(|failed| open::damaged_or(&self.path, failed.error))
    }

    fn transact(
        &mut self,
        writes: &mut dyn Iterator<Item = &Write>,
    ) -> Result<Vec<Outcome>, Failed> {
        self.control("BEGIN IMMEDIATE").map_err(Failed::filling)?;
        let filled = self.fill(writes).map_err(Failed::filling).and_then(|filled| {
            self.control("COMMIT").map_err(Failed::committing)?;
            Ok(filled)
        });
        if filled.is_err() && !self.connection.is_autocommit() {
            self.control("ROLLBACK").map_err(Failed::committing)?;
        }
        let (outcomes, filled, moved) = filled?;
        self.indexer.committed(&filled.added, moved);
        self.marks = filled.marks;
        self.resends += filled.resends;
        self.taken_back |= filled.taken_back;
        self.flushes |= filled.live;
        self.forgetting = filled.forgetting.unwrap_or(self.forgetting);
        self.mark.events += filled.added.len() as u64;
        self.mark.marks = filled.marks;
        self.words.committed(sql_id(self.marks.event), filled.removed);
        Ok(outcomes)
    }

    /// These statements stay prepared, unlike those of `Connection::transaction`.
    fn control(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// After a failed commit: ensures that nothing of it is on disk, before anybody is told so.
    ///
    /// A transaction that was written and not flushed is complete in the log's file, and a start
    /// after a kill would find it. The next commit overwrites its first page, so that the checksums
    /// of the following pages no longer match.
    fn make_certain(&mut self, failed: Failed) -> Failure {
        if failed.in_commit {
            let over = self.transact(&mut [Write::Probe].iter());
            if over.is_err() && !failed.is_partial() {
                let (path, source) = (self.path.clone(), Box::new(failed.error));
                return Failure::Uncertain { path, source };
            }
        }
        open::damaged_or(&self.path, failed.error)
    }

    /// Checks that the files are still the ones that were opened.
    fn look_for_files(&mut self) -> Result<(), Failure> {
        match self.files.look() {
            Ok(()) => {
                if self.gone.take().is_some() {
                    tracing::info!("The database is in its place again, and what comes is stored");
                }
                Ok(())
            }
            Err(gone) => Err(self.lose(gone)),
        }
    }

    /// A file is missing. Moves what is only in the log into the database, if that is in its place.
    fn lose(&mut self, gone: MissingFile) -> Failure {
        let again = self.gone.as_ref() == Some(&gone);
        let saved = !gone.database
            && (self.log.waits().is_none()
                || self.log.checkpoint(&self.connection, CheckpointMode::Full));
        let advice = match (gone.database, saved) {
            (true, _) => {
                "Move it back, and the server goes on. If it was deleted, the system keeps its contents \
                 as long as the server runs: copy them from its /proc/PID/fd before you stop it"
            }
            (false, true) => {
                "All that was acknowledged is in the database; stop the server and start it again"
            }
            (false, false) => "Move it back: what is in it could not be moved into the database",
        };
        let failure = Failure::Gone { path: gone.path.clone(), replaced: gone.replaced, advice };
        if !again {
            tracing::error!("{failure}");
        }
        self.gone = Some(gone);
        failure
    }

    /// After a commit: it only counts if it went into the files that a start would find.
    fn is_kept(&mut self) -> Result<(), Failure> {
        let Err(failure) = self.look_for_files() else { return Ok(()) };
        let database = self.gone.as_ref().is_some_and(|gone| gone.database);
        if !database && self.log.waits().is_none() {
            return Ok(()); // It is in the database, which is there.
        }
        Err(Failure::Uncertain { path: self.path.clone(), source: Box::new(failure) })
    }

    /// A maintenance transaction: nobody is told about it, so if it fails it may be on disk or not.
    fn tidy<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let done = self.control("BEGIN IMMEDIATE").and_then(|()| work(self));
        let done = done.and_then(|value| self.control("COMMIT").map(|()| value));
        if done.is_err() && !self.connection.is_autocommit() {
            self.control("ROLLBACK")?;
        }
        let value = done.map_err(|error| open::damaged_or(&self.path, error))?;
        if self.log.grown(&self.connection).unwrap_or(true) {
            self.checkpoint(CheckpointMode::Passive);
        }
        Ok(value)
    }

    /// Does what [`Write::Forget`] has begun. Returns whether there is more than that.
    fn finish_forgetting(&mut self) -> Result<bool, Failure> {
        let mut more = false;
        while self.forgetting.left > 0 {
            self.index_all()?;
            let Forgetting { keep, left, after } = self.forgetting;
            let found = self.look_for_old(&keep, after)?;
            let mut next = Forgetting { left: left - 1, ..self.forgetting };
            match found {
                Found::Old { of, ids, more } => {
                    next.after = Some(of.key() - i64::from(more));
                    self.remove(of, &ids, Some(&next))?;
                }
                Found::NothingUpTo(key) => {
                    next.after = Some(key);
                    self.tidy(|store| next.write(&store.connection))?;
                }
                Found::End => {
                    let audit = self.tidy(|store| {
                        let audit = audit::remove_old(&store.connection, &keep)?;
                        next.after = audit.then_some(i64::MAX);
                        next.left = if audit { next.left } else { 0 };
                        next.write(&store.connection)?;
                        Ok(audit)
                    })?;
                    (self.forgetting, more) = (next, audit);
                    continue;
                }
            }
            (self.forgetting, more) = (next, true);
        }
        Ok(more)
    }

    /// Everything is to be in the index.
    fn index_all(&mut self) -> Result<(), Failure> {
        loop {
            if self.indexer.has_run() {
                let moved = self.tidy(|store| store.indexer.advance(&store.connection, 0))?;
                self.indexer.committed(&[], moved);
            } else if !tail::now(&self.indexer.share()).fresh.is_empty() {
                self.indexer.begin_run();
            } else {
                return Ok(());
            }
        }
    }

    fn look_for_old(&self, keep: &Keep, after: Option<i64>) -> Result<Found, Failure> {
        let tail = tail::now(&self.indexer.share());
        let departed = &NOBODY; // of the time it makes no difference
        let rows = Rows { connection: &self.connection, damage: &self.damage, departed };
        let look = Forget { rows, tail: &tail, keep: *keep, newest: self.marks.event as i64 };
        look.look(after).map_err(|error| open::damaged_or(&self.path, error))
    }

    /// Goes on with accounts that were deleted, if there are any. Returns whether there were.
    fn depart(&mut self) -> Result<bool, Failure> {
        let due = departure::is_due(&self.connection);
        if !due.map_err(|error| open::damaged_or(&self.path, error))? {
            return Ok(false);
        }
        let removed = self.tidy(|store| {
            let mut removed = departure::step(&store.connection)?;
            search::count(&store.connection, &mut removed)?;
            Ok(removed)
        })?;
        self.words.committed(sql_id(self.marks.event), removed);
        self.taken_back = true;
        Ok(true)
    }

    /// Removes some events of a conversation; `next` is how far forgetting is then.
    fn remove(
        &mut self,
        of: Conversation,
        ids: &BTreeSet<i64>,
        next: Option<&Forgetting>,
    ) -> Result<(), Failure> {
        let tail = tail::now(&self.indexer.share());
        let mut gone: Vec<_> = ids.iter().copied().map(search::RemovedMessage::new).collect();
        let (removed, silent) = self.tidy(|store| {
            search::count(&store.connection, &mut gone)?;
            let removed = forget::remove(&store.connection, of, ids)?;
            scrub::around(&store.connection, "events", ids)?;
            next.map_or(Ok(()), |next| next.write(&store.connection))?;
            Ok((removed, forget::remove_talk(&store.connection, &tail, of)?))
        })?;
        self.words.committed(sql_id(self.marks.event), gone);
        if silent {
            self.pairs.remove(&of);
        }
        self.taken_back = true;
        self.mark.events = self.mark.events.saturating_sub(removed);
        if !self.relaxed {
            self.mark_file.write(&self.mark, false);
        }
        Ok(())
    }

    fn checkpoint(&mut self, mode: CheckpointMode) -> bool {
        let complete = self.log.checkpoint(&self.connection, mode);
        if complete {
            self.mark_file.write(&self.mark, true);
        }
        complete
    }

    /// Executes the writes of the current transaction. Returns how much of the indexer's run is in
    /// it, last.
    fn fill(
        &mut self,
        writes: &mut dyn Iterator<Item = &Write>,
    ) -> rusqlite::Result<(Vec<Outcome>, Filled, usize)> {
        let mut batch = Batch::new(&self.connection, self.marks, &mut self.pairs, &self.damage)?;
        let outcomes = writes.map(|write| batch.apply(write)).collect::<Result<Vec<_>, _>>()?;
        let filled = batch.finish()?;
        let moved = self.indexer.advance(&self.connection, filled.added.len())?;
        Ok((outcomes, filled, moved))
    }
}

impl Store for SqliteStore {
    fn load(&mut self) -> Result<Loaded, Failure> {
        let loader =
            Loader { connection: &self.connection, path: &self.path, damage: &self.damage };
        loader.load(&self.marks, self.mark.events)
    }

    fn commit(
        &mut self,
        writes: &mut dyn Iterator<Item = &Write>,
    ) -> Result<Vec<Outcome>, Failure> {
        self.look_for_files()?;
        self.finish_forgetting()?;
        let mut outcomes = self.transact(writes).map_err(|failed| {
            self.pairs.clear(); // some of them are not stored now
            self.make_certain(failed)
        })?;
        self.is_kept()?;
        if std::mem::take(&mut self.flushes) && self.relaxed {
            self.flush()?;
            self.mark_file.write(&self.mark, false);
        }
        if self.forgetting.left > 0 {
            match self.finish_forgetting() {
                Ok(true) => {}
                Ok(false) => {
                    let done = outcomes.iter_mut().filter(|outcome| **outcome == Outcome::More);
                    done.for_each(|outcome| *outcome = Outcome::Stored);
                }
                // What is committed is; the next commit begins with this.
                Err(error) => tracing::warn!(%error, "Expired history cannot be removed yet"),
            }
        }
        if !self.relaxed {
            self.mark_file.committed(&self.mark);
        }
        // If the length of the log is unknown, a checkpoint is due.
        if self.log.grown(&self.connection).unwrap_or(true) {
            self.checkpoint(CheckpointMode::Passive);
        }
        Ok(outcomes)
    }

    fn damage(&self) -> Arc<Damage> {
        Arc::clone(&self.damage)
    }

    fn reader(&self) -> Result<Box<dyn Reader>, Failure> {
        let connection = open::reader(&self.path)?;
        let damage = Arc::clone(&self.damage);
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let words = WordReader::new(folder.join(search::FILE), Arc::clone(&self.words));
        Ok(Box::new(SqliteReader::new(connection, self.indexer.share(), damage, words)))
    }

    fn word_index(&mut self) -> Result<Option<WordIndex>, Failure> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let (shared, damage) = (Arc::clone(&self.words), Arc::clone(&self.damage));
        WordIndex::open(folder, &self.path, shared, damage).map(Some)
    }

    fn end_commits(&mut self) {
        self.words.end();
    }

    fn condition(&mut self) -> Condition {
        if !self.relaxed {
            self.mark_file.catch_up(&self.mark);
        }
        Condition {
            log_bytes: self.files.log_bytes(),
            log_waits: self.log.waits().unwrap_or_default(),
            gone: self.gone.is_some(),
        }
    }

    fn maintain(&mut self, now: i64) -> Result<(), Failure> {
        self.look_for_files()?;
        if self.taken_back {
            // Does not wait for readers, as commits would have to wait, too: the next round will
            // do.
            self.connection.busy_timeout(Duration::ZERO)?;
            self.taken_back = !self.checkpoint(CheckpointMode::Truncate);
            checkpoint::preallocate(&self.connection, &self.path);
            self.connection.busy_timeout(open::BUSY_TIMEOUT)?;
        } else if self.log.waits().is_some() {
            self.checkpoint(CheckpointMode::Passive);
        }
        let many = FORGET.saturating_add(self.resends);
        let forget = "DELETE FROM resends WHERE (account, id) IN
            (SELECT account, id FROM resends WHERE time <= ?1 ORDER BY time LIMIT ?2)";
        let last = now.saturating_sub(RESEND_MS);
        let forgotten = self.connection.prepare_cached(forget)?.execute(params![last, many as i64]);
        forgotten.map_err(|error| open::damaged_or(&self.path, error))?;
        self.resends = 0;
        Ok(())
    }

    fn forget(&mut self, keep: &Keep) -> Result<bool, Failure> {
        self.look_for_files()?;
        if self.words.is_behind() {
            return Ok(true); // What leaves the events would pile up there.
        }
        let keeps = (keep.days, keep.messages);
        if std::mem::replace(&mut self.keeps, keeps) != keeps {
            self.forgotten = None; // What was looked at may have to go now.
        }
        if self.depart()? {
            return Ok(true);
        }
        if self.indexer.has_run() {
            let moved = self.tidy(|store| store.indexer.advance(&store.connection, 0))?;
            self.indexer.committed(&[], moved);
            return Ok(true);
        }
        let tail = tail::now(&self.indexer.share());
        let departed = &NOBODY; // of the time it makes no difference
        let rows = Rows { connection: &self.connection, damage: &self.damage, departed };
        let newest = self.marks.event as i64;
        let look = Forget { rows, tail: &tail, keep: *keep, newest };
        let told = |error| open::damaged_or(&self.path, error);
        if self.forgotten.is_none() && look.tail_has_some().map_err(told)? {
            drop(tail);
            self.indexer.begin_run();
            return Ok(true);
        }
        match look.look(self.forgotten).map_err(told)? {
            Found::Old { of, ids, more } => {
                self.remove(of, &ids, None)?;
                // Those with smaller keys are done.
                self.forgotten = Some(of.key() - i64::from(more));
                Ok(true)
            }
            Found::NothingUpTo(key) => {
                self.forgotten = Some(key);
                Ok(true)
            }
            Found::End => {
                let audit = self.tidy(|store| audit::remove_old(&store.connection, keep))?;
                let given = forget::give_back(&self.connection);
                let given = given.map_err(|error| open::damaged_or(&self.path, error))?;
                let more = given || audit;
                self.forgotten = more.then_some(i64::MAX);
                Ok(more)
            }
        }
    }

    fn tidy_up(&mut self) -> Result<bool, Failure> {
        self.look_for_files()?;
        if self.words.is_behind() || self.depart()? {
            return Ok(true);
        }
        forget::give_back(&self.connection).map_err(|error| open::damaged_or(&self.path, error))
    }

    fn close(mut self: Box<Self>) -> Result<(), Failure> {
        let placed = self.look_for_files();
        if placed.is_err() && self.gone.as_ref().is_some_and(|gone| gone.database) {
            return placed;
        }
        // First, so that a kill from here on leaves a consistent mark.
        self.mark.closed = true;
        self.mark_file.write(&self.mark, true);
        if !self.log.checkpoint(&self.connection, CheckpointMode::Truncate) {
            tracing::warn!(
                "The write-ahead log stays beside the database, for another program has that open"
            );
        }
        self.connection.close().map_err(|(_, error)| Failure::from(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::about;

    #[test]
    fn the_linked_sqlite_has_the_fixes_we_rely_on() {
        // 3.51.3 fixes a rare corruption when a write-ahead log is reset while another connection
        // commits.
        assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
    }

    #[test]
    fn a_commit_is_synchronous_and_the_log_stays_small() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path(), "k3f9").unwrap();
        let pragma = |name: &str| -> String {
            let sql = format!("SELECT CAST((SELECT * FROM pragma_{name}) AS TEXT)");
            store.connection.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        assert_eq!(pragma("journal_mode"), "wal");
        assert_eq!(pragma("synchronous"), "2");
        assert_eq!(pragma("page_size"), "8192");
    }

    #[test]
    fn the_log_has_its_full_size_from_the_start_and_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(folder.path(), "k3f9").unwrap();
        let size = store.files.log_bytes();
        assert!(size > 4 << 20, "{size}");
        for _ in 0..2000 {
            store.commit(&mut [Write::Probe].iter()).unwrap();
        }
        assert_eq!(store.files.log_bytes(), size);
        store.taken_back = true;
        store.maintain(0).unwrap();
        assert_eq!(store.files.log_bytes(), size);
        let log = std::fs::read(open::beside(&store.path, "-wal")).unwrap();
        assert!(log.iter().all(|byte| *byte == 0), "nothing is left of what was taken back");
        Box::new(store).close().unwrap();
        assert_eq!(open::log_bytes(&folder.path().join(open::DATABASE)), None);
    }

    #[test]
    fn a_relaxed_store_waits_for_the_disk_only_with_the_live_state() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(folder.path(), "k3f9").unwrap();
        store.relax().unwrap();
        let probes = |store: &SqliteStore| {
            about::get::<i64>(&store.connection, "probes").unwrap().unwrap_or_default()
        };
        store.commit(&mut [Write::Applied(3)].iter()).unwrap();
        assert_eq!(probes(&store), 0);
        let live = Write::Live { sequence: 3, bytes: [1, 2].into() };
        store.commit(&mut [live, Write::Applied(4)].iter()).unwrap();
        assert_eq!(probes(&store), 1, "another commit flushed it, and all before it");
        let sql = "PRAGMA synchronous";
        let now: i64 = store.connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(now, 1, "and the next ones do not wait again");
    }
}
