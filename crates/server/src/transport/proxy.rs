//! The PROXY protocol, versions 1 and 2: a header in which a reverse proxy names the client. Only
//! accepted from configured proxies, since anybody can send one.

use crate::limits::{PROXY_V1_BYTES, PROXY_V2_BYTES};
use proxy_header::{Error, ParseConfig, Protocol, ProxyHeader};
use std::net::IpAddr;

const V1: &[u8] = b"PROXY ";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of a version 2 header up to and including its length field.
const V2_FIXED_BYTES: usize = V2.len() + 4;

/// What a connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// No header.
    Absent,
    /// Possibly a header, incomplete. Never returned for [`PROXY_V2_BYTES`] or more.
    Partial,
    /// A header.
    Whole {
        /// Its length in bytes.
        used: usize,
        /// The client it names.
        client: Client,
    },
    /// A header that is invalid or too long.
    Bad,
}

/// Whom a proxy has opened a connection for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// A client with a known address.
    Known {
        /// The client's address.
        address: IpAddr,
        /// It uses TLS up to the proxy. Only version 2 can say so.
        encrypted: bool,
    },
    /// A client without a TCP address (such as `UNKNOWN`).
    Unknown,
    /// The proxy itself, for a health check (`LOCAL`).
    TheProxy,
}

/// Reads the header at the start of a connection.
pub fn read(bytes: &[u8]) -> Read {
    let begins = |signature: &[u8]| {
        let known = bytes.len().min(signature.len());
        bytes[..known] == signature[..known]
    };
    let most = match (begins(V1), begins(V2)) {
        _ if bytes.is_empty() => return Read::Partial,
        (true, _) if bytes.len() < V1.len() => return Read::Partial,
        (_, true) if bytes.len() < V2_FIXED_BYTES => return Read::Partial,
        (true, _) => PROXY_V1_BYTES,
        (_, true) => match v2_bytes(bytes) {
            length if length > PROXY_V2_BYTES => return Read::Bad,
            length => length,
        },
        _ => return Read::Absent,
    };
    let bytes = &bytes[..bytes.len().min(most)];
    match ProxyHeader::parse(bytes, ParseConfig::default()) {
        Ok((header, used)) => Read::Whole { used, client: client(&header, bytes) },
        Err(Error::BufferTooShort) if bytes.len() < most => Read::Partial,
        Err(_) => Read::Bad,
    }
}

/// The length in bytes of a version 2 header, from its length field.
fn v2_bytes(bytes: &[u8]) -> usize {
    let length = [bytes[V2_FIXED_BYTES - 2], bytes[V2_FIXED_BYTES - 1]];
    V2_FIXED_BYTES + usize::from(u16::from_be_bytes(length))
}

fn client(header: &ProxyHeader<'_>, bytes: &[u8]) -> Client {
    match header.proxied_address().filter(|one| one.protocol == Protocol::Stream) {
        Some(proxied) => Client::Known {
            address: proxied.source.ip().to_canonical(),
            encrypted: header.ssl().is_some_and(|ssl| ssl.client_ssl()),
        },
        // The low four bits after the signature are the command.
        None if bytes.starts_with(V2) && bytes[V2.len()] & 0xf == 0 => Client::TheProxy,
        None => Client::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proxy_header::{ProxiedAddress, SslInfo, Tlv};

    fn v2(address: Option<ProxiedAddress>, fields: Vec<Tlv<'_>>) -> Vec<u8> {
        let mut bytes = Vec::new();
        ProxyHeader::with_tlvs(address, fields).encode_v2(&mut bytes).unwrap();
        bytes
    }

    fn ann() -> ProxiedAddress {
        let (source, destination) = ("[2001:db8::7]:51234", "[2001:db8::1]:443");
        ProxiedAddress::stream(source.parse().unwrap(), destination.parse().unwrap())
    }

    fn tls(by_client: bool) -> Tlv<'static> {
        Tlv::Ssl(SslInfo::new(by_client, false, false, 0))
    }

    fn client_of(bytes: &[u8]) -> (String, bool) {
        match read(bytes) {
            Read::Whole { client: Client::Known { address, encrypted }, .. } => {
                (address.to_string(), encrypted)
            }
            Read::Whole { client, .. } => (format!("{client:?}"), false),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_version_1_header_names_the_client() {
        let line = b"PROXY TCP4 192.0.2.7 198.51.100.1 51234 9999\r\n";
        let client = Client::Known { address: "192.0.2.7".parse().unwrap(), encrypted: false };
        let whole = Read::Whole { used: line.len(), client };
        assert_eq!(read(line), whole);
        assert_eq!(read(&[line, &b"LOGIN ann\r\n"[..]].concat()), whole);
        let v6 = b"PROXY TCP6 2001:db8::7 2001:db8::1 51234 9999\r\n";
        assert_eq!(client_of(v6), ("2001:db8::7".into(), false));
        let mapped = b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 51234 9999\r\n";
        assert_eq!(client_of(mapped), ("192.0.2.7".into(), false));
        for somebodys in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff:: ffff:: 65535 65535\r\n"] {
            assert_eq!(client_of(somebodys.as_bytes()), ("Unknown".into(), false), "{somebodys}");
        }
    }

    #[test]
    fn a_version_2_header_also_says_whether_the_client_uses_tls() {
        assert_eq!(client_of(&v2(Some(ann()), vec![])), ("2001:db8::7".into(), false));
        let authority = Tlv::Authority("chat.example".into());
        let with_tls = v2(Some(ann()), vec![authority, tls(true)]);
        assert_eq!(client_of(&with_tls), ("2001:db8::7".into(), true));
        assert!(!client_of(&v2(Some(ann()), vec![tls(false)])).1);
    }

    #[test]
    fn health_checks_of_the_proxy_are_distinguished_from_unknown_clients() {
        assert_eq!(client_of(&v2(None, vec![tls(true)])), ("TheProxy".into(), false));
        // No address, but not a health check.
        let unspecified = [V2, &[0x21, 0, 0, 0]].concat();
        assert_eq!(client_of(&unspecified), ("Unknown".into(), false));
        let (source, destination) = ("192.0.2.7:53".parse().unwrap(), "192.0.2.1:53".parse());
        let datagram = ProxiedAddress::datagram(source, destination.unwrap());
        assert_eq!(client_of(&v2(Some(datagram), vec![tls(true)])), ("Unknown".into(), false));
        let unix = [V2, &[0x21, 0x31, 0, 216], &[b'x'; 216][..]].concat();
        assert_eq!(client_of(&unix), ("Unknown".into(), false));
    }

    #[test]
    fn other_protocols_have_no_header() {
        let hello = [0x16, 3, 1, 2, 0];
        let others: [&[u8]; 6] =
            [b"PASS x\r\n", b"PRIVMSG", b"PROXYING ", b"GET / HTTP/1.1", b"\nPING", &hello];
        for other in others {
            assert_eq!(read(other), Read::Absent, "{other:?}");
        }
    }

    #[test]
    fn a_partial_header_is_waited_for() {
        for whole in [
            b"PROXY TCP4 192.0.2.7 198.51.100.1 51234 9999\r\n".to_vec(),
            b"PROXY UNKNOWN\r\n".to_vec(),
            v2(Some(ann()), vec![tls(true)]),
        ] {
            for length in 0..whole.len() {
                assert_eq!(read(&whole[..length]), Read::Partial, "{:?}", &whole[..length]);
            }
        }
    }

    #[test]
    fn invalid_headers_are_refused() {
        let v2_of = |command, family, length: u16, rest: usize| {
            let [high, low] = length.to_be_bytes();
            [V2, &[command, family, high, low], &vec![0; rest]].concat()
        };
        for bad in [
            b"PROXY TCP4 192.0.2.7 198.51.100.1 51234 99999\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.777 198.51.100.1 51234 9999\r\n".to_vec(),
            b"PROXY TCP4 2001:db8::7 2001:db8::1 51234 9999\r\n".to_vec(),
            b"PROXY SCTP 192.0.2.7 198.51.100.1 51234 9999\r\n".to_vec(),
            b"PROXY UNKNOWN\rx".to_vec(),
            v2_of(0x31, 0x11, 12, 12),
            v2_of(0x21, 0x41, 12, 12),
            v2_of(0x21, 0x11, 11, 11),
        ] {
            assert_eq!(read(&bad), Read::Bad, "{bad:?}");
        }
    }

    #[test]
    fn headers_over_the_limit_are_refused() {
        let line = |filling: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(filling));
        let most = PROXY_V1_BYTES - line(0).len();
        assert!(matches!(read(line(most).as_bytes()), Read::Whole { used: PROXY_V1_BYTES, .. }));
        assert_eq!(read(line(most + 1).as_bytes()), Read::Bad);

        let padded = |bytes: usize| v2(Some(ann()), vec![Tlv::Noop(bytes)]);
        let most = PROXY_V2_BYTES - padded(0).len();
        assert!(matches!(read(&padded(most)), Read::Whole { used: PROXY_V2_BYTES, .. }));
        let too_long = padded(most + 1);
        assert_eq!(read(&too_long), Read::Bad);
        assert_eq!(read(&too_long[..V2_FIXED_BYTES]), Read::Bad, "by what it says of its length");
    }

    const STARTS: [&[u8]; 8] = [
        b"",
        V1,
        b"PROXY TCP4 ",
        b"PROXY TCP6 ",
        b"PROXY UNKNOWN",
        V2,
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00",
        b"\r\n\r\n\0\r\nQUIT\n\x20\x21\x01",
    ];

    proptest! {
        #[test]
        fn no_input_asks_for_more_than_the_limit(
            start in proptest::sample::select(&STARTS[..]),
            rest in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..1200),
                "[0-9a-f:. \r\n]{0,120}".prop_map(String::into_bytes),
            ],
        ) {
            let bytes = [start, &rest[..]].concat();
            match read(&bytes) {
                Read::Partial => prop_assert!(bytes.len() < PROXY_V2_BYTES),
                Read::Whole { used, .. } => prop_assert!(used <= bytes.len().min(PROXY_V2_BYTES)),
                Read::Absent | Read::Bad => {}
            }
        }
    }
}
