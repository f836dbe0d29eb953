//! Lets the service manager wait for a node that fetches a copy, which takes longer than any start.

use crate::limits::{START_PATIENCE_SECONDS, START_SIGN_SECONDS};
use crate::systemd;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use store::{Progress, Stage};

/// The service manager waits while this exists and the copy is being made, fetched or restored.
pub(super) struct Starting {
    over: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Starting {
    pub(super) fn begin(progress: &Arc<Progress>) -> Starting {
        let progress = progress.clone();
        let (over, is_over) = channel::<()>();
        let thread = thread::spawn(move || {
            let every = Duration::from_secs(START_SIGN_SECONDS);
            systemd::still_starting(START_PATIENCE_SECONDS);
            while is_over.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                // Who waits for other nodes may be started anew.
                if progress.stage() != Stage::Waiting {
                    systemd::still_starting(START_PATIENCE_SECONDS);
                }
            }
        });
        Starting { over: Some(over), thread: Some(thread) }
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        drop(self.over.take());
        if let Some(thread) = self.thread.take() {
            // It only sends signs; the start does not depend on it, even if it panics.
            let _ = thread.join();
        }
    }
}
