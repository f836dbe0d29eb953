//! The tables, their version and how one version becomes the next.
//!
//! The version is SQLite's `user_version`. A step, once released, is never edited: a change is a
//! new step.

use rusqlite::{Connection, TransactionBehavior, params};

/// One step per version: step `n` makes version `n + 1` of version `n`, and an empty file is
/// version 0.
const STEPS: [&str; 1] = [FIRST];

/// The version this program reads and writes.
pub(crate) const VERSION: u32 = STEPS.len() as u32;

// `history` says which events a conversation has, what is not a message (`other`) apart, so that with or without it a
// question seeks straight to its rows. A row is a block of ids, the first and the `rest`; see `index`.
const FIRST: &str = "
CREATE TABLE about(
    key TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events(
    id INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    account INTEGER NOT NULL,
    guest INTEGER NOT NULL,
    nick TEXT NOT NULL,
    target TEXT NOT NULL,
    time INTEGER NOT NULL,
    text TEXT NOT NULL,
    tags TEXT NOT NULL
) STRICT;

CREATE TABLE history(
    conversation INTEGER NOT NULL,
    other INTEGER NOT NULL,
    first INTEGER NOT NULL,
    rest BLOB NOT NULL,
    PRIMARY KEY(conversation, other, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE talks(
    account INTEGER NOT NULL,
    peer INTEGER NOT NULL,
    PRIMARY KEY(account, peer)
) STRICT, WITHOUT ROWID;

CREATE TABLE pending(
    account INTEGER NOT NULL,
    event INTEGER NOT NULL,
    PRIMARY KEY(account, event)
) STRICT, WITHOUT ROWID;

CREATE TABLE resends(
    account INTEGER NOT NULL,
    id TEXT NOT NULL,
    event INTEGER NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY(account, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX resends_by_time ON resends(time);

CREATE TABLE accounts(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    salt BLOB NOT NULL,
    iterations INTEGER NOT NULL,
    stored_key BLOB NOT NULL,
    server_key BLOB NOT NULL,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE rooms(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    topic TEXT,
    topic_by TEXT,
    topic_time INTEGER,
    modes TEXT NOT NULL,
    key TEXT,
    member_limit INTEGER
) STRICT;

CREATE TABLE lists(
    room INTEGER NOT NULL,
    position INTEGER NOT NULL,
    mode TEXT NOT NULL,
    mask TEXT NOT NULL,
    set_by TEXT NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY(room, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE members(
    room INTEGER NOT NULL,
    account INTEGER NOT NULL,
    op INTEGER NOT NULL,
    voice INTEGER NOT NULL,
    PRIMARY KEY(room, account)
) STRICT, WITHOUT ROWID;
";

/// The version of the database, as the write-ahead log has it.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Takes the database forward to [`VERSION`], all of it or nothing. A new one gets
/// `fresh_instance`.
pub(crate) fn migrate(connection: &mut Connection, fresh_instance: &str) -> rusqlite::Result<()> {
    let found = version(connection)?;
    if found >= VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in &STEPS[found as usize..] {
        transaction.execute_batch(step)?;
    }
    let about = "INSERT OR REPLACE INTO about(key, value) VALUES (?1, ?2)";
    if found == 0 {
        transaction.execute(about, params!["instance", fresh_instance])?;
    }
    // What an older program tells its user to get.
    transaction.execute(about, params!["program", env!("CARGO_PKG_VERSION")])?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
