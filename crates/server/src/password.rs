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
                Task::Compare { keys, iterations } => {
                    compare(keys, &job.derive.password, *iterations)
                }
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

/// Compares a password with an account's keys. Those of before passwords were prepared are made anew.
fn compare(keys: &Keys, password: &str, iterations: u32) -> Outcome {
    if keys.verify(password) {
        return Outcome::Compared(true);
    }
    if !keys.verify_unprepared(password) {
        return Outcome::Compared(false);
    }
    match new_keys(password, iterations.max(keys.iterations)) {
        Ok(keys) => Outcome::Renewed(keys),
        Err(_) => Outcome::Compared(true),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_password_as_it_was_typed_are_renewed_with_as_many_rounds_or_more() {
        // PBKDF2 of the raw "passwort²": made before passwords were prepared.
        let old = old_keys();
        let Outcome::Renewed(new) = compare(&old, "passwort\u{b2}", 2) else {
            panic!("the old keys are known");
        };
        assert_eq!(new.iterations, 3);
        assert!(new.verify("passwort2") && new.verify("passwort\u{b2}"));
        assert!(matches!(compare(&old, "passwort2", 2), Outcome::Compared(false)));
        assert!(matches!(compare(&new, "passwort2", 2), Outcome::Compared(true)));
        assert!(matches!(compare(&new, "passwort\u{b2}", 2), Outcome::Compared(true)));
    }

    fn old_keys() -> Keys {
        use hmac::{Hmac, KeyInit, Mac};
        use sha2::{Digest, Sha256};
        let mac = |key: &[u8], data: &[u8]| -> [u8; 32] {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
            mac.update(data);
            mac.finalize().into_bytes().into()
        };
        // Hi(password, salt, 3) of RFC 5802, by hand.
        let (password, salt) = ("passwort\u{b2}".as_bytes(), [7; 16]);
        let mut last = mac(password, &[&salt[..], &[0, 0, 0, 1]].concat());
        let mut salted = last;
        for _ in 1..3 {
            last = mac(password, &last);
            salted.iter_mut().zip(last).for_each(|(sum, byte)| *sum ^= byte);
        }
        let stored_key = Sha256::digest(mac(&salted, b"Client Key")).into();
        Keys { salt, iterations: 3, stored_key, server_key: mac(&salted, b"Server Key") }
    }
}
