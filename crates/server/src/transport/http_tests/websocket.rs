//! Requests to open a WebSocket, and which pages may.

use super::*;

#[test]
fn bytes_after_a_websocket_request_belong_to_the_websocket() {
    let proxies = Networks::default();
    let mut incoming = Incoming::default();
    let head = [GET, HOST, UPGRADE, CONNECTION, KEY, VERSION].join("\r\n") + "\r\n\r\n";
    let bytes = [head.as_bytes(), &[0x81, 0x80], b"\n\n"].concat();
    let request = incoming.receive(&bytes, &context(&proxies)).expect("a request");
    assert!(matches!(request.target, RequestTarget::WebSocket { .. }));
    assert_eq!(incoming.into_rest(), [0x81, 0x80, b'\n', b'\n']);
}

fn opened(lines: &[&str]) -> (bool, String) {
    match ask(lines).target {
        RequestTarget::WebSocket { binary, response, .. } => {
            (binary, String::from_utf8(response).unwrap())
        }
        other => panic!("{other:?} for {lines:?}"),
    }
}

#[test]
fn the_specifications_example_handshake_is_answered_as_specified() {
    let (binary, response) = opened(&[GET, HOST, UPGRADE, CONNECTION, KEY, VERSION]);
    let expected = "HTTP/1.1 101 Switching Protocols\r\n\
                    Upgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    assert_eq!((binary, &*response), (false, expected), "no subprotocol is text");
    for path in ["/", "/webirc/websocket/", "/socket?room=1"] {
        opened(&[&format!("GET {path} HTTP/1.1"), HOST, UPGRADE, CONNECTION, KEY, VERSION]);
    }
    let loud = ["UPGRADE: h2c, WebSocket", "connection: UPGRADE"];
    opened(&[GET, HOST, loud[0], loud[1], KEY, VERSION]);
}

#[test]
fn the_first_common_subprotocol_is_chosen() {
    for (offers, binary, chosen) in [
        (&["text.ircv3.net"][..], false, Some("text.ircv3.net")),
        (&["binary.ircv3.net, text.ircv3.net"], true, Some("binary.ircv3.net")),
        (&["text.ircv3.net,binary.ircv3.net"], false, Some("text.ircv3.net")),
        (&["irc, mqtt", " binary.ircv3.net"], true, Some("binary.ircv3.net")),
        (&["irc"], false, None),
        (&["TEXT.ircv3.net"], false, None),
        (&[], false, None),
    ] {
        let lines: Vec<String> =
            offers.iter().map(|offer| format!("Sec-WebSocket-Protocol: {offer}")).collect();
        let mut request = vec![GET, HOST, UPGRADE, CONNECTION, KEY, VERSION];
        request.extend(lines.iter().map(String::as_str));
        let (is_binary, response) = opened(&request);
        let header =
            response.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Protocol: "));
        assert_eq!((is_binary, header), (binary, chosen), "{offers:?}");
    }
}

#[test]
fn an_incomplete_handshake_is_told_what_is_missing() {
    let all = [GET, HOST, UPGRADE, CONNECTION, KEY, VERSION];
    let but = |line: &str, with: &[&str]| {
        let rest = all.iter().copied().filter(|one| *one != line);
        let (start, rest): (Vec<&str>, Vec<&str>) = rest.partition(|one| one.ends_with("HTTP/1.1"));
        let first = with.iter().copied().filter(|one| one.contains(" HTTP/"));
        let last = with.iter().copied().filter(|one| !one.contains(" HTTP/"));
        refused(&start.into_iter().chain(first).chain(rest).chain(last).collect::<Vec<_>>())
    };
    for (answer, code, text) in [
        (but(GET, &["GET /socket HTTP/1.0"]), "400", "HTTP/1.1"),
        (but(GET, &["HEAD /socket HTTP/1.1"]), "400", ""),
        (but(UPGRADE, &[]), "400", "\"Upgrade: websocket\""),
        (but(CONNECTION, &["Connection: close"]), "400", "\"Connection: Upgrade\""),
        (but(KEY, &[]), "400", "Sec-WebSocket-Key"),
        (but(KEY, &["Sec-WebSocket-Key: SGVsbG8sIHdvcmxkIQ=="]), "400", "16 bytes in base64"),
        (but(KEY, &["Sec-WebSocket-Key: !"]), "400", "16 bytes in base64"),
        (but("", &[KEY]), "400", "one Sec-WebSocket-Key"),
        (but(VERSION, &[]), "426", "version 13"),
        (but(VERSION, &["Sec-WebSocket-Version: 8"]), "426", "\r\nSec-WebSocket-Version: 13\r\n"),
        (but("", &[VERSION]), "426", "\r\nUpgrade: websocket\r\n"),
    ] {
        assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{answer}");
        assert!(answer.contains(text), "{answer}");
    }
}

/// Whether a page from this origin may open a WebSocket.
fn lets_in(origins: &[&str], encrypted: bool, host: &str, origin: &str) -> bool {
    let origins: Vec<String> = origins.iter().map(|&one| one.into()).collect();
    let proxies = Networks::default();
    let context = RequestContext { encrypted, origins: &origins, ..context(&proxies) };
    let lines = [GET, host, UPGRADE, CONNECTION, KEY, VERSION, origin];
    let head = lines.map(|line| format!("{line}\r\n")).concat().replace("\r\n\r\n", "\r\n");
    let request = Incoming::default().receive(format!("{head}\r\n").as_bytes(), &context).unwrap();
    match request.target {
        RequestTarget::WebSocket { .. } => true,
        RequestTarget::Refused(answer) => {
            assert!(answer.starts_with(b"HTTP/1.1 403 "));
            false
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_the_servers_own_page_may_open_a_websocket() {
    for (host, origin, expected) in [
        (HOST, "", true), // What is no page has no origin.
        (HOST, "https://chat.example:9999", true),
        (HOST, "https://CHAT.example:9999", true),
        (HOST, "https://chat.example", false),
        (HOST, "https://chat.example:9998", false),
        (HOST, "https://chat.example.evil:9999", false),
        (HOST, "https://evil.example:9999", false),
        (HOST, "ftp://chat.example:9999", false),
        (HOST, "chat.example:9999", false),
        (HOST, "null", false),
        (HOST, "Origin:", false),
        ("Host: chat.example", "https://chat.example", true),
        ("Host: chat.example:443", "https://chat.example", true),
        ("Host: [::1]:9999", "https://[::1]:9999", true),
        ("Host: <b>", "https://<b>", false),
    ] {
        let line = match origin {
            "" | "Origin:" => origin.to_owned(),
            _ => format!("Origin: {origin}"),
        };
        for encrypted in [false, true] {
            assert_eq!(lets_in(&[], encrypted, host, &line), expected, "{host}, {origin}");
        }
    }
    // Anybody on the network path could have written a page that came unencrypted.
    assert!(lets_in(&[], false, HOST, "Origin: http://chat.example:9999"));
    assert!(!lets_in(&[], true, HOST, "Origin: http://chat.example:9999"));
    assert!(lets_in(&[], false, "Host: chat.example", "Origin: http://chat.example"));
}

#[test]
fn pages_from_configured_origins_may_open_a_websocket_too() {
    let origins = ["https://other.example", "https://third.example:8443/"];
    let lets_in = |origins: &[&str], origin: &str| lets_in(origins, true, HOST, origin);
    assert!(lets_in(&origins, "Origin: https://Other.example"));
    assert!(lets_in(&origins, "Origin: https://third.example:8443"));
    assert!(lets_in(&origins, "Origin: https://chat.example:9999"));
    assert!(lets_in(&["*"], "Origin: https://anywhere.example"));
    for origin in
        ["https://other.example.evil", "http://other.example", "null", "https://third.example", ""]
    {
        assert!(!lets_in(&origins, &format!("Origin: {origin}")), "{origin}");
    }
}
