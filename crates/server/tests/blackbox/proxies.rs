//! Behind a reverse proxy: for whom a connection is, and whether nobody can read along.

use std::io::{Read, Write};

use crate::sasl::{plain, scram};
use crate::support::http::ask;
use crate::support::proxy::{ENCRYPTED, LOCAL, v1, v2};
use crate::support::websocket::{TEXT, frame, request};
use crate::support::{Client, PATIENCE, Server, Start, tls};

/// This machine is a proxy; what it says is believed.
const PROXY: &str = "server.proxies = [\"127.0.0.1\"]\n";
const ELSEWHERE: &str = "192.0.2.7";
const OPEN: &str = "server.plaintext_login = true\n";

fn server(config: &str) -> Server {
    Server::start_as(Start::InMemory, &format!("{PROXY}{config}"))
}

/// A connection that begins with this.
fn behind(server: &Server, header: &[u8]) -> Client {
    let mut client = server.connect("ann");
    client.write(header);
    client
}

/// The log has the address of who has just come.
fn expect_from(server: &Server, name: &str, address: &str) {
    let fields = format!("ogged in user={name} address={address}");
    server.wait_for_log(|line| line.ends_with(&fields));
}

#[test]
fn every_transport_works_behind_the_proxy_protocol() {
    let server = server(OPEN);
    let mut number = 0;
    type Way = fn(Client) -> Client;
    let ways: [Way; 4] = [
        |client| client,
        |client| client.into_tls(tls::any()),
        |client| client.upgraded(""),
        |client| client.into_tls(tls::any()).upgraded(""),
    ];
    let headers: [fn(&str) -> Vec<u8>; 3] =
        [v1, |address| v2(address, b""), |address| v2(address, ENCRYPTED)];
    for header in headers {
        for way in ways {
            number += 1;
            let (name, address) = (format!("user{number}"), format!("192.0.2.{number}"));
            way(behind(&server, &header(&address))).log_in(&name);
            expect_from(&server, &name, &address);
        }
        let page = ask(
            &mut behind(&server, &header(ELSEWHERE)),
            "GET / HTTP/1.1\r\nHost: chat.example\r\n\r\n",
        );
        assert_eq!(page.status, 200);
    }
    // All in one piece, and each byte by itself.
    for line in ["LOGIN one :secret\r\n", "LOGIN two :secret\r\n"] {
        let all = [&v2("192.0.2.99", b""), line.as_bytes()].concat();
        let name = line.split(' ').nth(1).expect("a name");
        let mut client = server.connect(name);
        match name {
            "one" => client.write(&all),
            _ => all.iter().for_each(|byte| client.write(&[*byte])),
        }
        client.expect(":parlor NOTE LOGIN ACCOUNT_CREATED *");
        expect_from(&server, name, "192.0.2.99");
    }
    let hello = [&v1(ELSEWHERE), request("").as_bytes(), &frame(TEXT, "PING :x")].concat();
    let mut client = behind(&server, &hello);
    client.expect("HTTP/1.1 101 *");
    let v6 = b"PROXY TCP6 2001:db8::7 ::1 51234 9999\r\n";
    behind(&server, v6).log_in("six");
    expect_from(&server, "six", "2001:db8::7");
}

#[test]
fn a_connection_that_is_the_proxys_own_keeps_its_address() {
    let server = server("");
    behind(&server, LOCAL).log_in("local");
    expect_from(&server, "local", "127.0.0.1");
    let headers: [(&str, &[u8]); 2] = [
        ("unknown", b"PROXY UNKNOWN\r\n"),
        ("more", b"PROXY UNKNOWN ffff:f:: ffff:f:: 65535 65535\r\n"),
    ];
    for (name, header) in headers {
        // It is somebody's, and so not this machine's, although the proxy is on it.
        let mut client = behind(&server, header);
        client.send(&format!("LOGIN {name} :secret"));
        client.expect(":parlor FAIL LOGIN ENCRYPTION_REQUIRED *");
        behind(&server, header).into_tls(tls::any()).log_in(name);
        expect_from(&server, name, "127.0.0.1");
    }
    assert_eq!(ask(&mut behind(&server, LOCAL), "GET / HTTP/1.0\r\n\r\n").status, 200);
}

#[test]
fn a_bad_proxy_header_closes_the_connection_with_a_reason() {
    let server = server("");
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(107));
    let mut too_long = v2(ELSEWHERE, b"");
    too_long[14..16].copy_from_slice(&2000_u16.to_be_bytes());
    let mut version_3 = v2(ELSEWHERE, b"");
    version_3[12] = 0x31;
    let bad: [&[u8]; 6] = [
        b"PROXY TCP4 192.0.2.777 127.0.0.1 1 2\r\n",
        b"PROXY nonsense\r\n",
        b"PROXY TCP4 2001:db8::7 ::1 1 2\r\n",
        long.as_bytes(),
        &too_long,
        &version_3,
    ];
    for header in bad {
        let mut client = behind(&server, header);
        client.send("LOGIN ann :secret");
        client.expect("ERROR :Invalid PROXY protocol header");
        client.expect_closed();
    }
    assert!(!server.log().contains("ogged in"));
}

#[test]
fn a_proxy_header_from_elsewhere_is_refused_with_a_reason() {
    let server = Server::start_as(Start::InMemory, "server.proxies = [\"192.0.2.0/24\"]\n");
    for header in [v1(ELSEWHERE), v2(ELSEWHERE, ENCRYPTED), LOCAL.to_vec()] {
        let mut client = behind(&server, &header);
        client.send("LOGIN ann :secret");
        client.expect("ERROR :The PROXY protocol is accepted only from the addresses in [server] proxies of *");
        client.expect_closed();
    }
    // What it says over HTTP is not believed; but somebody is behind it, who is not this machine.
    for headers in ["X-Forwarded-For: 192.0.2.7\r\n", "X-Real-IP: 127.0.0.1\r\n"] {
        let headers = format!("{headers}X-Forwarded-Proto: https\r\n");
        let mut client = server.connect("ann").upgraded(&headers);
        client.send("LOGIN ann :secret");
        client.expect(":parlor FAIL LOGIN ENCRYPTION_REQUIRED *");
        server.connect("ann").into_tls(tls::any()).upgraded(&headers).log_in("ann");
        expect_from(&server, "ann", "127.0.0.1");
    }
}

#[test]
fn a_proxy_that_names_no_client_is_not_treated_as_local() {
    let server = server("");
    for headers in ["", "X-Real-IP: 127.0.0.1\r\n", "X-Forwarded-Proto: http\r\n"] {
        let mut client = server.connect("ann").upgraded(headers);
        client.send("LOGIN ann :secret");
        client.expect(":parlor FAIL LOGIN ENCRYPTION_REQUIRED *");
    }
    let metrics = "GET /metrics HTTP/1.0\r\n\r\n";
    assert_eq!(ask(&mut server.connect("metrics"), metrics).status, 403);
}

#[test]
fn a_proxys_own_tls_does_not_count_as_its_clients() {
    let server = server("");
    let mut stream = std::net::TcpStream::connect(server.address()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    let mut tls = tls::begin(tls::any());
    while tls.is_handshaking() {
        while tls.wants_write() {
            tls.write_tls(&mut stream).expect("it reads");
        }
        tls.read_tls(&mut stream).expect("it answers");
        tls.process_new_packets().expect("it speaks TLS");
    }
    // The end of the handshake, the request and the first line in one write.
    let asked = request("X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: http\r\n");
    tls.writer().write_all(asked.as_bytes()).expect("to memory");
    tls.writer().write_all(&frame(TEXT, "LOGIN bob :secret")).expect("to memory");
    let mut all = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut all).expect("to memory");
    }
    stream.write_all(&all).expect("it reads");
    let mut stream = rustls::StreamOwned::new(tls, stream);
    let (mut heard, mut buffer) = (String::new(), [0; 4096]);
    while !heard.contains(" LOGIN ") {
        let count = stream.read(&mut buffer).expect("it answers");
        assert_ne!(count, 0, "closed after {heard}");
        heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    assert!(heard.contains("FAIL LOGIN ENCRYPTION_REQUIRED"), "{heard}");
}

#[test]
fn a_second_header_is_not_believed() {
    let server = server(OPEN);
    let second = String::from_utf8(v1("203.0.113.9")).expect("text");
    let mut client = behind(&server, &[v1(ELSEWHERE), second.into_bytes()].concat());
    client.expect(":parlor 451 \\* :*");
    client.log_in("ann");
    expect_from(&server, "ann", ELSEWHERE);
    let mut client = behind(&server, &v1(ELSEWHERE)).into_tls(tls::any());
    client.write(&v1("203.0.113.9"));
    client.expect(":parlor 451 \\* :*");
}

#[test]
fn over_websocket_the_address_is_the_last_one_that_is_not_a_proxy() {
    let config =
        "server.proxies = [\"127.0.0.1\", \"198.51.100.0/24\"]\nserver.plaintext_login = true\n";
    let server = Server::start_as(Start::InMemory, config);
    for (name, headers, address) in [
        ("one", "X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7"),
        ("two", "X-Forwarded-For: 203.0.113.9, 192.0.2.7\r\n", "192.0.2.7"),
        ("three", "X-Forwarded-For: 192.0.2.7, 198.51.100.4, 127.0.0.1\r\n", "192.0.2.7"),
        ("four", "X-Forwarded-For: 192.0.2.7\r\nx-forwarded-for: 198.51.100.4\r\n", "192.0.2.7"),
        ("five", "X-Forwarded-For: [2001:db8::7]:51234\r\n", "2001:db8::7"),
        ("six", "X-Forwarded-For: 198.51.100.9, 198.51.100.4\r\n", "198.51.100.9"),
        ("seven", "X-Forwarded-Proto: https\r\n", "127.0.0.1"),
        ("eight", "", "127.0.0.1"),
    ] {
        server.connect(name).upgraded(headers).log_in(name);
        expect_from(&server, name, address);
    }
    let bad = request("X-Forwarded-For: nobody\r\n");
    assert_eq!(ask(&mut server.connect("bad"), &bad).status, 400);
    // Two proxies, one by each: the first is one that the second may name.
    let header = v1("198.51.100.4");
    behind(&server, &header).upgraded("X-Forwarded-For: 192.0.2.8\r\n").log_in("nine");
    expect_from(&server, "nine", "192.0.2.8");
    let header = v1(ELSEWHERE);
    behind(&server, &header).upgraded("X-Forwarded-For: 192.0.2.8\r\n").log_in("ten");
    expect_from(&server, "ten", ELSEWHERE);
}

#[test]
fn limits_apply_to_the_clients_address_and_not_to_the_proxy() {
    let server = server("limits.connections_per_address = 2\n");
    let mut others: Vec<Client> =
        (1..=6).map(|number| behind(&server, &v1(&format!("192.0.2.{}", 100 + number)))).collect();
    others.iter_mut().for_each(Client::expect_quiet);
    let own: Vec<Client> = (0..4).map(|_| behind(&server, LOCAL)).collect();
    own.into_iter().for_each(|mut client| client.expect_quiet());
    let mut first = behind(&server, &v1(ELSEWHERE));
    first.expect_quiet();
    let forwarded = format!("X-Forwarded-For: {ELSEWHERE}\r\n");
    let mut second = server.connect("second").upgraded(&forwarded);
    second.expect_quiet();
    let mut third = behind(&server, &v2(ELSEWHERE, ENCRYPTED));
    third.expect("ERROR :Too many connections from your address*");
    third.expect_closed();
    let mut fourth = server.connect("fourth").upgraded(&forwarded);
    fourth.expect("ERROR :Too many connections from your address*");
    fourth.expect_closed();
    assert_eq!(fourth.websocket().closed, Some(1000));
    server.wait_for_logs(2, |line| line.contains(&format!("refused address={ELSEWHERE} ")));
    first.expect_quiet();
}

const REFUSED: &str = "ENCRYPTION_REQUIRED :This connection is not encrypted*";

#[test]
fn passwords_are_refused_where_others_can_read_them() {
    let config = "server.guests = true\noperator = [{ name = \"boss\", password = \"open up\" }]\n";
    let server = server(config);
    server.log_in("ann");
    let forwarded = format!("X-Forwarded-For: {ELSEWHERE}\r\n");
    let http = format!("{forwarded}X-Forwarded-Proto: http\r\n");
    let by_websocket = |headers: &str| server.connect("ann").upgraded(headers);
    let ways: [&dyn Fn() -> Client; 5] = [
        &|| behind(&server, &v1(ELSEWHERE)),
        &|| behind(&server, &v2(ELSEWHERE, b"")),
        &|| behind(&server, &v1(ELSEWHERE)).upgraded(""),
        &|| by_websocket(&forwarded),
        &|| by_websocket(&http),
    ];
    for way in ways {
        let mut client = way();
        client.send("LOGIN ann :secret");
        client.expect(&format!(":parlor FAIL LOGIN {REFUSED}"));
        client.request_only("sasl");
        assert_eq!(mechanisms(&mut client), "sasl=SCRAM-SHA-256");
        client.send("AUTHENTICATE PLAIN");
        client.expect(":parlor 908 * SCRAM-SHA-256 :*");
        client.expect(":parlor 904 * :*not encrypted*");
        assert_eq!(scram(&mut client, "ann", "secret"), "900");
        let mut client = way();
        client.send("PASS secret");
        client.expect(&format!(":parlor FAIL PASS {REFUSED}"));
        client.expect("ERROR :This connection is not encrypted*");
        client.expect_closed();
        let mut client = way();
        client.be_guest("eve");
        for (line, verb) in [("REGISTER * * secret", "REGISTER"), ("OPER boss :open up", "OPER")] {
            client.send(line);
            client.expect(&format!(":parlor FAIL {verb} {REFUSED}"));
        }
        client.send("EX");
        client.until("ERROR :*");
        client.expect_closed();
    }
}

/// What the list of capabilities has of SASL.
fn mechanisms(client: &mut Client) -> String {
    client.send("CAP LS 302");
    let mut found = None;
    loop {
        let line = client.until(":parlor CAP * LS *");
        let word = line.split([' ', ':']).find(|word| word.starts_with("sasl="));
        found = found.or(word.map(str::to_owned));
        if !line.contains(" LS * :") {
            return found.expect("it is offered");
        }
    }
}

#[test]
fn passwords_are_accepted_where_nobody_can_read_them_or_the_config_allows_it() {
    let https = format!("X-Forwarded-For: {ELSEWHERE}\r\nX-Forwarded-Proto: https\r\n");
    let safe = server("");
    let open = server(OPEN);
    let ways: [(&str, &dyn Fn() -> Client, &str); 6] = [
        (
            "v2 with its field",
            &|| behind(&safe, &v2(ELSEWHERE, ENCRYPTED)),
            "EXTERNAL,SCRAM-SHA-256,PLAIN",
        ),
        (
            "tls",
            &|| behind(&safe, &v1(ELSEWHERE)).into_tls(tls::any()),
            "EXTERNAL,SCRAM-SHA-256,PLAIN",
        ),
        ("https", &|| safe.connect("ann").upgraded(&https), "EXTERNAL,SCRAM-SHA-256,PLAIN"),
        ("this machine", &|| behind(&safe, LOCAL), "SCRAM-SHA-256,PLAIN"),
        ("the config", &|| behind(&open, &v1(ELSEWHERE)), "SCRAM-SHA-256,PLAIN"),
        (
            "the config, by websocket",
            &|| open.connect("ann").upgraded("X-Forwarded-For: 192.0.2.7\r\n"),
            "SCRAM-SHA-256,PLAIN",
        ),
    ];
    for (what, way, expected) in ways {
        let mut client = way();
        client.log_in("ann");
        let mut client = way();
        assert_eq!(mechanisms(&mut client), format!("sasl={expected}"), "{what}");
        client.request_only("sasl");
        assert_eq!(plain(&mut client, "ann", "secret"), "900", "{what}");
    }
}
