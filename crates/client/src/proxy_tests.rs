//! URLs of proxies, and the conversation with one, byte by byte.

use std::collections::VecDeque;

use super::*;

/// A proxy with prepared answers.
struct FakeProxy {
    answers: VecDeque<u8>,
    received: Vec<u8>,
}

impl Read for FakeProxy {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.answers.read(buffer)
    }
}

impl Write for FakeProxy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.received.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a proxy with these answers receives, and the outcome.
fn talk(url: &str, answers: &[u8], target: &Target<'_>) -> (Vec<u8>, Result<(), String>) {
    let mut proxy = FakeProxy { answers: answers.iter().copied().collect(), received: Vec::new() };
    let outcome = Proxy::parse(url).unwrap().request_connection(&mut proxy, target);
    if outcome.is_ok() {
        assert!(proxy.answers.is_empty(), "what follows is the server's: {:?}", proxy.answers);
    }
    (proxy.received, outcome.map_err(|error| error.to_string()))
}

const URL: &str = "socks5h://proxy.example";

#[test]
fn urls_are_understood() {
    let proxy = Proxy::parse("socks5://proxy.example:9050").unwrap();
    assert_eq!((&*proxy.host, proxy.port, proxy.resolves), ("proxy.example", 9050, false));
    let proxy = Proxy::parse("SOCKS5H://[::1]/").unwrap();
    assert_eq!((&*proxy.host, proxy.port, proxy.resolves), ("::1", 1080, true));
    let proxy = Proxy::parse("socks5://a%6en:p%40ss%3a@proxy.example").unwrap();
    assert_eq!(proxy.login, Some(("ann".to_owned(), "p@ss:".to_owned())));
    assert!(!format!("{proxy:?}").contains("p@ss"), "{proxy:?}");
    for wrong in [
        "proxy.example",
        "http://proxy.example",
        "socks4://a",
        "socks5://",
        "socks5://%zz@a",
        "socks5://@a",
    ] {
        assert!(Proxy::parse(wrong).is_err(), "{wrong}");
    }
    let error = "socks5://ann:secret@a".parse::<Proxy>().unwrap_err();
    assert!(error.contains("ALL_PROXY") && !error.contains("secret"), "{error}");
}

#[test]
fn names_and_addresses_are_asked_for() {
    let answers = [5, 0, 5, 0, 0, 1, 192, 0, 2, 1, 0x1f, 0x40];
    let (received, outcome) = talk(URL, &answers, &Target::Name("chat.example", 9999));
    assert_eq!(outcome, Ok(()));
    assert_eq!(
        received,
        [&b"\x05\x01\x00\x05\x01\x00\x03\x0cchat.example"[..], &9999_u16.to_be_bytes()].concat()
    );

    let address = |text: &str| Target::Address(text.parse().unwrap());
    let (received, _) = talk(URL, &answers, &address("192.0.2.7:80"));
    assert_eq!(received[3..], [5, 1, 0, 1, 192, 0, 2, 7, 0, 80]);
    let answers = [&[5, 0, 5, 0, 0, 4][..], &[0; 18]].concat();
    let (received, outcome) = talk(URL, &answers, &address("[::1]:80"));
    assert_eq!((received[6], received.len(), outcome), (4, 25, Ok(())));
    let answers = [&[5, 0, 5, 0, 0, 3, 2, b'h', b'i', 0, 80][..]].concat();
    assert_eq!(talk(URL, &answers, &address("[::1]:80")).1, Ok(()));
}

#[test]
fn user_and_password_are_given_where_the_proxy_wants_them() {
    let url = "socks5://ann:secret@proxy.example";
    let answers = [5, 2, 1, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let (received, outcome) = talk(url, &answers, &Target::Name("a", 1));
    assert_eq!(outcome, Ok(()));
    assert_eq!(received[..16], *b"\x05\x02\x00\x02\x01\x03ann\x06secret");
    let wrong = talk(url, &[5, 2, 1, 1], &Target::Name("a", 1)).1;
    assert_eq!(wrong, Err("it rejected the user and password".to_owned()));
    let wanted = talk(URL, &[5, 0xff], &Target::Name("a", 1)).1.unwrap_err();
    assert!(wanted.contains("requires a user and password"), "{wanted}");
}

#[test]
fn proxy_errors_are_reported() {
    let ending = |answers: &[u8]| talk(URL, answers, &Target::Name("a", 1)).1.unwrap_err();
    assert_eq!(ending(b"HTTP/1.1 400"), "it does not speak SOCKS5");
    assert_eq!(ending(b""), "it closed the connection");
    assert_eq!(ending(&[5, 0, 5, 5, 0, 1]), "the connection was refused");
    assert_eq!(ending(&[5, 0, 5, 2, 0, 1]), "it does not allow this connection");
    assert_eq!(ending(&[5, 0, 5, 0, 0, 9]), "it does not speak SOCKS5");
    let long = "a".repeat(256);
    assert!(talk(URL, &[5, 0], &Target::Name(&long, 1)).1.is_err());
}

#[test]
fn no_proxy_names_hosts_and_domains() {
    for list in ["*", "chat.example", ".example", "example", "localhost, Chat.Example"] {
        assert!(is_excepted("chat.example", list), "{list}");
    }
    for list in ["", "hat.example", "chat", "xample", "other.example"] {
        assert!(!is_excepted("chat.example", list), "{list}");
    }
    for (host, list) in [
        ("chat.example.", "chat.example"),
        ("chat.example", "example."),
        ("2001:DB8:0::1", "[2001:db8::1]"),
    ] {
        assert!(is_excepted(host, list), "{host} {list}");
    }
}
