//! What was missed while the connection was broken.

use crate::entry::Entry;
use crate::limits::{MISSED_PAGE, TARGETS_MAX};
use crate::session::{Session, Trouble, now_ms};
use crate::state::{Answer, State};

/// The end of the year 9999, later than any message, in milliseconds since 1970 UTC.
const NEVER_MS: i64 = 253_402_300_799_999;

impl Session {
    /// Asks what needs to be known of the server: whether it has a lobby, and where the history stands, so that
    /// it is known after a break what is missing.
    pub(crate) fn take_baseline(&mut self) -> Result<(), Trouble> {
        let ask = |state: &mut State, out: &mut Vec<u8>| {
            state.ask_lobby(out);
            state.ask_page("*", 1, None, out);
        };
        match self.exchange(ask)? {
            Answer::Page { entries, .. } => {
                let newest = entries.iter().filter_map(|entry| entry.time_ms).max();
                self.state.set_baseline(newest.unwrap_or(0), &entries);
            }
            // The server is too busy for history now. Our clock may be wrong, but nothing better is known.
            _ => self.state.set_baseline(now_ms(), &[]),
        }
        Ok(())
    }

    /// Fetches and shows all messages since the break, then those that came live meanwhile.
    pub(crate) fn catch_up(&mut self) -> Result<(), Trouble> {
        let Some(mark_ms) = self.state.mark_ms() else {
            // The break came before anything was seen, so nothing is missing.
            self.take_baseline()?;
            return self.end_catch_up(None);
        };
        let mut newest_ms = mark_ms;
        for target in self.missed_targets(mark_ms)? {
            newest_ms = newest_ms.max(self.fetch_missed(&target, mark_ms)?);
        }
        self.end_catch_up(Some(newest_ms))
    }

    fn end_catch_up(&mut self, newest_ms: Option<i64>) -> Result<(), Trouble> {
        for entry in self.state.end_catch_up(newest_ms) {
            self.show(&entry)?;
        }
        Ok(())
    }

    /// The conversations that have messages since `mark_ms`.
    fn missed_targets(&mut self, mark_ms: i64) -> Result<Vec<String>, Trouble> {
        let mut targets: Vec<String> = Vec::new();
        let mut from_ms = mark_ms;
        while targets.len() < TARGETS_MAX {
            let (from, to) = (timestamp(from_ms - 1), timestamp(NEVER_MS));
            let page = match self
                .exchange(|state, out| state.ask_targets(&from, &to, MISSED_PAGE, out))?
            {
                Answer::Targets(page) => page,
                Answer::Refused { sentence, .. } => {
                    self.aside(&format!("What was missed cannot be fetched: {sentence}"))?;
                    break;
                }
                _ => break,
            };
            let known = targets.len();
            for (target, time) in page {
                from_ms = from_ms.max(proto::time::parse_server_time(&time).unwrap_or(from_ms));
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

    /// Fetches and shows one conversation's messages since `mark_ms`; gives the newest one's time.
    fn fetch_missed(&mut self, target: &str, mark_ms: i64) -> Result<i64, Trouble> {
        let mut newest_ms = mark_ms;
        // The message that made the mark may share its millisecond with others.
        let mut selector = timestamp(mark_ms - 1);
        loop {
            let ask = |state: &mut State, out: &mut Vec<u8>| {
                state.ask_after(target, &selector, MISSED_PAGE, out);
            };
            let (entries, newest) = match self.exchange(ask)? {
                Answer::Page { entries, newest, .. } => (entries, newest),
                Answer::Refused { sentence, .. } => {
                    self.aside(&format!(
                        "What was missed in {target} cannot be fetched: {sentence}"
                    ))?;
                    return Ok(newest_ms);
                }
                _ => return Ok(newest_ms),
            };
            self.show_missed(&entries)?;
            newest_ms = entries.iter().filter_map(|entry| entry.time_ms).fold(newest_ms, i64::max);
            match newest.map(|msgid| format!("msgid={msgid}")) {
                Some(next) if next != selector => selector = next,
                _ => return Ok(newest_ms),
            }
        }
    }

    fn show_missed(&mut self, entries: &[Entry]) -> Result<(), Trouble> {
        for entry in entries {
            if self.state.take_missed(entry) {
                self.show(entry)?;
            }
        }
        Ok(())
    }
}

fn timestamp(time_ms: i64) -> String {
    let mut text = b"timestamp=".to_vec();
    proto::time::write_server_time(time_ms.max(0), &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
