//! Keys from passwords: slow by design, so on threads of their own and no more at once than those
//! can do.

use crate::hub::Input;
use crate::hub::effects::{Derive, Task};
use crate::hub::login::{Derived, Outcome};
use crate::limits::PASSWORD_QUEUE;
use crate::queue::{Receiver, Sender, bounded};
use crate::session::SessionId;
use prometheus_client::metrics::gauge::Gauge;
use proto::scram::Keys;
use std::sync::{Arc, Mutex};

/// A password whose key is to be derived.
#[derive(Debug)]
pub struct Job {
    /// For whom.
    pub session: SessionId,
    /// What to derive.
    pub derive: Arc<Derive>,
}

/// The way to those who derive keys.
#[derive(Clone, Debug)]
pub struct Passwords {
    queue: Sender<Job>,
}

/// Who derives keys.
#[derive(Clone)]
pub struct Worker {
    queue: Arc<Mutex<Receiver<Job>>>,
    hub: Sender<Input>,
}

/// The queue's two ends. `waiting` tells how many passwords are in it.
pub fn queue(hub: Sender<Input>, waiting: Gauge) -> (Passwords, Worker) {
    let (sender, receiver) = bounded(PASSWORD_QUEUE, waiting);
    (Passwords { queue: sender }, Worker { queue: Arc::new(Mutex::new(receiver)), hub })
}

impl Passwords {
    /// Takes a job; false if too many wait already.
    pub fn derive(&self, job: Job) -> bool {
        self.queue.try_send(job).is_ok()
    }
}

impl Worker {
    /// Derives keys until the server stops.
    pub fn run(self) {
        loop {
            let job = self.queue.lock().expect("no worker panics while it waits").recv();
            let Ok(job) = job else { return };
            let outcome = match &job.derive.task {
                Task::Compare(keys) => Outcome::Compared(keys.verify(&job.derive.password)),
                Task::Make { iterations } => make(&job.derive.password, *iterations),
                Task::Refuse => Outcome::Compared(false),
            };
            let derived = Derived { session: job.session, outcome };
            if self.hub.send(Input::Derived(derived)).is_err() {
                return;
            }
        }
    }
}

/// Keys for a new account, or for a new password of an old one.
fn make(password: &str, iterations: u32) -> Outcome {
    match new_keys(password, iterations) {
        Ok(keys) => Outcome::Made(keys),
        Err(error) => {
            tracing::error!(%error, "No randomness from the system, nobody can register");
            Outcome::Busy
        }
    }
}

/// Keys with a fresh random salt.
///
/// # Errors
/// When the system has no randomness.
pub fn new_keys(password: &str, iterations: u32) -> Result<Keys, getrandom::Error> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt)?;
    Ok(Keys::derive(password, salt, iterations))
}
