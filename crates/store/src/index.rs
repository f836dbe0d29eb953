//! The table `history`: which events a conversation has. It is filled a little behind.
//!
//! A commit appends rows to `events` and nothing else. When [`RUN`] events have come they are
//! sorted by conversation, and the commits that follow write them to the table as blocks of ids,
//! each commit a piece. An entry for each event in its commit cost more than the row: with 100
//! rooms and 16 messages of each in a commit 2.0 µs of CPU an event against 0.8 without any index
//! and 0.9 in this way, for a page that is touched is written to the log and to its place.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::tail::{self, End, Entry, Shared, Tail};
use crate::{Conversation, EventKind, flags};

/// How many events are gathered and sorted before they are indexed.
const RUN: usize = 16_384;
/// How many blocks a commit writes at least; else as many as take as many events as it adds, which
/// keeps up.
const PIECE: usize = 32;
/// The most ids in a block: a row of it stays within a page. An unfinished run is divided again
/// after a restart, and must give the same blocks: to change this number is a new version of the
/// database.
const BLOCK: usize = 128;

/// The ids after a block's first, each as its distance from the one before, seven bits a byte, low
/// ones first.
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

/// The ids of a block, rising; `None` if it is damaged.
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

/// The ids of a row's `first` and `rest`, which are its first two columns.
pub(crate) fn block(row: &Row<'_>) -> rusqlite::Result<Vec<i64>> {
    let damaged = "a block of history is damaged".into();
    decode(row.get(0)?, row.get_ref(1)?.as_blob()?)
        .ok_or(rusqlite::Error::FromSqlConversionFailure(1, Type::Blob, damaged))
}

/// The indexed ids of a conversation within a range, in no order: the `limit` nearest to an end,
/// and perhaps more.
pub(crate) fn ids(
    connection: &Connection,
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
    // From the block on that the range begins in.
    let mut blocks = connection.prepare_cached(&format!(
        "SELECT first, rest FROM history WHERE conversation = ?1 AND other = ?2 AND first < ?4
            AND first >= coalesce((SELECT max(first) FROM history
                WHERE conversation = ?1 AND other = ?2 AND first <= ?3), ?3)
            ORDER BY first {order}"
    ))?;
    let mut rows = blocks.query(params![conversation.key(), class, range.start, range.end])?;
    while ids.len() < limit
        && let Some(row) = rows.next()?
    {
        ids.extend(block(row)?.into_iter().filter(|id| range.contains(id)));
    }
    Ok(ids)
}

/// The writer's part: what it moves from the tail into `history`.
pub(crate) struct Indexer {
    tail: Shared,
    /// How much of the run is in `history`.
    moved: usize,
}

impl Indexer {
    /// Goes on where the store was left: the unfinished run is written again, as the same blocks.
    pub(crate) fn new(connection: &Connection) -> rusqlite::Result<Self> {
        let indexed = mark(connection, "indexed")?;
        let begun = mark(connection, "indexing")?.max(indexed);
        let mut run = entries(connection, indexed, begun)?;
        run.sort_unstable();
        let fresh = entries(connection, begun, i64::MAX)?;
        let tail = Arc::new(Tail { indexed, run: run.into(), fresh });
        Ok(Self { tail: Arc::new(Mutex::new(tail)), moved: 0 })
    }

    /// The tail, for a reader.
    pub(crate) fn share(&self) -> Shared {
        Arc::clone(&self.tail)
    }

    /// Indexes the next piece of the run, for a transaction that adds `added` events. Returns how
    /// much of the run will be in `history` once it is committed.
    pub(crate) fn advance(&self, connection: &Connection, added: usize) -> rusqlite::Result<usize> {
        let tail = tail::now(&self.tail);
        if self.moved == tail.run.len() {
            return Ok(self.moved);
        }
        if self.moved == 0 {
            set_mark(connection, "indexing", last(&tail.run))?;
        }
        let mut add = connection.prepare_cached(
            "INSERT OR REPLACE INTO history(conversation, other, first, rest) VALUES (?1, ?2, ?3, ?4)",
        )?;
        let piece = &tail.run[self.moved..];
        let mut moved = 0;
        let same = |a: &Entry, b: &Entry| (a.conversation, a.class) == (b.conversation, b.class);
        let blocks = piece.chunk_by(same).flat_map(|entries| entries.chunks(BLOCK));
        for (count, block) in blocks.enumerate() {
            if count >= PIECE && moved >= added {
                break;
            }
            let Entry { conversation, class, id } = block[0];
            add.execute(params![conversation.key(), class, id, encode(block)])?;
            moved += block.len();
        }
        if moved == piece.len() {
            set_mark(connection, "indexed", last(&tail.run))?;
        }
        Ok(self.moved + moved)
    }

    /// A transaction is committed that added events and moved the run on; from now on readers may
    /// see them.
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

/// How far the table is: `indexed`, up to where it is complete; `indexing`, up to where its newest
/// run goes; `coarse`, up to where all that is no message is in one class.
pub(crate) fn mark(connection: &Connection, key: &str) -> rusqlite::Result<i64> {
    let about = "SELECT value FROM about WHERE key = ?1";
    Ok(connection.query_row(about, [key], |row| row.get(0)).optional()?.unwrap_or(0))
}

fn set_mark(connection: &Connection, key: &str, id: i64) -> rusqlite::Result<()> {
    let about = "INSERT OR REPLACE INTO about(key, value) VALUES (?1, ?2)";
    connection.prepare_cached(about)?.execute(params![key, id])?;
    Ok(())
}

/// The events above one id and not above another, rising.
fn entries(connection: &Connection, above: i64, up_to: i64) -> rusqlite::Result<Vec<Entry>> {
    let coarse = mark(connection, "coarse")?;
    let mut rows = connection.prepare(
        "SELECT id, conversation, kind, flags FROM events WHERE id > ?1 AND id <= ?2 ORDER BY id",
    )?;
    let entry = |row: &Row<'_>| {
        let kind = EventKind::from_code(row.get(2)?);
        Ok(Entry {
            conversation: Conversation::from_key(row.get(1)?),
            class: flags::class(kind, row.get(3)?, row.get::<_, i64>(0)? <= coarse),
            id: row.get(0)?,
        })
    };
    rows.query_map([above, up_to], entry)?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_read_as_it_was_written_and_damage_is_seen() {
        let entry = |id| Entry { conversation: Conversation::room(1), class: 0, id };
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
