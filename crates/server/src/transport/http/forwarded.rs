//! The headers in which reverse proxies name the client (`X-Forwarded-For`) and say whether it uses
//! TLS (`X-Forwarded-Proto`). Only trusted proxies are believed: anybody can write these headers.

use super::{Fields, RequestContext, Response, bad};
use std::net::{IpAddr, SocketAddr};

/// The client of a request, according to a trusted proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// The client's address, if the proxy names it.
    pub address: Option<IpAddr>,
    /// The client uses TLS up to the proxy. False if the proxy does not say.
    pub encrypted: bool,
}

/// Headers that show that a request has come through a proxy.
const OF_PROXIES: [&str; 3] = ["Forwarded", "Via", "X-Real-IP"];
const ALSO_OF_PROXIES: &str = "X-Forwarded-";

/// Whether a request has headers that proxies add, whoever added them.
pub(super) fn is_relayed(fields: Fields<'_>) -> bool {
    fields.0.iter().any(|header| {
        let start = header.name.get(..ALSO_OF_PROXIES.len()).unwrap_or_default();
        start.eq_ignore_ascii_case(ALSO_OF_PROXIES)
            || OF_PROXIES.iter().any(|name| header.name.eq_ignore_ascii_case(name))
    })
}

/// What a trusted proxy says; none if the request comes from no such proxy, or the proxy says
/// nothing.
///
/// The address is the rightmost one that is not itself a trusted proxy: anything left of it may
/// have been written by anybody.
pub(super) fn read(
    fields: Fields<'_>,
    context: &RequestContext<'_>,
) -> Result<Option<Forwarded>, Response<'static>> {
    let addresses = || fields.list("X-Forwarded-For");
    let mut protocols = fields.list("X-Forwarded-Proto").peekable();
    let silent = addresses().next().is_none() && protocols.peek().is_none();
    if silent || !context.proxies.contain(context.peer) {
        return Ok(None);
    }
    let mut address = None;
    for text in addresses().rev() {
        let Some(one) = parse_address(text) else {
            return Err(bad(
                "The proxy's X-Forwarded-For contains something other than an address.\n",
            ));
        };
        address = Some(one);
        if !context.proxies.contain(one) {
            break;
        }
    }
    // Several proxies may each have said it; a single unencrypted hop is enough to be listened to.
    let mut encrypted = protocols.peek().is_some();
    encrypted &=
        protocols.all(|one| ["https", "wss"].iter().any(|tls| one.eq_ignore_ascii_case(tls)));
    Ok(Some(Forwarded { address, encrypted }))
}

/// An address, optionally with a port or in brackets.
fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address =
        bare.parse().or_else(|_| text.parse().map(|with_port: SocketAddr| with_port.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_ports_and_brackets() {
        for (text, address) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:51234", "192.0.2.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:51234", "2001:db8::7"),
            ("\"[2001:db8::7]\"", "2001:db8::7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
        ] {
            assert_eq!(parse_address(text).unwrap().to_string(), address, "{text}");
        }
        for text in ["", "unknown", "unix:", "_hidden", "192.0.2", "192.0.2.7:", "[192.0.2.7"] {
            assert_eq!(parse_address(text), None, "{text}");
        }
    }
}
