//! Derives keys from passwords, which is slow by design: on its own threads, and bounded by what
//! they can do.

use crate::effects::{Derive, Task};
use crate::hub::Input;
use crate::limits::{PASSWORD_NICE, PASSWORD_QUEUE, PASSWORDS_OF_ADDRESS};
use crate::networks::AddressKey;
use crate::priority::{self, Foreground};
use crate::queue::{Receiver, Sender, bounded};
use crate::secret::{self, Secret};
use crate::session::login::{Derived, Outcome};
use crate::session_id::SessionId;
use prometheus_client::metrics::gauge::Gauge;
use proto::scram::Keys;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

/// A key to derive.
#[derive(Debug)]
pub struct Job {
    /// The session.
    pub session: SessionId,
    /// What to derive.
    pub derive: Arc<Derive>,
}

/// Waiting jobs. Addresses with earlier logins and strangers are served alternately, and within
/// each the addresses in turn, so whoever sends many jobs only delays themselves.
#[derive(Debug, Default)]
struct Jobs {
    known: Turns,
    strange: Turns,
    /// Which of the two is served next.
    strange_next: bool,
}

/// Jobs by address, and the order of the addresses' turns.
#[derive(Debug, Default)]
struct Turns {
    jobs: BTreeMap<AddressKey, VecDeque<Job>>,
    order: VecDeque<AddressKey>,
}

impl Jobs {
    fn turns(&mut self, derive: &Derive) -> &mut Turns {
        if derive.known { &mut self.known } else { &mut self.strange }
    }

    fn take(&mut self) -> Option<Job> {
        self.strange_next = !self.strange_next;
        let (first, second) = match self.strange_next {
            true => (&mut self.known, &mut self.strange),
            false => (&mut self.strange, &mut self.known),
        };
        first.take().or_else(|| second.take())
    }
}

impl Turns {
    fn has_room(&self, address: AddressKey) -> bool {
        self.jobs.get(&address).is_none_or(|jobs| jobs.len() < PASSWORDS_OF_ADDRESS)
    }

    fn add(&mut self, job: Job) {
        let address = job.derive.address;
        let jobs = self.jobs.entry(address).or_default();
        if jobs.is_empty() {
            self.order.push_back(address);
        }
        jobs.push_back(job);
    }

    fn take(&mut self) -> Option<Job> {
        let address = self.order.pop_front()?;
        let jobs = self.jobs.get_mut(&address)?;
        let job = jobs.pop_front();
        if jobs.is_empty() {
            self.jobs.remove(&address);
        } else {
            self.order.push_back(address);
        }
        job
    }
}

/// The queue to the threads that derive keys.
#[derive(Clone, Debug)]
pub struct Passwords {
    jobs: Arc<Mutex<Jobs>>,
    /// One notification per job.
    words: Sender<()>,
}

/// A thread that derives keys.
#[derive(Clone)]
pub struct Worker {
    jobs: Arc<Mutex<Jobs>>,
    words: Arc<Mutex<Receiver<()>>>,
    hub: Sender<Input>,
    foreground: Arc<Foreground>,
}

/// Both ends of the queue. `waiting` is the gauge of its jobs. The threads pause for the
/// `foreground`.
pub fn queue(
    hub: Sender<Input>,
    waiting: Gauge,
    foreground: Arc<Foreground>,
) -> (Passwords, Worker) {
    let jobs = Arc::new(Mutex::new(Jobs::default()));
    let (sender, receiver) = bounded(PASSWORD_QUEUE, waiting);
    let words = Arc::new(Mutex::new(receiver));
    (Passwords { jobs: jobs.clone(), words: sender }, Worker { jobs, words, hub, foreground })
}

fn lock(jobs: &Mutex<Jobs>) -> MutexGuard<'_, Jobs> {
    jobs.lock().expect("nobody panics while they have it")
}

impl Passwords {
    /// Queues a job; false if too many are waiting, from its address or in all.
    pub fn derive(&self, job: Job) -> bool {
        let mut jobs = lock(&self.jobs);
        let turns = jobs.turns(&job.derive);
        let room = turns.has_room(job.derive.address) && self.words.try_send(()).is_ok();
        if room {
            turns.add(job);
        }
        room
    }
}

impl Worker {
    /// Derives keys until the server stops.
    pub fn run(self) {
        priority::stand_back(PASSWORD_NICE, "Passwords are checked");
        let on_progress = &mut || self.foreground.pause();
        loop {
            let word = self.words.lock().expect("no worker panics while it waits").recv();
            let Ok(()) = word else { return };
            let job = lock(&self.jobs).take().expect("there is one for each word");
            let outcome = match &job.derive.task {
                Task::Compare { keys, iterations, others } => {
                    compare(keys, others, &job.derive.password, *iterations, on_progress)
                }
                Task::Make { iterations } => {
                    make(&job.derive.password, None, *iterations, on_progress)
                }
                Task::Change { old: Some((old, keys)), .. }
                    if !is_of(keys, old.reveal(), on_progress) =>
                {
                    Outcome::Compared(false)
                }
                Task::Change { salt, iterations, .. } => {
                    make(&job.derive.password, *salt, *iterations, on_progress)
                }
                Task::Draw { count, chars, keys } => draw(*count, *chars, *keys, on_progress),
                Task::Wait => Outcome::Waited,
            };
            let derived = Derived { session: job.session, outcome };
            if self.hub.send(Input::Derived(derived)).is_err() {
                return;
            }
        }
    }
}

/// Compares a password with an account's keys. Keys from before SASLprep was applied are renewed.
fn compare(
    keys: &Keys,
    others: &[(Box<str>, Keys)],
    password: &str,
    iterations: u32,
    on_progress: &mut dyn FnMut(),
) -> Outcome {
    let mut derived = Keys::derive_with_progress(password, keys.salt, keys.iterations, on_progress);
    if derived.are(keys) {
        return Outcome::Compared(true);
    }
    for (name, other) in others {
        // They share the account's salt, so one derivation checks them all.
        if (other.salt, other.iterations) != (derived.salt, derived.iterations) {
            derived =
                Keys::derive_with_progress(password, other.salt, other.iterations, on_progress);
        }
        if derived.are(other) {
            return Outcome::App(name.clone());
        }
    }
    if !keys.verify_unprepared(password, on_progress) {
        return Outcome::Compared(false);
    }
    let salt = (!others.is_empty()).then_some(keys.salt);
    let iterations = if salt.is_some() { keys.iterations } else { iterations.max(keys.iterations) };
    match make(password, salt, iterations, on_progress) {
        Outcome::Made(keys) => Outcome::Renewed(keys),
        _ => Outcome::Compared(true),
    }
}

/// Whether a password matches some keys.
fn is_of(keys: &Keys, password: &str, on_progress: &mut dyn FnMut()) -> bool {
    keys.verify(password, on_progress) || keys.verify_unprepared(password, on_progress)
}

/// Keys for a new account, or for a new password.
fn make(
    password: &str,
    salt: Option<[u8; 16]>,
    iterations: u32,
    on_progress: &mut dyn FnMut(),
) -> Outcome {
    if let Some(salt) = salt {
        return Outcome::Made(Keys::derive_with_progress(password, salt, iterations, on_progress));
    }
    new_keys(password, iterations, on_progress)
        .map_or_else(|error| no_randomness(&error), Outcome::Made)
}

/// New random secrets.
fn draw(
    count: usize,
    chars: usize,
    keys: Option<([u8; 16], u32)>,
    on_progress: &mut dyn FnMut(),
) -> Outcome {
    let secrets: Result<Vec<Secret>, _> = (0..count).map(|_| secret::draw(chars)).collect();
    match secrets {
        Ok(secrets) => {
            let first = secrets.first().zip(keys);
            let keys = first.map(|(first, (salt, iterations))| {
                Keys::derive_with_progress(first.reveal(), salt, iterations, on_progress)
            });
            Outcome::Drawn(secrets, keys)
        }
        Err(error) => no_randomness(&error),
    }
}

fn no_randomness(error: &getrandom::Error) -> Outcome {
    tracing::error!(%error, "No randomness from the system, registration is impossible");
    Outcome::Busy
}

/// Keys with a fresh random salt.
///
/// # Errors
/// When the system has no randomness.
pub fn new_keys(
    password: &str,
    iterations: u32,
    on_progress: &mut dyn FnMut(),
) -> Result<Keys, getrandom::Error> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt)?;
    Ok(Keys::derive_with_progress(password, salt, iterations, on_progress))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(slot: u32, address: u8, known: bool) -> Job {
        let task = Task::Compare { keys: old_keys(), iterations: 1, others: Vec::new() };
        let password = "".into();
        let derive = Derive { password, task, hold_millis: 0, address: [address; 16], known };
        Job {
            session: SessionId { node: 0, shard: 0, slot, generation: 1 },
            derive: Arc::new(derive),
        }
    }

    fn taken(passwords: &Passwords) -> Vec<u32> {
        std::iter::from_fn(|| lock(&passwords.jobs).take()).map(|job| job.session.slot).collect()
    }

    #[test]
    fn addresses_take_turns_and_known_ones_do_not_wait_behind_strangers() {
        let (hub, _input) = bounded(1, Gauge::default());
        let (passwords, _worker) = queue(hub, Gauge::default(), Arc::default());
        for slot in 0..5 {
            assert!(passwords.derive(job(slot, 1, false)));
        }
        assert!(passwords.derive(job(10, 2, false)));
        assert!(passwords.derive(job(11, 2, false)));
        assert!(passwords.derive(job(20, 1, true)));
        assert!(passwords.derive(job(21, 3, true)));
        assert_eq!(taken(&passwords), [20, 0, 21, 10, 1, 11, 2, 3, 4]);
    }

    #[test]
    fn waiting_jobs_are_limited_per_address_and_in_total() {
        let (hub, _input) = bounded(1, Gauge::default());
        let waiting = Gauge::default();
        let (passwords, _worker) = queue(hub, waiting.clone(), Arc::default());
        let filled = |address, known| {
            (0..PASSWORD_QUEUE as u32).filter(|n| passwords.derive(job(*n, address, known))).count()
        };
        assert_eq!(filled(1, false), PASSWORDS_OF_ADDRESS);
        assert_eq!(filled(1, true), PASSWORDS_OF_ADDRESS);
        let more: usize = (2..200).map(|address| filled(address, false)).sum();
        assert_eq!(more + 2 * PASSWORDS_OF_ADDRESS, PASSWORD_QUEUE);
        assert_eq!(waiting.get(), PASSWORD_QUEUE as i64);
        assert_eq!(taken(&passwords).len(), PASSWORD_QUEUE);
    }

    #[test]
    fn keys_of_unnormalized_passwords_are_renewed_with_at_least_as_many_iterations() {
        // PBKDF2 of the raw "passwort²", without SASLprep.
        let old = old_keys();
        let Outcome::Renewed(new) = compare(&old, &[], "passwort\u{b2}", 2, &mut || {}) else {
            panic!("the old keys are known");
        };
        assert_eq!(new.iterations, 3);
        assert!(is_of(&new, "passwort2", &mut || {}) && is_of(&new, "passwort\u{b2}", &mut || {}));
        assert!(matches!(compare(&old, &[], "passwort2", 2, &mut || {}), Outcome::Compared(false)));
        assert!(matches!(compare(&new, &[], "passwort2", 2, &mut || {}), Outcome::Compared(true)));
        assert!(matches!(
            compare(&new, &[], "passwort\u{b2}", 2, &mut || {}),
            Outcome::Compared(true)
        ));
    }

    #[test]
    fn an_app_password_is_accepted_and_shares_the_salt() {
        let old = old_keys();
        let Outcome::Drawn(secrets, Some(phone)) =
            draw(1, 20, Some((old.salt, old.iterations)), &mut || {})
        else {
            panic!("a password is drawn");
        };
        let others = [("phone".into(), phone)];
        let outcome = compare(&old, &others, secrets[0].reveal(), 2, &mut || {});
        assert!(matches!(outcome, Outcome::App(name) if &*name == "phone"));
        let Outcome::Renewed(new) = compare(&old, &others, "passwort\u{b2}", 9, &mut || {}) else {
            panic!("the old keys are known");
        };
        assert_eq!((new.salt, new.iterations), (old.salt, old.iterations));
        assert!(matches!(compare(&old, &others, "wrong", 2, &mut || {}), Outcome::Compared(false)));
    }

    fn old_keys() -> Keys {
        use hmac::{Hmac, KeyInit, Mac};
        use sha2::{Digest, Sha256};
        let mac = |key: &[u8], data: &[u8]| -> [u8; 32] {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
            mac.update(data);
            mac.finalize().into_bytes().into()
        };
        // Hi(password, salt, 3) of RFC 5802, spelled out.
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
