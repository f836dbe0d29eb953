//! How long to wait. Pure: the time comes in.

use std::time::{Duration, Instant};

use crate::limits::{HELD_LONG, NODE_PAUSE_MOST, PAUSE_MOST_SECONDS, WAITING_TOLD};

/// The pauses before attempts to connect. They grow until a connection has held for a while: one that opens and
/// breaks at once is no better than none.
#[derive(Debug, Default)]
pub struct Pauses {
    attempts: u32,
    /// Those of this operation.
    tries: u32,
    connected: Option<Instant>,
}

impl Pauses {
    /// A new operation begins, which may have as many tries as any.
    pub fn begin(&mut self) {
        self.tries = 0;
    }

    /// How often was tried to connect again during this operation.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// The connection stands, and all that was missed is there.
    pub fn connected(&mut self, now: Instant) {
        self.connected = Some(now);
    }

    /// The connection broke. If it had held for long enough, all begins anew.
    pub fn broke(&mut self, now: Instant) {
        let connected = self.connected.take();
        if connected.is_some_and(|since| now.duration_since(since) >= HELD_LONG) {
            self.attempts = 0;
            self.tries = 0;
        }
    }

    /// How long to wait before the next attempt: about 1, 2, 4 … 30 seconds, ±25 % by `chance`, so that a room
    /// full of clients does not come back in one moment. If there is another node `elsewhere`, the first pause is half a
    /// second at most.
    pub fn next(&mut self, chance: u8, elsewhere: bool) -> Duration {
        let first = self.attempts == 0;
        let seconds = 2_u32.saturating_pow(self.attempts).min(PAUSE_MOST_SECONDS);
        self.attempts = self.attempts.saturating_add(1);
        self.tries = self.tries.saturating_add(1);
        if first && elsewhere {
            return NODE_PAUSE_MOST * u32::from(chance) / 255;
        }
        let percent = 75 + u32::from(chance) * 50 / 255;
        Duration::from_millis(u64::from(seconds * 10 * percent))
    }
}

/// How long to wait for something: until nothing at all has come for a while, or it takes too long in all.
#[derive(Debug)]
pub struct Patience {
    silence: Duration,
    whole: Duration,
    quiet_until: Instant,
    whole_until: Instant,
    received: u64,
    tell_at: Instant,
    /// The person was told that there is something to wait for.
    pub told: bool,
}

impl Patience {
    /// From now on: `silence` with nothing received, `whole` in all.
    pub fn new(now: Instant, silence: Duration, whole: Duration) -> Patience {
        Patience {
            silence,
            whole,
            quiet_until: now + silence,
            whole_until: now + whole,
            received: 0,
            tell_at: now + WAITING_TOLD,
            told: false,
        }
    }

    /// When to look again.
    pub fn until(&self) -> Instant {
        let until = self.quiet_until.min(self.whole_until);
        if self.told { until } else { until.min(self.tell_at) }
    }

    /// Whether it is time to tell the person.
    pub fn must_tell(&self, now: Instant) -> bool {
        !self.told && now >= self.tell_at
    }

    /// From now on there may be so much silence; the whole stays as it was.
    pub fn allow(&mut self, now: Instant, silence: Duration) {
        self.silence = silence;
        self.quiet_until = now + silence;
    }

    /// What passed until now was spent with something else, and does not count.
    pub fn rest(&mut self, now: Instant) {
        self.quiet_until = now + self.silence;
        self.whole_until = now + self.whole;
    }

    /// Why there is no use in waiting longer, if so; `received`: all bytes so far, whatever they say.
    pub fn over(&mut self, now: Instant, received: u64) -> Option<&'static str> {
        if received != self.received {
            self.received = received;
            self.quiet_until = now + self.silence;
        }
        if now >= self.quiet_until {
            return Some("the server does not answer");
        }
        (now >= self.whole_until).then_some("the server's answer never ends")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_grow_to_half_a_minute_and_vary() {
        let mut pauses = Pauses::default();
        let in_the_middle: Vec<_> = (0..7).map(|_| pauses.next(128, false).as_secs()).collect();
        assert_eq!(in_the_middle, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(Pauses::default().next(0, false), Duration::from_millis(750));
        assert_eq!(pauses.next(255, false), Duration::from_millis(37_500));
        pauses.attempts = u32::MAX;
        assert_eq!(pauses.next(128, false).as_secs(), 30);
    }

    #[test]
    fn pauses_reset_only_after_a_stable_connection() {
        let start = Instant::now();
        let mut pauses = Pauses::default();
        let mut next_seconds = |broke_at: u32, connected: bool| {
            if connected {
                pauses.connected(start);
            }
            pauses.broke(start + broke_at * SECOND);
            pauses.next(128, false).as_secs()
        };
        assert_eq!([next_seconds(0, false), next_seconds(0, false)], [1, 2]);
        assert_eq!(next_seconds(29, true), 4);
        assert_eq!(next_seconds(60, false), 8, "it was broken all the time");
        assert_eq!(next_seconds(30, true), 1);
    }

    #[test]
    fn attempts_are_counted_per_operation_across_reconnects() {
        let start = Instant::now();
        let mut pauses = Pauses::default();
        for tries in 1..=3 {
            pauses.connected(start);
            pauses.broke(start + SECOND);
            pauses.next(128, false);
            assert_eq!(pauses.tries(), tries);
        }
        pauses.begin();
        assert_eq!(pauses.tries(), 0);
        assert_eq!(pauses.next(128, false).as_secs(), 8, "but the pauses go on growing");
        assert_eq!(pauses.tries(), 1);
        pauses.connected(start);
        pauses.broke(start + 30 * SECOND);
        assert_eq!(pauses.tries(), 0, "one that waits for days may break now and then");
    }

    #[test]
    fn timeouts_measure_the_lack_of_progress() {
        let start = Instant::now();
        let mut patience = Patience::new(start, 10 * SECOND, 100 * SECOND);
        assert_eq!(patience.over(start + 9 * SECOND, 0), None);
        assert_eq!(patience.over(start + 10 * SECOND, 0), Some("the server does not answer"));
        // A byte every nine seconds is progress, but not for ever.
        let mut patience = Patience::new(start, 10 * SECOND, 100 * SECOND);
        let ending = (1..).map(|n| (n * 9, patience.over(start + n * 9 * SECOND, u64::from(n))));
        let ending = ending.into_iter().find(|(_, over)| over.is_some());
        assert_eq!(ending, Some((108, Some("the server's answer never ends"))));
    }

    #[test]
    fn the_person_is_told_once_and_time_for_others_is_forgiven() {
        let start = Instant::now();
        let mut patience = Patience::new(start, 10 * SECOND, 20 * SECOND);
        assert!(!patience.must_tell(start) && patience.must_tell(start + WAITING_TOLD));
        assert_eq!(patience.until(), start + WAITING_TOLD);
        patience.told = true;
        assert!(!patience.must_tell(start + WAITING_TOLD));
        assert_eq!(patience.until(), start + 10 * SECOND);
        patience.rest(start + 100 * SECOND);
        assert_eq!(patience.over(start + 109 * SECOND, 0), None);
        patience.allow(start + 109 * SECOND, 30 * SECOND);
        assert_eq!(patience.until(), start + 120 * SECOND);
    }

    #[test]
    fn the_first_failover_to_another_server_is_immediate() {
        let mut pauses = Pauses::default();
        assert_eq!(pauses.next(255, true), NODE_PAUSE_MOST);
        assert_eq!(pauses.next(128, true).as_secs(), 2, "then they grow as ever");
        assert_eq!(Pauses::default().next(0, true), Duration::ZERO);
    }
}
