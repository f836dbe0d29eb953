//! What a request may say about its client, and who is believed.

use super::*;

#[test]
fn a_configured_proxy_names_a_requests_client() {
    let said = |peer: &str, lines: &str| {
        let lines = lines.replace('|', "\r\n");
        from(peer, &format!("GET / HTTP/1.1\r\n{HOST}\r\n{lines}\r\n\r\n"))
            .forwarded
            .map(|one| (one.address.map(|address| address.to_string()), one.encrypted))
    };
    let of = |address: &str, encrypted| Some((Some(address.to_owned()), encrypted));
    for (lines, expected) in [
        ("X-Forwarded-For: 192.0.2.9|X-Forwarded-Proto: https", of("192.0.2.9", true)),
        ("x-forwarded-for: 192.0.2.9|X-Forwarded-Proto: WSS", of("192.0.2.9", true)),
        ("X-Forwarded-For: 192.0.2.9|X-Forwarded-Proto: http", of("192.0.2.9", false)),
        ("X-Forwarded-For: 192.0.2.9|X-Forwarded-Proto: https, http", of("192.0.2.9", false)),
        ("X-Forwarded-For: 192.0.2.9", of("192.0.2.9", false)),
        ("X-Forwarded-For: 203.0.113.1, 192.0.2.9", of("192.0.2.9", false)),
        (
            "X-Forwarded-For: 203.0.113.1|X-Forwarded-For: 192.0.2.9, 10.0.0.2",
            of("192.0.2.9", false),
        ),
        ("X-Forwarded-For: nonsense, 192.0.2.9, 10.0.0.2", of("192.0.2.9", false)),
        ("X-Forwarded-For: 10.0.0.3, 10.0.0.2", of("10.0.0.3", false)),
        ("X-Forwarded-For: 2001:db8::9", of("2001:db8::9", false)),
        ("X-Forwarded-Proto: https", Some((None, true))),
        ("Via: 1.1 proxy", None),
        ("X: x", None),
    ] {
        assert_eq!(said("10.0.0.1", lines), expected, "{lines}");
        assert_eq!(said("::ffff:10.0.0.1", lines), expected, "{lines}");
        assert_eq!(said("192.0.2.7", lines), None, "anybody can write {lines}");
    }
}

#[test]
fn a_proxy_that_names_no_address_gets_an_explanation() {
    for bad in ["unknown", "192.0.2.9, unknown", "unknown, 10.0.0.2"] {
        let head = format!("GET / HTTP/1.1\r\n{HOST}\r\nX-Forwarded-For: {bad}\r\n\r\n");
        let RequestTarget::Refused(answer) = from("10.0.0.1", &head).target else {
            panic!("{bad}")
        };
        assert!(answer.starts_with(b"HTTP/1.1 400 "));
        assert_eq!(from("192.0.2.7", &head).target, page(), "from others it means nothing");
    }
}

#[test]
fn requests_through_unknown_proxies_are_trusted_with_nothing() {
    let allowed = networks(r#"["198.51.100.0/24"]"#);
    let is_from = |peer: &str, line: &str| {
        let head = format!("GET /metrics HTTP/1.1\r\n{HOST}\r\n{line}\r\n\r\n");
        from(peer, &head).is_from(peer.parse().unwrap(), &networks(r#"["10.0.0.0/8"]"#), &allowed)
    };
    for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "198.51.100.7", "::ffff:198.51.100.7"] {
        assert!(is_from(peer, "X: x"), "{peer}");
        for line in [
            "X-Forwarded-For: 127.0.0.1",
            "Forwarded: for=127.0.0.1",
            "via: 1.1 a",
            "X-Forwarded-Host: a",
            "X-Real-IP: 127.0.0.1",
        ] {
            assert!(!is_from(peer, line), "{peer} with {line}");
        }
    }
    assert!(!is_from("192.0.2.7", "X: x"));
    // 10.0.0.1 is a configured proxy.
    assert!(is_from("10.0.0.1", "X-Forwarded-For: 198.51.100.7"));
    assert!(!is_from("10.0.0.1", "X-Forwarded-For: 198.51.100.7, 192.0.2.7"));
    for line in ["X-Forwarded-Proto: https", "Via: 1.1 a", "X: x"] {
        assert!(!is_from("10.0.0.1", line), "{line}");
    }
}

#[test]
fn a_silent_proxy_on_this_machine_does_not_count_as_this_machine() {
    let silent = from("127.0.0.1", &format!("GET /metrics HTTP/1.1\r\n{HOST}\r\n\r\n"));
    let (here, nobody) = (networks(r#"["127.0.0.1"]"#), networks("[]"));
    let peer = "127.0.0.1".parse().unwrap();
    assert!(!silent.is_from(peer, &here, &nobody));
    assert!(silent.is_from(peer, &here, &here), "asked for by name");
    assert!(silent.is_from(peer, &nobody, &nobody), "no proxy");
}
