//! The table `about`: single values of the store, such as its instance and the state of its index.

use rusqlite::types::{FromSql, Type};
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use crate::schema;
use crate::sum::{self, Checksummer};

/// What a store has only as long as it is of a log.
pub(crate) const OF_A_LOG: [&str; 3] = ["applied", "live", "forgetting"];

/// A value, if it was ever set. A damaged one is an error: nothing works without it.
pub(crate) fn get<T: FromSql>(connection: &Connection, key: &str) -> rusqlite::Result<Option<T>> {
    if !schema::has_sums(connection)? {
        let find = "SELECT value FROM about WHERE key = ?1";
        return connection.query_row(find, [key], |row| row.get(0)).optional();
    }
    let find = "SELECT key, value, sum FROM about WHERE key = ?1";
    let found = connection.prepare_cached(find)?.query_row([key], |row| {
        if !sum::is_right("about", row, &mut Checksummer::default())? {
            let problem = format!("the setting {key:?} is damaged");
            return Err(rusqlite::Error::FromSqlConversionFailure(1, Type::Null, problem.into()));
        }
        row.get(1)
    });
    found.optional()
}

/// Sets a value.
pub(crate) fn set(connection: &Connection, key: &str, value: impl ToSql) -> rusqlite::Result<()> {
    let set = "INSERT OR REPLACE INTO about(key, value, sum)
        VALUES (?1, ?2, checksum('about', ?1, ?2))";
    connection.prepare_cached(set)?.execute(params![key, value])?;
    Ok(())
}
