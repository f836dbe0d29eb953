//! TLS on the same port: whoever begins with a handshake gets one; what is none of it ends clearly.

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Signal, kill_process};
use rustls::version;

use crate::metrics::numbers;
use crate::support::{Client, PATIENCE, Server, Start, allow_many_connections, tls};

/// What a handshake may take on the server's side, with room for a busy machine.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

fn connect(name: &str, server: &Server) -> Client {
    Client::connect_tls(name, server.address(), tls::any())
}

/// Everything that a server says until it closes.
fn all_that_comes(mut stream: TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    let mut all = Vec::new();
    // A reset is an end, too.
    if let Err(error) = stream.read_to_end(&mut all) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    }
    all
}

#[test]
fn lines_work_over_tls_as_without() {
    let server = Server::start_as(Start::InMemory, "");
    let mut plain = server.connect("plain");
    plain.log_in("plain");
    for (name, versions, protocol) in [
        ("old", [&version::TLS12], None),
        ("new", [&version::TLS13], None),
        ("irc", [&version::TLS13], Some("irc")),
    ] {
        let mut config = tls::of_version(&versions);
        config.alpn_protocols.extend(protocol.map(Into::into));
        let mut client = Client::connect_tls(name, server.address(), config);
        assert_eq!(client.tls().alpn_protocol(), protocol.map(str::as_bytes));
        client.log_in(name);
        client.send(&format!("BM :by {name}"));
        client.until(":* NOTE BM SENT *");
        plain.until(&format!(":{name}!* PRIVMSG #lobby :by {name}"));
        plain.send(&format!("PM {name} :back"));
        client.until(&format!(":plain!* PRIVMSG {name} :back"));
        client.send("EX");
        client.until("ERROR :*");
        client.expect_closed();
    }
}

#[test]
fn tls_handshakes_and_lines_may_arrive_byte_by_byte_or_all_at_once() {
    let server = Server::start_as(Start::InMemory, "");
    let mut stream = TcpStream::connect(server.address()).expect("it listens");
    stream.set_nodelay(true).expect("no delay");
    let mut tls = tls::begin(tls::any());
    let dribble = |tls: &mut rustls::ClientConnection, stream: &mut TcpStream| {
        let mut bytes = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut bytes).expect("to memory");
        }
        for byte in bytes {
            stream.write_all(&[byte]).expect("it reads");
        }
    };
    while tls.is_handshaking() {
        dribble(&mut tls, &mut stream);
        if tls.is_handshaking() {
            tls.read_tls(&mut stream).expect("it answers");
            tls.process_new_packets().expect("it speaks TLS");
        }
    }
    tls.writer().write_all(b"PING :1\r\n").expect("to memory");
    dribble(&mut tls, &mut stream);
    let many: String = (2..5000).map(|number| format!("PING :{number}\r\n")).collect();
    let mut stream = rustls::StreamOwned::new(tls, stream);
    stream.sock.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    let writer = std::thread::spawn(move || {
        stream.write_all(many.as_bytes()).expect("it reads");
        let (mut heard, mut buffer) = (String::new(), [0; 16 * 1024]);
        while !heard.contains("PONG parlor :4999\r\n") {
            let count = stream.read(&mut buffer).expect("it answers");
            assert_ne!(count, 0, "closed after {heard}");
            heard.push_str(std::str::from_utf8(&buffer[..count]).expect("ASCII"));
        }
        heard
    });
    let heard = writer.join().expect("no panic");
    let pongs: Vec<&str> = heard.lines().filter(|line| line.contains(" PONG ")).collect();
    let expected = (1..5000).map(|number| format!(":parlor PONG parlor :{number}"));
    assert!(pongs.iter().copied().eq(expected), "{} answers", pongs.len());
}

#[test]
fn a_long_answer_arrives_complete_at_a_slow_reader() {
    let server = Server::start_as(Start::InMemory, "limits.history_page = 1000");
    let mut ann = connect("ann", &server);
    ann.log_in("ann");
    let text = "x".repeat(400);
    for number in 0..1000 {
        ann.send_bytes(format!("BM :{number} {text}\r\n").as_bytes());
    }
    for _ in 0..1000 {
        ann.until(":* NOTE BM SENT *");
    }
    let mut bob = connect("bob", &server);
    bob.log_in("bob");
    bob.send_bytes("CH #lobby 1000\r\n".repeat(5).as_bytes());
    bob.send("PING :done");
    for _ in 0..5 {
        for number in 0..1000 {
            bob.expect(&format!("*:ann!* PRIVMSG #lobby :*] {number} {text}"));
        }
        bob.expect(":parlor NOTE CH END *");
    }
    bob.expect(":* PONG * :done");
}

#[test]
fn a_slow_tls_reader_is_disconnected_and_memory_is_bounded() {
    let server = Server::start_as(Start::InMemory, "limits.outbox_bytes = 1000000");
    let mut slow = connect("slow", &server);
    slow.log_in("slow");
    let mut ann = connect("ann", &server);
    ann.log_in("ann");
    let text = "x".repeat(400);
    for _ in 0..60 {
        for _ in 0..500 {
            ann.send_bytes(format!("BM :{text}\r\n").as_bytes());
        }
        for _ in 0..500 {
            ann.until(":* NOTE BM SENT *");
        }
        if server.log().contains("Too slow") {
            return;
        }
    }
    panic!("30,000 unread messages and still connected:\n{}", server.log());
}

#[test]
fn a_tls_close_is_answered_by_one() {
    let server = Server::start_as(Start::InMemory, "");
    let mut ann = connect("ann", &server);
    ann.log_in("ann");
    ann.send("BM :the last word");
    ann.end_input();
    ann.until(":* NOTE BM SENT *");
    ann.until("ERROR :*");
    // Without the end of TLS this would be an error (a cut connection), and fail.
    ann.expect_closed();
}

#[test]
fn a_client_may_change_its_keys() {
    let server = Server::start_as(Start::InMemory, "");
    let mut ann = connect("ann", &server);
    ann.log_in("ann");
    for _ in 0..3 {
        ann.tls().refresh_traffic_keys().expect("TLS 1.3 can");
        ann.send("PING :with new keys");
        ann.until(":* PONG * :with new keys");
    }
}

#[test]
fn the_generated_certificate_is_printed_at_startup_and_stays() {
    let mut server = Server::start("");
    let first = tls::fingerprint(connect("ann", &server).tls());
    server.wait_for_log(|line| line.contains("fingerprint") && line.contains(&first));
    for file in ["tls-certificate.pem", "tls-key.pem"] {
        let mode = std::fs::metadata(server.data().join(file)).expect(file).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    server.restart();
    assert_eq!(tls::fingerprint(connect("ann", &server).tls()), first);
}

/// Writes a certificate that an authority vouches for, and its key; returns the lines of config that
/// name them.
pub(crate) fn certificate(folder: &Path, name: &str) -> String {
    let mut authority = CertificateParams::new(Vec::new()).expect(name);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "An authority");
    let authority = Issuer::new(authority, KeyPair::generate().expect(name));
    let key = KeyPair::generate().expect(name);
    let params = CertificateParams::new(vec!["chat.example".to_owned()]).expect(name);
    write(folder, &params.signed_by(&key, &authority).expect(name), &key)
}

/// The same with one that nobody vouches for.
pub(crate) fn self_signed(folder: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["chat.example".to_owned()]).expect("one");
    write(folder, &made.cert, &made.signing_key)
}

fn write(folder: &Path, made: &Certificate, made_key: &KeyPair) -> String {
    let (certificate, key) = (folder.join("chain.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.pem()).expect("a file");
    std::fs::write(&key, made_key.serialize_pem()).expect("a file");
    format!("tls.certificate = {certificate:?}\ntls.key = {key:?}\n")
}

#[test]
fn a_configured_certificate_is_used_and_replacing_it_drops_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&certificate(folder.path(), "first"));
    let log = server.log();
    assert!(log.contains("Using the certificate in [tls] sha256_fingerprint="), "{log}");
    assert!(!log.contains("its own"), "{log}");
    let mut ann = connect("ann", &server);
    ann.log_in("ann");
    let first = tls::fingerprint(ann.tls());

    certificate(folder.path(), "second");
    server.hang_up();
    server.wait_for_log(|line| line.contains("The config has been reloaded"));
    let second = tls::fingerprint(connect("bob", &server).tls());
    assert_ne!(second, first);

    std::fs::write(folder.path().join("chain.pem"), "no certificate").expect("a file");
    server.hang_up();
    server.wait_for_log(|line| line.contains("Nothing has changed") && line.contains("chain.pem"));
    assert_eq!(tls::fingerprint(connect("eve", &server).tls()), second);
    ann.expect_quiet();
}

/// Writes a certificate that expires in so many days, and the config for it.
fn expiring(folder: &Path, days: i64) -> String {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["chat.example".to_owned()]).expect("a name");
    let now = SystemTime::now();
    let ends = match u64::try_from(days) {
        Ok(days) => now + Duration::from_secs(days * 24 * 3600 + 3600),
        Err(_) => now - Duration::from_secs(days.unsigned_abs() * 24 * 3600),
    };
    params.not_after = ends.into();
    write(folder, &params.self_signed(&key).expect("a certificate"), &key)
}

#[test]
fn the_operator_is_warned_before_the_certificate_expires_and_metrics_say_when() {
    let expires = |server: &Server| {
        let at = numbers(server)["parlor_certificate_expires_timestamp_seconds"];
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        ((at - now.as_secs_f64()) / (24.0 * 3600.0)).floor() as i64
    };
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&expiring(folder.path(), 3));
    server.wait_for_log(|line| {
        line.contains("[WARN] The certificate expires in 3 days") && line.contains(" expires=")
    });
    assert_eq!(expires(&server), 3);

    expiring(folder.path(), -2);
    server.hang_up();
    server.wait_for_log(|line| line.contains("[WARN] The certificate has expired"));
    assert_eq!(expires(&server), -3, "two days and a moment ago");

    expiring(folder.path(), 90);
    let warnings = |log: &str| log.matches("The certificate ").count();
    let before = warnings(&server.log());
    server.hang_up();
    server.wait_for_logs(2, |line| line.contains("The config has been reloaded"));
    assert_eq!(expires(&server), 90);
    assert_eq!(warnings(&server.log()), before + 1, "only that it is self-signed");
}

#[test]
fn invalid_tls_is_answered_and_closed() {
    let server = Server::start_as(Start::InMemory, "");
    let hello = hello(tls::any());
    let mut gopher = tls::of_version(&[&version::TLS13]);
    gopher.alpn_protocols.push(b"gopher".to_vec());
    let cases: [(&str, Vec<u8>); 6] = [
        ("garbage", b"\x16\x03\x01\x00\x20\x01\x00\x00\x1cthis is no hello from anyone".to_vec()),
        ("a record that is too long", b"\x16\x03\x01\xff\xff".to_vec()),
        ("an unknown version", b"\x16\x09\x09\x00\x05hello".to_vec()),
        ("lines after the first message", [&hello[..], b"NICK ann\r\nUSER a 0 * a\r\n"].concat()),
        ("another first message", [&hello[..], &hello[..]].concat()),
        ("a protocol that is not spoken here", self::hello(gopher)),
    ];
    for (what, bytes) in cases {
        let begin = Instant::now();
        let mut stream = TcpStream::connect(server.address()).expect("it listens");
        stream.write_all(&bytes).expect("it reads");
        let heard = all_that_comes(stream);
        // The last record is an alert: of that type, or encrypted with the handshake's keys.
        let alerts: [&[u8]; 2] = [&[21, 3, 3, 0, 2], &[23, 3, 3, 0, 19]];
        let last = alerts.map(|alert| memmem(&heard, alert));
        assert!(last.contains(&true), "{what}: {heard:02x?}");
        assert!(begin.elapsed() < HANDSHAKE_DEADLINE, "{what}: only the deadline ended it");
    }
    server.wait_for_logs(6, |line| line.contains("TLS failed"));
    connect("ann", &server).log_in("ann");
}

fn memmem(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}

/// The first message of a client.
fn hello(config: rustls::ClientConfig) -> Vec<u8> {
    let mut bytes = Vec::new();
    tls::begin(config).write_tls(&mut bytes).expect("to memory");
    bytes
}

#[test]
fn incomplete_handshakes_are_closed_in_time() {
    let server = Server::start_as(Start::InMemory, "");
    let hello = hello(tls::any());
    // A whole record, with part of a message: rustls keeps marks in the bytes that it has seen.
    let part = [b"\x16\x03\x01\x00\x64", &hello[5..105]].concat();
    let halves = [&b"\x16"[..], &hello[..hello.len() / 2], &part, &hello, b"GE"];
    let begin = Instant::now();
    let streams = halves.map(|half| {
        let mut stream = TcpStream::connect(server.address()).expect("it listens");
        stream.write_all(half).expect("it reads");
        stream
    });
    let mut patient = server.connect("patient");
    let mut late = server.connect("late");
    for stream in streams {
        all_that_comes(stream);
    }
    assert!(begin.elapsed() >= HANDSHAKE_DEADLINE, "{:?}", begin.elapsed());
    // Who has said nothing at all may take longer, as a person does who types, and then has as long
    // for what is begun: it is there after two more looks at everybody.
    patient.send("");
    late.write(&hello[..100]);
    std::thread::sleep(Duration::from_millis(1200));
    patient.log_in("patient");
    late.write(&hello[100..]);
    let mut answer = [0; 3];
    late.stream().read_exact(&mut answer).expect("an answer");
    assert_eq!(answer, [22, 3, 3]);
}

#[test]
fn ten_thousand_half_open_handshakes_stop_nobody_and_use_bounded_memory() {
    const HALF_OPEN: usize = 10_000;
    const BYTES_EACH: u64 = 16 * 1024;
    allow_many_connections();
    let server = Server::start_as(Start::InMemory, "");
    let mut ann = connect("ann", &server);
    ann.log_in("ann");
    let before = server.memory_kib("VmRSS");
    let hello = hello(tls::any());
    let mut slowest = Duration::ZERO;
    let mut half_open = Vec::new();
    for number in 0..HALF_OPEN {
        let mut stream = TcpStream::connect(server.address()).expect("it listens");
        stream.write_all(&hello).expect("it reads");
        half_open.push(stream);
        if number % 100 == 0 {
            let begin = Instant::now();
            ann.send("PING :still there");
            ann.until(":* PONG * :still there");
            slowest = slowest.max(begin.elapsed());
        }
    }
    connect("bob", &server).log_in("bob");
    let grown = (server.memory_kib("VmHWM") - before) * 1024;
    assert!(grown < HALF_OPEN as u64 * BYTES_EACH, "{} bytes each", grown / HALF_OPEN as u64);
    assert!(slowest < HANDSHAKE_DEADLINE, "{slowest:?}");
    for stream in half_open {
        all_that_comes(stream);
    }
    ann.send("PING :still there");
    ann.until(":* PONG * :still there");
}

/// In one go they would take a shard half a second, in which nobody else would be heard.
#[test]
fn others_are_served_during_a_flood_of_handshakes() {
    const FLOOD: usize = 1500;
    let server = Server::start_as(Start::InMemory, "");
    let mut ann = server.connect("ann");
    ann.log_in("ann");
    let hello = hello(tls::any());
    // All of it is there when the server looks.
    kill_process(server.pid(), Signal::STOP).expect("our own child takes a signal");
    let mut flood = Vec::new();
    for _ in 0..FLOOD {
        let mut stream = TcpStream::connect(server.address()).expect("the kernel takes it");
        stream.write_all(&hello).expect("the kernel takes it");
        flood.push(stream);
    }
    kill_process(server.pid(), Signal::CONT).expect("our own child takes a signal");
    let last = flood.last().expect("some");
    last.set_nonblocking(true).expect("it may be");
    let mut turns = 0;
    while last.peek(&mut [0]).is_err() {
        ann.send("PING :my turn");
        ann.until(":* PONG * :my turn");
        turns += 1;
    }
    assert!(turns >= 4, "{turns}");
}
