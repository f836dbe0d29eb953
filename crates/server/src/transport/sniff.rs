//! Detecting a connection's protocol from its first bytes.

/// The HTTP methods that a request may begin with. `CONNECT` is an IRC command, too, and left to IRC.
const METHODS: [&[u8]; 8] =
    [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"TRACE "];
/// How a PROXY header begins, in versions 1 and 2.
const PROXY: [&[u8]; 2] = [b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n"];
/// The first byte of a TLS handshake record. No IRC line begins with it.
const HANDSHAKE: u8 = 0x16;

/// A protocol that a connection can begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The PROXY protocol; something else follows.
    Proxy,
    /// TLS.
    Tls,
    /// HTTP.
    Http,
    /// Lines of IRC: anything else.
    Lines,
}

/// The protocol of a connection that begins with these bytes; none if there are too few to tell.
pub fn sniff(first: &[u8]) -> Option<Protocol> {
    let begins = |known: &[&[u8]]| known.iter().any(|word| first.starts_with(word));
    let may_begin = |known: &[&[u8]]| known.iter().any(|word| word.starts_with(first));
    if first.first() == Some(&HANDSHAKE) {
        Some(Protocol::Tls)
    } else if begins(&PROXY) {
        Some(Protocol::Proxy)
    } else if begins(&METHODS) {
        Some(Protocol::Http)
    } else if may_begin(&PROXY) || may_begin(&METHODS) {
        None
    } else {
        Some(Protocol::Lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_decide_and_a_prefix_of_them_does_not() {
        for (bytes, protocol) in [
            (&b"\x16\x03\x01"[..], Some(Protocol::Tls)),
            (b"GET / HTTP/1.1\r\n", Some(Protocol::Http)),
            (b"OPTIONS *", Some(Protocol::Http)),
            (b"PROXY TCP4 192.0.2.1", Some(Protocol::Proxy)),
            (b"\r\n\r\n\0\r\nQUIT\n\x21", Some(Protocol::Proxy)),
            (b"NICK ann\r\n", Some(Protocol::Lines)),
            (b"get lost\r\n", Some(Protocol::Lines)),
            (b"GETTING\r\n", Some(Protocol::Lines)),
            (b"PASS secret\r\n", Some(Protocol::Lines)),
            (b"CONNECT a.example:443 HTTP/1.1\r\n", Some(Protocol::Lines)),
            (b"\r\n\r\nNICK ann\r\n", Some(Protocol::Lines)),
            (b"\x80\x9e\x01\x03", Some(Protocol::Lines)),
            (b"", None),
            (b"P", None),
            (b"GET", None),
            (b"\r\n\r\n", None),
        ] {
            assert_eq!(sniff(bytes), protocol, "{}", bytes.escape_ascii());
        }
    }
}
