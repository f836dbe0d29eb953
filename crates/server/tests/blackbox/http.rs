//! HTTP on the same port: a page that says how to join, and clear answers to all else.

use crate::support::http::{Response, answer, answer_bytes, ask};
use crate::support::{Client, Server, Start, tls};
use flate2::read::GzDecoder;
use std::io::Read;

fn server() -> Server {
    Server::start_as(Start::InMemory, "")
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
    let headers =
        ["content-type: text/html; charset=utf-8", "connection: close", "cache-control: no-store"];
    for header in headers {
        assert!(page.head.contains(header), "{header} is not in {}", page.head);
    }
    let length = format!("content-length: {}", page.body.len());
    assert!(page.head.contains(&length), "{}", page.head);
    let head = get(&server, &request("HEAD"));
    assert_eq!((head.head, head.body), (page.head, String::new()));
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
fn what_is_not_there_or_cannot_be_is_told_so() {
    let server = server();
    let header = |size: usize| format!("X-Filling: {}\r\n", "x".repeat(size));
    let host = "Host: localhost\r\n";
    let many = "X: y\r\n".repeat(70);
    for (request, status) in [
        (format!("GET /nothing HTTP/1.1\r\n{host}\r\n"), 404),
        (format!("GET /../etc/passwd HTTP/1.1\r\n{host}\r\n"), 404),
        (format!("DELETE / HTTP/1.1\r\n{host}\r\n"), 405),
        (format!("OPTIONS * HTTP/1.1\r\n{host}\r\n"), 405),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\n{host}{host}\r\n"), 400),
        (format!("GET http:///etc HTTP/1.1 more\r\n{host}\r\n"), 400),
        (format!("GET / HTTP/1.1\r\n{host}no header\r\n\r\n"), 400),
        ("GET \r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\n{host}Content-Length: 5\r\n\r\nhello"), 413),
        (format!("GET / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 413),
        (format!("GET / HTTP/1.1\r\n{host}{}\r\n", header(9000)), 431),
        (format!("GET /{} HTTP/1.1\r\n{host}\r\n", "x".repeat(100_000)), 431),
        (format!("GET / HTTP/1.1\r\n{host}{many}\r\n"), 431),
        (format!("GET / HTTP/2.0\r\n{host}\r\n"), 505),
        (format!("GET / HTTP/1.1\r\n{host}Upgrade: websocket\r\n\r\n"), 400),
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), 200),
    ] {
        let response = get(&server, &request);
        let begin = &request[..request.len().min(60)];
        assert_eq!(response.status, status, "{begin:?}: {response:?}");
        assert!(response.head.contains("connection: close"), "{begin:?}: {}", response.head);
        assert!(!response.body.is_empty(), "{begin:?}: it says why");
    }
}

#[test]
fn a_request_may_come_byte_by_byte_and_only_the_first_is_answered() {
    let server = server();
    let first = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut slow = server.connect("slow");
    for byte in first.bytes() {
        slow.write(&[byte]);
    }
    assert_eq!(answer(&mut slow).status, 200);
    for second in
        ["GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", "NICK ann\r\nUSER a 0 * a\r\n"]
    {
        let response = get(&server, &format!("{first}{second}"));
        assert_eq!(response.status, 200);
        assert!(response.body.ends_with("</html>\n"), "{}", response.body);
    }
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
        let packed = ask("GET", &path, "Accept-Encoding: br, gzip;q=0.8\r\n");
        if packed.header("content-encoding") == Some("gzip") {
            let mut unpacked = Vec::new();
            GzDecoder::new(&*packed.body).read_to_end(&mut unpacked).expect("gzip");
            assert_eq!(unpacked, plain.body, "{path}");
            assert_ne!(packed.header("etag"), plain.header("etag"), "{path}");
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

/// Some clients say that nothing more comes before they have the answer.
#[test]
fn who_sends_no_more_is_answered() {
    let server = server();
    for path in ["/", "/healthz", "/metrics", "/nothing"] {
        let plain = server.connect("plain");
        for mut client in [plain, server.connect("tls").into_tls(tls::any())] {
            client.write(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes());
            client.end_input();
            let response = answer(&mut client);
            assert_eq!(response.status, if path == "/nothing" { 404 } else { 200 }, "{path}");
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
    let length = lines.len();
    for method in ["POST", "PUT", "OPTIONS", "PATCH", "GET", "HEAD", "DELETE", "TRACE"] {
        let request = format!(
            "{method} / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\
             Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{lines}"
        );
        let response = get(&server, &request);
        assert!(matches!(response.status, 405 | 413), "{method}: {response:?}");
    }
    bob.expect_quiet();
}

#[test]
fn requests_leave_nothing_behind() {
    let server = Server::start_as(Start::InMemory, "limits.connections_per_address = 5\n");
    let before = server.log();
    for _ in 0..200 {
        let response = get(&server, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(response.status, 200, "{response:?}");
    }
    let mut four: Vec<Client> = (0..4).map(|_| server.connect("one of four")).collect();
    four.iter_mut().for_each(Client::expect_quiet);
    assert_eq!(server.log(), before);
}
