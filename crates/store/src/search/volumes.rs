//! The progress of the index: for each million events, a volume, with the event up to which it is
//! complete, and the number of removals. Its words are in [segments](super::segment).

use rusqlite::{Connection, OptionalExtension, params};

use super::{analyzer, segment};

/// Event ids per volume.
pub(crate) const VOLUME: i64 = 1_000_000;
/// Raised whenever the index format changes; see [`analyzer::VERSION`], too.
const LAYOUT: i64 = 2;

/// The volume of an event.
pub(crate) fn volume_of(id: i64) -> i64 {
    id.max(0) / VOLUME
}

/// A volume's progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Volume {
    pub(crate) number: i64,
    /// It is complete up to this event.
    pub(crate) done: i64,
    /// The number of removals, as in [`super::shared::counted`].
    pub(crate) removed: i64,
}

impl Volume {
    pub(crate) fn new(number: i64, removed: i64) -> Self {
        Self { number, done: number * VOLUME - 1, removed }
    }

    /// One above its last event.
    pub(crate) fn end(&self) -> i64 {
        (self.number + 1) * VOLUME
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.done + 1 >= self.end()
    }
}

/// The version in the header of a usable index.
pub(crate) fn version() -> i64 {
    LAYOUT * 1000 + i64::from(analyzer::VERSION)
}

/// Creates the tables of an empty file.
pub(crate) fn create(connection: &Connection, instance: &str) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE;
        CREATE TABLE about(instance TEXT NOT NULL, last INTEGER NOT NULL, time INTEGER NOT NULL);
        CREATE TABLE volumes(number INTEGER PRIMARY KEY, done INTEGER NOT NULL,
            removed INTEGER NOT NULL);
        {}",
        segment::TABLES
    ))?;
    connection.execute("INSERT INTO about VALUES (?1, 0, 0)", [instance])?;
    connection.pragma_update(None, "user_version", version())?;
    connection.execute_batch("COMMIT")
}

/// All volumes, oldest first.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<Volume>> {
    let sql = "SELECT number, done, removed FROM volumes ORDER BY number";
    let mut statement = connection.prepare_cached(sql)?;
    let volumes = statement.query_map([], |row| {
        Ok(Volume { number: row.get(0)?, done: row.get(1)?, removed: row.get(2)? })
    })?;
    volumes.collect()
}

/// Stores a volume's progress.
pub(crate) fn put(connection: &Connection, volume: &Volume) -> rusqlite::Result<()> {
    let Volume { number, done, removed } = *volume;
    let sql = "INSERT OR REPLACE INTO volumes VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![number, done, removed]).map(drop)
}

/// Removes a volume.
pub(crate) fn remove(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    for segment in segment::of_volume(connection, number)? {
        segment::delete(connection, &segment)?;
    }
    connection.execute("DELETE FROM volumes WHERE number = ?1", [number]).map(drop)
}

/// The newest event that the index has seen, and its time: the database it was built from has it,
/// too.
pub(crate) fn last_seen(connection: &Connection) -> rusqlite::Result<Option<(String, i64, i64)>> {
    let sql = "SELECT instance, last, time FROM about";
    let found = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    found.optional()
}

pub(crate) fn set_last_seen(connection: &Connection, last: i64, time: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE about SET last = ?1, time = ?2";
    connection.prepare_cached(sql)?.execute([last, time]).map(drop)
}
