//! WebSocket on the same port: one line a message, for those who keep to its rules.

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::websocket::{BINARY, CLOSE, CONTINUE, PING, PONG, TEXT, frame, part, request};
use crate::support::{Captures, Client, PATIENCE, Server, Start, http, tls};

/// What may be begun and not completed for so long at most.
const HALF_OPEN: Duration = Duration::from_secs(10);

fn connect(name: &str, server: &Server) -> Client {
    server.connect(name).upgraded("")
}

fn log_in(name: &str, server: &Server) -> Client {
    let mut client = connect(name, server);
    client.log_in(name);
    client
}

/// The server closes the WebSocket with this code and then the connection, without another word.
fn expect_closed_with(client: &mut Client, code: u16) {
    client.expect_closed();
    assert_eq!(client.websocket().closed, Some(code), "{}", client.name());
}

fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(CLOSE, [&code.to_be_bytes(), reason.as_bytes()].concat())
}

#[test]
fn the_first_known_subprotocol_selects_text_or_binary_messages() {
    let server = Server::start_as(Start::InMemory, "");
    let mut plain = server.log_in("plain");
    let (text, binary) = (Some("text.ircv3.net"), Some("binary.ircv3.net"));
    for (name, offer, chosen, kind) in [
        ("one", "", None, TEXT),
        ("two", "Sec-WebSocket-Protocol: text.ircv3.net\r\n", text, TEXT),
        ("three", "Sec-WebSocket-Protocol: binary.ircv3.net\r\n", binary, BINARY),
        ("four", "Sec-WebSocket-Protocol: binary.ircv3.net, text.ircv3.net\r\n", binary, BINARY),
        ("five", "Sec-WebSocket-Protocol: text.ircv3.net,binary.ircv3.net\r\n", text, TEXT),
        ("six", "Sec-WebSocket-Protocol: irc, binary.ircv3.net\r\n", binary, BINARY),
        ("seven", "Sec-WebSocket-Protocol: irc\r\n", None, TEXT),
    ] {
        let mut client = server.connect(name).upgraded(offer);
        assert_eq!(client.websocket().subprotocol.as_deref(), chosen, "{offer}");
        client.log_in(name);
        plain.send("BM :Grüße, ☃ 🦀");
        client.until(":plain!plain@parlor PRIVMSG #lobby :Grüße, ☃ 🦀");
        for number in [TEXT, BINARY] {
            client.write(&frame(number, format!("PM plain :ẞ {number}")));
            plain.until(&format!(":{name}!{name}@parlor PRIVMSG plain :ẞ {number}"));
        }
        client.until_answered();
        assert_eq!(client.websocket().kinds, [kind], "{offer}");
    }
}

/// The id of a message told, or confirmed to who has sent it.
fn message_id(line: &str) -> Option<String> {
    if let Some((_, rest)) = line.split_once(" NOTE BM SENT ") {
        return rest.split(' ').next().map(str::to_owned);
    }
    let (tags, _) = line.split_once(" :").filter(|_| line.contains(" PRIVMSG #lobby :"))?;
    let id = tags.trim_start_matches('@').split(';').find_map(|tag| tag.strip_prefix("msgid="));
    Some(id.expect("it has an id").to_owned())
}

#[test]
fn the_conversation_is_the_same_over_every_transport() {
    const EACH: usize = 25;
    let server = Server::start_as(Start::InMemory, "");
    let encrypted = |name: &str| Client::connect_tls(name, server.address(), tls::any());
    let mut clients = [
        server.connect("plain"),
        encrypted("tls"),
        connect("web", &server),
        encrypted("webtls").upgraded("Sec-WebSocket-Protocol: binary.ircv3.net\r\n"),
    ];
    for client in &mut clients {
        client.request("message-tags");
        let name = client.name().to_owned();
        client.log_in(&name);
    }
    for client in &mut clients {
        client.until_answered();
    }
    for number in 0..EACH {
        for client in &mut clients {
            let name = client.name().to_owned();
            client.send(&format!("BM :{number} of {name}"));
        }
    }
    let count = EACH * clients.len();
    let heard = clients.each_mut().map(|client| {
        let ids = std::iter::from_fn(|| client.next()).filter_map(|line| message_id(&line));
        ids.take(count).collect::<Vec<_>>()
    });
    assert_eq!(heard[0].len(), count);
    for (client, ids) in clients.iter().zip(&heard) {
        assert_eq!(*ids, heard[0], "{}", client.name());
    }
}

#[test]
fn websocket_lines_may_come_in_fragments_byte_by_byte_or_together() {
    let server = Server::start_as(Start::InMemory, "");
    let mut client = connect("ann", &server);
    client.write(&part(TEXT, "PING :o"));
    client.write(&frame(PING, "between"));
    client.write(&part(CONTINUE, ""));
    client.write(&frame(CONTINUE, "ne"));
    client.expect(":parlor PONG parlor *one");
    assert_eq!(client.pongs(1), [b"between"]);
    for byte in frame(TEXT, "PING :two") {
        client.write(&[byte]);
    }
    client.expect(":parlor PONG parlor *two");
    let many: Vec<u8> = (0..3000).flat_map(|n| frame(TEXT, format!("PING :{n}"))).collect();
    client.write(&many);
    for number in 0..3000 {
        client.expect(&format!(":parlor PONG parlor *{number}"));
    }
    // The first message may come with the request.
    let mut early = server.connect("early");
    early.write(&[request("").as_bytes(), &frame(TEXT, "PING :now")].concat());
    let answer = early.next().expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    while early.next().is_some_and(|line| !line.is_empty()) {}
    assert!(server.log().lines().all(|line| !line.contains("WebSocket")), "nothing to complain of");
}

#[test]
fn pings_are_answered_and_unsolicited_pongs_are_ignored() {
    let server = Server::start_as(Start::InMemory, "");
    let mut ann = log_in("ann", &server);
    ann.write(&frame(PING, ""));
    ann.write(&frame(PONG, "to nothing"));
    ann.write(&frame(PING, [0xff; 125]));
    assert_eq!(ann.pongs(2), [vec![], vec![0xff; 125]]);
    ann.expect_quiet();
}

#[test]
fn either_end_may_close_it() {
    let server = Server::start_as(Start::InMemory, "");
    let encrypted = || Client::connect_tls("ann", server.address(), tls::any()).upgraded("");
    for connect in [&(|| connect("ann", &server)) as &dyn Fn() -> Client, &encrypted] {
        let mut ann = connect();
        ann.log_in("ann");
        ann.send("EX");
        ann.until("ERROR :*");
        // In TLS this fails without the end of TLS.
        expect_closed_with(&mut ann, 1000);

        for (bytes, code) in [(close(1000, "bye"), 1000), (close(1001, ""), 1001)] {
            let mut ann = connect();
            ann.log_in("ann");
            ann.write(&bytes);
            expect_closed_with(&mut ann, code);
        }
        let mut ann = connect();
        ann.write(&frame(CLOSE, ""));
        expect_closed_with(&mut ann, 0);
    }
    // Who just goes is gone, too.
    let mut bob = server.log_in("bob");
    let ann = log_in("ann", &server);
    bob.until(":ann!ann@parlor JOIN #lobby");
    drop(ann);
    bob.until(":ann!ann@parlor QUIT :*");
}

/// What was sent before the end counts, also if it floods and has to wait its turn.
#[test]
fn nothing_sent_before_the_close_is_lost() {
    let server = Server::start_as(
        Start::InMemory,
        "limits.commands_per_second = 40\nlimits.command_burst = 12\nlimits.ping_seconds = 0\n",
    );
    let mut bob = server.log_in("bob");
    let mut ann = log_in("ann", &server);
    let lines: Vec<u8> = (0..40).flat_map(|n| frame(TEXT, format!("BM :{n}"))).collect();
    ann.write(&[lines, close(1000, "")].concat());
    let mut eve = Client::connect_tls("eve", server.address(), tls::any());
    eve.log_in("eve");
    let lines: String = (0..40).map(|n| format!("BM :{n}\r\n")).collect();
    eve.write(lines.as_bytes());
    eve.end_input();
    let (mut of_ann, mut of_eve, mut gone) = (0, 0, 0);
    while gone < 2 {
        let line = bob.next().expect("bob stays");
        for (name, count) in [("ann", &mut of_ann), ("eve", &mut of_eve)] {
            if line == format!(":{name}!{name}@parlor PRIVMSG #lobby :{count}") {
                *count += 1;
            }
            gone += usize::from(line.starts_with(&format!(":{name}!{name}@parlor QUIT ")));
        }
    }
    assert_eq!((of_ann, of_eve), (40, 40));
    ann.until_closed();
    assert_eq!(ann.websocket().closed, Some(1000));
}

#[test]
fn websocket_violations_are_closed_with_the_right_code() {
    let server = Server::start_as(Start::InMemory, "");
    let unmasked = vec![0x81, 6, b'P', b'I', b'N', b'G', b' ', b'a'];
    let long = "x".repeat(10_000);
    let cases: [(&str, Vec<u8>, u16); 13] = [
        ("no mask", unmasked, 1002),
        ("a reserved bit", part(0xc1, "PING a"), 1002),
        ("an unknown opcode", frame(3, ""), 1002),
        ("a ping in fragments", part(PING, ""), 1002),
        ("a long ping", frame(PING, [0; 126]), 1002),
        ("nothing to continue", frame(CONTINUE, "PING a"), 1002),
        ("a message in a message", [part(TEXT, "PI"), frame(TEXT, "NG a")].concat(), 1002),
        ("half a close code", frame(CLOSE, [3]), 1002),
        ("a close code that cannot be sent", close(1005, ""), 1002),
        ("no UTF-8", frame(TEXT, b"PING \xff"), 1007),
        ("half a character", [part(TEXT, b"PING \xe2"), frame(CONTINUE, b"a")].concat(), 1007),
        ("too long", frame(TEXT, &long), 1009),
        (
            "too long in fragments",
            [part(TEXT, &long[..4000]), frame(CONTINUE, &long)].concat(),
            1009,
        ),
    ];
    let count = cases.len();
    for (what, bytes, code) in cases {
        let mut client = connect(what, &server);
        client.expect_quiet();
        client.write(&[bytes, frame(TEXT, "PING :never answered")].concat());
        expect_closed_with(&mut client, code);
    }
    server.wait_for_logs(count, |line| line.contains("reason=\"WebSocket: "));
    log_in("ann", &server);
}

#[test]
fn invalid_lines_over_websocket_are_refused_as_usual() {
    let server = Server::start_as(Start::InMemory, "");
    let mut plain = server.log_in("plain");
    let mut web = log_in("web", &server);
    let mut bob = server.log_in("bob");
    let long = format!("BM :{}", "x".repeat(600));
    for client in [&mut plain, &mut web] {
        client.until(":bob!bob@parlor JOIN #lobby");
        client.send(&long);
    }
    let (expected, got) = (plain.next().expect("a word"), web.next().expect("a word"));
    assert_eq!(got.replace("web", "plain"), expected);
    for (within, verb) in [("BM :a\nBM :b", "BM"), ("BM :a\r\nBM :b\r\n", "BM"), ("\nBM :b", "\\*")]
    {
        web.write(&frame(TEXT, within));
        web.expect(&format!(":parlor FAIL {verb} INVALID_LINE :*"));
    }
    web.write(&frame(BINARY, b"BM :\xff"));
    web.expect(":parlor FAIL BM INVALID_UTF8 :*");
    // Line ends at its end are for those who cannot do without.
    web.write(&frame(TEXT, "BM :c\r\n"));
    web.expect(":parlor NOTE BM SENT *");
    bob.expect(":web!web@parlor PRIVMSG #lobby :c");
}

#[test]
fn a_websocket_client_that_does_not_read_is_disconnected_and_memory_is_bounded() {
    let server = Server::start_as(Start::InMemory, "limits.outbox_bytes = 1000000");
    let mut ann = log_in("ann", &server);
    let _slow = log_in("slow", &server);
    let before = server.memory_kib("VmRSS");
    let text = "x".repeat(400);
    for round in 0..60 {
        assert!(round < 59, "30,000 unread messages and still connected:\n{}", server.log());
        ann.send_bytes(format!("BM :{text}\r\n").repeat(500).as_bytes());
        for _ in 0..500 {
            ann.until(":* NOTE BM SENT *");
        }
        if server.log().contains("Too slow") {
            break;
        }
    }
    // The messages themselves are kept in memory here: twelve megabytes if all are sent.
    let grown = server.memory_kib("VmHWM").saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB");
}

#[test]
fn pings_with_unread_answers_lead_to_a_disconnect() {
    let mut server = Server::start_as(Start::InMemory, "limits.outbox_bytes = 65536\n");
    let before = server.memory_kib("VmRSS");
    let client = connect("eve", &server);
    client.stream().set_write_timeout(Some(PATIENCE)).expect("a write timeout");
    let pings = frame(PING, [b'x'; 125]).repeat(500);
    let begin = Instant::now();
    let error = loop {
        assert!(begin.elapsed() < PATIENCE * 2, "it is still read");
        if let Err(error) = client.stream().write_all(&pings) {
            break error.kind();
        }
    };
    assert!(matches!(error, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    server.wait_for_log(|line| line.contains("Too slow"));
    let grown = server.memory_kib("VmHWM").saturating_sub(before);
    assert!(server.is_running() && grown < 16 * 1024, "{grown} KiB");
}

#[test]
fn a_flood_of_pings_is_throttled_like_lines() {
    let config = "limits.commands_per_second = 50\nlimits.command_burst = 20\n";
    let server = Server::start_as(Start::InMemory, config);
    let mut bob = server.connect("bob");
    let mut eve = connect("eve", &server);
    let begin = Instant::now();
    // As many bytes as 131 lines of 512.
    eve.write(&frame(PING, [b'x'; 125]).repeat(512));
    eve.send("PING :after");
    bob.expect_quiet();
    eve.expect(":parlor PONG parlor *after");
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(1800), "{took:?}");
    assert_eq!(eve.pongs(512).len(), 512);
}

#[test]
fn only_the_servers_own_page_may_connect_and_those_that_the_config_names() {
    let config = "http.origins = [\"https://chat.example\", \"https://other.example:8443/\"]\n";
    let server = Server::start_as(Start::InMemory, config);
    let answer = |origin: &str| {
        let mut client = server.connect("page");
        client.write(request(&format!("Origin: {origin}\r\n")).as_bytes());
        client.end_input();
        client.next().expect("an answer")
    };
    let (opened, refused) = ("HTTP/1.1 101 Switching Protocols", "HTTP/1.1 403 Forbidden");
    for origin in [
        "http://localhost",
        "https://chat.example",
        "HTTPS://CHAT.EXAMPLE",
        "https://other.example:8443",
    ] {
        assert_eq!(answer(origin), opened, "{origin}");
    }
    let others =
        ["https://evil.example", "http://chat.example", "https://chat.example.evil", "null"];
    for origin in others {
        assert_eq!(answer(origin), refused, "{origin}");
    }
    connect("no page", &server).until_answered();
    for (number, config, evil, chat) in [
        (1, "http.origins = [\"https://evil.example\"]\n", opened, refused),
        (2, "", refused, refused),
        (3, "http.origins = [\"*\"]\n", opened, opened),
    ] {
        server.write_config(config);
        server.hang_up();
        server.wait_for_logs(number, |line| line.contains("The config has been reloaded"));
        assert_eq!(answer("https://evil.example"), evil, "{config}");
        assert_eq!(answer("https://chat.example"), chat, "{config}");
        assert_eq!(answer("http://localhost"), opened, "{config}");
    }
}

#[test]
fn a_long_page_of_history_arrives_complete() {
    const MESSAGES: usize = 400;
    let server = Server::start("limits.history_page = 1000\n");
    let mut plain = server.log_in("plain");
    let text = "ß".repeat(200);
    for number in 0..MESSAGES {
        plain.send(&format!("BM :{number} {text}"));
    }
    for _ in 0..MESSAGES {
        plain.expect(":parlor NOTE BM SENT *");
    }
    for encrypted in [false, true] {
        let client = server.connect("ann");
        let client = if encrypted { client.into_tls(tls::any()) } else { client };
        let mut ann = client.upgraded("");
        ann.request("batch draft/chathistory server-time");
        ann.log_in("ann");
        ann.send(&format!("CHATHISTORY LATEST #lobby * {MESSAGES}"));
        ann.expect("*BATCH +* chathistory #lobby");
        for number in 0..MESSAGES {
            ann.expect(&format!("@*:plain!plain@parlor PRIVMSG #lobby :{number} {text}"));
        }
        ann.expect("*BATCH -*");
        ann.expect_quiet();
        // Who does not wait for it still gets the end: by TLS, too, or this fails.
        let ask = frame(TEXT, format!("CHATHISTORY LATEST #lobby * {MESSAGES}"));
        ann.write(&[ask, close(1000, "")].concat());
        expect_closed_with(&mut ann, 1000);
    }
}

#[test]
fn sessions_show_the_kind_of_browser() {
    let server = Server::start_as(Start::InMemory, "");
    let mut ann = server.log_in("ann");
    let agent = "User-Agent: Mozilla/5.0 (Android 14; Mobile) Gecko/140.0 Firefox/140.0\r\n";
    for (headers, expected) in [
        (format!("{agent}Origin: https://localhost\r\n"), "Firefox/Android"),
        (agent.to_owned(), "websocket"),
    ] {
        let mut page = server.connect("ann").into_tls(tls::any()).upgraded(&headers);
        page.log_in("ann");
        ann.send("ACCOUNT SESSIONS");
        ann.until(&format!(
            ":parlor NOTE ACCOUNT SESSION * * * 127.0.0.1 password {expected} \\* :*"
        ));
        ann.until(":parlor NOTE ACCOUNT SESSIONS_END 2 * :*");
        let (token, browser) = match expected {
            "websocket" => ("program", "\\*"),
            browser => ("page", browser),
        };
        page.send(&format!("ACCOUNT TOKEN ADD {token} 90d"));
        page.until(":parlor NOTE ACCOUNT TOKEN_ADDED *");
        ann.send("ACCOUNT TOKEN LIST");
        ann.until(&format!(":parlor NOTE ACCOUNT TOKEN {token} * \\* * {browser} :*"));
        page.send("QUIT");
        page.until_closed();
    }
    let mut lines = server.connect("ann").into_tls(tls::any());
    lines.log_in("ann");
    ann.send("ACCOUNT SESSIONS");
    ann.until(":parlor NOTE ACCOUNT SESSION * * * 127.0.0.1 password tls \\* :TLS, *");
}

/// As the web client does it: the password crosses the wire once, when the account is made.
#[test]
fn a_client_registers_over_a_websocket_and_stays_logged_in_with_an_app_password() {
    let server = Server::start("");
    let connect = || server.connect("page").into_tls(tls::any()).upgraded("");
    let mut page = connect();
    for line in ["CAP LS 302", "CAP REQ :draft/account-registration sasl", "NICK ann"] {
        page.send(line);
    }
    page.send("USER ann 0 * :Ann");
    page.until(":parlor CAP * ACK :*");
    page.send("REGISTER * * :abc");
    page.expect(":parlor FAIL REGISTER WEAK_PASSWORD ann :*");
    page.send("REGISTER * * :my secret");
    page.expect(":parlor REGISTER SUCCESS ann :*");
    page.expect(":parlor 900 ann *");
    page.send("CAP END");
    page.until(":parlor 366 ann #lobby :*");
    page.send("ACCOUNT TOKEN ADD web 90d");
    let mut found = Captures::new();
    page.until_with(":parlor NOTE ACCOUNT TOKEN_ADDED web {token} * :*", &mut found);

    let mut later = connect();
    for line in ["CAP REQ :sasl", "NICK ann", "USER ann 0 * :Ann", "AUTHENTICATE PLAIN"] {
        later.send(line);
    }
    later.until("AUTHENTICATE +");
    later.send(&format!("AUTHENTICATE {}", STANDARD.encode(format!("\0ann\0{}", found["token"]))));
    later.until(":parlor 903 ann :*");
    later.send("CAP END");
    later.until(":parlor 366 ann #lobby :*");
    // Logging out: the page's own session is not ended before it says QUIT.
    later.send("ACCOUNT TOKEN DEL web");
    later.until(":parlor NOTE ACCOUNT TOKEN_DELETED web :*");
    later.expect_quiet();
    later.send("QUIT");
    later.until_closed();
    let mut refused = connect();
    refused.send(&format!("LOGIN ann :{}", found["token"]));
    refused.until(":parlor FAIL LOGIN WRONG_PASSWORD ann :*");
}

/// Several wait for the same deadline, so that it is waited for but once.
#[test]
fn an_incomplete_request_is_answered_in_time() {
    let server = Server::start_as(Start::InMemory, "server.proxies = [\"127.0.0.1\"]\n");
    let half = &request("")[..60];
    let begin = Instant::now();
    let mut web = server.connect("web");
    web.write(half.as_bytes());
    let mut encrypted = Client::connect_tls("encrypted", server.address(), tls::any());
    encrypted.write(half.as_bytes());
    let mut proxied = server.connect("proxied");
    proxied.write(&[b"PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n", half.as_bytes()].concat());
    let mut body = server.connect("body");
    body.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhell");
    let mut second = server.connect("second");
    let first = http::ask(&mut second, "GET /join HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(first.status, 200);
    second.write(half.as_bytes());
    let mut header = server.connect("header");
    header.write(b"PROXY TCP4 192.0.2.7 127");
    for client in [&mut web, &mut encrypted, &mut proxied, &mut body, &mut second] {
        assert_eq!(http::answer(client).status, 503, "{}", client.name());
    }
    header.expect("ERROR :Too slow*");
    header.expect_closed();
    assert!(begin.elapsed() >= HALF_OPEN, "{:?}", begin.elapsed());
}

#[test]
fn a_websocket_that_never_logs_in_is_closed() {
    let server = Server::start_as(Start::InMemory, "limits.login_seconds = 1\n");
    let mut silent = connect("silent", &server);
    let mut busy = connect("busy", &server);
    busy.send("PING :hello");
    busy.write(&frame(PING, "hello"));
    for client in [&mut silent, &mut busy] {
        client.until("ERROR :No login in time");
        expect_closed_with(client, 1000);
    }
}

#[test]
fn one_connection_too_many_is_refused_in_its_own_protocol() {
    let server = Server::start_as(Start::InMemory, "limits.connections_per_address = 1\n");
    let mut first = log_in("first", &server);
    let mut refused = 0;
    let mut connect = || {
        let client = server.connect("refused");
        refused += 1;
        server.wait_for_logs(refused, |line| line.contains("Connection refused"));
        client
    };
    // Who takes too long to say anything is taken for somebody who types: on a busy machine, again.
    let mut answer = |first: &[u8]| loop {
        let mut client = connect();
        client.write(first);
        let all = client.rest();
        if !all.starts_with(b"ERROR ") {
            return all;
        }
    };
    for request in [request(""), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned()] {
        let response = answer(request.as_bytes());
        assert!(response.starts_with(b"HTTP/1.1 503 "), "{}", response.escape_ascii());
    }
    let mut hello = Vec::new();
    tls::begin(tls::any()).write_tls(&mut hello).expect("to memory");
    assert_eq!(answer(&hello), [21, 3, 3, 0, 2, 2, 49], "the alert access_denied");
    for word in ["NICK ann\r\n", ""] {
        let mut lines = connect();
        lines.write(word.as_bytes());
        lines.expect("ERROR :Too many connections from your address*");
        lines.expect_closed();
    }
    first.expect_quiet();
}
