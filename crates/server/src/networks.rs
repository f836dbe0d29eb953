//! Sets of addresses, as the config file names them.

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de::Error};
use std::net::{IpAddr, Ipv4Addr};

/// Addresses and networks: `["10.0.0.7", "192.168.0.0/16", "2001:db8::/32"]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Whether an address is in one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Networks, D::Error> {
        let network = |text: String| {
            text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
                D::Error::custom(format!(
                    "{text:?} is neither an address nor a network; write it like \"10.0.0.7\" or \"10.0.0.0/8\""
                ))
            })
        };
        Vec::deserialize(input)?.into_iter().map(network).collect::<Result<_, _>>().map(Networks)
    }
}

/// What counts as one address: all of a /64 network of IPv6, and all of this machine.
pub type AddressKey = [u8; 16];

/// An IPv4 address counts for itself, an IPv6 address for its /64, and this machine for one,
/// whichever of its own addresses it uses.
pub fn address_key(address: IpAddr) -> AddressKey {
    match address.to_canonical() {
        address if address.is_loopback() => Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets(),
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[8..].fill(0);
            octets
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Holder {
        of: Networks,
    }

    fn networks(text: &str) -> Result<Networks, toml::de::Error> {
        toml::from_str::<Holder>(&format!("of = {text}")).map(|holder| holder.of)
    }

    #[test]
    fn addresses_match_their_networks_and_no_others() {
        let some = networks(r#"["10.0.0.7", "192.168.0.0/16", "2001:db8::/32"]"#).unwrap();
        for inside in ["10.0.0.7", "::ffff:10.0.0.7", "192.168.9.9", "2001:db8::1"] {
            assert!(some.contain(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["10.0.0.8", "192.169.0.1", "2001:db9::1", "::1"] {
            assert!(!some.contain(outside.parse().unwrap()), "{outside}");
        }
        assert!(!networks("[]").unwrap().contain("10.0.0.7".parse().unwrap()));
    }

    #[test]
    fn invalid_addresses_are_refused_by_name() {
        let error = networks(r#"["10.0.0.7", "proxy.example"]"#).unwrap_err();
        assert!(error.message().contains(r#""proxy.example" is neither an address"#), "{error}");
    }
}
