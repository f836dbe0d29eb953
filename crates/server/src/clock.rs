//! The clocks: the wall clock, which people and programs can set, and a steady (monotonic) one,
//! which nobody can.
//!
//! Events have wall-clock times. Everything that is measured (how long an address is locked out,
//! when a batch is overdue, how long somebody was idle) is measured by the steady clock.

use crate::limits::{CLOCK_STANDS_MILLIS, CLOCKS_APART_MILLIS};
use rustix::time::{ClockId, clock_gettime};
use std::time::{SystemTime, UNIX_EPOCH};

/// It includes the time the machine is suspended.
#[cfg(target_os = "linux")]
const STEADY: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const STEADY: ClockId = ClockId::Monotonic;

/// A steady clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Its offset from the system's clock.
    ahead: i64,
}

impl Clock {
    /// A clock that continues from what another one showed when the server last ran.
    pub fn going_on_from(last: i64) -> Clock {
        Clock { ahead: last - system() }
    }

    /// Milliseconds by the steady clock.
    pub fn steady(&self) -> i64 {
        system() + self.ahead
    }
}

/// The system's steady clock, in milliseconds.
fn system() -> i64 {
    let now = clock_gettime(STEADY);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

/// Milliseconds since the epoch, by the wall clock.
pub fn wall() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The time of an event when the wall clock shows `wall` and the last event's time is `last`. While
/// the clock is up to a second behind, time stands still; a clock set back further is followed.
pub fn follow(last: i64, wall: i64) -> i64 {
    match last.saturating_sub(wall) {
        0..=CLOCK_STANDS_MILLIS => last,
        _ => wall,
    }
}

/// The wall-clock and steady times of an entry from one of several nodes, after an entry with the
/// times `last`. The nodes' clocks differ slightly, so time stands still more often than on one
/// node.
pub fn of_entry(last: (i64, i64), (wall, steady): (i64, i64)) -> (i64, i64) {
    let wall = match last.0.saturating_sub(wall) {
        0..=CLOCKS_APART_MILLIS => last.0,
        _ => wall,
    };
    (wall, steady.max(last.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stands_still_for_small_steps_back_and_follows_large_ones() {
        let times = [5000, 5001, 4500, 4001, 4000, 3999, 9000, 8000, 9001, 0];
        let mut last = 5000;
        let followed = times.map(|wall| {
            last = follow(last, wall);
            last
        });
        assert_eq!(followed, [5000, 5001, 5001, 5001, 4000, 4000, 9000, 9000, 9001, 0]);
        assert_eq!(follow(i64::MIN, i64::MAX), i64::MAX);
        assert_eq!(follow(i64::MAX, i64::MIN), i64::MIN);
    }

    #[test]
    fn entries_of_nodes_with_slightly_different_clocks_have_rising_times() {
        let times = [(5000, 70), (4000, 60), (6000, 80), (-54_000, 10), (-54_001, 90), (0, 0)];
        let mut last = (0, 0);
        let followed = times.map(|time| {
            last = of_entry(last, time);
            last
        });
        let expected = [(5000, 70), (5000, 70), (6000, 80), (6000, 80), (-54_001, 90), (0, 90)];
        assert_eq!(followed, expected);
    }

    #[test]
    fn the_steady_clock_continues_after_a_restart() {
        let (first, other) = (Clock::going_on_from(1_000_000), Clock::going_on_from(0));
        let (before, after) = (first.steady(), first.steady());
        assert!((1_000_000..1_060_000).contains(&before) && after >= before);
        assert!((0..60_000).contains(&other.steady()));
    }
}
