//! What is known of a conversation's history, in the server's order, with a gap wherever something
//! may be missing.
//!
//! Clients cannot compare msgids, and clocks can be set back, so the order is that of the server's
//! answers: live lines follow each other, and a page of history has no gaps. Pages are joined to
//! the timeline at the messages they share.

use crate::entry::Entry;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet, VecDeque};

/// An entry or a gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Row {
    /// An entry.
    Entry(Box<Entry>),
    /// Unknown entries may be here.
    Gap,
}

/// Which part of history a page is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Run {
    /// The newest of the conversation.
    Latest,
    /// What directly precedes a msgid.
    Before(String),
    /// What directly follows a msgid.
    After(String),
    /// The first entries not older than a time, in milliseconds since 1970 UTC.
    Since(i64),
    /// The surroundings of a msgid, itself included.
    Around(String),
}

/// What is known of a conversation's history.
#[derive(Debug, Default)]
pub struct Timeline {
    rows: VecDeque<Row>,
    msgids: HashSet<String>,
    starts: bool,
}

impl Timeline {
    /// The rows, oldest first.
    pub fn rows(&self) -> &VecDeque<Row> {
        &self.rows
    }

    /// Whether nothing is older than the first row. Otherwise something may be.
    pub fn is_from_start(&self) -> bool {
        self.starts
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.rows.iter().filter_map(|row| match row {
            Row::Entry(entry) => Some(&**entry),
            Row::Gap => None,
        })
    }

    /// Whether a message is known.
    pub fn has(&self, msgid: &str) -> bool {
        self.msgids.contains(msgid)
    }

    /// A message by its msgid.
    pub fn find(&self, msgid: &str) -> Option<&Entry> {
        if !self.has(msgid) {
            return None;
        }
        self.entries().rev().find(|entry| entry.msgid.as_deref() == Some(msgid))
    }

    /// The same, mutable.
    pub fn find_mut(&mut self, msgid: &str) -> Option<&mut Entry> {
        if !self.has(msgid) {
            return None;
        }
        self.rows.iter_mut().rev().find_map(|row| match row {
            Row::Entry(entry) if entry.msgid.as_deref() == Some(msgid) => Some(&mut **entry),
            _ => None,
        })
    }

    /// The newest message or event that has a msgid.
    pub fn newest(&self) -> Option<&Entry> {
        self.entries().rev().find(|entry| entry.msgid.is_some())
    }

    /// Adds a live entry; false if it was known already. It `follows` the entry before it unless
    /// something may be missing in between.
    pub fn push(&mut self, entry: Entry, follows: bool) -> bool {
        if let Some(msgid) = &entry.msgid
            && !self.msgids.insert(msgid.clone())
        {
            return false;
        }
        if !follows {
            self.break_off();
        }
        self.rows.push_back(Row::Entry(Box::new(entry)));
        true
    }

    /// The connection broke: the next entry may not follow directly.
    pub fn break_off(&mut self) {
        match self.rows.back() {
            Some(Row::Entry(_)) => self.rows.push_back(Row::Gap),
            Some(Row::Gap) => {}
            None => self.starts = false,
        }
    }

    /// What to request to fill the gap at this row, or above the first row.
    pub fn filler(&self, gap: Option<usize>) -> Run {
        let from = gap.map_or(0, |gap| gap + 1);
        let after = self.rows.range(from.min(self.rows.len())..);
        let msgid = after.into_iter().find_map(|row| match row {
            Row::Entry(entry) => entry.msgid.clone(),
            Row::Gap => None,
        });
        msgid.map_or(Run::Latest, Run::Before)
    }

    /// Adds a page of history, oldest first. A page that fits nowhere any more is dropped.
    pub fn add_page(&mut self, run: &Run, page: Vec<Entry>) {
        let mut page = page;
        let mut seen = HashSet::new();
        page.retain(|entry| entry.msgid.clone().is_some_and(|msgid| seen.insert(msgid)));
        if page.is_empty() {
            self.add_empty_page(run);
            return;
        }
        let common = self.common(&page);
        let Some((from, to)) = self.replaced_rows(run, &page, common) else { return };
        let old: Vec<Row> = self.rows.drain(from..to).collect();
        let merged = merge(old, page);
        let end = from + merged.len();
        self.msgids.extend(merged.iter().filter_map(|entry| entry.msgid.clone()));
        let tail = self.rows.split_off(from);
        self.rows.extend(merged.into_iter().map(|entry| Row::Entry(Box::new(entry))));
        self.rows.extend(tail);
        match run {
            Run::Latest => self.remove_gaps(end, self.rows.len()),
            Run::Around(_) | Run::Since(_) if common.is_none() => self.add_gaps_around(from, end),
            _ => {}
        }
    }

    /// The rows from the first message of the page that is known to the last.
    fn common(&self, page: &[Entry]) -> Option<(usize, usize)> {
        let known: HashSet<&str> = page.iter().filter_map(|entry| entry.msgid.as_deref()).collect();
        let is_known = |row: &Row| match row {
            Row::Entry(entry) => entry.msgid.as_deref().is_some_and(|msgid| known.contains(msgid)),
            Row::Gap => false,
        };
        let first = self.rows.iter().position(is_known)?;
        let last = self.rows.iter().rposition(is_known)?;
        Some((first, last + 1))
    }

    /// The rows that a page replaces: those it shares with the timeline, and those up to the
    /// message it is adjacent to. None if that message is gone.
    fn replaced_rows(
        &self,
        run: &Run,
        page: &[Entry],
        common: Option<(usize, usize)>,
    ) -> Option<(usize, usize)> {
        let at = match run {
            Run::Before(msgid) => self.position(msgid)?,
            Run::After(msgid) => self.position(msgid)? + 1,
            Run::Latest => {
                let gap = self.rows.iter().rposition(|row| *row == Row::Gap);
                let at = gap.map_or(0, |gap| gap + 1);
                return Some(common.unwrap_or((at, at)));
            }
            Run::Around(_) | Run::Since(_) => {
                let newest = page.last().map_or(0, |entry| entry.time_ms);
                let younger =
                    |row: &Row| matches!(row, Row::Entry(entry) if entry.time_ms > newest);
                let at = self.rows.iter().position(younger).unwrap_or(self.rows.len());
                return Some(common.unwrap_or((at, at)));
            }
        };
        let (from, to) = common.unwrap_or((at, at));
        Some((from.min(at), to.max(at)))
    }

    /// Adds gaps around a page from the middle of history, whose neighbours are unknown.
    fn add_gaps_around(&mut self, from: usize, end: usize) {
        if self.rows.get(end) != Some(&Row::Gap) {
            self.rows.insert(end, Row::Gap);
        }
        if from > 0 && self.rows[from - 1] != Row::Gap {
            self.rows.insert(from, Row::Gap);
        }
    }

    /// Handles an empty page: it closes the gap where it was requested.
    fn add_empty_page(&mut self, run: &Run) {
        match run {
            // What arrived after the server looked is not part of the answer.
            Run::Latest if self.msgids.is_empty() => {
                self.remove_gaps(0, self.rows.len());
                self.starts = true;
            }
            Run::Latest => {}
            Run::Before(msgid) => {
                let Some(at) = self.position(msgid) else { return };
                match self.last_gap_before(at) {
                    Some(gap) => drop(self.rows.remove(gap)),
                    None => self.starts |= !self.has_msgid_before(at),
                }
            }
            Run::After(msgid) => {
                let Some(at) = self.position(msgid) else { return };
                let next = self.rows.range(at + 1..).position(has_msgid);
                self.remove_gaps(at + 1, next.map_or(self.rows.len(), |next| at + 1 + next));
            }
            Run::Around(_) | Run::Since(_) => {}
        }
    }

    fn last_gap_before(&self, at: usize) -> Option<usize> {
        let before = |row: &Row| *row == Row::Gap || has_msgid(row);
        let neighbour = self.rows.range(..at).rposition(before)?;
        (self.rows[neighbour] == Row::Gap).then_some(neighbour)
    }

    fn has_msgid_before(&self, at: usize) -> bool {
        self.rows.range(..at).any(has_msgid)
    }

    fn remove_gaps(&mut self, from: usize, to: usize) {
        let mut at = 0..self.rows.len();
        let is_within = |at: usize| (from..to).contains(&at);
        self.rows.retain(|row| !at.next().is_some_and(is_within) || *row != Row::Gap);
    }

    fn position(&self, msgid: &str) -> Option<usize> {
        let is_it =
            |row: &Row| matches!(row, Row::Entry(entry) if entry.msgid.as_deref() == Some(msgid));
        self.rows.iter().rposition(is_it)
    }

    /// Drops the oldest entries, which can be fetched again. Not while a page is on its way that
    /// may belong directly before one of them.
    pub fn forget_oldest(&mut self, count: usize) {
        for row in self.rows.drain(..count.min(self.rows.len())) {
            if let Row::Entry(entry) = row
                && let Some(msgid) = &entry.msgid
            {
                self.msgids.remove(msgid);
            }
        }
        if self.rows.front() == Some(&Row::Gap) {
            self.rows.pop_front();
        }
        self.starts = false;
    }
}

/// Whether a row is a message or event with a msgid.
fn has_msgid(row: &Row) -> bool {
    matches!(row, Row::Entry(entry) if entry.msgid.is_some())
}

/// Joins the rows that a page replaces with the page. Rows known only to this client stay after the
/// message they followed; an entry that is known already is not replaced by its older state in the
/// page.
fn merge(old: Vec<Row>, page: Vec<Entry>) -> Vec<Entry> {
    let at: HashMap<String, usize> = page
        .iter()
        .enumerate()
        .filter_map(|(at, entry)| Some((entry.msgid.clone()?, at)))
        .collect();
    let mut page: Vec<Option<Entry>> = page.into_iter().map(Some).collect();
    let mut merged = Vec::with_capacity(page.len());
    let mut next = 0;
    for row in old {
        let Row::Entry(entry) = row else { continue };
        match entry.msgid.as_ref().and_then(|msgid| at.get(msgid)) {
            Some(&index) if index >= next => {
                merged.extend(page[next..index].iter_mut().filter_map(Option::take));
                merged.push(*entry);
                next = index + 1;
            }
            // The server has it further up than where it arrived: the page's order wins.
            Some(_) => {}
            None => merged.push(*entry),
        }
    }
    merged.extend(page[next..].iter_mut().filter_map(Option::take));
    merged
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
