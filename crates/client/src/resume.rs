//! What was missed while the connection was broken.

use std::time::Instant;

use crate::entry::Entry;
use crate::failure::Failure;
use crate::limits::{MISSED_PAGE, TARGETS_MAX};
use crate::session::{Session, Trouble, now_ms};
use crate::state::{Answer, State};

/// The end of the year 9999, later than any message, in milliseconds since 1970 UTC.
const NEVER_MS: i64 = 253_402_300_799_999;

impl Session {
    /// Asks what needs to be known of the server: whether it has a lobby, and how far the history of all
    /// conversations has come, so that it is known after a break what is missing.
    pub(crate) fn take_baseline(&mut self) -> Result<(), Trouble> {
        let newest_first = |state: &mut State, out: &mut Vec<u8>| {
            state.ask_lobby(out);
            state.ask_targets(&timestamp(NEVER_MS), &timestamp(0), 1, out);
        };
        let newest = match self.exchange(newest_first)? {
            Answer::Targets(targets) => targets.into_iter().next(),
            // The server is too busy for history now. Our clock may be wrong, but nothing better is known.
            _ => {
                self.state.set_baseline(now_ms(), &[]);
                return Ok(());
            }
        };
        let Some((target, time)) = newest else {
            self.state.set_baseline(0, &[]);
            return Ok(());
        };
        // So that this message is not taken for a new one, since what is missed is asked for by the time.
        let known = match self.exchange(|state, out| state.ask_newest(&target, out))? {
            Answer::Page { entries, .. } => entries,
            _ => Vec::new(),
        };
        let time_ms = proto::time::parse_server_time(&time).unwrap_or_else(now_ms);
        self.state.set_baseline(time_ms, &known);
        Ok(())
    }

    /// Fetches all messages since the break, and shows them in the order of time, with those that came live meanwhile.
    pub(crate) fn catch_up(&mut self) -> Result<(), Trouble> {
        let Some(mark_ms) = self.state.mark_ms() else {
            // The break came before anything was seen, so nothing is missing.
            self.take_baseline()?;
            return Ok(self.show_missed()?);
        };
        loop {
            let targets = self.missed_targets(mark_ms)?;
            for (at, target) in targets.iter().enumerate() {
                self.fetch_missed(target, mark_ms, at + 1 == targets.len())?;
            }
            if !self.state.must_fetch_more() {
                return Ok(self.show_missed()?);
            }
            self.show_all(Vec::new())?;
        }
    }

    /// Shows what was fetched, and what came live; from now on messages are shown as they come.
    pub(crate) fn show_missed(&mut self) -> Result<(), Failure> {
        let held = self.state.end_catch_up(self.missed.newest_ms());
        self.show_all(held)?;
        self.missed = Default::default();
        Ok(())
    }

    fn show_all(&mut self, live: Vec<Entry>) -> Result<(), Failure> {
        let all = self.missed.take(live);
        all.iter().try_for_each(|entry| self.show(entry))
    }

    /// The conversations that have messages since `mark_ms`.
    fn missed_targets(&mut self, mark_ms: i64) -> Result<Vec<String>, Trouble> {
        let mut targets: Vec<String> = Vec::new();
        // The message that made the mark may share its millisecond with others.
        let mut from_ms = mark_ms - 1;
        while targets.len() < TARGETS_MAX {
            let (from, to) = (timestamp(from_ms), timestamp(NEVER_MS));
            let page = match self
                .exchange(|state, out| state.ask_targets(&from, &to, MISSED_PAGE, out))?
            {
                Answer::Targets(page) => page,
                Answer::Refused { sentence, .. } => {
                    self.aside(&format!("Cannot fetch missed messages: {sentence}"))?;
                    break;
                }
                _ => break,
            };
            let known = targets.len();
            for (target, time) in page {
                // The next page begins behind this one's last conversation, and all with the same time.
                from_ms = proto::time::parse_server_time(&time).unwrap_or(from_ms);
                if !targets.contains(&target) {
                    targets.push(target);
                }
            }
            if targets.len() == known {
                break;
            }
        }
        Ok(targets)
    }

    /// Fetches one conversation's messages since `mark_ms`, or since what is there of them already.
    /// If it is the last conversation to be fetched, what is certain is shown.
    fn fetch_missed(&mut self, target: &str, mark_ms: i64, last: bool) -> Result<(), Trouble> {
        let mut selector = match self.missed.cursor(target) {
            Some(msgid) => format!("msgid={msgid}"),
            // The message that made the mark may share its millisecond with others.
            None => timestamp(mark_ms - 1),
        };
        loop {
            let (count, asked) = (self.page_size.messages(), Instant::now());
            let ask = |state: &mut State, out: &mut Vec<u8>| {
                state.ask_after(target, &selector, count, out);
            };
            let answer = self.exchange(ask).inspect_err(|_| self.page_size.broke())?;
            self.page_size.came(asked.elapsed());
            let (entries, newest) = match answer {
                Answer::Page { entries, newest, .. } => (entries, newest),
                Answer::Refused { sentence, .. } => {
                    self.aside(&format!("Cannot fetch missed messages in {target}: {sentence}"))?;
                    return Ok(());
                }
                _ => return Ok(()),
            };
            let new = entries.into_iter().filter(|entry| self.state.take_missed(entry)).collect();
            self.missed.add(target, new, newest.clone());
            if last {
                let certain = self.missed.take_up_to(target, self.state.first_held_ms());
                certain.iter().try_for_each(|entry| self.show(entry))?;
            }
            if self.missed.is_full() {
                self.show_all(Vec::new())?;
            }
            match newest.map(|msgid| format!("msgid={msgid}")) {
                Some(next) if next != selector => selector = next,
                _ => return Ok(()),
            }
        }
    }
}

fn timestamp(time_ms: i64) -> String {
    let mut text = b"timestamp=".to_vec();
    proto::time::write_server_time(time_ms.max(0), &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
