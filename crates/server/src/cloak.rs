//! Hosts for guests that are derived from their addresses without revealing them.
//!
//! An address has the same host for as long as the store keeps its key, and addresses of one
//! network share its ending: so a ban can stop a person under any nick, or everybody from a
//! network.

use crate::limits::CLOAK_PART_BYTES;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::fmt;
use std::net::IpAddr;

/// The ending of all these hosts, whatever the server's name: bans must survive its change.
const ENDING: &str = "parlor";

/// The key for hiding addresses.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
pub struct Cloak {
    key: [u8; 32],
}

impl Cloak {
    /// With the store's key.
    pub fn new(key: [u8; 32]) -> Cloak {
        Cloak { key }
    }

    /// The host of an address: `c-`, the address part, a dot, and the network part (IPv4: /24,
    /// IPv6: /64).
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
        // Distinguished by the first byte, or a network could have the hash of an address.
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
    fn an_address_has_one_host_and_a_network_one_ending() {
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
    fn hosts_do_not_reveal_addresses_and_are_no_longer_than_a_server_name() {
        // Including an address whose bytes equal another one's network.
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
