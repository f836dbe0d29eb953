//! The tables of the index: for each million of events one FTS5 table, without the texts.
//!
//! A document has the words of a message, and marks: `=r5` for its room or `=p1 =p2` for the two of
//! a direct conversation, `=a1` for its author, `=l` if it has a link. A word has no `=`, so nobody
//! can write a mark.

use std::collections::HashSet;
use std::fmt::Write as _;

use rusqlite::{Connection, OptionalExtension, params};

use super::analyzer::{self, Place};
use super::words::Term;
use crate::{AccountId, Conversation};

/// Event ids in one volume.
pub(crate) const VOLUME: i64 = 1_000_000;
/// Rises whenever the index is made in another way; see [`analyzer::VERSION`], too.
const LAYOUT: i64 = 1;

/// Which volume an event is in.
pub(crate) fn volume_of(id: i64) -> i64 {
    id.max(0) / VOLUME
}

/// A volume as far as it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Volume {
    pub(crate) number: i64,
    /// Up to this event it has all messages.
    pub(crate) done: i64,
    /// How many texts have left it, in the words of [`super::shared::counted`].
    pub(crate) removed: i64,
    /// Whether its segments are merged into one.
    pub(crate) merged: bool,
}

impl Volume {
    pub(crate) fn new(number: i64, removed: i64) -> Self {
        Self { number, done: number * VOLUME - 1, removed, merged: false }
    }

    /// One above its last event.
    pub(crate) fn end(&self) -> i64 {
        (self.number + 1) * VOLUME
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.done + 1 >= self.end()
    }
}

/// What an index has to say in its file's header to be of use.
pub(crate) fn version() -> i64 {
    LAYOUT * 1000 + i64::from(analyzer::VERSION)
}

/// Makes the tables of an empty file.
pub(crate) fn create(connection: &Connection, instance: &str) -> rusqlite::Result<()> {
    connection.execute_batch(
        "BEGIN IMMEDIATE;
        CREATE TABLE about(instance TEXT NOT NULL, last INTEGER NOT NULL, time INTEGER NOT NULL);
        CREATE TABLE volumes(number INTEGER PRIMARY KEY, done INTEGER NOT NULL,
            removed INTEGER NOT NULL, merged INTEGER NOT NULL);",
    )?;
    connection.execute("INSERT INTO about VALUES (?1, 0, 0)", [instance])?;
    connection.pragma_update(None, "user_version", version())?;
    connection.execute_batch("COMMIT")
}

/// All volumes, oldest first.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<Volume>> {
    let sql = "SELECT number, done, removed, merged FROM volumes ORDER BY number";
    let mut statement = connection.prepare_cached(sql)?;
    let volumes = statement.query_map([], |row| {
        let (number, done, removed) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Volume { number, done, removed, merged: row.get(3)? })
    })?;
    volumes.collect()
}

/// Writes how far a volume is; a new one gets its table.
pub(crate) fn put(connection: &Connection, volume: &Volume) -> rusqlite::Result<()> {
    let Volume { number, done, removed, merged } = *volume;
    let update = "UPDATE volumes SET done = ?2, removed = ?3, merged = ?4 WHERE number = ?1";
    let values = params![number, done, removed, merged];
    if connection.prepare_cached(update)?.execute(values)? == 0 {
        // The rest of the bytes of a word that is deleted are overwritten (`secure-delete`). Where
        // in a text a word is, is not kept: a hit is read and compared anyway.
        connection.execute_batch(&format!(
            "CREATE VIRTUAL TABLE fts_{number} USING fts5(words, content='', detail=none,
                columnsize=0, prefix='3', tokenize=\"ascii tokenchars '='\");
            INSERT INTO fts_{number}(fts_{number}, rank) VALUES('secure-delete', 1);"
        ))?;
        connection.execute("INSERT INTO volumes VALUES (?1, ?2, ?3, ?4)", values)?;
    }
    Ok(())
}

/// Removes a volume.
pub(crate) fn drop_volume(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    connection.execute_batch(&format!("DROP TABLE fts_{number}"))?;
    connection.execute("DELETE FROM volumes WHERE number = ?1", [number]).map(drop)
}

/// Adds a message.
pub(crate) fn add(
    connection: &Connection,
    number: i64,
    id: i64,
    document: &str,
) -> rusqlite::Result<()> {
    let sql = format!("INSERT INTO fts_{number}(rowid, words) VALUES(?1, ?2)");
    connection.prepare_cached(&sql)?.execute(params![id, document]).map(drop)
}

/// Takes a message out, whose document this was.
pub(crate) fn remove(
    connection: &Connection,
    number: i64,
    id: i64,
    document: &str,
) -> rusqlite::Result<()> {
    let fts = format!("fts_{number}");
    let sql = format!("INSERT INTO {fts}({fts}, rowid, words) VALUES('delete', ?1, ?2)");
    connection.prepare_cached(&sql)?.execute(params![id, document]).map(drop)
}

/// Takes everything out.
pub(crate) fn empty(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    let fts = format!("fts_{number}");
    connection.execute(&format!("INSERT INTO {fts}({fts}) VALUES('delete-all')"), []).map(drop)
}

/// Merges some of the segments of a volume; returns whether there is more to merge.
pub(crate) fn merge(connection: &Connection, number: i64, first: bool) -> rusqlite::Result<bool> {
    /// Pages of the index: some milliseconds.
    const PAGES: i64 = 200;
    let fts = format!("fts_{number}");
    let before = connection.total_changes();
    let sql = format!("INSERT INTO {fts}({fts}, rank) VALUES('merge', ?1)");
    // A negative number begins a merge of all segments, whatever their sizes.
    connection.execute(&sql, [if first { -PAGES } else { PAGES }])?;
    Ok(connection.total_changes() - before >= 2)
}

/// Removes what is left of words that have left a volume in its tree: between two pages of words FTS5
/// keeps the beginning of the second one's first word as it was, although the word is gone. The
/// beginning of the next word that is there does as well.
///
/// <https://www.sqlite.org/fts5.html#fts5_data_structures>
pub(crate) fn clear_tree(
    connection: &Connection,
    number: i64,
    documents: &[String],
) -> rusqlite::Result<()> {
    let words = documents.iter().flat_map(|document| document.split(' '));
    let beginnings: HashSet<&[u8]> =
        words.flat_map(|word| (1..=word.len()).map(|end| &word.as_bytes()[..end])).collect();
    // Each key of the tree begins with the number of its index: 0 for words, 1 for prefixes.
    let find = format!("SELECT segid, term FROM fts_{number}_idx WHERE substr(term, 1, 1) = x'30'");
    let mut find = connection.prepare_cached(&find)?;
    let mut rows = find.query([])?;
    let mut left = Vec::new();
    while let Some(row) = rows.next()? {
        let key = row.get_ref(1)?.as_bytes()?;
        if beginnings.contains(&key[1..]) {
            left.push((row.get::<_, i64>(0)?, key.to_vec()));
        }
    }
    drop(rows);
    if left.is_empty() {
        return Ok(());
    }
    let vocabulary = format!(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.words_{number}
            USING fts5vocab(main, fts_{number}, row)"
    );
    connection.execute_batch(&vocabulary)?;
    for (segment, key) in left {
        let Some(next) = next_word(connection, number, &key[1..])? else { continue };
        if next.starts_with(&key[1..]) {
            continue; // It is the beginning of a word that is there.
        }
        let common = next.iter().zip(&key[1..]).take_while(|(a, b)| a == b).count();
        let better = [&key[..1], &next[..=common]].concat();
        let sql = format!("UPDATE fts_{number}_idx SET term = ?3 WHERE segid = ?1 AND term = ?2");
        connection.execute(&sql, params![segment, key, better])?;
    }
    connection.execute_batch(&format!("DROP TABLE temp.words_{number}"))
}

/// The first word of a volume that is not below some bytes.
fn next_word(
    connection: &Connection,
    number: i64,
    from: &[u8],
) -> rusqlite::Result<Option<Vec<u8>>> {
    let valid = match std::str::from_utf8(from) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&from[..error.valid_up_to()]).unwrap_or_default(),
    };
    let find = format!("SELECT term FROM temp.words_{number} WHERE term >= ?1 ORDER BY term");
    let mut find = connection.prepare(&find)?;
    let mut rows = find.query([valid])?;
    while let Some(row) = rows.next()? {
        let word = row.get_ref(0)?.as_bytes()?;
        if word >= from {
            return Ok(Some(word.to_vec()));
        }
    }
    Ok(None)
}

/// What stands in the index for a message.
pub(crate) fn document(conversation: Conversation, account: AccountId, text: &str) -> String {
    let mut document = String::with_capacity(2 * text.len() + 32);
    for word in analyzer::words(text) {
        document.push_str(&word.text);
        document.push(' ');
        // A single character is asked for, too.
        if word.place == Place::Whole
            && let Some(first) = word.text.chars().next().filter(|c| analyzer::is_dense(*c))
        {
            document.push(first);
            document.push(' ');
        }
    }
    match (conversation.as_room(), conversation.pair()) {
        (Some(room), _) => _ = write!(document, "{} ", room_mark(room)),
        (None, Some((one, other))) => {
            _ = write!(document, "{} {} ", person_mark(one), person_mark(other));
        }
        (None, None) => {}
    }
    if analyzer::has_link(text) {
        document.push_str(LINK_MARK);
        document.push(' ');
    }
    document.push_str(&author_mark(account));
    document
}

pub(crate) const LINK_MARK: &str = "=l";

pub(crate) fn room_mark(room: u32) -> String {
    format!("=r{room}")
}

pub(crate) fn person_mark(account: AccountId) -> String {
    format!("=p{account}")
}

pub(crate) fn author_mark(account: AccountId) -> String {
    format!("=a{account}")
}

/// What a message has in the index that a term is in; it may have that without the term.
pub(crate) fn question(term: &Term, parts: &mut Vec<String>) {
    let (last, before) = term.words.split_last().expect("a term has words");
    parts.extend(before.iter().map(|word| format!("\"{word}\"")));
    let mut chars = last.chars();
    parts.push(match (chars.next(), chars.nth(1)) {
        (Some(first), _) if !term.prefix || analyzer::is_dense(first) => format!("\"{last}\""),
        // Of three characters there is an index; what is longer is compared.
        (Some(_), Some(third)) => {
            let end = last.len() - chars.as_str().len();
            debug_assert!(last[..end].ends_with(third));
            format!("\"{}\"*", &last[..end])
        }
        _ => format!("\"{last}\"*"),
    });
}

/// The newest event that the index had seen, and its time: what it was made of has them, too.
pub(crate) fn last_seen(connection: &Connection) -> rusqlite::Result<Option<(String, i64, i64)>> {
    let sql = "SELECT instance, last, time FROM about";
    let found = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    found.optional()
}

pub(crate) fn set_last_seen(connection: &Connection, last: i64, time: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE about SET last = ?1, time = ?2";
    connection.prepare_cached(sql)?.execute([last, time]).map(drop)
}
