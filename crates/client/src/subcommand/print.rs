//! A message as one line: for people, or as JSON.

use std::io::{self, Write};

use chat::entry::{Entry, Kind};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::show::{formatted, harmless};

/// A message or event as JSON. The fields are stable: more may be added.
#[derive(Serialize)]
struct Json<'a> {
    /// In the format of `server-time`.
    time: String,
    target: &'a str,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// Prints messages.
pub(super) struct Printer {
    json: bool,
    zone: TimeZone,
    out: io::Stdout,
}

impl Printer {
    pub(super) fn new(json: bool) -> Printer {
        Printer { json, zone: TimeZone::system(), out: io::stdout() }
    }

    /// Prints a message; events are for people who look at the screen.
    pub(super) fn message(&mut self, target: &str, entry: &Entry) -> io::Result<()> {
        if !entry.kind.is_said() {
            return Ok(());
        }
        let line = if self.json { json(target, entry) } else { self.text(target, entry) };
        writeln!(self.out, "{line}")
    }

    /// `2026-11-22 14:02:05 #lobby <ann> hello`: one line, whatever the message contains.
    pub(super) fn text(&self, target: &str, entry: &Entry) -> String {
        let (target, from) = (harmless(target), harmless(&entry.from));
        let time = self.time(entry.time_ms);
        let lines: Vec<String> = entry.text.lines().map(|line| formatted(line, false)).collect();
        let text = lines.join(" ⏎ ");
        let text = match &entry.redacted_by {
            Some(by) => format!("(taken back by {})", harmless(by)),
            None => text,
        };
        match entry.kind {
            Kind::Action => format!("{time} {target} * {from} {text}"),
            Kind::Notice => format!("{time} {target} -{from}- {text}"),
            _ => format!("{time} {target} <{from}> {text}"),
        }
    }

    fn time(&self, time_ms: i64) -> String {
        let time = Timestamp::from_millisecond(time_ms).unwrap_or_default();
        time.to_zoned(self.zone.clone()).strftime("%F %T").to_string()
    }
}

/// A message as one line of JSON.
pub(super) fn json(target: &str, entry: &Entry) -> String {
    let mut time = Vec::new();
    proto::time::write_server_time(entry.time_ms, &mut time);
    let time = String::from_utf8_lossy(&time).into_owned();
    let json = Json { time, target, entry };
    serde_json::to_string(&json).expect("strings and numbers can be written")
}
