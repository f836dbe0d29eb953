//! Shows the progress of a long task: on a terminal in one line that is overwritten, else in a line
//! every ten seconds. A short task shows nothing.

use crate::limits::{PROGRESS_LOG_SECONDS, PROGRESS_MILLIS};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use store::{Progress, Stage};

/// A task whose progress is shown until this is dropped.
pub(super) struct Shown {
    progress: Arc<Progress>,
    over: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Shown {
    /// Shows the progress of a task that begins now.
    pub(super) fn start() -> Shown {
        let progress = Arc::<Progress>::default();
        let (over, is_over) = channel::<()>();
        let watched = progress.clone();
        let thread = thread::spawn(move || {
            let terminal = std::io::stderr().is_terminal();
            let every = match terminal {
                true => Duration::from_millis(PROGRESS_MILLIS),
                false => Duration::from_secs(PROGRESS_LOG_SECONDS),
            };
            let mut stage = Stage::Waiting;
            let mut begun = Instant::now();
            let mut written = false;
            while is_over.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                if watched.stage() != stage {
                    stage = watched.stage();
                    begun = begun.max(Instant::now().checked_sub(every).unwrap_or(begun));
                }
                let Some(line) = line(stage, watched.bytes(), begun.elapsed()) else { continue };
                match terminal {
                    true => eprint!("\r\x1b[K{line}"),
                    false => eprintln!("{line}"),
                }
                written = true;
            }
            if terminal && written {
                eprint!("\r\x1b[K");
            }
        });
        Shown { progress, over: Some(over), thread: Some(thread) }
    }

    /// The same for a task that SIGTERM and Ctrl-C stop cleanly.
    pub(super) fn start_stoppable() -> Result<Shown, std::io::Error> {
        let shown = Shown::start();
        let progress = shown.progress.clone();
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        thread::spawn(move || {
            for _ in signals.forever() {
                progress.stop();
            }
        });
        Ok(shown)
    }

    /// What the task reports its progress to.
    pub(super) fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        drop(self.over.take());
        if let Some(thread) = self.thread.take() {
            // It only writes lines; the task does not depend on it, even if it panics.
            let _ = thread.join();
        }
    }
}

/// The progress of a stage after this time.
fn line(stage: Stage, (done, of): (u64, u64), after: Duration) -> Option<String> {
    let what = match stage {
        Stage::Waiting => return None,
        Stage::Migrating => "Adding checksums to the stored data",
        Stage::Copying => "Copying",
        Stage::Checking => "Checking the structure",
        Stage::Reading => "Reading everything",
        Stage::Hashing => "Hashing",
        Stage::Restoring => "Restoring",
        Stage::Salvaging => "Salvaging",
        Stage::Fetching => "Fetching",
    };
    if of == 0 {
        return Some(format!("{what}: {} s", after.as_secs()));
    }
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let percent = done.saturating_mul(100) / of;
    let mut line = format!("{what}: {:.1} of {:.1} MiB, {percent} %", mib(done), mib(of));
    if done > 0 {
        let left = after.as_secs_f64() * (of - done) as f64 / done as f64;
        line += &format!(", {left:.0} s left");
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_is_done_and_how_long_the_rest_will_take() {
        let after = Duration::from_secs(6);
        assert_eq!(line(Stage::Waiting, (0, 0), after), None);
        assert_eq!(line(Stage::Checking, (0, 0), after).unwrap(), "Checking the structure: 6 s");
        let none = line(Stage::Copying, (0, 8 << 20), after).unwrap();
        assert_eq!(none, "Copying: 0.0 of 8.0 MiB, 0 %");
        let third = line(Stage::Copying, (2 << 20, 6 << 20), after).unwrap();
        assert_eq!(third, "Copying: 2.0 of 6.0 MiB, 33 %, 12 s left");
    }
}
