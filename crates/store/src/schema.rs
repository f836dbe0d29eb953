//! The version of the tables, and how an older database becomes one of this version.
//!
//! The version is SQLite's `user_version`.

mod objects;
mod steps;

pub(crate) use objects::{NOT_OURS, foreign, tables};

use crate::sum::{EVENTS, TABLES, Table};
use crate::{Damage, Failure, Progress, Stage, about, index};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use steps::{STEPS, WITH_JOINED, WITH_PROVED, WITH_SUMS, WITH_UNHEARD, WITH_UNREAD};

/// The version this program reads and writes.
pub(crate) const VERSION: u32 = STEPS.len() as u32;

/// The number of events that get their checksums between two reports of progress.
const SUMS_AT_ONCE: i64 = 20_000;

/// The version of the database, as the write-ahead log has it.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Whether its rows have checksums.
pub(crate) fn has_sums(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(version(connection)? >= WITH_SUMS)
}

/// Migrates the database to [`VERSION`] in one transaction. A new one gets `fresh_instance`.
pub(crate) fn migrate(
    connection: &mut Connection,
    fresh_instance: &str,
    progress: &Progress,
) -> Result<(), Failure> {
    let found = version(connection)?;
    if found >= VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in &STEPS[found as usize..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    if found < WITH_UNHEARD {
        add_unheard(&transaction)?;
    }
    if found < WITH_SUMS {
        add_sums(&transaction, progress)?;
    } else {
        if found < WITH_PROVED {
            add_sums_again(&transaction, "certificates", "fingerprint, account")?;
        }
        if found < WITH_UNREAD {
            add_sums_again(&transaction, "read_markers", "account, conversation, time")?;
        }
        if found < WITH_JOINED {
            add_sums_again(&transaction, "members", "room, account, op, halfop, voice")?;
        }
    }
    if found < WITH_UNREAD {
        // Damage is reported when the rows are read.
        index::rebuild(&transaction, &Damage::default())?;
    }
    if found == 0 {
        about::set(&transaction, "instance", fresh_instance)?;
    }
    // An older program tells its user to get this version.
    about::set(&transaction, "program", env!("CARGO_PKG_VERSION"))?;
    about::set(&transaction, "schema", tables(&transaction)?)?;
    Ok(transaction.commit()?)
}

/// It is unknown when existing accounts were last online, so today counts.
fn add_unheard(connection: &Connection) -> rusqlite::Result<()> {
    let add = "INSERT INTO unheard(account, day, sum)
        SELECT id, unixepoch() / 86400, checksum('unheard', id, unixepoch() / 86400) FROM accounts
        WHERE id NOT IN (SELECT account FROM events)";
    connection.execute(add, []).map(|_| ())
}

/// Recomputes the checksums of a table that got another column. A row that was damaged before keeps its
/// wrong checksum.
fn add_sums_again(connection: &Connection, table: &str, columns: &str) -> rusqlite::Result<()> {
    let sum = Table::named(table).sum();
    let update =
        format!("UPDATE {table} SET sum = {sum} WHERE sum = checksum('{table}', {columns})");
    connection.execute(&update, []).map(|_| ())
}

/// Gives every row a checksum of its present contents.
fn add_sums(connection: &Connection, progress: &Progress) -> Result<(), Failure> {
    for table in &TABLES {
        connection.execute(&format!("UPDATE {} SET sum = {}", table.name, table.sum()), [])?;
    }
    let indexed: i64 = connection
        .query_row("SELECT value FROM about WHERE key = 'indexed'", [], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let count = "SELECT count(*) FROM events WHERE id <= ?1";
    let count: i64 = connection.query_row(count, [indexed], |row| row.get(0))?;
    about::set(connection, "indexed_count", count)?;
    let bytes = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let bytes: u64 = connection.query_row(bytes, [], |row| row.get::<_, i64>(0))?.cast_unsigned();
    let last: Option<i64> =
        connection.query_row("SELECT max(id) FROM events", [], |row| row.get(0))?;
    progress.begin(Stage::Migrating, bytes);
    let (mut from, last) = (i64::MIN, last.unwrap_or(0));
    let update = format!(
        "UPDATE events SET sum = {} WHERE id >= ?1 AND id < coalesce(?2, id + 1)",
        EVENTS.sum()
    );
    let next = "SELECT id FROM events WHERE id >= ?1 ORDER BY id LIMIT 1 OFFSET ?2";
    loop {
        let next: Option<i64> = connection
            .prepare_cached(next)?
            .query_row([from, SUMS_AT_ONCE], |row| row.get(0))
            .optional()?;
        connection.prepare_cached(&update)?.execute(params![from, next])?;
        let Some(next) = next else { break };
        from = next;
        let share = from.max(0) as f64 / last.max(1) as f64;
        progress.reach((bytes as f64 * share) as u64)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
