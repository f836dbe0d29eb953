//! Who may connect and try passwords: counts per address.

use crate::limits::{
    ADDRESSES_REMEMBERED, DOOR_CLOSED_SECONDS, FAILED_NAMES, LOGIN_DELAY_MOST_SECONDS,
    LOGIN_DELAY_SECONDS, Limits,
};
use crate::metrics::Refused;
use proto::name::fold;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What each address has done lately.
#[derive(Debug, Default)]
pub struct Doors {
    addresses: BTreeMap<[u8; 16], Door>,
    open: usize,
}

#[derive(Debug, Default)]
struct Door {
    open: usize,
    minute_began: i64,
    connects: u32,
    failures: u32,
    failed_at: i64,
    /// Which of the failures were for which name; at most [`FAILED_NAMES`].
    failed_names: BTreeMap<Box<str>, u32>,
}

/// An IPv4 address counts for itself, an IPv6 address for its /64.
pub(super) fn key(address: IpAddr) -> [u8; 16] {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[8..].fill(0);
            octets
        }
    }
}

fn seconds(count: u32) -> i64 {
    i64::from(count) * 1000
}

impl Doors {
    /// A connection asks to come in; the reason if it may not. Either way [`Doors::leave`] follows
    /// when it closes. A proxy stands for many, who are counted once it has said for whom it comes.
    pub fn enter(
        &mut self,
        address: IpAddr,
        proxy: bool,
        now: i64,
        limits: &Limits,
    ) -> Result<(), (Refused, &'static str)> {
        self.forget(now);
        self.open += 1;
        let door = self.addresses.entry(key(address)).or_default();
        door.open += 1;
        if now - door.minute_began >= 60_000 {
            door.minute_began = now;
            door.connects = 0;
        }
        door.connects = door.connects.saturating_add(1);
        let over = |limit: usize, count: usize| limit != 0 && count > limit;
        if over(limits.connections, self.open) {
            return Err((Refused::Connections, "The server is full; try again later"));
        }
        if proxy {
            return Ok(());
        }
        if over(limits.connections_per_address, door.open) {
            let reason = "Too many connections from your address; close one first";
            return Err((Refused::ConnectionsOfAddress, reason));
        }
        if over(limits.connects_per_minute as usize, door.connects as usize) {
            let reason = "Too many connections from your address in a short time; wait a minute";
            return Err((Refused::ConnectsOfAddress, reason));
        }
        Ok(())
    }

    /// A connection from the address closed.
    pub fn leave(&mut self, address: IpAddr) {
        self.open -= 1;
        let door = self.addresses.get_mut(&key(address)).expect("who leaves has entered");
        door.open -= 1;
    }

    /// How many connections are open, by [`key`]; nothing of those that have none.
    #[cfg(test)]
    pub(super) fn open_by_address(&self) -> BTreeMap<[u8; 16], usize> {
        let all = self.addresses.iter().map(|(key, door)| (*key, door.open));
        let open: BTreeMap<_, _> = all.filter(|(_, open)| *open > 0).collect();
        assert_eq!(open.values().sum::<usize>(), self.open);
        open
    }

    /// Seconds for which the address may not try passwords, if the door is closed to it.
    pub fn closed_for(&self, address: IpAddr, now: i64, limits: &Limits) -> Option<i64> {
        let door = self.addresses.get(&key(address))?;
        let opens = door.failed_at + seconds(DOOR_CLOSED_SECONDS);
        let closed = limits.failed_logins != 0
            && door.failures >= limits.failed_logins.saturating_mul(3)
            && now < opens;
        closed.then(|| (opens - now) / 1000 + 1)
    }

    /// Milliseconds to hold back the answer to a login from this address.
    pub fn delay(&self, address: IpAddr, now: i64, limits: &Limits) -> u64 {
        let Some(door) = self.addresses.get(&key(address)) else { return 0 };
        if limits.failed_logins == 0
            || door.failures < limits.failed_logins
            || now - door.failed_at >= seconds(DOOR_CLOSED_SECONDS)
        {
            return 0;
        }
        let doublings = (door.failures - limits.failed_logins).min(16);
        let delay = (LOGIN_DELAY_SECONDS << doublings).min(LOGIN_DELAY_MOST_SECONDS);
        u64::from(delay) * 1000
    }

    /// A login from the address, as `name`, failed.
    pub fn failed(&mut self, address: IpAddr, name: &str, now: i64) {
        let door = self.addresses.entry(key(address)).or_default();
        if now - door.failed_at >= seconds(DOOR_CLOSED_SECONDS) {
            door.failures = 0;
            door.failed_names.clear();
        }
        door.failures = door.failures.saturating_add(1);
        door.failed_at = now;
        let name = fold(name).into_boxed_str();
        if door.failed_names.len() < FAILED_NAMES || door.failed_names.contains_key(&name) {
            *door.failed_names.entry(name).or_default() += 1;
        }
    }

    /// A login from the address, as `name`, succeeded: its own failures are forgiven. Those for
    /// other names are not, or somebody with an account could guess at others' without end.
    pub fn succeeded(&mut self, address: IpAddr, name: &str) {
        if let Some(door) = self.addresses.get_mut(&key(address)) {
            door.failures -= door.failed_names.remove(&*fold(name)).unwrap_or(0);
        }
    }

    /// Keeps the table small: forgets addresses with nothing open and nothing recent, when there
    /// are many.
    fn forget(&mut self, now: i64) {
        if self.addresses.len() < ADDRESSES_REMEMBERED {
            return;
        }
        self.addresses.retain(|_, door| {
            door.open > 0
                || now - door.minute_began < 60_000
                || (door.failures > 0 && now - door.failed_at < seconds(DOOR_CLOSED_SECONDS))
        });
        while self.addresses.len() >= ADDRESSES_REMEMBERED {
            let oldest = self
                .addresses
                .iter()
                .filter(|(_, door)| door.open == 0)
                .min_by_key(|(_, door)| door.minute_began.max(door.failed_at))
                .map(|(key, _)| *key);
            match oldest {
                Some(key) => self.addresses.remove(&key),
                None => return,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            connections_per_address: 2,
            connects_per_minute: 5,
            failed_logins: 2,
            ..Limits::default()
        }
    }

    #[test]
    fn each_refusal_has_its_reason() {
        let limits = Limits { connections: 3, ..limits() };
        let mut doors = Doors::default();
        let mut enter = |address: &str| {
            let entered = doors.enter(address.parse().unwrap(), false, 0, &limits);
            entered.map_err(|(why, _)| why)
        };
        assert_eq!([enter("192.0.2.1"), enter("192.0.2.1")], [Ok(()); 2]);
        assert_eq!(enter("192.0.2.1"), Err(Refused::ConnectionsOfAddress));
        assert_eq!(enter("192.0.2.2"), Err(Refused::Connections));
    }

    #[test]
    fn ipv6_addresses_of_one_network_count_together() {
        let mut doors = Doors::default();
        for last in 1..=2 {
            let address = format!("2001:db8::{last}").parse().unwrap();
            assert!(doors.enter(address, false, 0, &limits()).is_ok());
        }
        assert!(doors.enter("2001:db8::3".parse().unwrap(), false, 0, &limits()).is_err());
        assert!(doors.enter("2001:db8:0:1::1".parse().unwrap(), false, 0, &limits()).is_ok());
    }

    #[test]
    fn connects_are_counted_by_the_minute() {
        let mut doors = Doors::default();
        let address = "192.0.2.1".parse().unwrap();
        for _ in 0..5 {
            assert!(doors.enter(address, false, 0, &limits()).is_ok());
            doors.leave(address);
        }
        let refused = doors.enter(address, false, 59_999, &limits());
        assert_eq!(refused.map_err(|(why, _)| why), Err(Refused::ConnectsOfAddress));
        doors.leave(address);
        assert!(doors.enter(address, false, 60_000, &limits()).is_ok());
    }

    #[test]
    fn failed_logins_wait_ever_longer_and_then_the_door_closes_for_a_while() {
        let mut doors = Doors::default();
        let address = "192.0.2.1".parse().unwrap();
        let mut delays = Vec::new();
        while doors.closed_for(address, 0, &limits()).is_none() {
            delays.push(doors.delay(address, 0, &limits()));
            doors.failed(address, "ann", 0);
        }
        assert_eq!(delays, [0, 0, 1000, 2000, 4000, 8000]);
        let later = seconds(DOOR_CLOSED_SECONDS);
        assert_eq!(doors.closed_for(address, later, &limits()), None);
        assert_eq!(doors.delay(address, later, &limits()), 0);
    }

    #[test]
    fn a_login_forgives_the_failures_of_its_own_name_only() {
        let mut doors = Doors::default();
        let address = "192.0.2.1".parse().unwrap();
        for name in ["Ann", "ann", "bob"] {
            doors.failed(address, name, 0);
        }
        doors.succeeded(address, "eve");
        assert_eq!(doors.delay(address, 0, &limits()), 2000);
        doors.succeeded(address, "ANN");
        assert_eq!(doors.delay(address, 0, &limits()), 0);
        doors.failed(address, "bob", 0);
        assert_eq!(doors.delay(address, 0, &limits()), 1000);
    }
}
