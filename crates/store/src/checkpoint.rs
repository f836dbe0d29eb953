//! Checkpoints of the write-ahead log.
//!
//! SQLite would run them by itself, during a commit, and would not report failures.

use std::time::{Duration, Instant};

use rusqlite::Connection;

/// Pages of the log (4 MiB) after which it is moved into the database: few, for it delays the
/// commit it follows. After one that could not move all of it, as many more.
const PAGES: i64 = 500;
/// Commits after which the log is looked at, however little it grows.
const LOOK_COMMITS: u32 = 32;
/// Part of the log that waits for longer than this is worth a line in the server's log: it is tried
/// once a minute at least.
const LATE: Duration = Duration::from_secs(90);
/// Between two lines about the same.
const PAUSE: Duration = Duration::from_secs(60);

/// How a checkpoint is made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    /// As far as nobody is in the way.
    Passive,
    /// All of it, waiting for those who are.
    Full,
    /// All of it, and the log is empty afterwards.
    Truncate,
}

/// What the writer knows of the log.
#[derive(Debug)]
pub(crate) struct Log {
    /// Pages of the log at which it is tried again.
    due: i64,
    /// Pages of the log when it was last looked at.
    seen: i64,
    /// Commits since then, and how many there are to be before the next look.
    commits: (u32, u32),
    /// Since when something waits in the log.
    waits: Option<Instant>,
    /// When it was last said that this does not go well; none if it does.
    told: Option<Instant>,
}

/// Commits after which the log is looked at again, so that it does not grow far beyond what is due:
/// half of those that the ones since the last look let expect. A look costs a twentieth of a commit of one message.
fn commits_until(pages_left: i64, grown: i64, commits: u32) -> u32 {
    let each = (grown / i64::from(commits.max(1))).max(1);
    u32::try_from(pages_left / each / 2).unwrap_or(0).min(LOOK_COMMITS)
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { due: PAGES, seen: 0, commits: (0, 0), waits: Some(Instant::now()), told: None }
    }

    /// How long something has waited in the log.
    pub(crate) fn waits(&self) -> Option<Duration> {
        self.waits.map(|since| since.elapsed())
    }

    /// After a commit: whether it is time for a checkpoint.
    pub(crate) fn grown(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        if self.waits.is_none() {
            self.waits = Some(Instant::now());
        }
        self.commits.0 += 1;
        if self.commits.0 < self.commits.1 {
            return Ok(false);
        }
        // It does nothing but tell the numbers of pages, which another program may have changed.
        let look = "PRAGMA wal_checkpoint(NOOP)";
        let pages: i64 = connection.prepare_cached(look)?.query_row([], |row| row.get(1))?;
        if pages < PAGES {
            self.due = PAGES;
        }
        self.commits = (0, commits_until(self.due - pages, pages - self.seen, self.commits.0));
        self.seen = pages;
        Ok(pages >= self.due)
    }

    /// Moves the log into the database. True if nothing is left in it that the database lacks.
    pub(crate) fn checkpoint(&mut self, connection: &Connection, how: How) -> bool {
        let sql = match how {
            How::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
            How::Full => "PRAGMA wal_checkpoint(FULL)",
            How::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
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

    /// Says what is wrong, once a minute at most, and when it is over.
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
            // Readers are in the way for an instant only.
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
    fn the_log_is_looked_at_before_it_is_long() {
        assert_eq!(commits_until(500, 2, 1), LOOK_COMMITS, "small commits");
        assert_eq!(commits_until(500, 1600, 16), 2, "large ones: half of five");
        assert_eq!(commits_until(40, 2, 1), 10, "soon due");
        assert_eq!(commits_until(0, 2, 1), 0, "due");
        assert_eq!(commits_until(500, -480, 30), LOOK_COMMITS, "the log began anew");
    }
}
