//! What a connection speaks, by its first bytes.

/// The methods of HTTP that a request may begin with. `CONNECT` is left to IRC, which has it, too.
const METHODS: [&[u8]; 8] =
    [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"TRACE "];
/// How the header of a reverse proxy begins, in its two versions.
const PROXY: [&[u8]; 2] = [b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n"];
/// The first byte of a TLS record with a handshake message: no line of IRC begins with it.
const HANDSHAKE: u8 = 0x16;

/// What the first bytes are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// The PROXY protocol; something else follows.
    Proxy,
    /// TLS.
    Tls,
    /// HTTP.
    Http,
    /// Lines of IRC: anything else.
    Lines,
}

/// What a connection that begins with these bytes speaks; none if they are too few to tell.
pub fn sniff(first: &[u8]) -> Option<Speech> {
    let begins = |known: &[&[u8]]| known.iter().any(|word| first.starts_with(word));
    let may_begin = |known: &[&[u8]]| known.iter().any(|word| word.starts_with(first));
    if first.first() == Some(&HANDSHAKE) {
        Some(Speech::Tls)
    } else if begins(&PROXY) {
        Some(Speech::Proxy)
    } else if begins(&METHODS) {
        Some(Speech::Http)
    } else if may_begin(&PROXY) || may_begin(&METHODS) {
        None
    } else {
        Some(Speech::Lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_what_is_spoken_and_a_part_of_them_tells_nothing_yet() {
        for (bytes, speech) in [
            (&b"\x16\x03\x01"[..], Some(Speech::Tls)),
            (b"GET / HTTP/1.1\r\n", Some(Speech::Http)),
            (b"OPTIONS *", Some(Speech::Http)),
            (b"PROXY TCP4 192.0.2.1", Some(Speech::Proxy)),
            (b"\r\n\r\n\0\r\nQUIT\n\x21", Some(Speech::Proxy)),
            (b"NICK ann\r\n", Some(Speech::Lines)),
            (b"get lost\r\n", Some(Speech::Lines)),
            (b"GETTING\r\n", Some(Speech::Lines)),
            (b"PASS secret\r\n", Some(Speech::Lines)),
            (b"CONNECT a.example:443 HTTP/1.1\r\n", Some(Speech::Lines)),
            (b"\r\n\r\nNICK ann\r\n", Some(Speech::Lines)),
            (b"\x80\x9e\x01\x03", Some(Speech::Lines)),
            (b"", None),
            (b"P", None),
            (b"GET", None),
            (b"\r\n\r\n", None),
        ] {
            assert_eq!(sniff(bytes), speech, "{}", bytes.escape_ascii());
        }
    }
}
