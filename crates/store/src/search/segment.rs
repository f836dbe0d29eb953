//! Segments of the index: each has the words of some consecutive events, on consecutive pages of
//! the table `pages`.
//!
//! A segment is written once. Small ones are merged into larger ones; when messages are removed,
//! only their pages are rewritten, in place.

use rusqlite::{Connection, Row, Rows, ffi, params};

use super::page::{self, Damaged, Fences, Words, Writer};
use super::postings::Postings;

/// The number of segments of similar size that are merged, and the ratio between sizes.
const FANOUT: usize = 8;
/// The number of event ids from which on a segment is not merged any more. A lookup searches every
/// segment, and a removal reads a whole segment.
const LARGE: i64 = 32_768;

pub(super) const TABLES: &str = "
    CREATE TABLE segments(number INTEGER PRIMARY KEY AUTOINCREMENT, volume INTEGER NOT NULL,
        first INTEGER NOT NULL, last INTEGER NOT NULL, page INTEGER NOT NULL,
        leaves INTEGER NOT NULL, fences INTEGER NOT NULL);
    CREATE TABLE pages(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL);";

/// A row of `segments`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    /// Never reused.
    pub(super) number: i64,
    pub(super) volume: i64,
    /// Its first event, from which messages are numbered.
    pub(super) first: i64,
    pub(super) last: i64,
    /// The first of its pages of words.
    page: i64,
    leaves: i64,
    /// The number of fence pages, which follow those.
    fences: i64,
}

impl Segment {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            volume: row.get(1)?,
            first: row.get(2)?,
            last: row.get(3)?,
            page: row.get(4)?,
            leaves: row.get(5)?,
            fences: row.get(6)?,
        })
    }

    fn end(&self) -> i64 {
        self.page + self.leaves + self.fences
    }

    /// Its size class; from [`LARGE`] on all are in one.
    fn size(&self) -> u32 {
        let ids = (self.last - self.first + 1).clamp(1, LARGE);
        ids.ilog2() / FANOUT.ilog2()
    }
}

/// All segments, oldest first.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Segment>> {
    let sql = "SELECT * FROM segments ORDER BY first";
    let mut all = connection.prepare_cached(sql)?;
    all.query_map([], Segment::of)?.collect()
}

/// The segments of a volume, oldest first.
pub(super) fn of_volume(connection: &Connection, volume: i64) -> rusqlite::Result<Vec<Segment>> {
    let mut all = all(connection)?;
    all.retain(|segment| segment.volume == volume);
    Ok(all)
}

/// Writes a segment after all others: `fill` passes its words to its argument.
fn write(
    connection: &Connection,
    segment: Segment,
    fill: impl FnOnce(&mut dyn FnMut(&[u8], &[u32]) -> rusqlite::Result<()>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let begin = "SELECT 1 + coalesce(max(number), 0) FROM pages";
    let begin: i64 = connection.prepare_cached(begin)?.query_row([], |row| row.get(0))?;
    let mut insert = connection.prepare_cached("INSERT INTO pages VALUES (?1, ?2)")?;
    let mut next = begin;
    let mut put = |page: &[u8]| {
        insert.execute(params![next, page])?;
        next += 1;
        Ok(())
    };
    let mut writer = Writer::new();
    fill(&mut |word, ids| writer.push(word, ids, &mut put))?;
    writer.finish(&mut put)?;
    let fences = writer.fences().write();
    fences.iter().try_for_each(|page| put(page))?;
    let fences = fences.len() as i64;
    let Segment { volume, first, last, .. } = segment;
    let sql = "INSERT INTO segments(volume, first, last, page, leaves, fences)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let values = [volume, first, last, begin, next - begin - fences, fences];
    connection.prepare_cached(sql)?.execute(values).map(drop)
}

/// Adds what was gathered from the events `first` to `last`.
pub(super) fn add(
    connection: &Connection,
    (volume, first, last): (i64, i64, i64),
    postings: &Postings,
) -> rusqlite::Result<()> {
    let new = Segment { number: 0, volume, first, last, page: 0, leaves: 0, fences: 0 };
    write(connection, new, |put| postings.each(put))
}

/// Removes a segment.
pub(super) fn delete(connection: &Connection, segment: &Segment) -> rusqlite::Result<()> {
    let sql = "DELETE FROM pages WHERE number >= ?1 AND number < ?2";
    connection.prepare_cached(sql)?.execute([segment.page, segment.end()])?;
    let sql = "DELETE FROM segments WHERE number = ?1";
    connection.prepare_cached(sql)?.execute([segment.number]).map(drop)
}

/// Merges the newest segments of a volume, if there are enough small ones.
pub(super) fn merge(connection: &Connection, volume: i64) -> rusqlite::Result<()> {
    let segments = of_volume(connection, volume)?;
    let largest = segments.iter().map(Segment::size).max().unwrap_or(0);
    for size in 0..=largest.min(LARGE.ilog2() / FANOUT.ilog2() - 1) {
        let small = segments.iter().rev().take_while(|segment| segment.size() <= size).count();
        if small >= FANOUT {
            return merge_all(connection, &segments[segments.len() - small..]);
        }
    }
    Ok(())
}

fn merge_all(connection: &Connection, segments: &[Segment]) -> rusqlite::Result<()> {
    let ([first, ..], [.., last]) = (segments, segments) else { return Ok(()) };
    let new = Segment { last: last.last, ..*first };
    write(connection, new, |put| {
        let mut statements = Vec::new();
        for _ in segments {
            statements.push(connection.prepare(PAGES)?);
        }
        let mut cursors = Vec::new();
        for (segment, statement) in segments.iter().zip(&mut statements) {
            let rows = statement.query([segment.page, segment.page + segment.leaves])?;
            let base = (segment.first - new.first) as u32;
            let mut cursor = Cursor { rows, base, words: None };
            if cursor.next()? {
                cursors.push(cursor);
            }
        }
        let (mut word, mut ids) = (Vec::new(), Vec::new());
        while let Some(least) = cursors.iter().map(Cursor::word).min() {
            word.clear();
            word.extend(least);
            ids.clear();
            for cursor in &mut cursors {
                while cursor.word() == word {
                    cursor.ids(&mut ids)?;
                    if !cursor.next()? {
                        break;
                    }
                }
            }
            cursors.retain(|cursor| cursor.words.is_some());
            put(&word, &ids)?;
        }
        Ok(())
    })?;
    segments.iter().try_for_each(|segment| delete(connection, segment))
}

const PAGES: &str = "SELECT bytes FROM pages WHERE number >= ?1 AND number < ?2 ORDER BY number";

/// Iterates over the words of a segment.
struct Cursor<'c> {
    rows: Rows<'c>,
    /// Added to its messages' numbers.
    base: u32,
    /// None at its end.
    words: Option<Words<Vec<u8>>>,
}

impl Cursor<'_> {
    /// Advances to the next word; returns whether there is one.
    fn next(&mut self) -> rusqlite::Result<bool> {
        loop {
            if let Some(words) = &mut self.words
                && words.next().map_err(damaged)?
            {
                return Ok(true);
            }
            self.words = match self.rows.next()? {
                Some(row) => Some(Words::of(row.get::<_, Vec<u8>>(0)?).map_err(damaged)?),
                None => None,
            };
            if self.words.is_none() {
                return Ok(false);
            }
        }
    }

    /// The current word; empty if there is none.
    fn word(&self) -> &[u8] {
        self.words.as_ref().map_or(&[], Words::word)
    }

    fn ids(&self, ids: &mut Vec<u32>) -> rusqlite::Result<()> {
        self.words.as_ref().map_or(Ok(()), |words| words.ids(self.base, ids)).map_err(damaged)
    }
}

/// Removes messages from a segment, by overwriting the pages that contain them.
pub(super) fn remove(
    connection: &Connection,
    segment: &Segment,
    gone: &dyn Fn(u32) -> bool,
) -> rusqlite::Result<()> {
    let mut read = connection.prepare_cached("SELECT bytes FROM pages WHERE number = ?1")?;
    let write = "UPDATE pages SET bytes = ?2 WHERE number = ?1";
    let mut write = connection.prepare_cached(write)?;
    let mut ends = Vec::new();
    for number in segment.page..segment.page + segment.leaves {
        let page = read.query_row([number], |row| row.get::<_, Vec<u8>>(0))?;
        if let Some(rest) = page::without(&page, gone, &mut ends).map_err(damaged)? {
            write.execute(params![number, rest])?;
        }
    }
    let mut fences = Fences::between(&ends).write();
    fences.resize_with(segment.fences as usize, || Fences::none().write().swap_remove(0));
    for (number, page) in (segment.page + segment.leaves..).zip(fences) {
        write.execute(params![number, page])?;
    }
    Ok(())
}

/// The fences of a segment.
pub(super) fn fences(connection: &Connection, segment: &Segment) -> rusqlite::Result<Fences> {
    let mut read = connection.prepare_cached(PAGES)?;
    let mut rows = read.query([segment.page + segment.leaves, segment.end()])?;
    let mut fences = Fences::none();
    while let Some(row) = rows.next()? {
        fences.read(row.get_ref(0)?.as_blob()?).map_err(damaged)?;
    }
    match fences.len() as i64 == segment.leaves {
        true => Ok(fences),
        false => Err(damaged(Damaged)),
    }
}

/// Adds the messages of a segment with a word, or with words of a prefix if `begins`, as event ids
/// within the segment.
pub(super) fn find(
    connection: &Connection,
    segment: &Segment,
    fences: &Fences,
    (word, begins): (&[u8], bool),
    ids: &mut Vec<u32>,
) -> rusqlite::Result<()> {
    let pages = fences.pages(word, begins);
    let mut read = connection.prepare_cached(PAGES)?;
    let mut rows =
        read.query([segment.page + pages.start as i64, segment.page + pages.end as i64])?;
    while let Some(row) = rows.next()? {
        let mut words = Words::of(row.get_ref(0)?.as_blob()?).map_err(damaged)?;
        while words.next().map_err(damaged)? {
            let found = words.word();
            if found == word || begins && found.starts_with(word) {
                words.ids(0, ids).map_err(damaged)?;
            } else if found > word {
                break;
            }
        }
    }
    Ok(())
}

fn damaged(_: Damaged) -> rusqlite::Error {
    let text = "a page of the search index is not as it was written".to_owned();
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(text))
}
