//! Comparing what a start finds with what was last known to be on disk.

use std::path::Path;

use rusqlite::Connection;

use crate::batch::Marks;
use crate::mark::{Found, Mark, keep_log};
use crate::{Failure, about, open, schema};

/// What is known before the database is opened.
pub(crate) struct Precheck {
    found: Found,
    /// Whether the database had a non-empty log.
    log: bool,
}

impl Precheck {
    /// Looks at the files themselves: SQLite would create a missing database, and remove the log of
    /// an empty one.
    pub(crate) fn look(folder: &Path, path: &Path, accept_loss: bool) -> Result<Self, Failure> {
        let found = Found::read(folder)?;
        let log = open::log_bytes(path).unwrap_or_default() > 0;
        if path.metadata().map_or(0, |file| file.len()) == 0 {
            let missing = match &found {
                Found::Mark(mark) if mark.events > 0 => {
                    let (events, newest) = (mark.events, mark.newest());
                    format!("the whole database is missing, with {events} events until {newest}")
                }
                Found::Nothing if log => {
                    "only its write-ahead log is there, the database itself is missing".to_owned()
                }
                Found::Nothing => return Ok(Self { found, log }),
                _ => "the whole database is missing".to_owned(),
            };
            lost(path, missing, accept_loss)?;
            return Ok(Self { found: Found::Nothing, log });
        }
        if found == Found::Damaged {
            tracing::warn!(
                "The file `state` in the data folder is damaged, so a loss would go unseen; it is made anew"
            );
        }
        Ok(Self { found, log })
    }

    /// What the database lacks, if anything. Then closing the connection leaves the log as it is.
    pub(crate) fn missing(&self, connection: &Connection) -> rusqlite::Result<Option<String>> {
        let missing = self.find_missing(connection)?;
        if missing.is_none() || !self.log {
            open::may_tidy(connection)?;
        }
        Ok(missing)
    }

    fn find_missing(&self, connection: &Connection) -> rusqlite::Result<Option<String>> {
        let Found::Mark(mark) = &self.found else { return Ok(None) };
        let found = match schema::version(connection)? {
            // Everything was still in the log.
            0 => Mark { instance: mark.instance.clone(), ..Mark::default() },
            _ => read(connection)?,
        };
        let missing = mark.missing(&found, self.log);
        if missing.is_none() && !mark.closed && !self.log {
            tracing::warn!(
                "The write-ahead log of the last run is gone, perhaps moved into the database by another \
                 program; the newest event is there"
            );
        }
        Ok(missing)
    }

    /// Refuses a database that has less than was stored, or accepts it.
    pub(crate) fn compare(
        &mut self,
        connection: &Connection,
        path: &Path,
        accept_loss: bool,
    ) -> Result<(), Failure> {
        let missing = self.missing(connection).map_err(|error| open::damaged_or(path, error))?;
        let Some(missing) = missing else { return Ok(()) };
        lost(path, missing, accept_loss)?;
        self.found = Found::Nothing;
        open::may_tidy(connection).map_err(|error| open::damaged_or(path, error))
    }

    /// The mark of the new run; its generation is stored in the database, so the log is never empty
    /// while the store is open.
    pub(crate) fn begin(&self, connection: &Connection) -> rusqlite::Result<Mark> {
        let found = read(connection)?;
        let (known, counted) = match &self.found {
            Found::Mark(mark) => (mark.generation, Some((mark.events, mark.marks.event))),
            _ => (0, None),
        };
        let (events, after) = counted.unwrap_or_default();
        let count = "SELECT count(*) FROM events WHERE id > ?1";
        let newer: i64 = connection.query_row(count, [after as i64], |row| row.get(0))?;
        let generation = known.max(found.generation) + 1;
        about::set(connection, "generation", generation as i64)?;
        Ok(Mark { generation, events: events + newer as u64, ..found })
    }
}

/// What a database records about itself, except the number of events.
fn read(connection: &Connection) -> rusqlite::Result<Mark> {
    let instance =
        about::get(connection, "instance")?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let generation: Option<i64> = about::get(connection, "generation")?;
    let generation = generation.unwrap_or_default() as u64;
    let marks = Marks::read(connection)?;
    Ok(Mark { instance, generation, closed: false, events: 0, marks })
}

/// A loss is refused; if it is accepted, the rest of the log is kept for whoever can read it.
fn lost(path: &Path, missing: String, accept_loss: bool) -> Result<(), Failure> {
    if !accept_loss {
        return Err(Failure::Lost { path: path.to_owned(), missing });
    }
    tracing::warn!(%missing, "Going on with less than was stored, as --accept-loss says");
    keep_log(path)
}
