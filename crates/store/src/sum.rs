//! The checksum in each row's column `sum`: a CRC-32 of the table's name and all other columns,
//! which detects any single wrong bit, and any burst of up to 32.
//!
//! SQLite's own `cksumvfs` would have to be compiled in and registered by unsafe code, checks only
//! whole pages, and loses forty messages for one wrong bit; a checksum per row loses one.
//!
//! In SQL it is the function `checksum(table, columns...)` of every connection that writes or
//! checks; in Rust it is [`Checksummer`], for events and blocks of history, where a call from SQLite
//! would cost more than the checksum.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

/// A table whose rows have checksums.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// What it contains, in words for the reader of a damage report.
    pub(crate) of: &'static str,
    /// The number of leading columns that identify a row.
    pub(crate) keys: usize,
    /// All columns except the checksum, in the order in which it covers them.
    pub(crate) columns: &'static str,
}

/// Every table, with the columns of the version that this program writes.
pub(crate) const TABLES: [Table; 20] = [
    table("about", "the settings", 1, "key, value"),
    table("accounts", "accounts", 1, "id, name, salt, iterations, stored_key, server_key, created"),
    table(
        "rooms",
        "rooms",
        1,
        "id, name, created, topic, topic_by, topic_time, modes, key, member_limit",
    ),
    table("lists", "list entries", 2, "room, position, mode, mask, set_by, time"),
    table("members", "members", 2, "room, account, op, halfop, voice, joined"),
    table("reads_from", "beginnings of what members may read", 2, "room, account, since"),
    table("metadata", "metadata keys", 3, "kind, subject, key, value"),
    table("read_markers", "read markers", 2, "account, conversation, time, event"),
    table("certificates", "certificates", 1, "fingerprint, account, proved"),
    table("unheard", "silent accounts", 1, "account, day"),
    table("talks", "conversations", 2, "account, peer"),
    table("pending", "pending deliveries", 2, "account, event"),
    table("resends", "resend ids", 2, "account, id, event, time"),
    table("clock_steps", "steps of the clock", 1, "event"),
    table("history", "blocks of history", 3, "conversation, other, first, rest, authors"),
    table("records", "records", 3, "kind, owner, key, value"),
    table("audit", "the audit log", 1, "id, time, done_by, verb, target, reason"),
    table("mentions", "mentions", 3, "account, conversation, event, author"),
    table("taken_back", "notes of what was taken back", 2, "conversation, event, author"),
    table("departed", "deleted accounts", 1, "account, messages, done, last"),
];

/// The events, which are read and checked by `row.rs`.
pub(crate) const EVENTS: Table = table(
    "events",
    "events",
    1,
    "id, conversation, kind, account, flags, nick, target, time, text, tags, about, userhost",
);

/// Whether a row, with all columns of a table and then the checksum, is intact.
pub(crate) fn is_right(
    table: &str,
    row: &Row<'_>,
    checksummer: &mut Checksummer,
) -> rusqlite::Result<bool> {
    let width = row.as_ref().column_count() - 1;
    let mut values = [ValueRef::Null; 12];
    for (column, value) in values[..width].iter_mut().enumerate() {
        *value = row.get_ref(column)?;
    }
    let sum = checksummer.sum(table, values[..width].iter().copied());
    Ok(row.get_ref(width)? == ValueRef::Integer(i64::from(sum)))
}

const fn table(name: &'static str, of: &'static str, keys: usize, columns: &'static str) -> Table {
    Table { name, of, keys, columns }
}

impl Table {
    /// One of [`TABLES`].
    pub(crate) fn named(name: &str) -> &'static Table {
        TABLES.iter().find(|table| table.name == name).expect("a table of ours")
    }

    /// The number of columns without the checksum.
    pub(crate) fn width(&self) -> usize {
        self.columns.split(", ").count()
    }

    /// The checksum of a row, in SQL.
    pub(crate) fn sum(&self) -> String {
        format!("checksum('{}', {})", self.name, self.columns)
    }

    /// A query for all columns, followed by whether the checksum is right.
    pub(crate) fn select(&self, rest: &str) -> String {
        let (name, columns, sum) = (self.name, self.columns, self.sum());
        format!("SELECT {columns}, (sum = {sum}) IS TRUE FROM {name} {rest}")
    }

    /// Whether a row of [`Table::select`] is intact.
    pub(crate) fn is_sound(&self, row: &Row<'_>) -> rusqlite::Result<bool> {
        row.get(self.width())
    }

    /// The key of a row of [`Table::select`], for people.
    pub(crate) fn name_of(&self, row: &Row<'_>) -> String {
        let key = |column| match row.get_ref(column) {
            Ok(ValueRef::Integer(number)) => number.to_string(),
            Ok(ValueRef::Text(text)) => format!("{:?}", String::from_utf8_lossy(text)),
            Ok(ValueRef::Blob(bytes)) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            _ => "?".to_owned(),
        };
        (0..self.keys).map(key).collect::<Vec<_>>().join(", ")
    }
}

/// Computes checksums in Rust, one after the other; reuses its buffer.
#[derive(Default)]
pub(crate) struct Checksummer(Vec<u8>);

impl Checksummer {
    /// The checksum of a row of `table`.
    pub(crate) fn sum<'v>(
        &mut self,
        table: &str,
        values: impl IntoIterator<Item = ValueRef<'v>>,
    ) -> i32 {
        let bytes = &mut self.0;
        bytes.clear();
        bytes.extend_from_slice(table.as_bytes());
        for value in values {
            match value {
                ValueRef::Null => bytes.push(0),
                ValueRef::Integer(number) => tagged(bytes, 1, number.to_le_bytes()),
                ValueRef::Real(number) => tagged(bytes, 2, number.to_le_bytes()),
                ValueRef::Text(text) => with_length(bytes, 3, text),
                ValueRef::Blob(blob) => with_length(bytes, 4, blob),
            }
        }
        crc32fast::hash(bytes).cast_signed()
    }
}

fn with_length(bytes: &mut Vec<u8>, sort: u8, part: &[u8]) {
    tagged(bytes, sort, (part.len() as u64).to_le_bytes());
    bytes.extend_from_slice(part);
}

/// A byte for the type of a value and its eight bytes in one piece: the buffer grows only once.
fn tagged(bytes: &mut Vec<u8>, sort: u8, number: [u8; 8]) {
    let mut piece = [sort; 9];
    piece[1..].copy_from_slice(&number);
    bytes.extend_from_slice(&piece);
}

/// Registers the function `checksum`. It is NULL, and so never matches, for a text that is not
/// UTF-8: nobody could read it.
pub(crate) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_UTF8;
    connection.create_scalar_function("checksum", -1, flags, |context: &Context<'_>| {
        let table = context.get_raw(0).as_str()?;
        let values = || (1..context.len()).map(|index| context.get_raw(index));
        let legible = values().all(|value| match value {
            ValueRef::Text(text) => std::str::from_utf8(text).is_ok(),
            _ => true,
        });
        Ok(legible.then(|| Checksummer::default().sum(table, values())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_and_sql_compute_the_same_checksums_and_separate_columns() {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection).unwrap();
        let ask = |sql: &str| -> Option<i32> {
            connection.query_row(&format!("SELECT {sql}"), [], |row| row.get(0)).unwrap()
        };
        let values = [ValueRef::Integer(-7), ValueRef::Text(b"ab"), ValueRef::Null];
        let sum = Checksummer::default().sum("t", values);
        assert_eq!(ask("checksum('t', -7, 'ab', NULL)"), Some(sum));
        for other in [
            "checksum('u', -7, 'ab', NULL)",
            "checksum('t', -6, 'ab', NULL)",
            "checksum('t', -7, x'6162', NULL)",
            "checksum('t', -7, 'a', 'b')",
            "checksum('t', -7, 'ab')",
        ] {
            assert_ne!(ask(other), Some(sum), "{other}");
        }
        assert_eq!(ask("checksum('t', CAST(x'ff' AS TEXT))"), None);
    }

    #[test]
    fn the_list_of_tables_matches_the_database() {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection).unwrap();
        let mut connection = connection;
        crate::schema::migrate(&mut connection, "k3f9", &crate::Progress::default()).unwrap();
        let ask = |sql: &str| -> Vec<String> {
            let mut statement = connection.prepare(sql).unwrap();
            let names = statement.query_map([], |row| row.get(0)).unwrap();
            names.collect::<Result<_, _>>().unwrap()
        };
        let mut ours: Vec<&Table> = TABLES.iter().chain([&EVENTS]).collect();
        ours.sort_by_key(|table| table.name);
        let found = ask("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
        assert_eq!(found, ours.iter().map(|table| table.name).collect::<Vec<_>>());
        for table in ours {
            let mut columns: Vec<&str> = table.columns.split(", ").chain(["sum"]).collect();
            let mut found = ask(&format!("SELECT name FROM pragma_table_info('{}')", table.name));
            // One column was added later than those it stands beside.
            columns.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, columns, "{}", table.name);
        }
    }

    /// The cost of a checksum for an event of ordinary length, for `docs/performance.md`: with
    /// --release.
    #[test]
    #[ignore = "a measurement"]
    fn how_long_a_sum_takes() {
        const EVENTS: u32 = 5_000_000;
        let text = "a message of a usual length, as people write them to each other all day long";
        let mut checksummer = Checksummer::default();
        let since = std::time::Instant::now();
        let mut all = 0_i64;
        for id in 0..i64::from(EVENTS) {
            let columns = [
                ValueRef::Integer(id),
                ValueRef::Integer(7),
                ValueRef::Integer(1),
                ValueRef::Integer(12),
                ValueRef::Integer(0),
                ValueRef::Text(b"somebody"),
                ValueRef::Text(b""),
                ValueRef::Integer(1_700_000_000_000),
                ValueRef::Text(text.as_bytes()),
                ValueRef::Text(b""),
                ValueRef::Null,
                ValueRef::Null,
            ];
            all += i64::from(checksummer.sum("events", columns));
        }
        let each = since.elapsed() / EVENTS;
        println!("{each:?} for each event (all together {all})");
    }
}
