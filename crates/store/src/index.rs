//! The table `history`: the events of each conversation, filled a little behind the commits.
//!
//! A commit only appends rows to `events`. When [`RUN`] events have accumulated, they are sorted by
//! conversation, and the following commits write them to the table as blocks of ids, each commit a
//! part. An index entry per event in its commit cost more than the row: with 100 rooms and 16
//! messages of each per commit, 2.0 µs of CPU per event, against 0.8 without any index and 0.9 this
//! way, because every touched page is written to the log and to the database.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use crate::flags::{CLASSES, MESSAGES};
use crate::row::Rows;
use crate::sum::{self, Checksummer};
use crate::tail::{self, End, Entry, Shared, Tail};
use crate::{AccountId, Conversation, Damage, EventKind, about, flags};

/// The number of events that are gathered and sorted before they are indexed.
const RUN: usize = 16_384;
/// The minimum number of blocks per commit; more if the commit adds many events, so that indexing
/// keeps up.
const PIECE: usize = 32;
/// The maximum number of ids per block, so that a row fits in a page. After a restart, an
/// unfinished run is divided again and must give the same blocks, so changing this number requires
/// a new version of the database.
const BLOCK: usize = 128;
/// How far from a damaged block its events are searched for: ids increase by about one, and a run
/// has few more events than [`RUN`].
const RECOVERED: i64 = 4 * RUN as i64;

/// The ids after a block's first, each as the distance from the one before; seven bits per byte,
/// low ones first.
fn encode(block: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 * block.len());
    for pair in block.windows(2) {
        let mut distance = pair[1].id - pair[0].id;
        while distance >= 0x80 {
            bytes.push(distance as u8 | 0x80);
            distance >>= 7;
        }
        bytes.push(distance as u8);
    }
    bytes
}

/// The ids of a block, ascending; `None` if it is damaged.
fn decode(first: i64, bytes: &[u8]) -> Option<Vec<i64>> {
    let mut ids = vec![first];
    let (mut id, mut distance, mut shift) = (first, 0_i64, 0_u32);
    for byte in bytes {
        distance |= i64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            id = id.checked_add(distance)?;
            ids.push(id);
            (distance, shift) = (0, 0);
        }
    }
    (shift == 0 && ids.is_sorted_by(|a, b| a < b)).then_some(ids)
}

/// The authors of a block's events, seven bits per byte as above.
fn encode_authors(block: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 * block.len());
    for entry in block {
        let mut author = entry.author;
        while author >= 0x80 {
            bytes.push(author as u8 | 0x80);
            author >>= 7;
        }
        bytes.push(author as u8);
    }
    bytes
}

/// The events of an intact block, with their authors.
struct Block<'b> {
    next: Option<i64>,
    rest: &'b [u8],
    authors: &'b [u8],
}

impl<'b> Block<'b> {
    /// Without its rest it is empty.
    fn new(first: i64, rest: Option<&'b [u8]>, authors: Option<&'b [u8]>) -> Self {
        let next = rest.map(|_| first);
        Self { next, rest: rest.unwrap_or_default(), authors: authors.unwrap_or_default() }
    }
}

impl Iterator for Block<'_> {
    type Item = (i64, AccountId);

    fn next(&mut self) -> Option<Self::Item> {
        let id = self.next?;
        self.next = number(&mut self.rest).and_then(|distance| id.checked_add(distance));
        let author = number(&mut self.authors).and_then(|author| u32::try_from(author).ok())?;
        Some((id, author))
    }
}

/// The next number, seven bits per byte, low ones first.
fn number(bytes: &mut &[u8]) -> Option<i64> {
    let (mut number, mut shift) = (0, 0_u32);
    while let Some((byte, rest)) = bytes.split_first() {
        *bytes = rest;
        number |= i64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The authors of a block; `None` if it is damaged.
fn decode_authors(bytes: &[u8]) -> Option<Vec<AccountId>> {
    let mut authors = Vec::with_capacity(bytes.len());
    let (mut author, mut shift) = (0_u32, 0_u32);
    for byte in bytes {
        author |= u32::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            authors.push(author);
            (author, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(authors)
}

/// The columns of a block that [`block`] reads.
pub(crate) const COLUMNS: &str = "conversation, other, first, rest, authors, sum";

/// The ids of a row of [`COLUMNS`], ascending; none if it is damaged.
pub(crate) fn block(
    row: &Row<'_>,
    checksummer: &mut Checksummer,
) -> rusqlite::Result<Option<Vec<i64>>> {
    if !sum::is_right("history", row, checksummer)? {
        return Ok(None);
    }
    Ok(decode(row.get(2)?, row.get_ref(3)?.as_blob()?))
}

/// The entries of a row of [`COLUMNS`], ascending; none if it is damaged.
pub(crate) fn entries_of(
    row: &Row<'_>,
    checksummer: &mut Checksummer,
) -> rusqlite::Result<Option<Vec<Entry>>> {
    let Some(ids) = block(row, checksummer)? else { return Ok(None) };
    let (conversation, class) = (Conversation::from_key(row.get(0)?), row.get(1)?);
    let authors = decode_authors(row.get_ref(4)?.as_blob()?);
    let Some(authors) = authors.filter(|authors| authors.len() == ids.len()) else {
        return Ok(None);
    };
    let entry = |(id, author)| Entry { conversation, class, id, author };
    Ok(Some(ids.into_iter().zip(authors).map(entry).collect()))
}

/// The indexed messages of a conversation above one id and up to another, ascending, until `take`
/// has enough.
pub(crate) fn messages_after(
    rows: Rows<'_>,
    conversation: Conversation,
    after: i64,
    up_to: i64,
    take: &mut impl FnMut(i64, AccountId) -> rusqlite::Result<bool>,
) -> rusqlite::Result<()> {
    let mut blocks = rows.connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM history WHERE conversation = ?1 AND other = {MESSAGES} AND first <= ?3
            AND first >= coalesce((SELECT max(first) FROM history
                WHERE conversation = ?1 AND other = {MESSAGES} AND first <= ?2), ?2)
            ORDER BY first"
    ))?;
    let mut found = blocks.query(params![conversation.key(), after, up_to])?;
    let (mut checksummer, mut last) = (Checksummer::default(), after);
    while let Some(row) = found.next()? {
        let sound = sum::is_right("history", row, &mut checksummer)?;
        let (first, rest, authors) =
            (row.get(2)?, row.get_ref(3)?.as_blob_or_null()?, row.get_ref(4)?.as_blob_or_null()?);
        let recovered = match sound {
            true => Vec::new(),
            false => recover(rows, conversation, MESSAGES, first)?,
        };
        let recovered = recovered.into_iter().map(|entry| (entry.id, entry.author));
        let block = Block::new(first, rest.filter(|_| sound), authors);
        // Recovered events may be in the next block as well.
        for (id, author) in block.chain(recovered).filter(|(id, _)| *id <= up_to) {
            if id > last {
                last = id;
                if !take(id, author)? {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// The indexed ids of a conversation within a range, unordered: the `limit` nearest to one end, and
/// perhaps more. The contents of a damaged block are recovered from the events.
pub(crate) fn ids(
    rows: Rows<'_>,
    conversation: Conversation,
    class: u8,
    range: &Range<i64>,
    from: End,
    limit: usize,
) -> rusqlite::Result<Vec<i64>> {
    let mut ids = Vec::new();
    if range.is_empty() {
        return Ok(ids);
    }
    let order = if from == End::Newest { "DESC" } else { "ASC" };
    // Starting with the block in which the range begins.
    let mut blocks = rows.connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM history WHERE conversation = ?1 AND other = ?2 AND first < ?4
            AND first >= coalesce((SELECT max(first) FROM history
                WHERE conversation = ?1 AND other = ?2 AND first <= ?3), ?3)
            ORDER BY first {order}"
    ))?;
    let mut found = blocks.query(params![conversation.key(), class, range.start, range.end])?;
    let mut checksummer = Checksummer::default();
    let mut damaged = false;
    while ids.len() < limit
        && let Some(row) = found.next()?
    {
        let block = match block(row, &mut checksummer)? {
            Some(block) => block,
            None => {
                damaged = true;
                let recovered = recover(rows, conversation, class, row.get(2)?)?;
                recovered.into_iter().map(|entry| entry.id).collect()
            }
        };
        ids.extend(block.into_iter().filter(|id| range.contains(id)));
    }
    if damaged {
        ids.sort_unstable();
        ids.dedup();
    }
    Ok(ids)
}

/// At least the contents of a damaged block: the events of its conversation between the
/// neighbouring blocks, as far as a run can reach.
fn recover(
    rows: Rows<'_>,
    conversation: Conversation,
    class: u8,
    first: i64,
) -> rusqlite::Result<Vec<Entry>> {
    let key = conversation.key();
    let sentence = format!("a block of the history of conversation {key} is damaged");
    rows.damage.note("history", &format!("{key}/{class}/{first}"), sentence);
    let beside = |sql: &str| -> rusqlite::Result<Option<i64>> {
        rows.connection.query_row(sql, params![key, class, first], |row| row.get(0))
    };
    let before = beside(
        "SELECT max(first) FROM history WHERE conversation = ?1 AND other = ?2 AND first < ?3",
    )?;
    let after = beside(
        "SELECT min(first) FROM history WHERE conversation = ?1 AND other = ?2 AND first > ?3",
    )?;
    let before = before.unwrap_or(0).max(first.saturating_sub(RECOVERED));
    let after = after.unwrap_or(i64::MAX).min(first.saturating_add(RECOVERED));
    let coarse = mark(rows.connection, "coarse")?;
    let mut find = rows.connection.prepare(
        "SELECT id, kind, flags, account FROM events WHERE id >= ?1 AND id < ?2 AND conversation = ?3
            ORDER BY id",
    )?;
    let mut found = find.query(params![before, after, key])?;
    let mut entries = Vec::new();
    while let Some(row) = found.next()? {
        let id = row.get(0)?;
        if self::class(row.get(1)?, row.get(2)?, id <= coarse) == class {
            entries.push(Entry { conversation, class, id, author: row.get(3).unwrap_or(0) });
        }
    }
    Ok(entries)
}

/// The writer's part: moves events from the tail to `history`.
pub(crate) struct Indexer {
    tail: Shared,
    /// How much of the run is in `history`.
    moved: usize,
}

impl Indexer {
    /// Continues where the store was left: the unfinished run is written again as the same blocks.
    pub(crate) fn new(connection: &Connection, damage: &Damage) -> rusqlite::Result<Self> {
        let indexed = mark(connection, "indexed")?;
        let begun = mark(connection, "indexing")?.max(indexed);
        let mut run = entries(connection, damage, indexed, begun)?;
        run.sort_unstable();
        let fresh = entries(connection, damage, begun, i64::MAX)?;
        let tail = Arc::new(Tail { indexed, run: run.into(), fresh });
        Ok(Self { tail: Arc::new(Mutex::new(tail)), moved: 0 })
    }

    /// The tail, for a reader.
    pub(crate) fn share(&self) -> Shared {
        Arc::clone(&self.tail)
    }

    /// Whether a run is not in `history` yet.
    pub(crate) fn has_run(&self) -> bool {
        !tail::now(&self.tail).run.is_empty()
    }

    /// Starts a run with all fresh events, however few. There must be none in progress.
    pub(crate) fn begin_run(&mut self) {
        let mut tail = self.tail.lock().expect("nothing that holds the tail panics");
        let tail = Arc::make_mut(&mut tail);
        let mut run = std::mem::take(&mut tail.fresh);
        run.sort_unstable();
        tail.run = run.into();
    }

    /// Indexes the next piece of the run, for a transaction that adds `added` events. Returns how
    /// much of the run will be in `history` once it is committed.
    pub(crate) fn advance(&self, connection: &Connection, added: usize) -> rusqlite::Result<usize> {
        let tail = tail::now(&self.tail);
        if self.moved == tail.run.len() {
            return Ok(self.moved);
        }
        if self.moved == 0 {
            about::set(connection, "indexing", last(&tail.run))?;
        }
        let piece = &tail.run[self.moved..];
        let mut checksummer = Checksummer::default();
        let mut moved = 0;
        for (count, block) in blocks(piece).enumerate() {
            if count >= PIECE && moved >= added {
                break;
            }
            add_block(connection, block, &mut checksummer)?;
            moved += block.len();
        }
        if moved == piece.len() {
            let count = mark(connection, "indexed_count")?;
            about::set(connection, "indexed_count", count + tail.run.len() as i64)?;
            about::set(connection, "indexed", last(&tail.run))?;
        }
        Ok(self.moved + moved)
    }

    /// A transaction that added events and advanced the run is committed; readers may see them.
    pub(crate) fn committed(&mut self, added: &[Entry], moved: usize) {
        let tail = tail::now(&self.tail);
        self.moved = moved;
        let done = moved == tail.run.len();
        let mut next = None;
        if done && tail.fresh.len() + added.len() >= RUN {
            // Sorted before the lock is taken.
            let mut run = [&tail.fresh, added].concat();
            run.sort_unstable();
            next = Some(run.into());
        }
        drop(tail); // so that it is changed in place, unless a reader has it
        let mut tail = self.tail.lock().expect("nothing that holds the tail panics");
        let tail = Arc::make_mut(&mut tail);
        if done && !tail.run.is_empty() {
            tail.indexed = last(&tail.run);
            tail.run = Arc::new([]);
        }
        if done {
            self.moved = 0;
        }
        match next {
            Some(run) => {
                tail.run = run;
                tail.fresh.clear();
            }
            None => tail.fresh.extend(added),
        }
    }
}

/// The highest id of a run.
fn last(run: &[Entry]) -> i64 {
    run.iter().map(|entry| entry.id).max().unwrap_or(0)
}

/// Divides a sorted run into blocks.
fn blocks(run: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    let same = |a: &Entry, b: &Entry| (a.conversation, a.class) == (b.conversation, b.class);
    run.chunk_by(same).flat_map(|entries| entries.chunks(BLOCK))
}

fn add_block(
    connection: &Connection,
    block: &[Entry],
    checksummer: &mut Checksummer,
) -> rusqlite::Result<()> {
    let mut add = connection.prepare_cached(
        "INSERT OR REPLACE INTO history(conversation, other, first, rest, authors, sum)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let Entry { conversation, class, id, .. } = block[0];
    let (rest, authors) = (encode(block), encode_authors(block));
    let values = [
        ValueRef::Integer(conversation.key()),
        ValueRef::Integer(class.into()),
        ValueRef::Integer(id),
        ValueRef::Blob(&rest),
        ValueRef::Blob(&authors),
    ];
    let sum = checksummer.sum("history", values);
    add.execute(params![conversation.key(), class, id, rest, authors, sum])?;
    Ok(())
}

/// Removes the oldest events of a conversation from its blocks; returns how many it found. A
/// damaged block stays, to be rebuilt at the next start.
pub(crate) fn remove(
    connection: &Connection,
    conversation: Conversation,
    ids: &BTreeSet<i64>,
) -> rusqlite::Result<i64> {
    let Some(last) = ids.last() else { return Ok(0) };
    let key = conversation.key();
    let (mut found, mut checksummer) = (0, Checksummer::default());
    let mut blocks = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM history WHERE conversation = ?1 AND other = ?2 AND first <= ?3"
    ))?;
    let take = "DELETE FROM history WHERE conversation = ?1 AND other = ?2 AND first = ?3";
    for class in CLASSES {
        let mut rows = blocks.query(params![key, class, last])?;
        let mut touched = Vec::new();
        while let Some(row) = rows.next()? {
            touched.extend(entries_of(row, &mut checksummer)?);
        }
        drop(rows);
        for block in touched {
            let stays = |entry: &&Entry| !ids.contains(&entry.id);
            let left: Vec<Entry> = block.iter().filter(stays).copied().collect();
            if left.len() == block.len() {
                continue;
            }
            found += (block.len() - left.len()) as i64;
            connection.prepare_cached(take)?.execute(params![key, class, block[0].id])?;
            if !left.is_empty() {
                add_block(connection, &left, &mut checksummer)?;
            }
        }
    }
    Ok(found)
}

/// Rebuilds the whole table from the events.
pub(crate) fn rebuild(connection: &Connection, damage: &Damage) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM history", [])?;
    let (mut indexed, mut count, mut checksummer) = (0, 0, Checksummer::default());
    loop {
        let end = "SELECT max(id) FROM (SELECT id FROM events WHERE id > ?1 ORDER BY id LIMIT ?2)";
        let end: Option<i64> =
            connection.query_row(end, params![indexed, RUN as i64], |row| row.get(0))?;
        let Some(end) = end else { break };
        let mut run = entries(connection, damage, indexed, end)?;
        if run.len() < RUN {
            break; // They are the tail.
        }
        run.sort_unstable();
        for block in blocks(&run) {
            add_block(connection, block, &mut checksummer)?;
        }
        (indexed, count) = (end, count + run.len() as i64);
    }
    for (key, value) in [("indexed", indexed), ("indexing", indexed), ("indexed_count", count)] {
        about::set(connection, key, value)?;
    }
    note_taken_back(connection)
}

/// Rebuilds the table of redacted messages.
pub(crate) fn note_taken_back(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM taken_back", [])?;
    let note = format!(
        "INSERT INTO taken_back(conversation, event, author, sum)
            SELECT conversation, id, account, checksum('taken_back', conversation, id, account)
            FROM events WHERE kind = {} AND NOT flags & {}",
        EventKind::Redacted.code(),
        flags::OTHER
    );
    connection.execute(&note, []).map(drop)
}

/// The table's progress: `indexed`, up to where it is complete; `indexing`, up to where its newest
/// run goes; `indexed_count`, how many events it has up to `indexed`; `coarse`, up to where
/// everything except messages is in one class.
pub(crate) fn mark(connection: &Connection, key: &str) -> rusqlite::Result<i64> {
    Ok(about::get(connection, key)?.unwrap_or(0))
}

/// The class of an event by its `kind` and `flags`, valid or not.
pub(crate) fn class(kind: i64, flags: i64, coarse: bool) -> u8 {
    let kind = u8::try_from(kind).ok().and_then(EventKind::from_code);
    flags::class(kind, flags as u8, coarse)
}

/// The events above one id and up to another, ascending. Nothing tells where a damaged one belongs.
fn entries(
    connection: &Connection,
    damage: &Damage,
    above: i64,
    up_to: i64,
) -> rusqlite::Result<Vec<Entry>> {
    let coarse = mark(connection, "coarse")?;
    let mut statement =
        connection.prepare("SELECT * FROM events WHERE id > ?1 AND id <= ?2 ORDER BY id")?;
    let mut rows = statement.query([above, up_to])?;
    let (mut entries, mut checksummer) = (Vec::new(), Checksummer::default());
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        if !sum::is_right("events", row, &mut checksummer)? {
            let sentence = format!("event {id} is damaged: it is not as it was written");
            damage.note("events", &id, sentence);
        }
        entries.push(Entry {
            conversation: Conversation::from_key(row.get(1)?),
            class: class(row.get(2)?, row.get(4)?, id <= coarse),
            id,
            author: row.get(3).unwrap_or(0),
        });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors_survive_encoding_and_damage_is_detected() {
        for authors in [&[7][..], &[0, 1, 127, 128, 20_000, u32::MAX, 3]] {
            let entry =
                |&author: &AccountId| Entry { author, ..Entry::place(Conversation::room(1), 0, 1) };
            let block: Vec<Entry> = authors.iter().map(entry).collect();
            assert_eq!(decode_authors(&encode_authors(&block)).unwrap(), authors);
        }
        for damaged in [&[0x80][..], &[0xff; 12]] {
            assert_eq!(decode_authors(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn blocks_survive_encoding_and_damage_is_detected() {
        let entry = |id| Entry::place(Conversation::room(1), 0, id);
        for ids in [&[7][..], &[1, 2, 129, 257, 20_000, 1 << 40, i64::MAX], &[0, i64::MAX]] {
            let block: Vec<Entry> = ids.iter().map(|&id| entry(id)).collect();
            assert_eq!(decode(ids[0], &encode(&block)).unwrap(), ids);
        }
        for damaged in [&[0x80][..], &[0], &[1, 0], &[0xff; 12], &[0x80; 70]] {
            assert_eq!(decode(5, damaged), None, "{damaged:?}");
        }
        assert_eq!(decode(i64::MAX, &[1]), None);
    }
}
