//! Splitting input into lines, and the flood limit.

use super::{Connection, ReadLine, Stage, StopReason};
use crate::limits::{BATCH_LINE_COST, LINE_BYTES, LOGIN_LINE_BYTES, Limits, TAGS_CLIENT_BYTES};
use crate::transport::Transport;
use proto::Capability;
use proto::line::{LineError, check_line_within, head, next_line};
use std::time::{Duration, Instant};

impl Connection {
    /// Splits earlier input and `data` into lines, until there are none, the flood limit is
    /// reached, or `take` returns false.
    pub fn take_lines(
        &mut self,
        data: &[u8],
        limits: &Limits,
        now: Instant,
        mut take: impl FnMut(ReadLine<'_>) -> bool,
    ) -> StopReason {
        self.refill(limits, now);
        if let Transport::Undetected { .. } = self.transport {
            return StopReason::NoLine; // What is kept may be something else.
        }
        let mut unread = std::mem::take(&mut self.unread);
        let joined = if unread.is_empty() {
            data
        } else {
            unread.extend_from_slice(data);
            &unread
        };
        let entering = self.stage == Stage::LoggingIn;
        let most = if entering { LOGIN_LINE_BYTES } else { LINE_BYTES };
        let mut left = joined;
        let stopped = loop {
            let Some((line, used)) = next_line(left) else { break StopReason::NoLine };
            if self.allowance < 1.0 && limits.commands_per_second != 0 {
                break StopReason::Flood;
            }
            self.allowance -= self.cost(line);
            left = &left[used..];
            if std::mem::take(&mut self.skipping) {
                continue; // The end of a line that was refused before.
            }
            let taken = match check_line_within(line, most) {
                Ok(line) => ReadLine::Line(line),
                Err(error) => ReadLine::Bad(error, head(line)),
            };
            if !take(taken) {
                break StopReason::Full;
            }
        };
        // Input that is not lines has exceeded the limit.
        let floods = self.allowance < 0.0 && limits.commands_per_second != 0;
        let stopped =
            if stopped == StopReason::NoLine && floods { StopReason::Flood } else { stopped };
        if stopped == StopReason::NoLine && left.len() > TAGS_CLIENT_BYTES + LOGIN_LINE_BYTES {
            if !std::mem::replace(&mut self.skipping, true) {
                take(ReadLine::Bad(LineError::TooLong, head(left)));
            }
            left = &[];
        }
        self.unread = left.to_vec();
        self.lines_wait = stopped != StopReason::NoLine;
        stopped
    }

    /// Counts input that was not lines, such as WebSocket pings, as the lines it could have been.
    /// Earlier input that has become lines now is credited.
    pub(crate) fn charge(&mut self, bytes: usize, lines: usize) {
        self.allowance -= (bytes as f32 - lines as f32) / LINE_BYTES as f32;
    }

    /// How long until it may send another line.
    pub fn flood_pause(&self, limits: &Limits) -> Duration {
        if limits.commands_per_second == 0 {
            return Duration::ZERO;
        }
        let missing = (1.0 - self.allowance).max(0.0);
        Duration::from_secs_f32(missing / limits.commands_per_second.max(1) as f32)
    }

    /// What a line costs: one in a batch costs less, if the session supports batches.
    fn cost(&self, line: &[u8]) -> f32 {
        let sends_batches =
            self.stage == Stage::Ready && self.capabilities.contains(Capability::Multiline);
        if sends_batches && is_of_batch(line) { BATCH_LINE_COST } else { 1.0 }
    }

    fn refill(&mut self, limits: &Limits, now: Instant) {
        let seconds = now.saturating_duration_since(self.refilled).as_secs_f32();
        self.refilled = now;
        if limits.commands_per_second == 0 {
            // No limit: starts afresh when one is set.
            self.allowance = burst(limits);
            return;
        }
        let earned = seconds * limits.commands_per_second as f32;
        self.allowance = (self.allowance + earned).min(burst(limits));
    }
}

/// Whether a line has a `batch` tag.
fn is_of_batch(line: &[u8]) -> bool {
    let Some(tagged) = line.strip_prefix(b"@") else { return false };
    let tags = tagged.split(|byte| *byte == b' ').next().unwrap_or_default();
    tags.split(|byte| *byte == b';').any(|tag| tag.starts_with(b"batch="))
}

/// The number of lines allowed at once; at least one, or no line would ever be read.
pub(super) fn burst(limits: &Limits) -> f32 {
    limits.command_burst.max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::super::tests::unread;
    use super::*;

    #[test]
    fn batch_lines_are_recognized_by_their_tag() {
        for of_batch in ["@batch=1 PRIVMSG #a :b", "@draft/multiline-concat;batch=1 PRIVMSG #a :b"]
        {
            assert!(is_of_batch(of_batch.as_bytes()), "{of_batch}");
        }
        for other in
            ["", "@", "PRIVMSG #a :batch=1", "@label=1 PRIVMSG #a :;batch=1", "@batch PING"]
        {
            assert!(!is_of_batch(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn input_that_is_not_a_line_counts_by_its_size() {
        let (mut connection, _peer) = unread(0);
        let limits = Limits { command_burst: 4, commands_per_second: 1, ..Limits::default() };
        let now = Instant::now();
        let stopped = |connection: &mut Connection, after: u64| {
            let now = now + Duration::from_secs(after);
            connection.take_lines(b"", &limits, now, |_| unreachable!("there is no line"))
        };
        assert_eq!(stopped(&mut connection, 0), StopReason::NoLine);
        connection.charge(3 * 512, 0);
        assert_eq!(stopped(&mut connection, 0), StopReason::NoLine);
        connection.charge(3 * 512, 0);
        assert_eq!(stopped(&mut connection, 0), StopReason::Flood);
        assert!(connection.flood_pause(&limits) > Duration::ZERO);
        assert_eq!(stopped(&mut connection, 3), StopReason::NoLine);
    }
}
