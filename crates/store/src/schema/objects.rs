//! The objects of a database file compared with those that this program creates: a database of
//! another program, or one that was tampered with, is refused.

use super::steps::STEPS;
use super::version;
use crate::backup::EXTRAS;
use crate::sum::Checksummer;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::collections::BTreeSet;

/// A checksum of the definitions of all tables and indexes.
pub(crate) fn tables(connection: &Connection) -> rusqlite::Result<i64> {
    let mut statement = connection.prepare(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE tbl_name <> 'files' ORDER BY name",
    )?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        for column in 0..4 {
            match row.get_ref(column)? {
                ValueRef::Text(text) => all.extend_from_slice(text),
                _ => all.push(0),
            }
            all.push(0);
        }
    }
    Ok(Checksummer::default().sum("sqlite_schema", [ValueRef::Blob(&all)]).into())
}

/// What a database of another program is reported as.
pub(crate) const NOT_OURS: &str = "it does not belong to a Parlor server";

/// Tables, indexes, views and triggers: type, name, table, and definition without whitespace.
type Objects = BTreeSet<[String; 4]>;

/// The first object that the database has and ours of the same version do not, or the reverse, as a
/// sentence. Nothing in the database is executed.
pub(crate) fn foreign(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let ours = Connection::open_in_memory()?;
    for step in STEPS.iter().take(version(connection)? as usize) {
        ours.execute_batch(step)?;
    }
    ours.execute_batch(EXTRAS)?;
    let known = objects(&ours, i64::MAX)?;
    // One more than allowed, so that a corrupt page that points back to itself ends somewhere.
    let found = objects(connection, known.len() as i64 + 1)?;
    if !found.iter().any(|[of, name, ..]| (&**of, &**name) == ("table", "about")) {
        return Ok(Some(NOT_OURS.to_owned()));
    }
    if let Some([of, name, ..]) = found.difference(&known).next() {
        return Ok(Some(format!("its {of} {name:?} does not belong to a Parlor server")));
    }
    let mut lacking = known.difference(&found).filter(|[_, _, table, _]| table != "files");
    Ok(lacking.next().map(|[of, name, ..]| format!("it lacks the {of} {name:?}")))
}

fn objects(connection: &Connection, most: i64) -> rusqlite::Result<Objects> {
    let mut statement = connection
        .prepare("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema LIMIT ?1")?;
    let rows = statement.query_map([most], |row| {
        let sql: String = row.get(3)?;
        let sql = sql.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
        Ok([row.get(0)?, row.get(1)?, row.get(2)?, sql])
    })?;
    rows.collect()
}
