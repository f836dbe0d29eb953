//! The log: one line per fact, with named fields. It contains no secrets, and no text that a client
//! wrote for others.

mod plain;

use crate::effects::LogRecord;
use crate::limits::{CLOCK_JUMP_MILLIS, LOG_QUEUE};
use plain::{Fields, PlainFormatter};
use proto::time::write_server_time;
use std::borrow::Cow;
use std::io::IsTerminal;
use store::Loaded;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// `[INFO] what happened name=value`; with the time first, unless at a terminal
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts logging to standard output, on a separate thread, so a stalled terminal delays nobody.
/// Everything logged before the guard is dropped is written.
pub fn start(format: Format) -> WorkerGuard {
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LOG_QUEUE)
        .lossy(true)
        .finish(std::io::stdout());
    let builder = tracing_subscriber::fmt().with_writer(writer).with_ansi(false);
    match format {
        Format::Text => {
            let dated = !std::io::stdout().is_terminal();
            let builder = builder.fmt_fields(Fields).event_format(PlainFormatter { dated });
            builder.finish().with(ours()).init();
        }
        Format::Json => {
            builder.json().with_target(false).flatten_event(true).finish().with(ours()).init();
        }
    }
    guard
}

/// What is logged: the client of NATS is not, for this program says itself how its log is.
fn ours() -> Targets {
    Targets::new().with_default(LevelFilter::INFO).with_target("async_nats", LevelFilter::OFF)
}

/// Logs what the store contains: an operator who expects history and reads "new room" knows that
/// something is wrong.
pub fn loaded(loaded: &Loaded) {
    if loaded.rooms.is_empty() && loaded.accounts.is_empty() && loaded.events == 0 {
        tracing::info!("A new room: nothing is stored yet");
        return;
    }
    let mut newest = Vec::new();
    write_server_time(loaded.last_time, &mut newest);
    match loaded.events {
        0 => tracing::info!(accounts = loaded.accounts.len(), "No events are stored yet"),
        events => tracing::info!(
            accounts = loaded.accounts.len(),
            "{events} events are stored, the newest of {}",
            String::from_utf8_lossy(&newest)
        ),
    }
}

/// Logs that the server is waiting for connections.
pub fn waiting(port: u16) {
    tracing::info!("Waiting for connection on port {port}...");
}

/// Warns if at startup the clock is behind the newest message: then one of the two is wrong.
pub fn clock_behind(newest: i64, now: i64) {
    let behind = newest.saturating_sub(now);
    if behind > CLOCK_JUMP_MILLIS {
        let seconds = behind / 1000;
        tracing::warn!(seconds, "The system clock is behind the newest message's time");
    }
}

/// Logs a record from the hub. After somebody left, unless the server is stopping, also logs that
/// it is waiting again.
pub fn fact(fact: &LogRecord, port: Option<u16>) {
    match fact {
        LogRecord::LoggedIn { user, address, new: true } => {
            tracing::info!(%user, %address, "Registered and logged in");
        }
        LogRecord::LoggedIn { user, address, new: false } => {
            tracing::info!(%user, %address, "Logged in");
        }
        LogRecord::LoginFailed { user, address, reason } => {
            tracing::warn!(%user, %address, reason, "Login failed");
        }
        LogRecord::Refused { address, reason } => {
            tracing::warn!(%address, reason, "Connection refused");
        }
        LogRecord::RefusedMore { count } => {
            tracing::warn!(count, "More connections were refused for the same reason");
        }
        LogRecord::Disconnected { user, address, reason } => {
            let reason = &*without_text(reason);
            match user {
                Some(user) => tracing::info!(%user, %address, reason, "Left"),
                None => tracing::info!(%address, reason, "Connection left"),
            }
            if let Some(port) = port {
                waiting(port);
            }
        }
        LogRecord::ClockSet { by, to } => {
            let mut now = Vec::new();
            write_server_time(*to, &mut now);
            let now = &*String::from_utf8_lossy(&now);
            match by.saturating_abs().saturating_add(500) / 1000 * by.signum() {
                seconds if seconds < 0 => {
                    tracing::warn!(seconds = -seconds, now, "The system clock was set back");
                }
                seconds => tracing::warn!(seconds, now, "The system clock was set forward"),
            }
        }
        LogRecord::Reserve { in_use: true, free } => tracing::error!(
            free,
            "The disk is almost full: only operators can store anything now, and messages can be redacted"
        ),
        LogRecord::Reserve { in_use: false, free } => {
            tracing::info!(free, "The disk has enough free space again; messages are stored");
        }
        LogRecord::Expired { count } => {
            tracing::info!(count, "Deleted unused accounts");
        }
        LogRecord::Operator { user, granted: true } => tracing::info!(%user, "Became an operator"),
        LogRecord::Operator { user, granted: false } => {
            let reason = "wrong name or password";
            tracing::warn!(%user, reason, "Failed to become an operator");
        }
    }
}

/// Why somebody left, without their own words or those of the operator who removed them: those are
/// only for the people they shared a room with.
fn without_text(reason: &str) -> Cow<'_, str> {
    if reason.starts_with("Quit: ") {
        return "Quit".into();
    }
    match reason.strip_prefix("Killed (").and_then(|rest| rest.split(' ').next()) {
        Some(by) => format!("Killed by {by}").into(),
        None => reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_servers_own_words_of_a_reason_are_logged() {
        assert_eq!(without_text("Quit: dinner"), "Quit");
        assert_eq!(without_text("Quit"), "Quit");
        assert_eq!(without_text("Killed (root (no (more) spam))"), "Killed by root");
        assert_eq!(without_text("Ping timeout"), "Ping timeout");
    }
}
