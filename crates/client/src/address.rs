//! A server's address as typed by people.

use std::net::Ipv6Addr;
use std::str::FromStr;

/// The default port of `ircs://`.
const IRCS_PORT: u16 = 6697;

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A host name or IP address; IPv6 without brackets.
    pub host: String,
    /// The port, if given.
    pub port: Option<u16>,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        let (rest, usual_port) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("ircs") => {
                (rest.strip_suffix('/').unwrap_or(rest), Some(IRCS_PORT))
            }
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("irc") => {
                return Err(
                    "irc:// is not encrypted; if that is intended, use HOST:PORT and --plaintext"
                        .to_owned(),
                );
            }
            Some(_) => return Err("the only supported URL is ircs://HOST:PORT".to_owned()),
            None => (text, None),
        };
        if rest.contains('@') {
            return Err("give the user with -u; the password is asked for".to_owned());
        }
        let (host, port) = split_port(rest)?;
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/?#[]".contains(c)) {
            return Err(
                "that is not a host; give HOST, HOST:PORT, [IPV6]:PORT or ircs://HOST:PORT"
                    .to_owned(),
            );
        }
        Ok(Address { host: host.to_owned(), port: port.or(usual_port) })
    }
}

/// Splits `HOST`, `HOST:PORT`, `IPV6`, `[IPV6]` and `[IPV6]:PORT`; removes brackets.
pub(crate) fn split_port(text: &str) -> Result<(&str, Option<u16>), String> {
    if let Some(inner) = text.strip_prefix('[') {
        let (host, after) = inner.split_once(']').ok_or("the ] is missing")?;
        if !is_ipv6(host) {
            return Err("an IPv6 address belongs between [ and ]".to_owned());
        }
        let port = match after.strip_prefix(':') {
            Some(port) => Some(parse_port(port)?),
            None if after.is_empty() => None,
            None => return Err("only :PORT can follow the ]".to_owned()),
        };
        return Ok((host, port));
    }
    match text.split_once(':') {
        None => Ok((text, None)),
        Some(_) if is_ipv6(text) => Ok((text, None)),
        Some((host, port)) => Ok((host, Some(parse_port(port)?))),
    }
}

/// An IPv6 address, perhaps with its zone, as in `fe80::1%eth0`.
fn is_ipv6(text: &str) -> bool {
    text.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

pub(crate) fn parse_port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port @ 1..) => Ok(port),
        _ => Err("a port must be a number from 1 to 65535".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_address_is_understood() {
        for (text, host, port) in [
            ("chat.example", "chat.example", None),
            ("chat.example:7000", "chat.example", Some(7000)),
            ("192.0.2.1:7000", "192.0.2.1", Some(7000)),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[fe80::1%eth0]:7000", "fe80::1%eth0", Some(7000)),
            ("ircs://chat.example", "chat.example", Some(6697)),
            ("ircs://[::1]:7000/", "::1", Some(7000)),
        ] {
            assert_eq!(text.parse(), Ok(Address { host: host.to_owned(), port }), "{text}");
        }
    }
}
