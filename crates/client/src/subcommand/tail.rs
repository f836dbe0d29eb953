//! `chatclient tail`: the newest messages, and those that come: each once, in the server's order, whatever breaks.

use std::collections::BTreeMap;

use chat::conversation::With;
use chat::entry::Entry;
use chat::timeline::{Row, Run};
use chat::{Change, Intent};
use proto::name::fold;

use super::Caller;
use super::print::Printer;
use crate::Outcome;
use crate::failure::Failure;
use crate::system::now_ms;

/// Where to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// At a time, in milliseconds since 1970 UTC.
    Time(i64),
    /// After a message.
    Message(String),
}

impl Since {
    /// `2h` is a time, anything else a msgid.
    pub(super) fn parse(text: &str) -> Since {
        match proto::duration::parse_duration(text) {
            Some(ms) => Since::Time(now_ms() - ms),
            None => Since::Message(text.to_owned()),
        }
    }
}

/// How far a conversation has been printed.
enum Printed {
    /// Up to this message.
    Upto(String),
    /// Nothing, and there was nothing before.
    Nothing,
}

struct Tail<'a> {
    caller: &'a mut Caller,
    printer: Printer,
    printed: BTreeMap<String, Printed>,
    /// Only these, if any are named.
    only: Vec<String>,
}

pub(super) fn run(
    caller: &mut Caller,
    targets: &[String],
    follow: bool,
    since: Option<&Since>,
    lines: usize,
    json: bool,
) -> Result<Outcome, Failure> {
    let rooms = caller.chat().conversations.values().filter(|c| c.with == With::Room && c.joined);
    let all: Vec<String> = rooms.map(|room| room.name.clone()).collect();
    let begin = if targets.is_empty() { all } else { targets.to_vec() };
    let mut tail = Tail {
        caller,
        printer: Printer::new(json),
        printed: BTreeMap::new(),
        only: targets.iter().map(|target| fold(target)).collect(),
    };
    for target in &begin {
        tail.begin(target, since, lines)?;
    }
    if !follow {
        return Ok(Outcome::Done);
    }
    loop {
        for change in tail.caller.next(None)? {
            match change {
                Change::Said { target, .. } | Change::Page { target, .. } => tail.print(&target)?,
                Change::Ready => {
                    for target in tail.printed.keys().cloned().collect::<Vec<_>>() {
                        tail.print(&target)?;
                    }
                }
                _ => {}
            }
        }
    }
}

impl Tail<'_> {
    /// Prints what there is of a conversation to begin with.
    fn begin(&mut self, target: &str, since: Option<&Since>, lines: usize) -> Result<(), Failure> {
        let first = match since {
            None => {
                self.caller.load(target, Run::Latest)?;
                let entries = self.entries(target);
                let said: Vec<&Entry> =
                    entries.iter().filter(|entry| entry.kind.is_said()).collect();
                for entry in &said[said.len().saturating_sub(lines)..] {
                    self.printer.message(target, entry)?;
                }
                entries.iter().rev().find_map(|entry| entry.msgid.clone())
            }
            Some(Since::Time(ms)) => {
                self.caller.load(target, Run::Since(*ms))?;
                let entries = self.entries(target);
                let first =
                    entries.iter().find(|entry| entry.time_ms >= *ms && entry.msgid.is_some());
                if let Some(first) = first {
                    self.printer.message(target, first)?;
                }
                first.and_then(|entry| entry.msgid.clone())
            }
            Some(Since::Message(msgid)) => {
                self.caller.load(target, Run::Around(msgid.clone()))?;
                if self.caller.chat().find_message(target, msgid).is_none() {
                    let reason = format!("there is no message {msgid} in {target}");
                    return Err(Failure::Refused(reason));
                }
                Some(msgid.clone())
            }
        };
        let printed = first.map_or(Printed::Nothing, Printed::Upto);
        self.printed.insert(fold(target), printed);
        self.print(target)?;
        if since.is_some() {
            // Whatever is missing in between comes before the end.
            while self.is_missing(target) {
                let changes = self.caller.next(None)?;
                if changes.iter().any(|change| matches!(change, Change::Page { .. })) {
                    self.print(target)?;
                }
            }
        }
        Ok(())
    }

    fn entries(&self, target: &str) -> Vec<Entry> {
        let conversation = self.caller.chat().conversation(target);
        conversation.map(|found| found.timeline.entries().cloned().collect()).unwrap_or_default()
    }

    /// The rows after what has been printed.
    fn rest(&self, target: &str) -> Vec<Row> {
        let Some(conversation) = self.caller.chat().conversation(target) else { return Vec::new() };
        let rows = conversation.timeline.rows();
        let from = match self.printed.get(&fold(target)) {
            Some(Printed::Upto(msgid)) => {
                let is_it = |row: &Row| match row {
                    Row::Entry(entry) => entry.msgid.as_deref() == Some(msgid),
                    Row::Gap => false,
                };
                rows.iter().rposition(is_it).map_or(rows.len(), |at| at + 1)
            }
            Some(Printed::Nothing) | None => 0,
        };
        rows.iter().skip(from).cloned().collect()
    }

    fn is_missing(&self, target: &str) -> bool {
        self.rest(target).contains(&Row::Gap)
    }

    /// Prints what follows what was printed; what is missing in between is asked for first.
    fn print(&mut self, target: &str) -> Result<(), Failure> {
        let key = fold(target);
        if !self.only.is_empty() && !self.only.contains(&key) {
            return Ok(());
        }
        for row in self.rest(target) {
            match row {
                Row::Entry(entry) => {
                    self.printer.message(target, &entry)?;
                    if let Some(msgid) = entry.msgid {
                        self.printed.insert(key.clone(), Printed::Upto(msgid));
                    }
                }
                Row::Gap => {
                    let run = match self.printed.get(&key) {
                        Some(Printed::Upto(msgid)) => Run::After(msgid.clone()),
                        _ => Run::Since(0),
                    };
                    // Without a connection it is asked for after the next login.
                    let _ =
                        self.caller.wire.intend(Intent::Load { target: target.to_owned(), run });
                    break;
                }
            }
        }
        Ok(())
    }
}
