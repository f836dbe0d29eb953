//! Checkpoints of the write-ahead log.
//!
//! SQLite could run them by itself, within a commit, but would not report failures.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::{open, private};

/// Pages of the log (4 MiB) after which a checkpoint runs: few, because it delays the commit it
/// follows. After an incomplete one, as many more.
const PAGES: i64 = 500;
/// The size of the log's file from the beginning: a little more than it reaches before a checkpoint,
/// after which it is overwritten from its start.
const LOG_BYTES: u64 = (PAGES as u64 + 40) * (24 + 8192) + 32;
/// Commits after which the log is inspected, however little it has grown.
const LOOK_COMMITS: u32 = 32;
/// If something waits in the log for longer than this, it is worth a line in the server's log: a
/// checkpoint is attempted at least once a minute.
const LATE: Duration = Duration::from_secs(90);
/// Between two log lines about the same problem.
const PAUSE: Duration = Duration::from_secs(60);

/// The mode of a checkpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CheckpointMode {
    /// As much as possible without waiting for anybody.
    Passive,
    /// Everything, waiting for readers.
    Full,
    /// Everything, and the log is truncated.
    Truncate,
}

/// What the writer knows about the log.
#[derive(Debug)]
pub(crate) struct Log {
    /// The number of pages for the next attempt.
    due: i64,
    /// The number of pages at the last inspection.
    seen: i64,
    /// Commits since then, and the number of commits until the next one.
    commits: (u32, u32),
    /// Since when something has been waiting in the log.
    waits: Option<Instant>,
    /// When a problem was last reported; none if there is none.
    told: Option<Instant>,
}

/// Commits until the next inspection of the log, so that it does not grow far beyond the limit:
/// half of what the recent growth suggests. An inspection costs a twentieth of the commit of one
/// message.
fn commits_until(pages_left: i64, grown: i64, commits: u32) -> u32 {
    let each = (grown / i64::from(commits.max(1))).max(1);
    u32::try_from(pages_left / each / 2).unwrap_or(0).min(LOOK_COMMITS)
}

/// Gives the file of a database's log its full size in advance: flushing a file that has grown waits
/// for the file system's own bookkeeping, which can take a hundred times as long. If there is no
/// room, commits are merely slower.
pub(crate) fn preallocate(connection: &Connection, database: &Path) {
    // So that nobody else writes to it meanwhile.
    let lock = Transaction::new_unchecked(connection, TransactionBehavior::Immediate);
    let extended = lock.map_err(io::Error::other).and_then(|_lock| extend(database));
    if let Err(error) = extended {
        tracing::debug!(%error, "The write-ahead log is not preallocated");
    }
}

/// Extends the log's file by zeros, which SQLite reads as the end of the log.
fn extend(database: &Path) -> io::Result<()> {
    let mut file = private::open(&open::beside(database, "-wal"), OpenOptions::new().write(true))?;
    let end = file.seek(SeekFrom::End(0))?;
    let zeros = &mut io::repeat(0).take(LOG_BYTES.saturating_sub(end));
    let extended = io::copy(zeros, &mut file).and_then(|_| file.sync_data());
    // On a full disk, others need the rest of it.
    extended.or_else(|error| file.set_len(end).and(Err(error)))
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { due: PAGES, seen: 0, commits: (0, 0), waits: Some(Instant::now()), told: None }
    }

    /// How long something has been waiting in the log.
    pub(crate) fn waits(&self) -> Option<Duration> {
        self.waits.map(|since| since.elapsed())
    }

    /// After a commit: whether a checkpoint is due.
    pub(crate) fn grown(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        if self.waits.is_none() {
            self.waits = Some(Instant::now());
        }
        self.commits.0 += 1;
        if self.commits.0 < self.commits.1 {
            return Ok(false);
        }
        // It does nothing except return page counts, which another program may have changed.
        let look = "PRAGMA wal_checkpoint(NOOP)";
        let pages: i64 = connection.prepare_cached(look)?.query_row([], |row| row.get(1))?;
        if pages < PAGES {
            self.due = PAGES;
        }
        self.commits = (0, commits_until(self.due - pages, pages - self.seen, self.commits.0));
        self.seen = pages;
        Ok(pages >= self.due)
    }

    /// Runs a checkpoint. True if nothing is left in the log that the database lacks.
    pub(crate) fn checkpoint(&mut self, connection: &Connection, mode: CheckpointMode) -> bool {
        let sql = match mode {
            CheckpointMode::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
            CheckpointMode::Full => "PRAGMA wal_checkpoint(FULL)",
            CheckpointMode::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
        };
        let done = connection.prepare_cached(sql).and_then(|mut statement| {
            statement.query_row([], |row| {
                Ok((row.get::<_, bool>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
            })
        });
        let complete = matches!(done, Ok((false, pages, moved)) if pages == moved);
        self.due = done.as_ref().map_or(self.due, |(_, pages, _)| (*pages).max(0)) + PAGES;
        if complete {
            self.waits = None;
        }
        self.tell(done, complete);
        complete
    }

    /// Reports a problem, at most once a minute, and its end.
    fn tell(&mut self, done: rusqlite::Result<(bool, i64, i64)>, complete: bool) {
        if complete {
            if self.told.take().is_some() {
                tracing::info!("The write-ahead log was moved into the database again");
            }
            return;
        }
        if self.told.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        let waits = self.waits().unwrap_or_default();
        match done {
            Err(error) => tracing::error!(
                %error,
                "The write-ahead log cannot be moved into the database and grows; check the disk"
            ),
            // Readers block it only for an instant.
            Ok(_) if waits < LATE => return,
            Ok((_, pages, moved)) => tracing::warn!(
                pages,
                moved,
                seconds = waits.as_secs(),
                "Part of the write-ahead log cannot be moved into the database, so it grows; \
                 another program that reads it (a backup, sqlite3) is a likely cause"
            ),
        }
        self.told = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_inspected_before_it_grows_long() {
        assert_eq!(commits_until(500, 2, 1), LOOK_COMMITS, "small commits");
        assert_eq!(commits_until(500, 1600, 16), 2, "large ones: half of five");
        assert_eq!(commits_until(40, 2, 1), 10, "soon due");
        assert_eq!(commits_until(0, 2, 1), 0, "due");
        assert_eq!(commits_until(500, -480, 30), LOOK_COMMITS, "the log began anew");
    }
}
