//! What `/metrics` says is what has happened.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::support::{Client, PATIENCE, Server, Start, http, tls};

/// Asks for a path over HTTP: the status code, the head, and the body.
pub(crate) fn get(server: &Server, path: &str, headers: &str) -> (u16, String, String) {
    try_get(server, path, headers).expect("an answer of HTTP")
}

/// The same; `None` if there is no answer of HTTP, as for one who is refused at the door.
fn try_get(server: &Server, path: &str, headers: &str) -> Option<(u16, String, String)> {
    let mut stream = TcpStream::connect(server.address()).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: parlor\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    let (head, body) = response.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some((status, head.to_ascii_lowercase(), body.to_owned()))
}

/// The numbers of `/metrics` by name and labels.
pub(crate) fn numbers(server: &Server) -> BTreeMap<String, f64> {
    let (status, head, body) = get(server, "/metrics", "");
    assert_eq!(status, 200, "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    parse(&body)
}

fn parse(body: &str) -> BTreeMap<String, f64> {
    let lines = body.lines().filter(|line| !line.starts_with('#'));
    let parts = lines.map(|line| line.rsplit_once(' ').expect("a name and a number"));
    parts.map(|(name, number)| (name.to_owned(), number.parse().expect("a number"))).collect()
}

/// Asks until the numbers are as they are to be: some are of the last half second, and who asks may be
/// refused while others are there.
fn until(server: &Server, wanted: impl Fn(&BTreeMap<String, f64>) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    let mut last = String::new();
    while Instant::now() < deadline {
        if let Some((200, _, body)) = try_get(server, "/metrics", "") {
            if wanted(&parse(&body)) {
                return;
            }
            last = body;
        }
    }
    panic!("the numbers stay at\n{last}");
}

/// The sum of a metric over all its labels.
fn sum(numbers: &BTreeMap<String, f64>, name: &str) -> f64 {
    numbers.iter().filter(|(full, _)| full.split('{').next() == Some(name)).map(|(_, n)| n).sum()
}

#[test]
fn metrics_count_what_has_happened() {
    let server = Server::start("server.guests = true\n");
    let mut ann = server.connect("ann");
    ann.request("message-tags");
    ann.log_in("ann");
    let mut bob = server.log_in("bob");
    let _guest = server.guest("guest");
    let before = numbers(&server);
    for text in ["one", "two", "three"] {
        ann.send(&format!("BM :{text}"));
        bob.until(&format!(":ann!ann@parlor PRIVMSG #lobby :{text}"));
    }
    for _ in 0..2 {
        ann.send("@+parlor/resend=x PRIVMSG #lobby :again");
    }
    ann.send("TOPIC #lobby");
    ann.until_answered();
    let mut eve = server.connect("eve");
    eve.send("LOGIN ann :wrong");
    eve.until(":* FAIL LOGIN *");

    until(&server, |now| now["parlor_connections{kind=\"plain\"}"] == 4.0);
    let now = numbers(&server);
    for (name, expected) in [
        ("parlor_users_online", 3.0),
        ("parlor_rooms", 1.0),
        ("parlor_events_stored_total{kind=\"message\"}", 4.0),
        ("parlor_resends_total", 1.0),
        ("parlor_logins_total{method=\"login\",outcome=\"registered\"}", 2.0),
        ("parlor_logins_total{method=\"login\",outcome=\"wrong\"}", 1.0),
        ("parlor_logins_total{method=\"guest\",outcome=\"done\"}", 1.0),
        ("parlor_commit_failures_total", 0.0),
    ] {
        assert_eq!(now[name], expected, "{name}");
    }
    let told = sum(&now, "parlor_deliveries_total") - sum(&before, "parlor_deliveries_total");
    assert!(told >= 8.0, "four messages to two others, but {told} deliveries");
    assert!(now["parlor_sessions"] >= 4.0);
    assert!(now["parlor_connections_accepted_total"] >= 5.0);
    assert!(now["parlor_commit_seconds_count"] > before["parlor_commit_seconds_count"]);
    assert!(now["parlor_commit_writes_sum"] >= before["parlor_commit_writes_sum"] + 4.0);
    assert!(sum(&now, "parlor_received_bytes_total") > sum(&before, "parlor_received_bytes_total"));
    assert!(sum(&now, "parlor_sent_bytes_total") > sum(&before, "parlor_sent_bytes_total"));
    assert!(now["parlor_disk_free_bytes"] > 0.0);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(now[&format!("parlor_build_info{{version=\"{version}\"}}")], 1.0);
}

#[test]
fn connections_are_counted_by_their_transport() {
    let server = Server::start_as(Start::InMemory, "");
    let connect = || TcpStream::connect(server.address()).expect("the server listens");
    let _unknown = connect();
    let mut plain = server.connect("plain");
    plain.until_answered();
    let mut encrypted = Client::connect_tls("encrypted", server.address(), tls::any());
    encrypted.until_answered();
    let mut websocket = connect();
    let upgrade = "GET / HTTP/1.1\r\nHost: parlor\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    websocket.write_all(upgrade.as_bytes()).expect("the server takes a request");
    let mut half = connect();
    half.write_all(b"GET /healthz HTTP/1.1\r\n").expect("the server takes half a request");
    let mut garbage = connect();
    garbage.write_all(b"\x16\x03\x01\x00\x05garbage").expect("the server takes bytes");
    let (status, head, _) = get(&server, "/nowhere", "");
    assert_eq!(status, 404, "{head}");

    until(&server, |now| {
        let open = |kind: &str| now[&format!("parlor_connections{{kind=\"{kind}\"}}")];
        // Who asks is one of HTTP itself, while it is there.
        ["unknown", "plain", "tls", "websocket"].map(open) == [1.0; 4]
            && open("http") >= 1.0
            && now["parlor_tls_handshakes_total{outcome=\"done\"}"] == 1.0
            && now["parlor_tls_handshakes_total{outcome=\"failed\"}"] == 1.0
            && now["parlor_refused_total{reason=\"bad_bytes\"}"] == 1.0
            && now["parlor_refused_total{reason=\"bad_request\"}"] == 1.0
    });
}

#[test]
fn a_head_request_gets_no_body() {
    let server = Server::start_as(Start::InMemory, "");
    for path in ["/metrics", "/healthz"] {
        let mut stream = TcpStream::connect(server.address()).expect("the server listens");
        let request = format!("HEAD {path} HTTP/1.1\r\nHost: parlor\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("the server takes a request");
        stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("an answer, and then the end");
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert!(response.ends_with("\r\n\r\n"), "{response}");
    }
}

#[test]
fn closed_connections_are_not_counted() {
    let server = Server::start_as(Start::InMemory, "server.guests = true\n");
    let clients: Vec<_> = (0..5).map(|n| server.guest(&format!("guest{n}"))).collect();
    until(&server, |now| now["parlor_connections{kind=\"plain\"}"] == 5.0);
    drop(clients);
    until(&server, |now| {
        now["parlor_connections{kind=\"plain\"}"] == 0.0 && now["parlor_users_online"] == 0.0
    });
    assert!(!numbers(&server).contains_key("parlor_disk_free_bytes"));
}

#[test]
fn queued_bytes_of_a_slow_reader_count_until_it_is_disconnected() {
    let server = Server::start_as(
        Start::InMemory,
        "server.guests = true\nlimits.outbox_bytes = 30000000\nlimits.ping_seconds = 0\n",
    );
    let mut ann = server.guest("ann");
    let _stuck = server.guest("stuck");
    ann.until(":stuck!* JOIN #lobby");
    let text = "x".repeat(400);
    let mut fill = |lines: usize| {
        (0..lines).for_each(|_| ann.send(&format!("PRIVMSG #lobby :{text}")));
        ann.until_answered();
    };
    let thrown_out = "parlor_refused_total{reason=\"outbox_overflow\"}";
    let mut now = numbers(&server);
    // The kernel buffers some megabytes for the connection before the server's own outbox counts;
    // that has room for more than is told between two looks at it.
    while sum(&now, "parlor_outbox_bytes") == 0.0 {
        assert_eq!(now[thrown_out], 0.0, "before anything waits");
        fill(500);
        now = numbers(&server);
    }
    while now[thrown_out] == 0.0 {
        fill(500);
        now = numbers(&server);
    }
    until(&server, |now| now[thrown_out] == 1.0 && sum(now, "parlor_outbox_bytes") == 0.0);
}

#[test]
fn refusals_and_delays_are_counted_by_reason() {
    let server = Server::start_as(
        Start::InMemory,
        "limits.connections_per_address = 3\nlimits.commands_per_second = 100\n\
            limits.command_burst = 5\n",
    );
    let mut held: Vec<_> = (0..3).map(|n| server.connect(&format!("held{n}"))).collect();
    for client in &mut held {
        (0..20).for_each(|_| client.send("PING :hurry"));
        client.until_answered();
    }
    let mut refused = server.connect("refused");
    refused.until("ERROR :*Too many connections from your address*");
    drop((held, refused));
    until(&server, |now| {
        now["parlor_refused_total{reason=\"connections_of_address\"}"] >= 1.0
            && now["parlor_refused_total{reason=\"flood\"}"] >= 3.0
    });
}

#[test]
fn missed_login_deadlines_are_counted() {
    let server = Server::start_as(Start::InMemory, "limits.login_seconds = 1\n");
    server.connect("silent").until("ERROR :*No login in time*");
    until(&server, |now| now["parlor_refused_total{reason=\"login_deadline\"}"] >= 1.0);
}

#[test]
fn metrics_are_refused_through_unknown_proxies() {
    let server = Server::start_as(Start::InMemory, "");
    for header in ["X-Forwarded-For: 127.0.0.1\r\n", "Forwarded: for=127.0.0.1\r\n"] {
        let (status, head, body) = get(&server, "/metrics", header);
        assert_eq!(status, 403, "{head}");
        assert!(!body.contains("parlor_users_online"), "{body}");
    }
    assert_eq!(numbers(&server)["parlor_refused_total{reason=\"forbidden\"}"], 2.0);
}

/// A page of a stranger's host that was made to lead here asks by that host's name.
#[test]
fn metrics_are_refused_under_names_that_a_stranger_could_own() {
    let server = Server::start_as(Start::InMemory, "http.origins = [\"https://chat.example\"]\n");
    let status = |host: &str| {
        let mut client = server.connect("client");
        http::ask(&mut client, &format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n")).status
    };
    for ours in ["127.0.0.1:9999", "localhost", "[::1]:80", "parlor", "chat.example"] {
        assert_eq!(status(ours), 200, "{ours}");
    }
    for stranger in ["evil.example", "evil.example:9999", "127.0.0.1.evil.example"] {
        assert_eq!(status(stranger), 403, "{stranger}");
    }
    assert_eq!(numbers(&server)["parlor_refused_total{reason=\"forbidden\"}"], 3.0);
}
