//! Limits on password guessing: how long each attempt has to wait.
//!
//! Failures count against the address and against the name. From a network from which the name has
//! logged in before, only failures of that name count, and they never lock it out: so neither a
//! neighbour's guesses nor a botnet's keep an owner out of the places they log in from.

use crate::limits::{
    ADDRESSES_REMEMBERED, FAILED_NAMES, KNOWN_NETWORKS, LOCKOUT_SECONDS, LOGIN_DELAY_MOST_SECONDS,
    LOGIN_DELAY_SECONDS, LOGIN_MILLIS, LOGINS_OF_ADDRESS, LOGINS_OF_NAME, Limits,
    NAME_DELAY_MOST_SECONDS, NAMES_REMEMBERED,
};
use crate::networks::AddressKey;
use crate::session::lru_map::LruMap;
use proto::name::fold;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Stands for a name where there is none: wrong server passwords, unknown certificates. No user can
/// have it.
pub const NO_NAME: &str = "*";

/// Recent attempts.
#[derive(Debug)]
pub struct LoginAttempts {
    addresses: LruMap<AddressKey, Address>,
    /// Failures of each name from networks it has not logged in from.
    names: LruMap<Box<str>, Name>,
    /// The networks from which each name has logged in, the latest last.
    known: BTreeMap<Box<str>, Vec<KnownNetwork>>,
}

#[derive(Debug, Default)]
struct Address {
    attempts: Attempts,
    /// At most [`FAILED_NAMES`].
    names: BTreeMap<Box<str>, Failures>,
    /// With any other name, and without one.
    others: Failures,
}

#[derive(Debug, Default)]
struct Name {
    attempts: Attempts,
    failures: Failures,
}

#[derive(Debug)]
struct KnownNetwork {
    network: AddressKey,
    failures: Failures,
}

/// Attempts, right or wrong, that still count: the time at which none will, in monotonic
/// milliseconds.
#[derive(Debug, Default)]
struct Attempts(i64);

impl Attempts {
    /// Milliseconds until another attempt fits into `most`.
    fn wait(&self, now: i64, most: i64) -> i64 {
        (self.0 - now - (most - 1) * LOGIN_MILLIS).max(0)
    }

    fn add(&mut self, now: i64) {
        self.0 = self.0.max(now) + LOGIN_MILLIS;
    }
}

/// Wrong passwords, and the time of the last one.
#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    count: u32,
    at: i64,
}

impl Failures {
    /// How many still count.
    fn current(&self, now: i64) -> u32 {
        if now - self.at < seconds(LOCKOUT_SECONDS) { self.count } else { 0 }
    }

    fn add(&mut self, now: i64) {
        *self = Failures { count: self.current(now).saturating_add(1), at: now };
    }

    /// When the next attempt may be answered, if it is delayed.
    fn delayed_until(&self, now: i64, limits: &Limits, most: u32) -> i64 {
        match self.current(now).checked_sub(limits.failed_logins) {
            None => now,
            Some(over) => self.at + seconds((LOGIN_DELAY_SECONDS << over.min(16)).min(most)),
        }
    }

    /// Until when attempts are refused.
    fn locked_until(&self, now: i64, limits: &Limits) -> i64 {
        let locked = self.current(now) >= limits.failed_logins.saturating_mul(3);
        if locked { self.at + seconds(LOCKOUT_SECONDS) } else { now }
    }
}

impl Address {
    /// The failures that count against the whole address. Each name adds at most as many as cause a
    /// delay, so that one person cannot lock out everybody there.
    fn failures(&self, now: i64, limits: &Limits) -> Failures {
        let each = self.names.values();
        let each = each.map(|failures| Failures {
            count: failures.current(now).min(limits.failed_logins),
            at: failures.at,
        });
        let others = Failures { count: self.others.current(now), at: self.others.at };
        each.fold(others, |all, one| Failures {
            count: all.count + one.count,
            at: all.at.max(one.at),
        })
    }
}

/// When an attempt may be answered.
#[derive(Debug)]
struct Delays {
    /// Until then attempts are refused.
    locked_until: i64,
    /// Until then no attempt is answered, right or wrong.
    answered_after: i64,
    /// Until then the answer to an attempt that begins now is delayed.
    held_until: i64,
}

fn seconds(count: u32) -> i64 {
    i64::from(count) * 1000
}

fn in_seconds(millis: i64) -> i64 {
    (millis + 999) / 1000
}

impl Default for LoginAttempts {
    fn default() -> LoginAttempts {
        LoginAttempts {
            addresses: LruMap::new(ADDRESSES_REMEMBERED),
            names: LruMap::new(NAMES_REMEMBERED),
            known: BTreeMap::new(),
        }
    }
}

impl LoginAttempts {
    /// Whether `name` has logged in from this network before.
    pub fn is_known(&self, address: IpAddr, name: &str) -> bool {
        self.known_network(crate::networks::address_key(address), &fold(name)).is_some()
    }

    /// Whether an attempt may begin, and by how many milliseconds to delay its answer.
    ///
    /// # Errors
    /// Seconds to wait, if no attempt is allowed now.
    pub fn check(
        &self,
        address: IpAddr,
        name: &str,
        now: i64,
        limits: &Limits,
    ) -> Result<u64, i64> {
        let delays = self.delays(address, name, now, limits);
        // No answer is delayed for longer than this: the attempt is refused instead.
        let latest = now + seconds(LOGIN_DELAY_MOST_SECONDS);
        let rate_wait = self.attempt_wait(address, name, now, limits);
        let until = delays.locked_until.max(now + rate_wait);
        let until =
            if delays.answered_after > latest { until.max(delays.answered_after) } else { until };
        if until > now {
            return Err(in_seconds(until - now));
        }
        Ok(u64::try_from(delays.held_until.max(delays.answered_after) - now).unwrap_or(0))
    }

    /// An attempt begins. Right or wrong, it counts against the address and the name.
    pub fn attempted(&mut self, address: IpAddr, name: &str, now: i64) {
        self.addresses.touch(&crate::networks::address_key(address)).attempts.add(now);
        if !self.is_known(address, name) {
            self.names.touch(&fold(name).into()).attempts.add(now);
        }
    }

    /// Whether an attempt may be answered now, however many were made at once.
    ///
    /// # Errors
    /// Seconds to wait before the next attempt, if not even a right password is accepted.
    pub fn may_answer(
        &self,
        address: IpAddr,
        name: &str,
        now: i64,
        limits: &Limits,
    ) -> Result<(), i64> {
        let delays = self.delays(address, name, now, limits);
        match delays.locked_until.max(delays.answered_after) - now {
            ..=0 => Ok(()),
            millis => Err(in_seconds(millis)),
        }
    }

    /// A password was wrong.
    pub fn failed(&mut self, address: IpAddr, name: &str, now: i64) {
        let (key, name) = (crate::networks::address_key(address), fold(name).into_boxed_str());
        if let Some(known) = self.known_network_mut(key, &name) {
            return known.failures.add(now);
        }
        let of = self.addresses.touch(&key);
        let each = &mut of.names;
        if &*name == NO_NAME || (each.len() >= FAILED_NAMES && !each.contains_key(&name)) {
            of.others.add(now);
        } else {
            each.entry(name.clone()).or_default().add(now);
        }
        if &*name != NO_NAME {
            self.names.touch(&name).failures.add(now);
        }
    }

    /// A password was right: earlier failures of this name from there are forgiven. Those of other
    /// names are not, or somebody with an account could guess forever.
    pub fn succeeded(&mut self, address: IpAddr, name: &str) {
        let (key, name) = (crate::networks::address_key(address), fold(name).into_boxed_str());
        let address = self.addresses.get_mut(&key);
        if let Some(forgiven) = address.and_then(|address| address.names.remove(&name))
            && let Some(of) = self.names.get_mut(&name)
        {
            of.failures.count = of.failures.count.saturating_sub(forgiven.count);
        }
        self.remember_network(key, name);
    }

    /// A password was right, but nothing is forgiven.
    pub fn granted(&mut self, address: IpAddr, name: &str) {
        let (key, name) = (crate::networks::address_key(address), fold(name).into_boxed_str());
        if self.known_network(key, &name).is_none() {
            self.remember_network(key, name);
        }
    }

    /// Remembers the network for the name, without failures.
    fn remember_network(&mut self, network: AddressKey, name: Box<str>) {
        let known = self.known.entry(name).or_default();
        known.retain(|one| one.network != network);
        if known.len() >= KNOWN_NETWORKS {
            known.remove(0);
        }
        known.push(KnownNetwork { network, failures: Failures::default() });
    }

    fn known_network(&self, key: AddressKey, name: &str) -> Option<&KnownNetwork> {
        self.known.get(name)?.iter().find(|known| known.network == key)
    }

    fn known_network_mut(&mut self, key: AddressKey, name: &str) -> Option<&mut KnownNetwork> {
        self.known.get_mut(name)?.iter_mut().find(|known| known.network == key)
    }

    /// Milliseconds until somebody from an unknown network may make another attempt.
    fn attempt_wait(&self, address: IpAddr, name: &str, now: i64, limits: &Limits) -> i64 {
        if limits.failed_logins == 0 || self.is_known(address, name) {
            return 0;
        }
        let address = self.addresses.get(&crate::networks::address_key(address));
        let of_address = address.map_or(0, |address| address.attempts.wait(now, LOGINS_OF_ADDRESS));
        let of_name = self.names.get(&*fold(name));
        of_address.max(of_name.map_or(0, |of| of.attempts.wait(now, LOGINS_OF_NAME)))
    }

    fn delays(&self, address: IpAddr, name: &str, now: i64, limits: &Limits) -> Delays {
        let mut delays = Delays { locked_until: now, answered_after: now, held_until: now };
        if limits.failed_logins == 0 {
            return delays;
        }
        let (key, name) = (crate::networks::address_key(address), fold(name));
        if let Some(known) = self.known_network(key, &name) {
            delays.answered_after =
                known.failures.delayed_until(now, limits, LOGIN_DELAY_MOST_SECONDS);
            return delays;
        }
        if let Some(address) = self.addresses.get(&key) {
            let failures = address.failures(now, limits);
            delays.locked_until = failures.locked_until(now, limits);
            delays.held_until = failures.delayed_until(now, limits, LOGIN_DELAY_MOST_SECONDS);
            if let Some(pair) = address.names.get(&*name) {
                delays.locked_until = delays.locked_until.max(pair.locked_until(now, limits));
            }
        }
        if let Some(of) = self.names.get(&*name) {
            delays.answered_after = of.failures.delayed_until(now, limits, NAME_DELAY_MOST_SECONDS);
        }
        delays
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { failed_logins: 5, ..Limits::default() }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// Makes a wrong attempt as soon as allowed: how long its answer was delayed.
    fn guess(
        login_attempts: &mut LoginAttempts,
        from: IpAddr,
        name: &str,
        now: &mut i64,
    ) -> Result<i64, i64> {
        let delay = login_attempts.check(from, name, *now, &limits())?;
        login_attempts.attempted(from, name, *now);
        *now += delay as i64;
        login_attempts.may_answer(from, name, *now, &limits())?;
        login_attempts.failed(from, name, *now);
        Ok(delay as i64)
    }

    const SCHOOL: &str = "192.0.2.1";

    #[test]
    fn a_names_delays_grow_until_it_is_locked_out_for_a_while() {
        let (mut login_attempts, mut now) = (LoginAttempts::default(), 0);
        let from = address(SCHOOL);
        let mut delays = Vec::new();
        let locked_for = loop {
            match guess(&mut login_attempts, from, "ann", &mut now) {
                Ok(delay) => delays.push(delay),
                Err(seconds) if seconds > 100 => break seconds,
                // The delay of the name exceeds the longest for which an answer is held.
                Err(seconds) => now += seconds * 1000,
            }
        };
        assert_eq!(delays, [0, 0, 0, 0, 0, 1000, 2000, 4000, 8000, 16_000, 0, 0, 0, 0, 0]);
        assert_eq!(locked_for, i64::from(LOCKOUT_SECONDS));
        now += locked_for * 1000;
        assert_eq!(guess(&mut login_attempts, from, "ann", &mut now), Ok(0));
    }

    #[test]
    fn failures_of_many_names_lock_out_an_address_except_for_known_names() {
        let (mut login_attempts, mut now) = (LoginAttempts::default(), 0);
        let from = address(SCHOOL);
        login_attempts.succeeded(from, "Ann");
        for number in 0..15 {
            assert!(guess(&mut login_attempts, from, &format!("user{number}"), &mut now).is_ok());
        }
        let locked = login_attempts.check(from, "bob", now, &limits());
        assert_eq!(locked, Err(i64::from(LOCKOUT_SECONDS)));
        assert_eq!(
            login_attempts.check(from, "ANN", now, &limits()),
            Ok(0),
            "known networks are not locked out"
        );
        assert_eq!(login_attempts.check(address("192.0.2.2"), "bob", now, &limits()), Ok(0));
    }

    /// Fifteen failures at one's own account, again and again.
    #[test]
    fn failing_at_ones_own_account_does_not_lock_out_a_school() {
        let (mut login_attempts, mut now) = (LoginAttempts::default(), 0);
        let school = address(SCHOOL);
        login_attempts.succeeded(school, "ann");
        for _ in 0..3 {
            for _ in 0..15 {
                while let Err(seconds) = guess(&mut login_attempts, school, "eve", &mut now) {
                    now += seconds * 1000;
                }
            }
            // Ann has logged in there before; bob has not, and waits as long as after five
            // failures.
            assert_eq!(login_attempts.check(school, "ann", now, &limits()), Ok(0));
            assert_eq!(login_attempts.may_answer(school, "ann", now, &limits()), Ok(()));
            assert_eq!(login_attempts.check(school, "bob", now, &limits()), Ok(1000));
            assert_eq!(login_attempts.may_answer(school, "bob", now, &limits()), Ok(()));
        }
    }

    #[test]
    fn guesses_from_many_addresses_are_slowed_and_the_owner_gets_in() {
        let mut login_attempts = LoginAttempts::default();
        let home = address(SCHOOL);
        login_attempts.succeeded(home, "ann");
        let (mut now, mut answered) = (0, 0);
        // Four from each, as soon as allowed.
        for number in 0..120_u8 {
            let from = address(&format!("198.51.100.{}", number % 30));
            match guess(&mut login_attempts, from, "ann", &mut now) {
                Ok(_) => answered += 1,
                Err(seconds) => {
                    assert!(seconds <= i64::from(NAME_DELAY_MOST_SECONDS), "{seconds}");
                    now += 1000;
                }
            }
            assert_eq!(login_attempts.check(home, "ann", now, &limits()), Ok(0));
            assert_eq!(login_attempts.may_answer(home, "ann", now, &limits()), Ok(()));
        }
        assert!(answered <= 15, "{answered} in {now} ms");
        // In the long run, one attempt in so many seconds.
        let (begin, mut answered) = (now, 0);
        while now < begin + 3_600_000 {
            let from = address(&format!("203.0.113.{}", answered % 250));
            match guess(&mut login_attempts, from, "ann", &mut now) {
                Ok(_) => answered += 1,
                Err(seconds) => now += seconds * 1000,
            }
        }
        assert!(answered <= 3600 / NAME_DELAY_MOST_SECONDS + 1, "{answered} in an hour");
    }

    /// Guesses are slow even from a network the owner uses: one answer in sixteen seconds.
    #[test]
    fn a_neighbour_on_a_known_network_gets_few_answers_even_in_parallel() {
        let (mut login_attempts, home) = (LoginAttempts::default(), address(SCHOOL));
        login_attempts.succeeded(home, "ann");
        let mut answered = 0;
        for second in 0..600 {
            let now = second * 1000;
            for _ in 0..10 {
                assert!(
                    login_attempts.check(home, "ann", now, &limits()).is_ok(),
                    "never locked out"
                );
                if login_attempts.may_answer(home, "ann", now, &limits()).is_ok() {
                    login_attempts.failed(home, "ann", now);
                    answered += 1;
                }
            }
        }
        assert!((40..=50).contains(&answered), "{answered}");
    }

    #[test]
    fn a_login_clears_only_the_failures_of_its_name_and_address() {
        let (mut login_attempts, mut now) = (LoginAttempts::default(), 0);
        let from = address(SCHOOL);
        for name in ["Ann", "ann", "ann", "ann", "ann", "bob", "bob"] {
            guess(&mut login_attempts, from, name, &mut now).unwrap();
        }
        assert_eq!(login_attempts.check(from, "cem", now, &limits()), Ok(4000));
        login_attempts.succeeded(from, "eve");
        assert_eq!(login_attempts.check(from, "cem", now, &limits()), Ok(4000));
        login_attempts.succeeded(from, "ANN");
        assert_eq!(login_attempts.check(from, "cem", now, &limits()), Ok(0));
        assert_eq!(login_attempts.check(address("192.0.2.2"), "ann", now, &limits()), Ok(0));
        for _ in 0..3 {
            guess(&mut login_attempts, from, "bob", &mut now).unwrap();
        }
        assert_eq!(login_attempts.check(from, "cem", now, &limits()), Ok(1000));
    }

    #[test]
    fn every_attempt_from_an_unknown_network_counts_right_or_wrong() {
        let (mut login_attempts, from) = (LoginAttempts::default(), address(SCHOOL));
        let mut began = 0;
        for number in 0..1000 {
            let name = format!("user{number}");
            if login_attempts.check(from, &name, 0, &limits()).is_ok() {
                login_attempts.attempted(from, &name, 0);
                login_attempts.succeeded(from, &name);
                began += 1;
            }
        }
        assert_eq!(began, LOGINS_OF_ADDRESS);
        assert_eq!(login_attempts.check(from, "ann", 0, &limits()), Err(1));
        assert_eq!(login_attempts.check(from, "ann", LOGIN_MILLIS, &limits()), Ok(0));
        assert_eq!(
            login_attempts.check(from, "user0", 0, &limits()),
            Ok(0),
            "known networks are not locked out"
        );
        let one = |number: u8| address(&format!("198.51.100.{number}"));
        let of_name = (0..100).filter(|number| {
            let may = login_attempts.check(one(*number), "zoe", 0, &limits()).is_ok();
            if may {
                login_attempts.attempted(one(*number), "zoe", 0);
            }
            may
        });
        assert_eq!(of_name.count() as i64, LOGINS_OF_NAME);
    }

    #[test]
    fn the_networks_of_the_latest_logins_are_remembered() {
        let mut login_attempts = LoginAttempts::default();
        let network = |number: usize| address(&format!("2001:db8:0:{number}::1"));
        for number in 0..=KNOWN_NETWORKS {
            login_attempts.succeeded(network(number), "ann");
            login_attempts.succeeded(network(1), "ann");
        }
        let known = |number| login_attempts.is_known(network(number), "ANN");
        assert!(!known(0) && (1..=KNOWN_NETWORKS).all(known));
        assert!(login_attempts.is_known(address("2001:db8:0:1::ffff"), "ann"));
        assert!(!login_attempts.is_known(network(1), "bob"));
    }

    #[test]
    fn zero_disables_the_limit() {
        let (mut login_attempts, from) = (LoginAttempts::default(), address(SCHOOL));
        let limits = Limits { failed_logins: 0, ..Limits::default() };
        for _ in 0..1000 {
            assert_eq!(login_attempts.check(from, "ann", 0, &limits), Ok(0));
            login_attempts.attempted(from, "ann", 0);
            assert_eq!(login_attempts.may_answer(from, "ann", 0, &limits), Ok(()));
            login_attempts.failed(from, "ann", 0);
        }
    }
}
