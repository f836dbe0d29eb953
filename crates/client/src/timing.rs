//! Timeouts and the backoff between attempts to connect. Pure: the time is passed in.

use std::time::{Duration, Instant};

use crate::limits::{NODE_PAUSE_MAX, PAUSE_MAX_SECONDS, STABLE_AFTER, WAITING_REPORTED_AFTER};

/// The backoff between attempts to connect: the pauses grow until a connection has been stable for a while.
#[derive(Debug, Default)]
pub struct Backoff {
    attempts: u32,
    /// The attempts of this operation.
    tries: u32,
    connected: Option<Instant>,
}

impl Backoff {
    /// A new operation begins: its attempts are counted from 0.
    pub fn begin(&mut self) {
        self.tries = 0;
    }

    /// The attempts to reconnect during this operation.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// A connection is logged in.
    pub fn connected(&mut self, now: Instant) {
        self.connected = Some(now);
    }

    /// The connection broke. If it was stable, the pauses start over.
    pub fn broke(&mut self, now: Instant) {
        let connected = self.connected.take();
        if connected.is_some_and(|since| now.duration_since(since) >= STABLE_AFTER) {
            self.attempts = 0;
            self.tries = 0;
        }
    }

    /// How long to wait before the next attempt: about 1, 2, 4 … 30 seconds, ±25 % by `chance`, so that many
    /// clients do not reconnect at the same moment. If there is another node `elsewhere`, the first pause is half a
    /// second at most.
    pub fn next(&mut self, chance: u8, elsewhere: bool) -> Duration {
        let first = self.attempts == 0;
        let seconds = 2_u32.saturating_pow(self.attempts).min(PAUSE_MAX_SECONDS);
        self.attempts = self.attempts.saturating_add(1);
        self.tries = self.tries.saturating_add(1);
        if first && elsewhere {
            return NODE_PAUSE_MAX * u32::from(chance) / 255;
        }
        let percent = 75 + u32::from(chance) * 50 / 255;
        Duration::from_millis(u64::from(seconds * 10 * percent))
    }
}

/// When to stop waiting: after some time without received bytes, or after a total time.
#[derive(Debug)]
pub struct Timeout {
    idle: Duration,
    total: Duration,
    idle_until: Instant,
    total_until: Instant,
    received: u64,
    report_at: Instant,
    /// It was reported that the client is waiting.
    pub reported: bool,
}

impl Timeout {
    /// Starts now: expires after `idle` without received bytes, or after `total`.
    pub fn new(now: Instant, idle: Duration, total: Duration) -> Timeout {
        Timeout {
            idle,
            total,
            idle_until: now + idle,
            total_until: now + total,
            received: 0,
            report_at: now + WAITING_REPORTED_AFTER,
            reported: false,
        }
    }

    /// When to check it next.
    pub fn until(&self) -> Instant {
        let until = self.idle_until.min(self.total_until);
        if self.reported { until } else { until.min(self.report_at) }
    }

    /// Whether it is time to report that the client is waiting.
    pub fn must_report(&self, now: Instant) -> bool {
        !self.reported && now >= self.report_at
    }

    /// Changes the idle time; the total stays as it is.
    pub fn allow(&mut self, now: Instant, idle: Duration) {
        self.idle = idle;
        self.idle_until = now + idle;
    }

    /// Starts over: the time until now does not count.
    pub fn restart(&mut self, now: Instant) {
        self.idle_until = now + self.idle;
        self.total_until = now + self.total;
    }

    /// Why it has expired, if it has; `received`: all bytes received so far.
    pub fn expired(&mut self, now: Instant, received: u64) -> Option<&'static str> {
        if received != self.received {
            self.received = received;
            self.idle_until = now + self.idle;
        }
        if now >= self.idle_until {
            return Some("the server does not answer");
        }
        (now >= self.total_until).then_some("the server's answer never ends")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_grow_to_half_a_minute_and_vary() {
        let mut backoff = Backoff::default();
        let in_the_middle: Vec<_> = (0..7).map(|_| backoff.next(128, false).as_secs()).collect();
        assert_eq!(in_the_middle, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(Backoff::default().next(0, false), Duration::from_millis(750));
        assert_eq!(backoff.next(255, false), Duration::from_millis(37_500));
        backoff.attempts = u32::MAX;
        assert_eq!(backoff.next(128, false).as_secs(), 30);
    }

    #[test]
    fn pauses_reset_only_after_a_stable_connection() {
        let start = Instant::now();
        let mut backoff = Backoff::default();
        let mut next_seconds = |broke_at: u32, connected: bool| {
            if connected {
                backoff.connected(start);
            }
            backoff.broke(start + broke_at * SECOND);
            backoff.next(128, false).as_secs()
        };
        assert_eq!([next_seconds(0, false), next_seconds(0, false)], [1, 2]);
        assert_eq!(next_seconds(29, true), 4);
        assert_eq!(next_seconds(60, false), 8, "it was broken all the time");
        assert_eq!(next_seconds(30, true), 1);
    }

    #[test]
    fn attempts_are_counted_per_operation_across_reconnects() {
        let start = Instant::now();
        let mut backoff = Backoff::default();
        for tries in 1..=3 {
            backoff.connected(start);
            backoff.broke(start + SECOND);
            backoff.next(128, false);
            assert_eq!(backoff.tries(), tries);
        }
        backoff.begin();
        assert_eq!(backoff.tries(), 0);
        assert_eq!(backoff.next(128, false).as_secs(), 8, "but the pauses go on growing");
        assert_eq!(backoff.tries(), 1);
        backoff.connected(start);
        backoff.broke(start + 30 * SECOND);
        assert_eq!(backoff.tries(), 0, "one that waits for days may break now and then");
    }

    #[test]
    fn timeouts_measure_the_lack_of_progress() {
        let start = Instant::now();
        let mut timeout = Timeout::new(start, 10 * SECOND, 100 * SECOND);
        assert_eq!(timeout.expired(start + 9 * SECOND, 0), None);
        assert_eq!(timeout.expired(start + 10 * SECOND, 0), Some("the server does not answer"));
        // A byte every nine seconds is progress, but not for ever.
        let mut timeout = Timeout::new(start, 10 * SECOND, 100 * SECOND);
        let ending = (1..).map(|n| (n * 9, timeout.expired(start + n * 9 * SECOND, u64::from(n))));
        let ending = ending.into_iter().find(|(_, over)| over.is_some());
        assert_eq!(ending, Some((108, Some("the server's answer never ends"))));
    }

    #[test]
    fn waiting_is_reported_once_and_time_for_others_does_not_count() {
        let start = Instant::now();
        let mut timeout = Timeout::new(start, 10 * SECOND, 20 * SECOND);
        assert!(!timeout.must_report(start) && timeout.must_report(start + WAITING_REPORTED_AFTER));
        assert_eq!(timeout.until(), start + WAITING_REPORTED_AFTER);
        timeout.reported = true;
        assert!(!timeout.must_report(start + WAITING_REPORTED_AFTER));
        assert_eq!(timeout.until(), start + 10 * SECOND);
        timeout.restart(start + 100 * SECOND);
        assert_eq!(timeout.expired(start + 109 * SECOND, 0), None);
        timeout.allow(start + 109 * SECOND, 30 * SECOND);
        assert_eq!(timeout.until(), start + 120 * SECOND);
    }

    #[test]
    fn the_first_failover_to_another_server_is_immediate() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next(255, true), NODE_PAUSE_MAX);
        assert_eq!(backoff.next(128, true).as_secs(), 2, "then they grow as ever");
        assert_eq!(Backoff::default().next(0, true), Duration::ZERO);
    }
}
