//! A search on disk: from the newest event to the oldest, or the other way round, until it has
//! found enough or its time is up.
//!
//! Indexed events are looked up in the index and then read; others are examined one by one. In both
//! cases [`Search::wants`] decides, so the index need not be exact, only complete.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use rusqlite::{Connection, Transaction};

use super::index_query::IndexQuery;
use super::page::Fences;
use super::segment::{self, Segment};
use super::shared::Shared;
use super::volumes::{self, VOLUME, volume_of};
use super::{Found, Reached, Search, index};
use crate::Event;
use crate::batch::sql_id;
use crate::row::Rows;
use crate::tail::End;
use crate::time_search::TimeSearch;

/// Events examined between two looks at the clock: less than a millisecond.
const STEP: usize = 256;
/// The same for hits of the index.
const HITS: usize = 16;
/// Rooms for which the index is asked at once. Each takes some microseconds per volume, so with
/// more rooms it is asked for them only if other rooms have too many hits.
const ROOMS: usize = 32;
/// Hits in other rooms after which it is.
const MISSES: usize = 512;

/// The index as a reader has it.
pub(crate) struct WordReader {
    path: PathBuf,
    shared: Arc<Shared>,
    generation: Option<u64>,
    connection: Option<Connection>,
    fences: RefCell<KnownFences>,
}

/// The fences of segments by number. Removals leave them unchanged.
type KnownFences = HashMap<i64, Arc<Fences>>;

impl WordReader {
    pub(crate) fn new(path: PathBuf, shared: Arc<Shared>) -> Self {
        let fences = RefCell::default();
        Self { path, shared, generation: None, connection: None, fences }
    }

    /// Opens the index if there is another one than before.
    fn open_newest(&mut self) {
        let generation = self.shared.generation.load(Ordering::Acquire);
        if self.generation == Some(generation) || !self.shared.is_attached() {
            return;
        }
        self.generation = Some(generation);
        self.fences.borrow_mut().clear();
        self.connection = index::reader(&self.path).unwrap_or_else(|error| {
            self.shared.note(&error);
            None
        });
    }

    /// The present index.
    pub(crate) fn snapshot(&mut self) -> Option<Snapshot<'_>> {
        self.open_newest();
        let connection = self.connection.as_ref()?;
        let begun = connection.unchecked_transaction().and_then(|transaction| {
            let volumes = volumes::all(&transaction)?;
            let done = volumes.iter().map(|volume| (volume.number, volume.done)).collect();
            let segments = segment::all(&transaction)?;
            let mut known = self.fences.borrow_mut();
            if known.len() > 2 * segments.len() {
                known.clear();
            }
            drop(known);
            let (fences, shared) = (&self.fences, &*self.shared);
            Ok(Snapshot { transaction, done, segments, fences, shared })
        });
        begun.map_err(|error| self.shared.note(&error)).ok()
    }
}

/// A snapshot of the index. It must be older than the snapshot of the events.
pub(crate) struct Snapshot<'i> {
    transaction: Transaction<'i>,
    /// Up to which event each volume is complete.
    done: BTreeMap<i64, i64>,
    /// Oldest first.
    segments: Vec<Segment>,
    fences: &'i RefCell<KnownFences>,
    shared: &'i Shared,
}

impl Snapshot<'_> {
    /// The messages of a segment that may match.
    fn look_up(
        &self,
        segment: &Segment,
        question: &mut IndexQuery,
        scope: bool,
    ) -> rusqlite::Result<Vec<u32>> {
        let known = self.fences.borrow().get(&segment.number).cloned();
        let fences = match known {
            Some(fences) => fences,
            None => {
                let read = Arc::new(segment::fences(&self.transaction, segment)?);
                self.fences.borrow_mut().insert(segment.number, Arc::clone(&read));
                read
            }
        };
        question.answer(scope, &mut |word, begins, ids| {
            segment::find(&self.transaction, segment, &fences, (word, begins), ids)
        })
    }
}

/// A search in progress.
struct SearchRun<'a> {
    search: &'a Search,
    may_read: &'a dyn Fn(&Event) -> bool,
    rows: Rows<'a>,
    index: Option<&'a Snapshot<'a>>,
    from: End,
    until: Instant,
    /// In the order in which they were found.
    found: Vec<Event>,
}

/// Where a search stopped early, and whether because its time was up.
type StoppedAt = Option<(i64, bool)>;

/// Carries out a search on one snapshot of the store.
pub(crate) fn run_search(
    rows: Rows<'_>,
    index: Option<&Snapshot<'_>>,
    search: &Search,
    may_read: &dyn Fn(&Event) -> bool,
    until: Instant,
) -> rusqlite::Result<Found> {
    let from = if search.oldest_first { End::Oldest } else { End::Newest };
    let range = range(rows, search)?;
    let mut run = SearchRun { search, may_read, rows, index, from, until, found: Vec::new() };
    let ended = if search.limit == 0 { None } else { run.run(&range)? };
    let mut found = Found { events: run.found, reached: None };
    if let Some((last, late)) = ended {
        let time = rows.next(last, i64::MAX)?.map_or(0, |(_, time)| time);
        found.reached = Some(Reached { id: last.cast_unsigned(), time, late });
    }
    if from == End::Newest {
        found.events.reverse();
    }
    Ok(found)
}

/// The range of ids that contains everything searched for.
fn range(rows: Rows<'_>, search: &Search) -> rusqlite::Result<Range<i64>> {
    let end = sql_id(search.up_to).saturating_add(1);
    let places = TimeSearch::read(rows, end)?;
    // Where the clock was set back, the first of several positions counts, and the last.
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

/// A part of a volume, indexed or not.
struct Part {
    range: Range<i64>,
    /// The volume that indexes it.
    volume: Option<i64>,
}

impl SearchRun<'_> {
    fn run(&mut self, range: &Range<i64>) -> rusqlite::Result<StoppedAt> {
        let mut parts = self.parts(range);
        if self.from == End::Newest {
            parts.reverse();
        }
        for part in parts {
            let ended = match part.volume.and(self.index) {
                Some(index) => self.look_up(part.range, index)?,
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

    /// Examines every event of a range.
    fn scan(&mut self, mut range: Range<i64>) -> rusqlite::Result<StoppedAt> {
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

    /// Keeps an event if it matches; returns whether there are enough now.
    fn take(&mut self, event: Event) -> bool {
        if self.search.wants(&event) && (self.may_read)(&event) {
            self.found.push(event);
        }
        self.found.len() == self.search.limit
    }

    /// Looks up a range in the index.
    fn look_up(&mut self, range: Range<i64>, index: &Snapshot<'_>) -> rusqlite::Result<StoppedAt> {
        let mut question = IndexQuery::of(self.search);
        let mut scope = question.rooms() <= ROOMS;
        if question.is_empty() && !scope {
            return self.scan(range);
        }
        let in_range =
            |segment: &&Segment| segment.first < range.end && range.start <= segment.last;
        let mut segments: Vec<&Segment> = index.segments.iter().filter(in_range).collect();
        if self.from == End::Newest {
            segments.reverse();
        }
        let mut rest = range;
        for segment in segments {
            let ended = self.look_into(segment, index, &mut question, &mut scope, &mut rest);
            match ended {
                Ok(None) if rest.is_empty() => break,
                Ok(None) if Instant::now() < self.until => {}
                Ok(None) => {
                    let last = if self.from == End::Newest { rest.end } else { rest.start - 1 };
                    return Ok(Some((last, true)));
                }
                Ok(ended) => return Ok(ended),
                Err(SegmentError::Index(error)) => {
                    index.shared.note(&error);
                    self.index = None;
                    return self.scan(rest);
                }
                Err(SegmentError::Events(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Reads the hits of the index in a segment, and advances the rest past it.
    fn look_into(
        &mut self,
        segment: &Segment,
        index: &Snapshot<'_>,
        question: &mut IndexQuery,
        scope: &mut bool,
        rest: &mut Range<i64>,
    ) -> Result<StoppedAt, SegmentError> {
        let (mut count, mut misses) = (0, 0);
        'again: loop {
            let mut ids = index.look_up(segment, question, *scope).map_err(SegmentError::Index)?;
            if self.from == End::Newest {
                ids.reverse();
            }
            for id in ids {
                let id = segment.first + i64::from(id);
                if !rest.contains(&id) {
                    continue;
                }
                let event = self.rows.by_id(id).map_err(SegmentError::Events)?;
                self.move_behind(rest, id..id + 1);
                if let Some(event) = event {
                    misses += usize::from(!self.search.is_in_scope(event.conversation, event.id));
                    if self.take(event) {
                        return Ok(Some((id, false)));
                    }
                }
                count += 1;
                if count % HITS == 0 && Instant::now() >= self.until {
                    return Ok(Some((id, true)));
                }
                if misses >= MISSES && !*scope {
                    *scope = true;
                    continue 'again;
                }
            }
            self.move_behind(rest, segment.first..segment.last + 1);
            return Ok(None);
        }
    }

    /// Leaves of the rest only what comes after some events.
    fn move_behind(&self, rest: &mut Range<i64>, done: Range<i64>) {
        match self.from {
            End::Newest => rest.end = rest.end.min(done.start),
            End::Oldest => rest.start = rest.start.max(done.end),
        }
    }
}

/// Why a segment was not searched.
enum SegmentError {
    /// The index cannot be read.
    Index(rusqlite::Error),
    /// The events cannot be read.
    Events(rusqlite::Error),
}
