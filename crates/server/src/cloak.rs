//! Hosts for guests that stand for their addresses and do not give them away.
//!
//! The same address has the same host for as long as the store keeps its key, and a whole network has the same
//! ending: so a ban can hold somebody whatever the nick, or everybody from there.

use crate::limits::CLOAK_PART_BYTES;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::fmt;
use std::net::IpAddr;

/// What all these hosts end in, whatever the server's name: a ban outlives that.
const ENDING: &str = "parlor";

/// The key under which addresses are hidden.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
pub struct Cloak {
    key: [u8; 32],
}

impl Cloak {
    /// With a key of the store.
    pub fn new(key: [u8; 32]) -> Cloak {
        Cloak { key }
    }

    /// The host of an address: `c-`, its own part, a dot and that of its network (IPv4: /24, IPv6: /64).
    pub fn host(&self, address: IpAddr) -> String {
        let (own, network) = match address.to_canonical() {
            IpAddr::V4(address) => {
                let octets = address.octets();
                (octets.to_vec(), octets[..3].to_vec())
            }
            IpAddr::V6(address) => {
                let octets = address.octets();
                (octets.to_vec(), octets[..8].to_vec())
            }
        };
        // The two are told apart by the first byte, or a network would be hidden as an address is.
        format!("c-{}.{}.{ENDING}", self.part(b'a', &own), self.part(b'n', &network))
    }

    fn part(&self, kind: u8, bytes: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes any key");
        mac.update(&[kind]);
        mac.update(bytes);
        let hash = mac.finalize().into_bytes();
        hash[..CLOAK_PART_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for Cloak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloak").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SERVER_NAME_BYTES;

    fn host(key: u8, address: &str) -> String {
        Cloak::new([key; 32]).host(address.parse().unwrap())
    }

    fn network(host: &str) -> &str {
        host.split_once('.').unwrap().1
    }

    #[test]
    fn an_address_has_one_host_and_its_network_one_ending() {
        let one = host(1, "192.0.2.7");
        assert_eq!(one, host(1, "::ffff:192.0.2.7"));
        assert_ne!(one, host(2, "192.0.2.7"));
        for (neighbour, stranger) in [("192.0.2.8", "192.0.3.7"), ("192.0.2.255", "193.0.2.7")] {
            assert_ne!(one, host(1, neighbour));
            assert_eq!(network(&one), network(&host(1, neighbour)));
            assert_ne!(network(&one), network(&host(1, stranger)));
        }
        let one = host(1, "2001:db8::1");
        assert_ne!(one, host(1, "2001:db8::2"));
        assert_eq!(network(&one), network(&host(1, "2001:db8::2")));
        assert_ne!(network(&one), network(&host(1, "2001:db8:0:1::1")));
    }

    #[test]
    fn a_host_shows_nothing_of_the_address_and_is_no_longer_than_a_servers_name() {
        // Also an address whose bytes are another one's network.
        let (long, short) = (host(1, "192.0.2.7"), host(1, "2001:db8::7"));
        for host in [&long, &short] {
            assert_eq!(host.len(), "c-".len() + 4 * CLOAK_PART_BYTES + ".".len() + ".parlor".len());
            assert!(host.len() <= SERVER_NAME_BYTES);
            assert!(
                host.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
            );
        }
        assert!(!format!("{:?}", Cloak::new([7; 32])).contains('7'));
    }
}
