//! The audit log: who did what to whom, and why. Entries are only appended, and the oldest removed.

use rusqlite::{Connection, Row, params};

use crate::sum::{self, Checksummer};
use crate::{Damage, Keep};

/// The number of entries that are kept whatever their age.
pub const AUDIT_KEPT: u64 = 100_000;
/// Days for which entries are kept whatever their number, up to [`AUDIT_MOST`].
pub const AUDIT_DAYS: i64 = 90;
/// The maximum number of entries.
pub const AUDIT_MOST: u64 = 1_000_000;
/// How many are removed at once.
const AT_ONCE: u64 = 256;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// An action of an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// When: milliseconds since the Unix epoch.
    pub time: i64,
    /// The operator's name at that time.
    pub by: Box<str>,
    /// The action, in one word.
    pub verb: Box<str>,
    /// Its target.
    pub target: Box<str>,
    /// The reason; may be empty.
    pub reason: Box<str>,
}

/// Appends an entry with the next number.
pub(crate) fn add(connection: &Connection, entry: &Audit) -> rusqlite::Result<()> {
    let newest = "SELECT coalesce(max(id), 0) FROM audit";
    let newest: i64 = connection.prepare_cached(newest)?.query_row([], |row| row.get(0))?;
    let add = "INSERT INTO audit(id, time, done_by, verb, target, reason, sum)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, checksum('audit', ?1, ?2, ?3, ?4, ?5, ?6))";
    let Audit { time, by, verb, target, reason } = entry;
    let values = params![newest + 1, time, by, verb, target, reason];
    connection.prepare_cached(add)?.execute(values).map(drop)
}

/// The newest entries below a number, oldest first; damaged ones are left out.
pub(crate) fn read(
    connection: &Connection,
    damage: &Damage,
    before: u64,
    limit: usize,
) -> rusqlite::Result<Vec<(u64, Audit)>> {
    let sql = "SELECT id, time, done_by, verb, target, reason, sum FROM audit WHERE id < ?1
        ORDER BY id DESC";
    let mut find = connection.prepare_cached(sql)?;
    let mut rows = find.query([i64::try_from(before).unwrap_or(i64::MAX)])?;
    let (mut found, mut checksummer) = (Vec::new(), Checksummer::default());
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        if sum::is_right("audit", row, &mut checksummer)? {
            found.push(entry(row)?);
        } else {
            let id: i64 = row.get(0)?;
            damage.note("audit", &id, format!("entry {id} of the audit log is damaged"));
        }
    }
    found.reverse();
    Ok(found)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<(u64, Audit)> {
    let entry = Audit {
        time: row.get(1)?,
        by: row.get(2)?,
        verb: row.get(3)?,
        target: row.get(4)?,
        reason: row.get(5)?,
    };
    Ok((row.get::<_, i64>(0)?.cast_unsigned(), entry))
}

/// Whether an entry has expired.
pub(crate) fn goes(id: u64, newest: u64, time: i64, keep: &Keep) -> bool {
    let newer = newest.saturating_sub(id);
    let old = time < keep.now.saturating_sub(AUDIT_DAYS * DAY_MS);
    newer >= AUDIT_MOST || newer >= AUDIT_KEPT && old
}

/// Removes some of the oldest entries; returns whether there may be more to remove.
pub(crate) fn remove_old(connection: &Connection, keep: &Keep) -> rusqlite::Result<bool> {
    let newest = "SELECT coalesce(max(id), 0) FROM audit";
    let newest: i64 = connection.prepare_cached(newest)?.query_row([], |row| row.get(0))?;
    let oldest = "SELECT id, time FROM audit ORDER BY id LIMIT ?1";
    let mut oldest = connection.prepare_cached(oldest)?;
    let mut rows = oldest.query([AT_ONCE as i64])?;
    let (mut last, mut count) = (None, 0);
    while let Some(row) = rows.next()? {
        let (id, time): (i64, i64) = (row.get(0)?, row.get(1)?);
        if !goes(id.cast_unsigned(), newest.cast_unsigned(), time, keep) {
            break;
        }
        (last, count) = (Some(id), count + 1);
    }
    drop(rows);
    let Some(last) = last else { return Ok(false) };
    connection.prepare_cached("DELETE FROM audit WHERE id <= ?1")?.execute([last])?;
    Ok(count == AT_ONCE)
}
