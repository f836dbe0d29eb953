//! A search on disk: from the newest event to the oldest, or the other way round, until it has found
//! enough or its time is over.
//!
//! What the index has is looked up there, and read; what it does not have yet is looked at event by
//! event. Either way [`Search::wants`] decides, so the index need not be exact, only complete.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use rusqlite::{Connection, ErrorCode, Transaction};

use super::shared::Shared;
use super::volumes::{self, VOLUME, volume_of};
use super::{Found, Reached, Search, index};
use crate::Event;
use crate::batch::sql_id;
use crate::place::Places;
use crate::row::Rows;
use crate::tail::End;

/// Events that are looked at between two looks at the clock: less than a millisecond.
const STEP: usize = 256;
/// The same for what the index has found.
const HITS: usize = 16;
/// Steps of SQLite's machine between two looks at the clock.
const MACHINE_STEPS: i32 = 1000;
/// Rooms by which the index is asked at once. Each takes some microseconds in each volume, so of more
/// rooms it is asked only where others say too much about the same words.
const ROOMS: usize = 32;
/// Hits in other rooms after which it is.
const MISSES: usize = 512;

/// The index as a reader has it.
pub(crate) struct WordReader {
    path: PathBuf,
    shared: Arc<Shared>,
    generation: Option<u64>,
    connection: Option<Connection>,
}

impl WordReader {
    pub(crate) fn new(path: PathBuf, shared: Arc<Shared>) -> Self {
        Self { path, shared, generation: None, connection: None }
    }

    /// Opens the index, if there is another one than before, for a question until then.
    pub(crate) fn look(&mut self, until: Instant) {
        self.open_newest();
        if let Some(connection) = &mut self.connection {
            let late = move || Instant::now() >= until;
            if connection.progress_handler(MACHINE_STEPS, Some(late)).is_err() {
                self.connection = None; // It would not end in time.
            }
        }
    }

    fn open_newest(&mut self) {
        let generation = self.shared.generation.load(Ordering::Acquire);
        if self.generation == Some(generation) || !self.shared.is_attached() {
            return;
        }
        self.generation = Some(generation);
        self.connection = index::reader(&self.path).unwrap_or_else(|error| {
            self.shared.note(&error);
            None
        });
    }

    /// The index as it is now.
    pub(crate) fn snapshot(&self) -> Option<Snapshot<'_>> {
        let connection = self.connection.as_ref()?;
        let begun = connection.unchecked_transaction().and_then(|transaction| {
            let volumes = volumes::all(&transaction)?;
            let done = volumes.iter().map(|volume| (volume.number, volume.done)).collect();
            Ok(Snapshot { transaction, done, shared: &self.shared })
        });
        begun.map_err(|error| self.shared.note(&error)).ok()
    }
}

/// A snapshot of the index. It is to be older than the one of the events.
pub(crate) struct Snapshot<'i> {
    transaction: Transaction<'i>,
    /// Up to which event each volume has all.
    done: BTreeMap<i64, i64>,
    shared: &'i Shared,
}

/// A search under way.
struct Ask<'a> {
    search: &'a Search,
    may_read: &'a dyn Fn(&Event) -> bool,
    rows: Rows<'a>,
    index: Option<&'a Snapshot<'a>>,
    from: End,
    until: Instant,
    /// In the order in which they were found.
    found: Vec<Event>,
}

/// Where a search ended before its end, and whether because its time was over.
type Ended = Option<(i64, bool)>;

/// Carries out a search on one snapshot of the store.
pub(crate) fn ask(
    rows: Rows<'_>,
    index: Option<&Snapshot<'_>>,
    search: &Search,
    may_read: &dyn Fn(&Event) -> bool,
    until: Instant,
) -> rusqlite::Result<Found> {
    let from = if search.oldest_first { End::Oldest } else { End::Newest };
    let range = range(rows, search)?;
    let mut ask = Ask { search, may_read, rows, index, from, until, found: Vec::new() };
    let ended = if search.limit == 0 { None } else { ask.run(&range)? };
    let mut found = Found { events: ask.found, reached: None };
    if let Some((last, late)) = ended {
        let time = rows.next(last, i64::MAX)?.map_or(0, |(_, time)| time);
        found.reached = Some(Reached { id: last.cast_unsigned(), time, late });
    }
    if from == End::Newest {
        found.events.reverse();
    }
    Ok(found)
}

/// The ids among which there is all that is searched for.
fn range(rows: Rows<'_>, search: &Search) -> rusqlite::Result<Range<i64>> {
    let end = sql_id(search.up_to).saturating_add(1);
    let places = Places::read(rows, end)?;
    // Where the clock was put back the first of several places is right, and the last.
    let first = match search.since {
        Some(since) => places.after(since.saturating_sub(1), |_| Ok(false))?,
        None => rows.first()?,
    };
    let end = match search.until {
        Some(until) => places.before(until.saturating_add(1), |_| Ok(false))?.min(end),
        None => end.min(places.end()),
    };
    Ok(first..end.max(first))
}

/// A part of a volume: what the index has of it, or has not.
struct Part {
    range: Range<i64>,
    /// The volume whose index has it.
    volume: Option<i64>,
}

impl Ask<'_> {
    fn run(&mut self, range: &Range<i64>) -> rusqlite::Result<Ended> {
        let mut parts = self.parts(range);
        if self.from == End::Newest {
            parts.reverse();
        }
        for part in parts {
            let ended = match part.volume.filter(|_| self.index.is_some()) {
                Some(volume) => self.look_up(part.range, volume)?,
                None => self.scan(part.range)?,
            };
            if ended.is_some() {
                return Ok(ended);
            }
        }
        Ok(None)
    }

    /// The parts of a range, oldest first.
    fn parts(&self, range: &Range<i64>) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        if range.is_empty() {
            return parts;
        }
        for number in volume_of(range.start)..=volume_of(range.end - 1) {
            let whole = range.start.max(number * VOLUME)..range.end.min((number + 1) * VOLUME);
            let done = self.index.and_then(|index| index.done.get(&number));
            let middle = done.map_or(whole.start, |done| (done + 1).clamp(whole.start, whole.end));
            if whole.start < middle {
                parts.push(Part { range: whole.start..middle, volume: Some(number) });
            }
            if middle < whole.end {
                match parts.last_mut() {
                    Some(Part { range, volume: None }) => range.end = whole.end,
                    _ => parts.push(Part { range: middle..whole.end, volume: None }),
                }
            }
        }
        parts
    }

    /// Looks at every event of a range.
    fn scan(&mut self, mut range: Range<i64>) -> rusqlite::Result<Ended> {
        let search = self.search;
        while !range.is_empty() {
            let stretch = self.rows.stretch(&range, self.from, STEP, &|conversation, id| {
                search.is_in_scope(conversation, id)
            })?;
            for event in stretch.events {
                let id = sql_id(event.id);
                if self.take(event) {
                    return Ok(Some((id, false)));
                }
            }
            match self.from {
                End::Newest => range.end = stretch.last,
                End::Oldest => range.start = stretch.last + 1,
            }
            if !range.is_empty() && Instant::now() >= self.until {
                return Ok(Some((stretch.last, true)));
            }
        }
        Ok(None)
    }

    /// Keeps an event if it is wanted; returns whether there are enough now.
    fn take(&mut self, event: Event) -> bool {
        if self.search.wants(&event) && (self.may_read)(&event) {
            self.found.push(event);
        }
        self.found.len() == self.search.limit
    }

    /// Looks a range up in the index of its volume.
    fn look_up(&mut self, range: Range<i64>, volume: i64) -> rusqlite::Result<Ended> {
        let scope = self.scope();
        let few = scope.len() <= ROOMS;
        let parts = self.question();
        if parts.is_empty() && !few {
            return self.scan(range);
        }
        let mut hits = Hits { volume, range, parts, scope: few.then_some(&scope) };
        loop {
            match self.read(&mut hits) {
                Ok(Looked::Ended(ended)) => return Ok(ended),
                Ok(Looked::TooManyOthers) => hits.scope = Some(&scope),
                Err(Trouble::Late) => {
                    let last = match self.from {
                        End::Newest => hits.range.end,
                        End::Oldest => hits.range.start - 1,
                    };
                    return Ok(Some((last, true)));
                }
                Err(Trouble::Index(error)) => {
                    if let Some(index) = self.index.take() {
                        index.shared.note(&error);
                    }
                    return self.scan(hits.range);
                }
                Err(Trouble::Events(error)) => return Err(error),
            }
        }
    }

    /// Reads what the index finds, and moves the range's end behind it.
    fn read(&mut self, hits: &mut Hits<'_>) -> Result<Looked, Trouble> {
        let index = self.index.expect("only what an index has is looked up");
        let order = if self.from == End::Newest { "DESC" } else { "ASC" };
        let sql = format!(
            "SELECT rowid FROM fts_{0} WHERE fts_{0} MATCH ?1 AND rowid >= ?2 AND rowid < ?3
                ORDER BY rowid {order}",
            hits.volume
        );
        let mut find = index.transaction.prepare_cached(&sql).map_err(of_index)?;
        let values = rusqlite::params![hits.text(), hits.range.start, hits.range.end];
        let mut found = find.query(values).map_err(of_index)?;
        let (mut count, mut misses) = (0, 0);
        while let Some(row) = found.next().map_err(of_index)? {
            let id: i64 = row.get(0).map_err(of_index)?;
            let event = self.rows.by_id(id).map_err(Trouble::Events)?;
            match self.from {
                End::Newest => hits.range.end = id,
                End::Oldest => hits.range.start = id + 1,
            }
            if let Some(event) = event {
                misses += usize::from(!self.search.is_in_scope(event.conversation, event.id));
                if self.take(event) {
                    return Ok(Looked::Ended(Some((id, false))));
                }
            }
            count += 1;
            if count % HITS == 0 && Instant::now() >= self.until {
                return Ok(Looked::Ended(Some((id, true))));
            }
            if misses >= MISSES && hits.scope.is_none() {
                return Ok(Looked::TooManyOthers);
            }
        }
        Ok(Looked::Ended(None))
    }

    /// What the index has of every message that is wanted, besides the marks of its room.
    fn question(&self) -> Vec<String> {
        let mut parts = Vec::new();
        for term in &self.search.words.all {
            volumes::question(term, &mut parts);
        }
        parts.extend(self.search.from.map(|from| format!("\"{}\"", volumes::author_mark(from))));
        if self.search.link {
            parts.push(format!("\"{}\"", volumes::LINK_MARK));
        }
        parts
    }

    /// The marks of which a message that may be wanted has one.
    fn scope(&self) -> Vec<String> {
        let mark = |mark: String| format!("\"{mark}\"");
        let me = self.search.account;
        if let Some(of) = self.search.of {
            return vec![match (of.as_room(), of.other(me)) {
                (Some(room), _) => mark(volumes::room_mark(room)),
                (None, other) => {
                    let one = mark(volumes::person_mark(me));
                    format!("({one} AND {})", mark(volumes::person_mark(other.unwrap_or(me))))
                }
            }];
        }
        let rooms = self.search.rooms.iter().map(|(room, _)| mark(volumes::room_mark(*room)));
        rooms.chain([mark(volumes::person_mark(me))]).collect()
    }
}

/// What is looked up, and where that is still to be done.
struct Hits<'q> {
    volume: i64,
    range: Range<i64>,
    parts: Vec<String>,
    scope: Option<&'q [String]>,
}

impl Hits<'_> {
    /// The question in the index's language.
    fn text(&self) -> String {
        let mut text = self.parts.join(" AND ");
        if let Some(scope) = self.scope {
            if !text.is_empty() {
                text.push_str(" AND ");
            }
            text.push_str(&format!("({})", scope.join(" OR ")));
        }
        text
    }
}

enum Looked {
    Ended(Ended),
    /// Most of what was found is in rooms that are not searched.
    TooManyOthers,
}

/// Why the index did not answer.
enum Trouble {
    /// The time is over.
    Late,
    /// It cannot be read.
    Index(rusqlite::Error),
    /// The events are.
    Events(rusqlite::Error),
}

fn of_index(error: rusqlite::Error) -> Trouble {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => Trouble::Late,
        _ => Trouble::Index(error),
    }
}
