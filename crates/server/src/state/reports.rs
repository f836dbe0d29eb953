//! What users have reported to the operators of the server, until it is dealt with.

use crate::effects::Effects;
use crate::limits::{REPORTS_KEPT, REPORTS_OPEN};
use crate::state::State;
use crate::state::records::{self, SERVER};
use serde::{Deserialize, Serialize};
use store::RecordKind;

/// One report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Who reported it.
    pub by: Box<str>,
    /// What is reported: a msgid, or somebody's name.
    pub about: Box<str>,
    /// For a message: the names of its room and its author at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<(Box<str>, Box<str>)>,
    /// Why.
    pub reason: Box<str>,
    /// When, in milliseconds since the epoch.
    pub time: i64,
    /// Set once it was dealt with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
}

impl Report {
    /// What is reported; for a message, with its room and author.
    pub fn subject(&self) -> String {
        match &self.said {
            Some((room, author)) => format!("{} in {room} by {author}", self.about),
            None => self.about.to_string(),
        }
    }
}

/// How a report was dealt with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// By whom.
    pub by: Box<str>,
    /// What they noted.
    pub note: Box<str>,
}

/// The record key of a report: keys sort by number.
fn key(number: u32) -> String {
    format!("{number:010}")
}

/// All reports by ascending number.
pub fn all(state: &State) -> impl Iterator<Item = (u32, Report)> {
    let records = state.records.of(RecordKind::Report, SERVER);
    records.filter_map(|(key, value)| Some((key.parse().ok()?, records::parse(value)?)))
}

/// The number of open reports.
pub fn open(state: &State) -> usize {
    all(state).filter(|(_, report)| report.closed.is_none()).count()
}

/// A report.
pub fn get(state: &State, number: u32) -> Option<Report> {
    state.records.get(RecordKind::Report, SERVER, &key(number))
}

/// Adds a report; returns its number, or none if too many of this reporter's, or in all, are open.
/// Reports that were dealt with make room, the oldest first.
pub fn add(state: &mut State, out: &mut Effects, report: &Report) -> Option<u32> {
    let open = |(_, other): &(u32, Report)| other.closed.is_none();
    let theirs = all(state).filter(open).filter(|(_, other)| other.by == report.by).count();
    let known: Vec<(u32, Report)> = all(state).collect();
    let oldest = known.iter().find(|known| !open(known)).map(|(number, _)| *number);
    if theirs >= REPORTS_OPEN || (known.len() >= REPORTS_KEPT && oldest.is_none()) {
        return None;
    }
    if let Some(oldest) = oldest.filter(|_| known.len() >= REPORTS_KEPT) {
        records::remove(state, out, (RecordKind::Report, SERVER, &key(oldest)));
    }
    let number = known.last().map_or(0, |(number, _)| *number) + 1;
    set(state, out, number, report);
    Some(number)
}

/// Changes a report.
pub fn set(state: &mut State, out: &mut Effects, number: u32, report: &Report) {
    records::set(state, out, (RecordKind::Report, SERVER, &key(number)), Some(report));
}
