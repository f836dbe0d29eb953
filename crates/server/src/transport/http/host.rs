//! The server's name as a client knows it.

use crate::limits::HOST_BYTES;
use std::net::{IpAddr, Ipv6Addr};

/// A host, with a port if one was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A name or an address, without brackets.
    pub name: String,
    /// None: the default of the scheme.
    pub port: Option<u16>,
}

impl Host {
    /// Parses `HOST` or `HOST:PORT`; none if it has characters that no name or address has.
    pub fn parse(text: &str) -> Option<Host> {
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, rest) = rest.split_once(']')?;
                address.parse::<Ipv6Addr>().ok()?;
                (address, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
            }
            None => {
                let (name, port) = text.split_once(':').map_or((text, None), |(a, b)| (a, Some(b)));
                let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
                (name, port).0.bytes().all(known).then_some((name, port))?
            }
        };
        if name.is_empty() || name.len() > HOST_BYTES {
            return None;
        }
        let port = match port {
            None | Some("") => None,
            Some(digits) => Some(digits.parse().ok().filter(|port| *port != 0)?),
        };
        Some(Host { name: name.to_ascii_lowercase(), port })
    }

    /// Whether browsers take it for their own machine, so that pages from there are trusted without
    /// encryption.
    pub fn is_loopback(&self) -> bool {
        let name = self.name.trim_end_matches('.');
        name == "localhost"
            || name.ends_with(".localhost")
            || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether nobody else can have pointed this name at this machine: it is an address, a name
    /// without a domain such as `localhost`, or one of `known`. Otherwise a web page could use DNS
    /// rebinding to read what is for this machine alone, through a browser on it.
    pub fn is_ours<'a>(&self, mut known: impl Iterator<Item = &'a str>) -> bool {
        let name = self.name.trim_end_matches('.');
        name.parse::<IpAddr>().is_ok()
            || !name.contains('.')
            || known.any(|known| known.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_valid_hosts() {
        for (text, name, port) in [
            ("chat.example", "chat.example", None),
            ("Chat.Example:9999", "chat.example", Some(9999)),
            ("my_host-1:", "my_host-1", None),
            ("192.0.2.1:80", "192.0.2.1", Some(80)),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:DB8::1]:9999", "2001:db8::1", Some(9999)),
        ] {
            assert_eq!(Host::parse(text), Some(Host { name: name.into(), port }), "{text}");
        }
    }

    #[test]
    fn names_that_a_stranger_could_own_are_not_trusted() {
        let is_ours = |text: &str| {
            let known = ["chat.example", "parlor"];
            Host::parse(text).unwrap().is_ours(known.into_iter())
        };
        for ours in
            ["127.0.0.1:9999", "[::1]", "localhost", "localhost.:80", "parlor", "Chat.Example:1"]
        {
            assert!(is_ours(ours), "{ours}");
        }
        for stranger in ["evil.example", "a.chat.example", "localhost.evil.example:9999", "127.1"] {
            assert!(!is_ours(stranger), "{stranger}");
        }
    }

    #[test]
    fn anything_else_is_not_a_host() {
        let long = "a".repeat(HOST_BYTES + 1);
        for text in [
            "",
            ":9999",
            "a b",
            "<b>",
            "a\"",
            "a/b",
            "a&b",
            "é",
            "user@host",
            "a:0",
            "a:65536",
            "a:-1",
            "a:80:90",
            "2001:db8::1",
            "[",
            "[]",
            "[2001:db8::1",
            "[a]",
            "[::1]9999",
            &long,
        ] {
            assert_eq!(Host::parse(text), None, "{text}");
        }
    }
}
