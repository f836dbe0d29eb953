use super::*;
use crate::limits::{HTTP_HEAD_BYTES, HTTP_PIPELINE_BYTES, HTTP_REQUESTS};
use proptest::collection::vec;
use proptest::prelude::*;

#[path = "http_tests/proxies.rs"]
mod proxies;
#[path = "http_tests/websocket.rs"]
mod websocket;

#[derive(serde::Deserialize)]
struct Proxies {
    proxies: Networks,
}

fn networks(text: &str) -> Networks {
    toml::from_str::<Proxies>(&format!("proxies = {text}")).unwrap().proxies
}

/// How a request from this peer is understood, where 10.0.0.0/8 are proxies.
fn from(peer: &str, head: &str) -> Request {
    let proxies = networks(r#"["10.0.0.0/8"]"#);
    let context = RequestContext { peer: peer.parse().unwrap(), ..context(&proxies) };
    Incoming::default().receive(head.as_bytes(), &context).expect("a request")
}

/// The context of a request from an ordinary peer.
fn context(proxies: &Networks) -> RequestContext<'_> {
    RequestContext { peer: [192, 0, 2, 7].into(), proxies, encrypted: false, origins: &[] }
}

/// The requests in `pieces`, each with its response sent before the next is examined.
fn all(pieces: &[&[u8]]) -> Vec<Request> {
    let (proxies, mut incoming, mut found) = (Networks::default(), Incoming::default(), vec![]);
    let context = context(&proxies);
    for piece in pieces {
        let mut next = incoming.receive(piece, &context);
        while let Some(request) = next {
            incoming.answered(request.keep);
            found.push(request);
            next = incoming.has_more().then(|| incoming.receive(&[], &context)).flatten();
        }
    }
    assert!(incoming.kept() <= HTTP_HEAD_BYTES.next_power_of_two());
    found
}

/// The same from an ordinary peer, for a request of these lines.
fn ask(lines: &[&str]) -> Request {
    from("192.0.2.7", &(lines.join("\r\n") + "\r\n\r\n"))
}

/// The response to an invalid request.
fn refused(lines: &[&str]) -> String {
    match ask(lines).target {
        RequestTarget::Refused(answer) => String::from_utf8(answer).unwrap(),
        other => panic!("{other:?} for {lines:?}"),
    }
}

/// The status and the header lines.
fn status(lines: &[&str]) -> String {
    let answer = refused(lines);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{answer}");
    assert!(body.ends_with(".\n") || body.ends_with(" /\n") || body.ends_with("?\n"), "{body:?}");
    head.strip_prefix("HTTP/1.1 ").unwrap()[..3].to_owned()
}

/// The page, for a request without further headers.
fn page() -> RequestTarget {
    RequestTarget::Page(Representation::new(&files::INDEX, Fields(&[])))
}

const HOST: &str = "Host: chat.example:9999";
const GET: &str = "GET /socket HTTP/1.1";
const UPGRADE: &str = "Upgrade: websocket";
const CONNECTION: &str = "Connection: keep-alive, Upgrade";
const VERSION: &str = "Sec-WebSocket-Version: 13";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

#[test]
fn known_paths_are_found_whatever_the_query() {
    for (target, expected) in [
        ("/", page()),
        ("/?invite=abc-def", page()),
        ("http://other.example", page()),
        ("http://other.example?a", page()),
        ("/join?", RequestTarget::Join),
        ("/healthz", RequestTarget::Health),
        ("HTTP://other.example:80/healthz?verbose", RequestTarget::Health),
        ("/metrics?name[]=x", RequestTarget::Metrics),
    ] {
        assert_eq!(ask(&[&format!("GET {target} HTTP/1.1"), HOST]).target, expected, "{target}");
    }
    for target in ["/index.html", "//", "/healthz/", "/Metrics", "/socket"] {
        assert_eq!(status(&[&format!("GET {target} HTTP/1.1"), HOST]), "404", "{target}");
    }
    for target in ["ftp://a/", "healthz", "*", "a:80", "://", "?"] {
        assert_eq!(status(&[&format!("GET {target} HTTP/1.1"), HOST]), "400", "{target}");
    }
}

#[test]
fn head_is_answered_like_get_without_the_body() {
    let request = ask(&["HEAD /healthz HTTP/1.1", HOST]);
    assert_eq!((&request.target, request.head_only), (&RequestTarget::Health, true));
    let answer = String::from_utf8(request.answer(Response::text(Status::Ok, "well\n"))).unwrap();
    assert!(answer.contains("Content-Length: 5\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    let answer = refused(&["HEAD /nothing HTTP/1.1", HOST]);
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn responses_are_complete_and_have_security_headers() {
    let request = ask(&["GET / HTTP/1.1", HOST]);
    let answer = Response::text(Status::Unavailable, "é\n");
    let text = String::from_utf8(request.answer(answer)).unwrap();
    let expected = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
                    Content-Length: 3\r\nCache-Control: no-store\r\n\
                    Content-Security-Policy: default-src 'none'; script-src 'self'; \
                    style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; \
                    manifest-src 'self'; form-action 'none'; frame-ancestors 'none'; \
                    base-uri 'none'; require-trusted-types-for 'script'\r\n\
                    Cross-Origin-Opener-Policy: same-origin\r\n\
                    Referrer-Policy: no-referrer\r\n\
                    X-Content-Type-Options: nosniff\r\n\
                    \r\né\n";
    assert_eq!(text, expected);
    let request = ask(&["GET / HTTP/1.1", HOST, "Connection: close"]);
    let text = String::from_utf8(request.answer(Response::text(Status::Ok, ""))).unwrap();
    assert!(text.ends_with("\r\nConnection: close\r\n\r\n"), "{text}");
}

#[test]
fn a_page_may_go_to_the_configured_origins_when_its_server_is_gone() {
    let origins = ["https://b.example:9999", "http://c.example/", "moz-extension://x", "*"];
    let origins = origins.map(str::to_owned);
    let sockets = sockets(&origins);
    let request = ask(&["GET / HTTP/1.1", HOST]);
    let answer = request.answer(Response { sockets, ..Response::text(Status::Ok, "") });
    let text = String::from_utf8(answer).unwrap();
    let expected = "connect-src 'self' wss://b.example:9999 ws://c.example; ";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn other_methods_are_answered_405_and_options_lists_the_methods() {
    for method in ["POST", "PUT", "BREW", "get", "TRACE", "CONNECT"] {
        let answer = refused(&[&format!("{method} / HTTP/1.1"), HOST, "Content-Length: 0"]);
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        assert!(answer.contains("\r\nAllow: GET, HEAD, OPTIONS\r\n"), "{answer}");
    }
    assert_eq!(status(&["CONNECT chat.example:443 HTTP/1.1", HOST]), "405");
    for target in ["*", "/", "/nothing"] {
        let asked = ask(&[&format!("OPTIONS {target} HTTP/1.1"), HOST]).target;
        assert_eq!(asked, RequestTarget::Methods, "{target}");
    }
}

#[test]
fn invalid_requests_are_answered_400_and_other_versions_505() {
    for bad in ["GET", "GET /", "GET  / HTTP/1.1", "GET / HTTP/1.1 x", "G\u{e9}T / HTTP/1.1"] {
        assert_eq!(status(&[bad, HOST]), "400", "{bad}");
    }
    for line in ["no colon", " folded: x", "a b: x", "x: \u{1}"] {
        assert_eq!(status(&["GET / HTTP/1.1", HOST, line]), "400", "{line:?}");
    }
    for version in ["HTTP/2.0", "HTTP/1.2", "http/1.1"] {
        assert_eq!(status(&[&format!("GET / {version}"), HOST]), "505", "{version}");
    }
    assert_eq!(status(&["PRI * HTTP/2.0"]), "505");
}

#[test]
fn http_1_1_requests_have_exactly_one_host() {
    for none_or_two in [&["GET / HTTP/1.1"][..], &["GET / HTTP/1.1", HOST, "host: b"]] {
        assert_eq!(status(none_or_two), "400");
    }
    assert_eq!(ask(&["GET / HTTP/1.0"]).host, None);
    let host = ask(&["GET / HTTP/1.0", HOST]).host;
    assert_eq!(host, Some(Host { name: "chat.example".into(), port: Some(9999) }));
    let host = ask(&["GET http://other.example:80/ HTTP/1.1", HOST]).host;
    assert_eq!(host, Some(Host { name: "other.example".into(), port: Some(80) }));
    assert_eq!(ask(&["GET / HTTP/1.1", "Host: <b>"]).host, None, "it cannot be shown");
}

#[test]
fn a_body_is_read_to_its_end_or_refused() {
    let with = |line: &str| status(&["GET / HTTP/1.1", HOST, line]);
    assert_eq!(with(&format!("Content-Length: {}", HTTP_BODY_BYTES + 1)), "413");
    assert_eq!(with("Content-Length: 99999999999999999999"), "413");
    assert_eq!(with("Transfer-Encoding: chunked"), "411");
    assert_eq!(with("Transfer-Encoding: identity\r\nContent-Length: 0"), "411");
    for bad in ["-1", "+1", "x", "", "1,1", "0x1", "1 1", "1\r\nContent-Length: 2"] {
        assert_eq!(with(&format!("Content-Length: {bad}")), "400", "{bad}");
    }
    let post = format!("POST / HTTP/1.1\r\n{HOST}\r\nContent-Length: {HTTP_BODY_BYTES}\r\n\r\n");
    let body = "GET / HTTP/1.1\r\n\r\n".repeat(HTTP_BODY_BYTES / 18 + 1);
    let next = format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n\r\n");
    let bytes = [post.as_bytes(), &body.as_bytes()[..HTTP_BODY_BYTES], next.as_bytes()].concat();
    let pieces: Vec<&[u8]> = bytes.chunks(1000).collect();
    let found = all(&pieces);
    assert_eq!(found.len(), 2);
    assert!(
        matches!(&found[0].target, RequestTarget::Refused(answer) if answer.starts_with(b"HTTP/1.1 405"))
    );
    assert_eq!(found[1].target, RequestTarget::Health);
    let expects = ask(&["GET / HTTP/1.1", HOST, "Expect: 100-continue", "Content-Length: 5"]);
    assert_eq!((expects.target, expects.keep), (page(), false), "nobody asks for the body");
}

#[test]
fn a_head_that_is_too_large_is_answered_431() {
    let filling = |bytes: usize| format!("X: {}", "x".repeat(bytes));
    let empty = ["GET / HTTP/1.1", HOST, &filling(0), "", ""].join("\r\n").len();
    let most = filling(HTTP_HEAD_BYTES - empty);
    assert_eq!(ask(&["GET / HTTP/1.1", HOST, &most]).target, page());

    let proxies = Networks::default();
    let mut incoming = Incoming::default();
    let endless = [b"GET / HTTP/1.1\r\nX: ", &[b'x'; HTTP_HEAD_BYTES][..]].concat();
    let request = incoming.receive(&endless, &context(&proxies)).expect("an answer");
    assert!(
        matches!(request.target, RequestTarget::Refused(answer) if answer.starts_with(b"HTTP/1.1 431 "))
    );
    assert_eq!((incoming.kept(), request.keep), (0, false));

    let lines =
        |count: usize| [vec!["GET / HTTP/1.1"], vec![HOST; 1], vec!["X: x"; count]].concat();
    assert_eq!(ask(&lines(HTTP_HEADERS - 1)).target, page());
    assert_eq!(status(&lines(HTTP_HEADERS)), "431");
}

#[test]
fn pipelined_requests_wait_for_the_response_before() {
    let proxies = Networks::default();
    let (context, mut incoming) = (context(&proxies), Incoming::default());
    let two = format!("GET / HTTP/1.1\r\n{HOST}\r\n\r\nGET /join HTTP/1.1\r\n{HOST}\r\n\r\n");
    let first = incoming.receive(two.as_bytes(), &context).expect("a request");
    assert_eq!((first.target, first.keep), (page(), true));
    assert!(incoming.awaits_response() && !incoming.has_more());
    assert_eq!(incoming.receive(b"", &context), None);
    incoming.answered(true);
    assert!(incoming.has_more() && !incoming.is_idle());
    assert_eq!(incoming.receive(b"", &context).expect("a request").target, RequestTarget::Join);
    incoming.answered(true);
    assert!(incoming.is_idle() && incoming.kept() == 0, "no buffer at rest");
    // An empty line between requests is not a request.
    assert_eq!(incoming.receive(b"\r\n", &context), None);
    assert!(incoming.is_idle() && incoming.kept() == 0);
    assert_eq!(incoming.receive(b"GET", &context), None);
    assert!(incoming.is_incomplete());
}

#[test]
fn sending_too_far_ahead_or_too_many_requests_closes_after_the_response() {
    let request = format!("GET / HTTP/1.1\r\n{HOST}\r\n\r\n");
    let many = request.repeat(HTTP_PIPELINE_BYTES / request.len() + 2);
    let found = all(&[many.as_bytes()]);
    assert_eq!((found.len(), found[0].keep), (1, false));

    let pieces = vec![request.as_bytes(); HTTP_REQUESTS as usize + 1];
    let found = all(&pieces);
    assert_eq!(found.len(), HTTP_REQUESTS as usize);
    assert!(found[..found.len() - 1].iter().all(|request| request.keep));
    assert!(!found[found.len() - 1].keep);
}

/// A request that a proxy could understand differently is the last one on its connection.
#[test]
fn no_request_can_be_smuggled() {
    let behind = format!("GET /metrics HTTP/1.1\r\n{HOST}\r\n\r\n");
    for head in [
        format!("GET / HTTP/1.1\n{HOST}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{HOST}\n\n"),
        format!("GET / HTTP/1.1\r\n{HOST}\r\n\n"),
        format!("GET / HTTP/1.0\r\n{HOST}\r\nConnection: keep-alive\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{HOST}\r\nConnection: x, Close\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{HOST}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{HOST}\r\nContent-Length: 3, 3\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{HOST}\r\nContent-Length : 3\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{HOST}\r\nX: a\rGET /metrics HTTP/1.1\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{HOST}\r\n folded: b\r\n\r\n"),
    ] {
        let found = all(&[format!("{head}{behind}").as_bytes()]);
        assert_eq!(found.len(), 1, "{head:?}");
        assert!(!found[0].keep && found[0].target != RequestTarget::Metrics, "{head:?}");
    }
}

/// A request, usually a valid one, sometimes with one byte changed.
fn some_request() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        6 => Just("GET / HTTP/1.1".to_owned()), 3 => Just(GET.to_owned()), 1 => "[ -~é]{0,40}"
    ];
    let known = [
        HOST,
        UPGRADE,
        CONNECTION,
        KEY,
        VERSION,
        "Origin: https://a.example",
        "Content-Length: 3",
        "Connection: close",
        "Range: bytes=1-2",
        "Accept-Encoding: gzip",
        "X-Forwarded-For: 192.0.2.9, 10.0.0.2",
        "X-Forwarded-Proto: https",
        "Host: [::1]:80",
        "Sec-WebSocket-Protocol: a,,binary.ircv3.net",
    ];
    let line = prop_oneof![
        8 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => "[ -~é☃]{0,60}"
    ];
    let changed = proptest::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    let rest = vec(any::<u8>(), 0..40);
    (first, vec(line, 0..12), changed, rest).prop_map(|(first, lines, changed, rest)| {
        let head = [&[first][..], &lines].concat().join("\r\n") + "\r\n\r\n";
        let mut bytes = [head.into_bytes(), rest].concat();
        if let Some((at, byte)) = changed {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

/// Requests in order, as they arrive in `pieces`; and the maximum number of bytes buffered.
fn sequence<'p>(
    pieces: impl Iterator<Item = &'p [u8]>,
    context: &RequestContext<'_>,
) -> (Vec<Request>, usize) {
    let (mut incoming, mut found, mut most) = (Incoming::default(), vec![], 0);
    for piece in pieces {
        let mut next = incoming.receive(piece, context);
        while let Some(request) = next {
            if let RequestTarget::WebSocket { .. } = request.target {
                found.push(request);
                return (found, most);
            }
            incoming.answered(request.keep);
            most = most.max(incoming.kept());
            found.push(request);
            next = incoming.has_more().then(|| incoming.receive(&[], context)).flatten();
        }
        most = most.max(incoming.kept());
    }
    (found, most)
}

proptest! {
    #[test]
    fn input_is_parsed_the_same_however_it_is_split_and_within_bounds(
        bytes in prop_oneof![6 => vec(some_request(), 1..4).prop_map(|all| all.concat()),
            1 => vec(any::<u8>(), 0..300),
            1 => vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'a')], 0..40)],
        cuts in vec(1..60_usize, 1..20),
        from_proxy in any::<bool>(),
    ) {
        let proxies = networks(r#"["10.0.0.0/8"]"#);
        let origins = ["https://a.example".to_owned()];
        let peer = if from_proxy { [10, 0, 0, 1] } else { [192, 0, 2, 7] };
        let context = RequestContext { peer: peer.into(), proxies: &proxies, encrypted: true, origins: &origins };
        let (whole, _) = sequence([&bytes[..]].into_iter(), &context);

        let mut left = &bytes[..];
        let pieces = cuts.iter().cycle().map_while(|cut| {
            let (piece, rest) = left.split_at(left.len().min(*cut));
            left = rest;
            (!piece.is_empty()).then_some(piece)
        });
        let (found, most) = sequence(pieces, &context);
        prop_assert_eq!(&found, &whole);
        prop_assert!(most <= 2 * HTTP_HEAD_BYTES);
        for request in &found {
            if let RequestTarget::Refused(answer) = &request.target {
                prop_assert!(answer.starts_with(b"HTTP/1.1 4") || answer.starts_with(b"HTTP/1.1 505"));
            }
        }
        // After a request that is the last, nothing is looked at.
        prop_assert!(found.iter().rev().skip(1).all(|request| request.keep));
    }
}
