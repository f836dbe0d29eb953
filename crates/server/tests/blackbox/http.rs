//! HTTP on the same port: a page that says how to join, and clear answers to all else.

use crate::support::http::{Response, answer, answer_bytes, ask, head};
use crate::support::{Client, Server, Start, tls, websocket};
use brotli::Decompressor;
use flate2::read::GzDecoder;
use std::io::Read;
use std::time::{Duration, Instant};

fn server() -> Server {
    Server::start_as(Start::InMemory, "")
}

const HOST: &str = "Host: localhost\r\n";

/// A connection of each kind.
fn both(server: &Server) -> [Client; 2] {
    [server.connect("plain"), server.connect("tls").into_tls(tls::any())]
}

fn get(server: &Server, request: &str) -> Response {
    ask(&mut server.connect("browser"), request)
}

#[test]
fn the_page_says_how_to_join() {
    let server = Server::start_as(Start::InMemory, "server.name = \"tea.room\"\n");
    let port = server.address().port();
    let fingerprint =
        tls::fingerprint(Client::connect_tls("tls", server.address(), tls::any()).tls());
    let request =
        |method: &str| format!("{method} /join HTTP/1.1\r\nHost: chat.example:{port}\r\n\r\n");
    let page = get(&server, &request("GET"));
    assert_eq!(page.status, 200);
    for part in [
        "<h1>tea.room</h1>",
        &format!("chatclient -hn chat.example -p {port}"),
        &format!("ws://chat.example:{port}/"),
        &fingerprint,
    ] {
        assert!(page.body.contains(part), "{part} is not in {}", page.body);
    }
    let headers = [
        "content-type: text/html; charset=utf-8",
        "cache-control: no-store",
        "referrer-policy: no",
    ];
    for header in headers {
        assert!(page.head.contains(header), "{header} is not in {}", page.head);
    }
    let length = format!("content-length: {}", page.body.len());
    assert!(page.head.contains(&length), "{}", page.head);
    let mut client = server.connect("browser");
    client.write(request("HEAD").as_bytes());
    assert_eq!(head(&mut client).head, page.head);
    assert_eq!(ask(&mut client, &request("GET")).body, page.body, "a head has no body");
    // Where the web client cannot work, `/` is the same page, with the way to where it can.
    let insecure = get(&server, &request("GET").replace("/join", "/"));
    assert_eq!(insecure.body, page.body);
    let link = format!("<a href=\"https://chat.example:{port}/\">");
    assert!(page.body.contains(&link), "{}", page.body);
    // Within TLS the WebSocket is encrypted, too.
    let mut config = tls::any();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut encrypted = Client::connect_tls("tls", server.address(), config);
    assert_eq!(encrypted.tls().alpn_protocol(), Some(&b"http/1.1"[..]));
    let page = ask(&mut encrypted, &request("GET"));
    assert_eq!(page.status, 200);
    assert!(page.body.contains(&format!("wss://chat.example:{port}/")), "{}", page.body);
}

#[test]
fn unknown_paths_and_invalid_requests_get_an_explanation() {
    let server = server();
    let header = |size: usize| format!("X-Filling: {}\r\n", "x".repeat(size));
    let host = HOST;
    let many = "X: y\r\n".repeat(70);
    let large = 1_000_000;
    let chunked = "Transfer-Encoding: chunked\r\n\r\n0";
    for (request, status, is_last) in [
        (format!("GET /nothing HTTP/1.1\r\n{host}\r\n"), 404, false),
        (format!("GET /index.html HTTP/1.1\r\n{host}\r\n"), 404, false),
        (format!("GET /../etc/passwd HTTP/1.1\r\n{host}\r\n"), 404, false),
        (format!("DELETE / HTTP/1.1\r\n{host}\r\n"), 405, false),
        (format!("POST / HTTP/1.1\r\n{host}Content-Length: 5\r\n\r\nhello"), 405, false),
        (format!("GET /nothing HTTP/1.1\r\n{host}Connection: close\r\n\r\n"), 404, true),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400, true),
        (format!("GET / HTTP/1.1\r\n{host}{host}\r\n"), 400, true),
        (format!("GET http:///etc HTTP/1.1 more\r\n{host}\r\n"), 400, true),
        (format!("GET / HTTP/1.1\r\n{host}no header\r\n\r\n"), 400, true),
        ("GET \r\n\r\n".to_owned(), 400, true),
        (format!("POST / HTTP/1.1\r\n{host}Content-Length: {large}\r\n\r\nhello"), 413, true),
        (format!("GET / HTTP/1.1\r\n{host}Content-Length: 5x\r\n\r\nhello"), 400, true),
        (format!("GET / HTTP/1.1\r\n{host}{chunked}\r\n\r\n"), 411, true),
        (format!("GET / HTTP/1.1\r\n{host}{}\r\n", header(9000)), 431, true),
        (format!("GET /{} HTTP/1.1\r\n{host}\r\n", "x".repeat(100_000)), 431, true),
        (format!("GET / HTTP/1.1\r\n{host}{many}\r\n"), 431, true),
        (format!("GET / HTTP/2.0\r\n{host}\r\n"), 505, true),
        (format!("GET / HTTP/1.1\r\n{host}Upgrade: websocket\r\n\r\n"), 400, true),
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), 200, true),
    ] {
        let mut client = server.connect("browser");
        let response = ask(&mut client, &request);
        let begin = &request[..request.len().min(60)];
        assert_eq!(response.status, status, "{begin:?}: {response:?}");
        assert!(!response.body.is_empty(), "{begin:?}: it says why");
        assert!(response.head.contains("content-security-policy: default-src 'none'; "));
        assert_eq!(response.header("connection") == Some("close"), is_last, "{begin:?}");
        if !is_last {
            assert_eq!(ask(&mut client, "GET /join HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
        }
    }
    let options = get(&server, &format!("OPTIONS * HTTP/1.1\r\n{host}\r\n"));
    assert_eq!((options.status, options.header("allow")), (204, Some("get, head, options")));
}

/// The web client, and the files that it names.
#[test]
fn the_web_client_is_served_compressed_and_its_files_may_be_kept_forever() {
    let server = server();
    let ask = |method: &str, path: &str, lines: &str| {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
        let mut client = server.connect("browser").into_tls(tls::any());
        client.write(request.as_bytes());
        answer_bytes(&mut client)
    };
    let page = ask("GET", "/?invite=secret-code", "");
    let tag = page.header("etag").expect("an ETag").to_owned();
    assert_eq!((page.status, page.header("cache-control")), (200, Some("no-cache")));
    let known = ask("GET", "/", &format!("If-None-Match: W/\"x\", {tag}\r\n"));
    assert_eq!((known.status, known.body.len()), (304, 0));
    assert_eq!(known.header("etag"), Some(&*tag));
    let html = String::from_utf8(page.body).expect("UTF-8");
    let paths: Vec<&str> =
        html.split("=\"/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let paths: Vec<&str> = paths.into_iter().filter(|path| path.contains('.')).collect();
    assert!(!paths.is_empty(), "{html}");
    for path in paths.iter().map(|path| format!("/{path}")) {
        let plain = ask("GET", &path, "");
        assert_eq!(plain.status, 200, "{path}");
        let immutable = "public, max-age=31536000, immutable";
        assert_eq!(plain.header("cache-control"), Some(immutable), "{path}");
        assert_eq!(plain.header("x-content-type-options"), Some("nosniff"));
        let is_packed = !path.ends_with(".png");
        for (accepted, coding) in [("gzip", "gzip"), ("gzip, br", "br"), ("br;q=0, gzip", "gzip")] {
            let packed = ask("GET", &path, &format!("Accept-Encoding: {accepted}\r\n"));
            assert_eq!(packed.header("content-encoding"), is_packed.then_some(coding), "{path}");
            let mut unpacked = Vec::new();
            let read = match (is_packed, coding) {
                (false, _) => (&*packed.body).read_to_end(&mut unpacked),
                (true, "br") => Decompressor::new(&*packed.body, 4096).read_to_end(&mut unpacked),
                (true, _) => GzDecoder::new(&*packed.body).read_to_end(&mut unpacked),
            };
            read.expect("what was packed can be unpacked");
            assert_eq!(unpacked, plain.body, "{path}");
            assert_eq!(packed.header("etag") != plain.header("etag"), is_packed, "{path}");
        }
        let part = ask("GET", &path, "Range: bytes=2-4\r\n");
        assert_eq!((part.status, &*part.body), (206, &plain.body[2..5]), "{path}");
        let of = format!("bytes 2-4/{}", plain.body.len());
        assert_eq!(part.header("content-range"), Some(&*of));
        let stale = ask("GET", &path, "Range: bytes=2-4\r\nIf-Range: \"old\"\r\n");
        assert_eq!((stale.status, stale.body.len()), (200, plain.body.len()), "{path}");
        let behind = ask("GET", &path, "Range: bytes=9999999-\r\n");
        let of = format!("bytes */{}", plain.body.len());
        assert_eq!((behind.status, behind.header("content-range")), (416, Some(&*of)), "{path}");
    }
    assert!(!server.log().contains("secret-code"), "{}", server.log());
}

#[test]
fn requests_may_come_byte_by_byte_or_many_at_once_and_are_answered_in_order() {
    let server = server();
    let paths = ["/join", "/healthz", "/nothing", "/", "/healthz", "/metrics", "/join"];
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\n{HOST}\r\n");
    let all = paths.map(request).concat();
    let expect = |client: &mut Client| {
        for path in paths {
            let response = answer(client);
            let (status, part) = match path {
                "/join" => (200, "nc localhost"),
                "/healthz" => (200, "writable"),
                "/metrics" => (200, "parlor_connections"),
                "/" => (200, "<!doctype html>"),
                _ => (404, "Not found"),
            };
            assert_eq!(response.status, status, "{path}: {response:?}");
            assert!(response.body.contains(part), "{path}: {response:?}");
        }
    };
    for mut client in both(&server) {
        for byte in all.bytes() {
            client.write(&[byte]);
        }
        expect(&mut client);
        client.write(all.as_bytes());
        expect(&mut client);
        // With a body, which is nobody's request.
        let body = request("/metrics");
        let length = body.len();
        let post = format!("POST / HTTP/1.1\r\n{HOST}Content-Length: {length}\r\n\r\n{body}");
        client.write(format!("{post}\r\n{all}").as_bytes());
        assert_eq!(answer(&mut client).status, 405);
        expect(&mut client);
        // The last one opens a WebSocket, with its first message right behind it.
        let mut bytes = format!("{all}{}", websocket::request("")).into_bytes();
        bytes.extend(websocket::frame(websocket::TEXT, "PING :x"));
        client.write(&bytes);
        expect(&mut client);
        assert_eq!(head(&mut client).status, 101);
        let pong = client.read_to(|bytes| bytes.ends_with(b"x").then_some(bytes.len()));
        assert!(String::from_utf8_lossy(&pong).contains("PONG"), "{}", pong.escape_ascii());
    }
}

/// Some clients say that nothing more comes before they have the answers.
#[test]
fn a_client_that_stops_sending_is_still_answered() {
    let server = server();
    for path in ["/", "/healthz", "/metrics", "/nothing"] {
        let status = if path == "/nothing" { 404 } else { 200 };
        for mut client in both(&server) {
            client.write(format!("GET {path} HTTP/1.0\r\n{HOST}\r\n").as_bytes());
            client.end_input();
            assert_eq!(answer(&mut client).status, status, "{path}");
        }
        for mut client in both(&server) {
            client.write(format!("GET {path} HTTP/1.1\r\n{HOST}\r\n").repeat(3).as_bytes());
            client.end_input();
            for _ in 0..3 {
                assert_eq!(answer(&mut client).status, status, "{path}");
            }
            client.expect_closed();
        }
    }
    assert!(!server.log().contains("left"), "{}", server.log());
}

#[test]
fn an_idle_http_connection_is_closed_silently() {
    const IDLE: Duration = Duration::from_secs(10);
    let server = server();
    let begin = Instant::now();
    for mut client in both(&server) {
        let request = format!("GET /join HTTP/1.1\r\n{HOST}\r\n");
        assert_eq!(ask(&mut client, &request).status, 200);
        assert!(client.rest().is_empty());
        assert!(begin.elapsed() >= IDLE, "{:?}", begin.elapsed());
    }
    assert!(!server.log().contains("left"), "{}", server.log());
}

/// Who asks for much and reads nothing gets one answer at a time, so that little is kept for it.
#[test]
fn a_client_that_reads_no_responses_delays_nobody() {
    let server = Server::start_as(Start::InMemory, "server.guests = true\n");
    let request = format!("GET /join HTTP/1.1\r\n{HOST}\r\n");
    let mut deaf: Vec<Client> = (0..20).map(|_| server.connect("deaf")).collect();
    for client in &mut deaf {
        client.write(request.repeat(99).as_bytes());
    }
    let mut bob = server.guest("bob");
    bob.expect_quiet();
    for client in &mut deaf {
        for _ in 0..99 {
            assert_eq!(answer(client).status, 200);
        }
    }
}

/// A page that somebody is lured to can make its browser send a request to any port, with any text
/// behind its head: none of that may be taken for lines.
#[test]
fn a_browser_cannot_be_made_to_chat() {
    let server = Server::start_as(Start::InMemory, "server.guests = true\n");
    let mut bob = server.guest("bob");
    let lines = "NICK eve\r\nUSER eve 0 * :eve\r\nPRIVMSG #lobby :buy\r\nQUIT\r\n";
    for length in [lines.len(), 3, 0] {
        for method in ["POST", "PUT", "OPTIONS", "PATCH", "GET", "HEAD", "DELETE", "TRACE"] {
            let mut client = server.connect("browser");
            client.write(
                format!(
                    "{method} / HTTP/1.1\r\n{HOST}Origin: https://evil.example\r\n\
                     Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{lines}\r\n"
                )
                .as_bytes(),
            );
            let response = match method {
                "HEAD" => head(&mut client),
                _ => answer_bytes(&mut client),
            };
            assert!(matches!(response.status, 200 | 204 | 405), "{method}: {response:?}");
            if length < lines.len() {
                assert_eq!(answer(&mut client).status, 400, "{method}: the rest is no request");
            }
        }
    }
    bob.expect_quiet();
}

#[test]
fn requests_leave_nothing_behind() {
    let server = Server::start_as(Start::InMemory, "limits.connections_per_address = 5\n");
    let before = server.log();
    let last = format!("GET / HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n");
    for _ in 0..200 {
        let response = get(&server, &last);
        assert_eq!(response.status, 200, "{response:?}");
    }
    let mut busy = server.connect("busy");
    for left in (0..100).rev() {
        let response = ask(&mut busy, &format!("GET / HTTP/1.1\r\n{HOST}\r\n"));
        let is_last = response.header("connection") == Some("close");
        assert_eq!((response.status, is_last), (200, left == 0), "{response:?}");
    }
    let mut four: Vec<Client> = (0..4).map(|_| server.connect("one of four")).collect();
    four.iter_mut().for_each(Client::expect_quiet);
    assert_eq!(server.log(), before);
}
