//! Admission of connections, by limits per address.

use crate::limits::{ADDRESSES_REMEMBERED, Limits, REFUSALS_LOGGED, REFUSALS_LOGGED_MILLIS};
use crate::metrics::Refused;
use crate::networks::{AddressKey, address_key};
use crate::session::lru_map::LruMap;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The recent connections of each address.
#[derive(Debug)]
pub struct Admission {
    /// Addresses with open connections: at most as many as there are connections.
    connected: BTreeMap<AddressKey, AddressStats>,
    /// Addresses that had some recently.
    recent: LruMap<AddressKey, AddressStats>,
    open: usize,
    refusals: Refusals,
}

#[derive(Debug, Default)]
struct AddressStats {
    open: usize,
    minute_started: i64,
    connects: u32,
}

/// Which refusals are logged: a flood of connections must not become a flood of log lines.
#[derive(Debug, Default)]
struct Refusals {
    began: i64,
    logged: u32,
    not_logged: u64,
}

impl Default for Admission {
    fn default() -> Admission {
        let recent = LruMap::new(ADDRESSES_REMEMBERED);
        Admission { connected: BTreeMap::new(), recent, open: 0, refusals: Refusals::default() }
    }
}

impl Admission {
    /// Admits a connection, or returns the reason for refusing it. Either way [`Admission::release`]
    /// follows when it closes. A proxy's connection counts for its client once the proxy has named
    /// it.
    pub fn admit(
        &mut self,
        address: IpAddr,
        proxy: bool,
        now: i64,
        limits: &Limits,
    ) -> Result<(), (Refused, &'static str)> {
        let (key, recent) = (address_key(address), &mut self.recent);
        let known = || recent.remove(&key).unwrap_or_default();
        let stats = self.connected.entry(key).or_insert_with(known);
        self.open += 1;
        stats.open += 1;
        if now - stats.minute_started >= 60_000 {
            stats.minute_started = now;
            stats.connects = 0;
        }
        stats.connects = stats.connects.saturating_add(1);
        let over = |limit: usize, count: usize| limit != 0 && count > limit;
        if over(limits.connections, self.open) {
            return Err((Refused::Connections, "The server is full; try again later"));
        }
        if proxy {
            return Ok(());
        }
        if over(limits.connections_per_address, stats.open) {
            let reason = "Too many connections from your address; close one first";
            return Err((Refused::ConnectionsOfAddress, reason));
        }
        if over(limits.connects_per_minute as usize, stats.connects as usize) {
            let reason = "Too many connections from your address in a short time; wait a minute";
            return Err((Refused::ConnectsOfAddress, reason));
        }
        Ok(())
    }

    /// A connection from the address closed.
    pub fn release(&mut self, address: IpAddr) {
        let key = address_key(address);
        self.open -= 1;
        let stats = self.connected.get_mut(&key).expect("it was admitted");
        stats.open -= 1;
        if stats.open == 0 {
            *self.recent.touch(&key) = self.connected.remove(&key).expect("just there");
        }
    }

    /// Whether to log a refusal. If not, it is counted.
    pub fn is_worth_logging(&mut self, now: i64) -> bool {
        let refusals = &mut self.refusals;
        if now - refusals.began >= REFUSALS_LOGGED_MILLIS {
            refusals.began = now;
            refusals.logged = 0;
        }
        if refusals.logged < REFUSALS_LOGGED {
            refusals.logged += 1;
            return true;
        }
        refusals.not_logged += 1;
        false
    }

    /// The number of refusals not logged, if it is time to log that.
    pub fn not_logged(&mut self, now: i64, last: bool) -> Option<u64> {
        let due = last || now - self.refusals.began >= REFUSALS_LOGGED_MILLIS;
        (due && self.refusals.not_logged > 0).then(|| std::mem::take(&mut self.refusals.not_logged))
    }

    /// The number of open connections by [`key`]; only addresses that have some.
    #[cfg(test)]
    pub(crate) fn open_by_address(&self) -> BTreeMap<AddressKey, usize> {
        let open: BTreeMap<_, _> =
            self.connected.iter().map(|(key, stats)| (*key, stats.open)).collect();
        assert_eq!(open.values().sum::<usize>(), self.open);
        assert!(open.values().all(|open| *open > 0));
        open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn limits() -> Limits {
        Limits { connections_per_address: 2, connects_per_minute: 5, ..Limits::default() }
    }

    #[test]
    fn every_refusal_gives_a_reason() {
        let limits = Limits { connections: 3, ..limits() };
        let mut admission = Admission::default();
        let mut admit = |address: &str| {
            let admitted = admission.admit(address.parse().unwrap(), false, 0, &limits);
            admitted.map_err(|(why, _)| why)
        };
        assert_eq!([admit("192.0.2.1"), admit("192.0.2.1")], [Ok(()); 2]);
        assert_eq!(admit("192.0.2.1"), Err(Refused::ConnectionsOfAddress));
        assert_eq!(admit("192.0.2.2"), Err(Refused::Connections));
    }

    #[test]
    fn ipv6_addresses_of_one_network_count_together() {
        let mut admission = Admission::default();
        for last in 1..=2 {
            let address = format!("2001:db8::{last}").parse().unwrap();
            assert!(admission.admit(address, false, 0, &limits()).is_ok());
        }
        assert!(admission.admit("2001:db8::3".parse().unwrap(), false, 0, &limits()).is_err());
        assert!(admission.admit("2001:db8:0:1::1".parse().unwrap(), false, 0, &limits()).is_ok());
    }

    #[test]
    fn connects_are_counted_by_the_minute() {
        let mut admission = Admission::default();
        let address = "192.0.2.1".parse().unwrap();
        for _ in 0..5 {
            assert!(admission.admit(address, false, 0, &limits()).is_ok());
            admission.release(address);
        }
        let refused = admission.admit(address, false, 59_999, &limits());
        assert_eq!(refused.map_err(|(why, _)| why), Err(Refused::ConnectsOfAddress));
        admission.release(address);
        assert!(admission.admit(address, false, 60_000, &limits()).is_ok());
    }

    #[test]
    fn loopback_addresses_count_together() {
        let mut admission = Admission::default();
        for address in ["127.0.0.1", "127.3.2.1"] {
            assert!(admission.admit(address.parse().unwrap(), false, 0, &limits()).is_ok());
        }
        for address in ["127.0.0.2", "::1", "::ffff:127.0.0.9"] {
            assert!(admission.admit(address.parse().unwrap(), false, 0, &limits()).is_err());
        }
        assert!(admission.admit("126.0.0.1".parse().unwrap(), false, 0, &limits()).is_ok());
    }

    /// A hundred thousand addresses; scanning the table for each would take minutes.
    #[test]
    fn the_table_of_addresses_is_bounded_and_each_costs_the_same() {
        let mut admission = Admission::default();
        let limits = Limits { connections: 0, ..limits() };
        let address = |number: u32| Ipv4Addr::from(0x0a00_0000 + number).into();
        let open: IpAddr = "192.0.2.1".parse().unwrap();
        assert!(admission.admit(open, false, 1, &limits).is_ok());
        for number in 0..100_000 {
            assert!(admission.admit(address(number), false, 1, &limits).is_ok());
            admission.release(address(number));
            assert!(admission.recent.len() <= ADDRESSES_REMEMBERED);
        }
        assert_eq!(admission.recent.len(), ADDRESSES_REMEMBERED);
        assert!(admission.recent.get(&address_key(address(0))).is_none());
        assert_eq!(
            admission.recent.get(&address_key(address(99_999))).map(|stats| stats.connects),
            Some(1)
        );
        assert_eq!(admission.open_by_address(), BTreeMap::from([(address_key(open), 1)]));
    }

    #[test]
    fn in_a_flood_some_refusals_are_logged_and_the_rest_counted() {
        let mut admission = Admission::default();
        let logged = (0..100).filter(|_| admission.is_worth_logging(5)).count();
        assert_eq!(logged, REFUSALS_LOGGED as usize);
        assert_eq!(admission.not_logged(5, false), None);
        let later = 5 + REFUSALS_LOGGED_MILLIS;
        assert_eq!(admission.not_logged(later, false), Some(100 - u64::from(REFUSALS_LOGGED)));
        assert_eq!(admission.not_logged(later, true), None);
        assert!(admission.is_worth_logging(later));
    }
}
