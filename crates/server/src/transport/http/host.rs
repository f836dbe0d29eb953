//! The server's name as a client knows it.

use crate::limits::HOST_BYTES;
use std::net::Ipv6Addr;

/// A host, and a port if one was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A name or an address, without brackets.
    pub name: String,
    /// None: the scheme's own.
    pub port: Option<u16>,
}

impl Host {
    /// Reads `HOST` or `HOST:PORT`; none if it has anything that a name or an address has not.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_hosts() {
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
    fn anything_else_is_none() {
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
