//! When the journal removes expired history: in rounds of small steps, while no commit is waiting.

use crate::limits::{CLOCK_JUMP_MILLIS, FORGET_LATE_MILLIS, FORGET_PAUSE_MILLIS, FORGET_SECONDS};
use std::time::Duration;

const ROUND_MILLIS: i64 = FORGET_SECONDS * 1000;

/// The progress of a round; times are monotonic, in milliseconds.
#[derive(Debug)]
pub struct RetentionRound {
    /// When the next step is due.
    due: i64,
    /// How far the wall clock was ahead of the monotonic one.
    ahead: i64,
}

impl RetentionRound {
    /// The first round begins at once.
    pub fn begin(wall: i64, steady: i64) -> RetentionRound {
        RetentionRound { due: steady, ahead: wall.saturating_sub(steady) }
    }

    /// The settings have changed: begins a round.
    pub fn begin_soon(&mut self, steady: i64) {
        self.due = steady;
    }

    /// How long to wait for effects before the next step.
    pub fn patience(&self, most: Duration, steady: i64) -> Duration {
        let due = u64::try_from(self.due.saturating_sub(steady)).unwrap_or(0);
        most.min(Duration::from_millis(due.max(FORGET_PAUSE_MILLIS)))
    }

    /// Whether a step has waited so long for a pause between commits that it must wait no longer.
    pub fn is_late(&self, steady: i64) -> bool {
        steady.saturating_sub(self.due) >= FORGET_LATE_MILLIS
    }

    /// Whether a step is due. When the clock has been set, perhaps wrongly, everything may look
    /// expired: nothing is removed in the following hour.
    pub fn is_due(&mut self, wall: i64, steady: i64) -> bool {
        let ahead = wall.saturating_sub(steady);
        let jump = ahead.saturating_sub(std::mem::replace(&mut self.ahead, ahead));
        if jump > CLOCK_JUMP_MILLIS {
            self.done(false, steady);
        }
        steady >= self.due
    }

    /// A step is complete; if `more`, the round continues.
    pub fn done(&mut self, more: bool, steady: i64) {
        self.due = steady + if more { FORGET_PAUSE_MILLIS as i64 } else { ROUND_MILLIS };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_run_between_commits_and_rounds_once_an_hour() {
        let mut state = RetentionRound::begin(5000, 0);
        let minute = Duration::from_secs(60);
        assert!(state.is_due(5000, 0));
        assert_eq!(state.patience(minute, 0), Duration::from_millis(FORGET_PAUSE_MILLIS));
        state.done(true, 10);
        assert!(!state.is_late(10 + FORGET_LATE_MILLIS));
        assert!(state.is_late(20 + FORGET_LATE_MILLIS));
        state.done(false, 30);
        assert!(!state.is_due(5030 + ROUND_MILLIS - 1, 30 + ROUND_MILLIS - 1));
        assert_eq!(state.patience(minute, 40), minute);
        assert!(state.is_due(5030 + ROUND_MILLIS, 30 + ROUND_MILLIS));
        state.done(false, 40 + ROUND_MILLIS);
        state.begin_soon(50 + ROUND_MILLIS);
        assert!(state.is_due(5050 + ROUND_MILLIS, 50 + ROUND_MILLIS));
    }

    #[test]
    fn after_the_clock_was_set_ahead_nothing_is_removed_for_an_hour() {
        let mut state = RetentionRound::begin(5000, 0);
        assert!(!state.is_due(5000 + CLOCK_JUMP_MILLIS + 101, 100));
        let (set, later) = (5001 + CLOCK_JUMP_MILLIS, 100 + ROUND_MILLIS);
        assert!(!state.is_due(set + later - 1, later - 1));
        assert!(state.is_due(set + later, later));
        // When the clock is set back, events only look newer.
        assert!(state.is_due(later, later));
    }
}
