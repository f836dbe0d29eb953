//! Finding a time among the events, which are ordered by id.
//!
//! Times increase with the ids, except where the wall clock was set back; the table `clock_steps`
//! has the events before which that happened. So the events are a few stretches, usually one, in
//! each of which a time is found by binary search. What a time means that occurs in several is
//! described at [`crate::Point::Time`].

use std::ops::Range;

use crate::row::Rows;
use crate::sum::{self, Checksummer};

/// The stretches of the events, oldest first.
pub(crate) struct TimeSearch<'c> {
    rows: Rows<'c>,
    stretches: Vec<Range<i64>>,
    end: i64,
}

impl<'c> TimeSearch<'c> {
    /// The stretches of the events below an id.
    pub(crate) fn read(rows: Rows<'c>, end: i64) -> rusqlite::Result<Self> {
        let connection = rows.connection;
        let newest: Option<i64> =
            connection.query_row("SELECT max(id) FROM events", [], |row| row.get(0))?;
        let high = newest.map_or(0, |id| id.saturating_add(1)).min(end);
        let mut steps = connection
            .prepare_cached("SELECT event, sum FROM clock_steps WHERE event < ?1 ORDER BY event")?;
        let (mut stretches, mut low, mut checksummer) = (Vec::new(), 0, Checksummer::default());
        let mut found = steps.query([high])?;
        while let Some(row) = found.next()? {
            let step = row.get(0)?;
            if sum::is_right("clock_steps", row, &mut checksummer)? {
                stretches.push(low..step);
                low = step;
            } else {
                let sentence = format!("the step of the clock at event {step} is damaged");
                rows.damage.note("clock_steps", &step, sentence);
            }
        }
        stretches.push(low..high);
        Ok(Self { rows, stretches, end })
    }

    /// One above the last of these events.
    pub(crate) fn end(&self) -> i64 {
        self.stretches.last().map_or(0, |stretch| stretch.end)
    }

    /// The first id that is not older than a time. `has` tells whether a range contains an event of
    /// the query.
    pub(crate) fn before(
        &self,
        time: i64,
        has: impl Fn(Range<i64>) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<i64> {
        for stretch in self.several().iter().rev() {
            let exact = self.exact(stretch, time)?;
            if !exact.is_empty() && has(exact.clone())? {
                return Ok(exact.start);
            }
        }
        for stretch in self.stretches.iter().rev() {
            if self.first_time(stretch)?.is_some_and(|first| first < time) {
                return self.find(stretch, |other| other >= time);
            }
        }
        Ok(0)
    }

    /// The newest id that is not newer than a time, whatever came later; probably near the end.
    pub(crate) fn up_to(&self, time: i64) -> rusqlite::Result<i64> {
        for stretch in self.stretches.iter().rev() {
            if self.first_time(stretch)?.is_some_and(|first| first <= time) {
                let (mut begin, mut end, mut step) = (stretch.start, stretch.end, 1);
                while end - begin > step {
                    match self.first(&(end - step..end))? {
                        Some((id, found)) if found <= time => {
                            begin = id;
                            break;
                        }
                        _ => end -= step,
                    }
                    step *= 2;
                }
                let end = stretch.end.min(end + step);
                return Ok(self.find(&(begin..end), |other| other > time)? - 1);
            }
        }
        Ok(0)
    }

    /// The first id newer than a time; `has` as in [`TimeSearch::before`].
    pub(crate) fn after(
        &self,
        time: i64,
        has: impl Fn(Range<i64>) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<i64> {
        for stretch in self.several() {
            let exact = self.exact(stretch, time)?;
            if !exact.is_empty() && has(exact.clone())? {
                return Ok(exact.end);
            }
        }
        for stretch in &self.stretches {
            if self.last_time(stretch)?.is_some_and(|last| last > time) {
                return self.find(stretch, |other| other > time);
            }
        }
        Ok(self.end)
    }

    /// The stretches, if there are several: otherwise a time has only one position.
    fn several(&self) -> &[Range<i64>] {
        if self.stretches.len() > 1 { &self.stretches } else { &[] }
    }

    /// The ids of a stretch with exactly this time.
    fn exact(&self, stretch: &Range<i64>, time: i64) -> rusqlite::Result<Range<i64>> {
        let around = self.first_time(stretch)?.is_some_and(|first| first <= time)
            && self.last_time(stretch)?.is_some_and(|last| last >= time);
        if !around {
            return Ok(stretch.end..stretch.end);
        }
        let start = self.find(stretch, |other| other >= time)?;
        Ok(start..self.find(&(start..stretch.end), |other| other > time)?)
    }

    fn first_time(&self, stretch: &Range<i64>) -> rusqlite::Result<Option<i64>> {
        Ok(self.first(stretch)?.map(|(_, time)| time))
    }

    fn last_time(&self, stretch: &Range<i64>) -> rusqlite::Result<Option<i64>> {
        self.rows.last_time(stretch.start, stretch.end)
    }

    /// The first event of a range of ids, and its time.
    fn first(&self, range: &Range<i64>) -> rusqlite::Result<Option<(i64, i64)>> {
        self.rows.next(range.start, range.end)
    }

    /// Where in a stretch the events for which `late` holds begin.
    fn find(&self, stretch: &Range<i64>, late: impl Fn(i64) -> bool) -> rusqlite::Result<i64> {
        let Range { start: mut low, end: mut high } = *stretch;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.first(&(middle..high))? {
                Some((id, time)) if !late(time) => low = id + 1,
                _ => high = middle,
            }
        }
        // Events on a damaged page are shown with the time of the event before them.
        Ok(self.first(&(low..stretch.end))?.map_or(low, |(id, _)| id))
    }
}
