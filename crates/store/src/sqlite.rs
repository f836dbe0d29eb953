//! The store on disk: the one writer.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use proto::scram::Keys;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::batch::{Batch, Filled, Marks};
use crate::history::SqliteReader;
use crate::index::Indexer;
use crate::{
    Account, AccountId, Conversation, Failure, Fingerprint, ListEntry, Loaded, Member, Outcome,
    RESEND_MS, Reader, Room, Store, Subject, Topic, Write, check, open, schema,
};

/// How many resend ids one call of `maintain` forgets besides as many as came since the last one.
/// It takes some tens of milliseconds, in which nothing is committed.
const FORGET: usize = 10_000;

/// The store in a data folder, in `parlor.db`; the folder is locked as long as this lives.
pub struct SqliteStore {
    // In this order: the lock goes last.
    connection: Connection,
    path: PathBuf,
    marks: Marks,
    indexer: Indexer,
    /// Pairs known to be in `talks`, a bounded number of them; see [`Batch`].
    pairs: HashSet<Conversation>,
    /// How many resend ids were stored since the last `maintain`.
    resends: usize,
    _lock: File,
}

impl SqliteStore {
    /// Opens the store in a folder, making what is missing; a new store takes `fresh_instance`, a
    /// few random characters `a-z 0-9`, and keeps it for ever. An older database is taken forward.
    ///
    /// # Errors
    /// When the folder is in use or cannot be written, or the database is newer than this program or damaged.
    /// A folder that is in use and a newer database are left as they are.
    pub fn open(folder: &Path, fresh_instance: &str) -> Result<Self, Failure> {
        let lock = open::lock_folder(folder)?;
        let path = folder.join(open::DATABASE);
        let mut connection = open::writer(&path)?;
        schema::migrate(&mut connection, fresh_instance)
            .map_err(|error| open::damaged_or(&path, error))?;
        check::quick(&connection, &path)?;
        let marks = Marks::read(&connection)?;
        let indexer = Indexer::new(&connection)?;
        let pairs = HashSet::new();
        Ok(Self { connection, path, marks, indexer, pairs, resends: 0, _lock: lock })
    }

    /// Lets the database grow to so many pages (of 8 KiB) and no further, as a full disk would;
    /// `None` lifts it. For tests, and for a quota. A limit below the size it has now is the size
    /// it has now.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn limit_pages(&mut self, pages: Option<u32>) -> Result<(), Failure> {
        let pages = pages.unwrap_or(u32::MAX - 1); // SQLite's own limit
        self.connection.pragma_update(None, "max_page_count", pages)?;
        Ok(())
    }

    fn transact(
        &mut self,
        writes: &mut dyn Iterator<Item = &Write>,
    ) -> rusqlite::Result<Vec<Outcome>> {
        // These two stay prepared, which `Connection::transaction` does not have.
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let filled = self.fill(writes).and_then(|filled| {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(filled)
        });
        if filled.is_err() && !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        let (outcomes, filled, moved) = filled?;
        self.indexer.committed(&filled.added, moved);
        self.marks = filled.marks;
        self.resends += filled.resends;
        Ok(outcomes)
    }

    /// Writes what the transaction at hand is to have. Returns how much of the indexer's run is in
    /// it, last.
    fn fill(
        &mut self,
        writes: &mut dyn Iterator<Item = &Write>,
    ) -> rusqlite::Result<(Vec<Outcome>, Filled, usize)> {
        let mut batch = Batch::new(&self.connection, self.marks, &mut self.pairs)?;
        let outcomes = writes.map(|write| batch.apply(write)).collect::<Result<Vec<_>, _>>()?;
        let filled = batch.finish()?;
        let moved = self.indexer.advance(&self.connection, filled.added.len())?;
        Ok((outcomes, filled, moved))
    }
}

impl Store for SqliteStore {
    fn load(&mut self) -> Result<Loaded, Failure> {
        let about = "SELECT value FROM about WHERE key = ?1";
        let resend = "SELECT coalesce(max(time), 0) FROM resends";
        Ok(Loaded {
            accounts: accounts(&self.connection)?,
            rooms: rooms(&self.connection)?,
            members: members(&self.connection)?,
            metadata: metadata(&self.connection)?,
            read_markers: read_markers(&self.connection)?,
            certificates: certificates(&self.connection)?,
            last_event: self.marks.event,
            last_time: self.marks.time,
            last_resend: self.connection.query_row(resend, [], |row| row.get(0))?,
            last_account: self.marks.account,
            last_room: self.marks.room,
            instance: self.connection.query_row(about, ["instance"], |row| row.get(0))?,
            cloak_key: self
                .connection
                .query_row(about, ["cloak_key"], |row| row.get(0))
                .optional()?,
        })
    }

    fn commit(
        &mut self,
        writes: &mut dyn Iterator<Item = &Write>,
    ) -> Result<Vec<Outcome>, Failure> {
        let result = self.transact(writes);
        if result.is_err() {
            self.pairs.clear(); // some of them are not stored now
        }
        Ok(result?)
    }

    fn reader(&self) -> Result<Box<dyn Reader>, Failure> {
        Ok(Box::new(SqliteReader::new(open::reader(&self.path)?, self.indexer.share())))
    }

    fn maintain(&mut self, now: i64) -> Result<(), Failure> {
        let many = FORGET.saturating_add(self.resends);
        let forget = "DELETE FROM resends WHERE (account, id) IN
            (SELECT account, id FROM resends WHERE time <= ?1 ORDER BY time LIMIT ?2)";
        let last = now.saturating_sub(RESEND_MS);
        self.connection.prepare_cached(forget)?.execute(params![last, many as i64])?;
        self.resends = 0;
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), Failure> {
        self.connection.close().map_err(|(_, error)| Failure::from(error))
    }
}

fn accounts(connection: &Connection) -> rusqlite::Result<Vec<Account>> {
    let mut statement = connection.prepare(
        "SELECT id, name, salt, iterations, stored_key, server_key, created FROM accounts ORDER BY id",
    )?;
    let account = |row: &Row<'_>| {
        let keys = Keys {
            salt: row.get(2)?,
            iterations: row.get(3)?,
            stored_key: row.get(4)?,
            server_key: row.get(5)?,
        };
        Ok(Account { id: row.get(0)?, name: row.get(1)?, keys, created: row.get(6)? })
    };
    statement.query_map([], account)?.collect()
}

fn rooms(connection: &Connection) -> rusqlite::Result<Vec<Room>> {
    let mut statement = connection.prepare(
        "SELECT id, name, created, topic, topic_by, topic_time, modes, key, member_limit
            FROM rooms ORDER BY id",
    )?;
    let mut lists = connection
        .prepare("SELECT mode, mask, set_by, time FROM lists WHERE room = ?1 ORDER BY position")?;
    let entry = |row: &Row<'_>| {
        let mode: String = row.get(0)?;
        let mode = mode.chars().next().unwrap_or_default();
        Ok(ListEntry { mode, mask: row.get(1)?, by: row.get(2)?, time: row.get(3)? })
    };
    let room = |row: &Row<'_>| {
        let topic = match row.get(3)? {
            Some(text) => Some(Topic { text, by: row.get(4)?, time: row.get(5)? }),
            None => None,
        };
        let id = row.get(0)?;
        Ok(Room {
            id,
            name: row.get(1)?,
            created: row.get(2)?,
            topic,
            modes: row.get(6)?,
            key: row.get(7)?,
            limit: row.get(8)?,
            lists: lists.query_map([id], entry)?.collect::<rusqlite::Result<_>>()?,
        })
    };
    statement.query_map([], room)?.collect()
}

fn members(connection: &Connection) -> rusqlite::Result<Vec<Member>> {
    let mut statement = connection
        .prepare("SELECT room, account, op, halfop, voice FROM members ORDER BY room, account")?;
    let member = |row: &Row<'_>| {
        Ok(Member {
            room: row.get(0)?,
            account: row.get(1)?,
            op: row.get(2)?,
            halfop: row.get(3)?,
            voice: row.get(4)?,
        })
    };
    statement.query_map([], member)?.collect()
}

type Entry = (Subject, Box<str>, Box<str>);

fn metadata(connection: &Connection) -> rusqlite::Result<Vec<Entry>> {
    let mut statement = connection
        .prepare("SELECT kind, subject, key, value FROM metadata ORDER BY kind, subject, key")?;
    let entry = |row: &Row<'_>| {
        let sort: u8 = row.get(0)?;
        let of = Subject::from_key(sort, row.get(1)?)
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(0, sort.into()))?;
        Ok((of, row.get(2)?, row.get(3)?))
    };
    statement.query_map([], entry)?.collect()
}

fn read_markers(connection: &Connection) -> rusqlite::Result<Vec<(AccountId, Conversation, i64)>> {
    let mut statement = connection.prepare(
        "SELECT account, conversation, time FROM read_markers ORDER BY account, conversation",
    )?;
    let marker =
        |row: &Row<'_>| Ok((row.get(0)?, Conversation::from_key(row.get(1)?), row.get(2)?));
    statement.query_map([], marker)?.collect()
}

fn certificates(connection: &Connection) -> rusqlite::Result<Vec<(Fingerprint, AccountId)>> {
    let mut statement =
        connection.prepare("SELECT fingerprint, account FROM certificates ORDER BY fingerprint")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linked_sqlite_has_the_fixes_we_rely_on() {
        // 3.51.3 repairs a rare corruption when a write-ahead log is reset while another connection
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
        let sql = "PRAGMA wal_autocheckpoint";
        let pages: u32 = store.connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(pages, 500);
        assert_eq!(pragma("page_size"), "8192");
    }
}
