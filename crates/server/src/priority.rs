//! Messages come first: threads that could delay them have a lower priority, and pause while the
//! hub or the journal is at work.
//!
//! Priority alone does not do it. On a busy core, Linux 6.18 starts the disk's flush the later the
//! lower the priority of whatever else runs there, by tens of milliseconds; on an idle one, at once.

use crate::limits::PAUSE_MILLIS;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// Lowers this thread's priority. Only Linux has priorities per thread; elsewhere, or if it
/// refuses, all threads are equal. `work` is what the thread does, as a sentence begins.
pub fn stand_back(niceness: i32, work: &str) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, niceness) {
        tracing::warn!(%error, "{work} with as much priority as messages");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (niceness, work);
}

/// Whether the hub or the journal is at work, and the pauses of other threads meanwhile.
#[derive(Debug, Default)]
pub struct Foreground {
    /// How many threads carry messages at the moment.
    working: AtomicUsize,
    /// How many threads pause.
    paused: AtomicUsize,
    pauses: Mutex<Pauses>,
    over: Condvar,
}

/// The pauses of all threads. They pause together: one that runs is enough to delay a flush.
#[derive(Debug, Default)]
struct Pauses {
    /// When the last work ended for which somebody paused.
    work_ended: Option<Instant>,
    /// They run for as long as they have paused, so that passwords are checked under any load.
    none_before: Option<Instant>,
}

impl Pauses {
    fn may_begin(&self, now: Instant) -> bool {
        self.none_before.is_none_or(|none_before| now >= none_before)
    }

    /// A pause has ended that began at `began`. What counts is the end of the work: a thread of low
    /// priority may go on much later.
    fn end(&mut self, began: Instant, most: Duration, timed_out: bool) {
        let ended = self.work_ended.filter(|ended| !timed_out && *ended >= began);
        let took = ended.map_or(most, |ended| ended.duration_since(began).min(most));
        self.none_before = self.none_before.max(Some(began + 2 * took));
    }
}

/// Work that others pause for, until it is dropped.
#[derive(Debug)]
pub struct Work<'f>(&'f Foreground);

impl Foreground {
    /// Begins some work. Takes two atomic operations if nobody pauses.
    pub fn work(&self) -> Work<'_> {
        self.working.fetch_add(1, SeqCst);
        Work(self)
    }

    /// Whether there is any work.
    pub fn is_working(&self) -> bool {
        self.working.load(SeqCst) > 0
    }

    /// Pauses while there is work, at most [`PAUSE_MILLIS`]; then not again for as long. Threads
    /// call this every fraction of a millisecond.
    pub fn pause(&self) {
        self.pause_at_most(Duration::from_millis(PAUSE_MILLIS));
    }

    fn pause_at_most(&self, most: Duration) {
        if !self.is_working() {
            return;
        }
        let began = Instant::now();
        let pauses = self.pauses.lock().expect("nobody panics while they have it");
        if !pauses.may_begin(began) {
            return;
        }
        // Counted before the work is looked at, so whoever ends it sees either this or no work.
        self.paused.fetch_add(1, SeqCst);
        let waited = self.over.wait_timeout_while(pauses, most, |_| self.is_working());
        let (mut pauses, waited) = waited.expect("nobody panics while they have it");
        self.paused.fetch_sub(1, SeqCst);
        pauses.end(began, most, waited.timed_out());
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        let Foreground { working, paused, pauses, over } = self.0;
        if working.fetch_sub(1, SeqCst) == 1 && paused.load(SeqCst) > 0 {
            let mut pauses = pauses.lock().expect("nobody panics while they have it");
            pauses.work_ended = Some(Instant::now());
            over.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    const MOST: Duration = Duration::from_millis(PAUSE_MILLIS);

    #[test]
    fn nobody_pauses_without_work_nor_longer_than_the_limit() {
        let foreground = Foreground::default();
        foreground.pause();
        drop(foreground.work());
        foreground.pause();
        assert!(foreground.pauses.lock().unwrap().none_before.is_none(), "there was no pause");
        let _work = (foreground.work(), foreground.work());
        let began = Instant::now();
        foreground.pause();
        assert!(began.elapsed() >= MOST);
        assert!(!foreground.pauses.lock().unwrap().may_begin(began + 2 * MOST - MOST / 100));
    }

    #[test]
    fn a_pause_ends_with_the_work() {
        let foreground = Foreground::default();
        let (began, long) = (Instant::now(), Duration::from_secs(60));
        for _ in 0..20 {
            *foreground.pauses.lock().unwrap() = Pauses::default();
            let work = foreground.work();
            thread::scope(|scope| {
                scope.spawn(|| foreground.pause_at_most(long));
                while foreground.paused.load(SeqCst) == 0 {
                    thread::yield_now();
                }
                drop(work);
            });
        }
        assert!(began.elapsed() < long, "nobody was told that the work had ended");
    }

    #[test]
    fn threads_run_for_as_long_as_they_have_paused() {
        let (start, millis) = (Instant::now(), Duration::from_millis);
        let pauses = |ended: Option<u64>, timed_out: bool| {
            let work_ended = ended.map(|ended| start + millis(ended));
            let mut pauses = Pauses { work_ended, none_before: None };
            pauses.end(start + millis(100), MOST, timed_out);
            pauses
        };
        let is_free_at = |pauses: &Pauses, at: Duration| {
            assert!(pauses.may_begin(start + at));
            assert!(!pauses.may_begin(start + at - millis(1)));
        };
        // The work ended 3 ms after the pause began.
        is_free_at(&pauses(Some(103), false), millis(106));
        // It goes on.
        is_free_at(&pauses(Some(99), true), millis(100) + 2 * MOST);
        is_free_at(&pauses(Some(103), true), millis(100) + 2 * MOST);
        // A thread of low priority sees its end late: that is no reason to run longer.
        is_free_at(&pauses(Some(5000), false), millis(100) + 2 * MOST);
    }
}
