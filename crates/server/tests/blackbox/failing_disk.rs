//! A disk that fails at some calls, and a clock that is wrong: `tests/faults/faults.c` stands between
//! the server and the C library.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::metrics::numbers;
use crate::support::{Captures, Client, PATIENCE, Server, chatserver, tls};

/// The compiled library.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults-server.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/faults/faults.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&made).args([source, "-ldl"]);
        assert!(compiler.status().expect("there is a C compiler").success());
        made
    })
}

/// Adds what a fault needs to the command that starts a server, which is to be armed by [`arm`].
fn with_fault(command: &mut Command, data: &Path, fault: &[(&str, &str)]) {
    command.env("LD_PRELOAD", library()).env("FAULT_AT", data);
    command.env("FAULT_ARMED", data.with_extension("armed"));
    command.envs(fault.iter().copied());
}

fn start(fault: &[(&str, &str)]) -> Server {
    start_with("", fault)
}

fn start_with(config: &str, fault: &[(&str, &str)]) -> Server {
    Server::start_by(config, |mut command| {
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let at = arguments.iter().position(|argument| argument == "--data").expect("it is named");
        with_fault(&mut command, Path::new(&arguments[at + 1]), fault);
        command
    })
}

fn arm(server: &Server) {
    fs::write(server.data().with_extension("armed"), "").expect("the file is made");
}

fn disarm(server: &Server) {
    fs::remove_file(server.data().with_extension("armed")).expect("the file is removed");
}

/// Broadcasts; false if it is refused.
fn say(client: &mut Client, text: &str) -> bool {
    client.send(&format!("BM :{text}"));
    !client.expect(":parlor * BM *").contains(" FAIL BM STORE_FAILED ")
}

/// What is in the lobby, oldest first, 100 at most.
fn history(client: &mut Client) -> Vec<String> {
    client.until_answered();
    client.send("CH #lobby 100");
    let mut texts = Vec::new();
    loop {
        let line = client.until("*");
        if line.contains(" NOTE CH END ") {
            return texts;
        }
        let text = line.rsplit(':').next().expect("a line has parts");
        texts.push(text.rsplit(' ').next().expect("the last word").to_owned());
    }
}

#[test]
fn unflushed_messages_are_gone_after_a_kill() {
    let fault = [("FAULT", "flush-eio"), ("FAULT_END", "-wal"), ("FAULT_ONCE", "1")];
    let mut server = start(&fault);
    let mut ann = server.log_in("ann");
    assert!(say(&mut ann, "before"));
    arm(&server);
    assert!(!say(&mut ann, "refused"));
    server.restart();
    let mut ann = server.log_in("ann");
    assert_eq!(history(&mut ann), ["before"]);

    let mut server = start(&fault);
    let mut cid = server.connect("cid");
    arm(&server);
    cid.send("LOGIN cid :secret");
    cid.expect(":parlor FAIL LOGIN STORE_FAILED *");
    server.restart();
    let mut cid = server.connect("cid");
    cid.send("LOGIN cid :another");
    cid.expect(":parlor NOTE LOGIN ACCOUNT_CREATED *");
}

/// Whatever a command wants stored: who sent it is told that it was not, and nothing has changed.
#[test]
fn a_setting_that_cannot_be_stored_is_reported_and_unchanged() {
    for (line, look, answer) in [
        ("NOTIFY #lobby mute", "NOTIFY", ":parlor NOTE NOTIFY END 0 *"),
        ("SILENCE +bob", "SILENCE", ":parlor 272 *"),
        ("REPORT bob :rude", "REPORTS", ":parlor NOTE REPORTS END 0 *"),
        (
            "ROOM #garden slow 10",
            "ROOM #garden slow",
            ":parlor NOTE ROOM SETTING #garden slow :off",
        ),
        ("PIN #garden {msgid}", "PIN #garden", ":parlor NOTE PIN END #garden 0 *"),
        ("QUIET #garden bob :shh", "QUIET #garden", ":parlor NOTE QUIET END #garden 0 *"),
        (
            "MARKREAD bob timestamp=2020-01-01T00:00:00.000Z",
            "MARKREAD bob",
            ":parlor MARKREAD bob \\*",
        ),
    ] {
        let fault = [("FAULT", "flush-eio"), ("FAULT_END", "-wal"), ("FAULT_ONCE", "1")];
        let server = start_with("operator = [{ account = \"ann\", role = \"admin\" }]", &fault);
        let (mut ann, _bob) = (server.log_in("ann"), server.log_in("bob"));
        ann.send("JOIN #garden");
        ann.until(":parlor 366 *");
        ann.send("PM #garden :roses");
        let mut captures = Captures::new();
        ann.until_with(":parlor NOTE PM SENT #garden {msgid} *", &mut captures);
        ann.until_answered();
        arm(&server);
        let verb = line.split(' ').next().expect("a line has words");
        ann.send(&line.replace("{msgid}", &captures["msgid"]));
        ann.expect(&format!(":parlor FAIL {verb} STORE_FAILED *"));
        ann.expect_quiet();
        ann.send(look);
        ann.expect(answer);
    }
}

#[test]
fn an_uncertain_commit_ends_the_server_and_nobody_is_told_anything() {
    let mut server = start(&[("FAULT", "flush-eio"), ("FAULT_END", "-wal")]);
    let mut ann = server.log_in("ann");
    assert!(say(&mut ann, "before"));
    arm(&server);
    ann.send("BM :perhaps");
    let told = ann.until_closed();
    assert!(told.iter().all(|line| !line.contains(" BM ")), "{told:?}");
    let deadline = Instant::now() + PATIENCE;
    while server.is_running() {
        assert!(Instant::now() < deadline, "it does not end");
        thread::sleep(Duration::from_millis(5));
    }
    let words = "it cannot be made certain what is on it; the server ends";
    server.wait_for_logs(2, |line| line.contains(words)); // In the log, and on standard error.
    server.restart();
    let found = history(&mut server.log_in("ann"));
    assert!(found == ["before"] || found == ["before", "perhaps"], "{found:?}");
}

#[test]
fn after_one_disk_failure_anywhere_exactly_the_confirmed_messages_are_there() {
    for (kind, first) in [
        ("write-eio", 3),
        ("write-eio", 20),
        ("write-enospc", 41),
        ("write-short", 12),
        ("write-short", 13),
        ("flush-eio", 7),
    ] {
        let first = first.to_string();
        let mut server = start(&[("FAULT", kind), ("FAULT_FIRST", &first), ("FAULT_ONCE", "1")]);
        let mut ann = server.log_in("ann");
        arm(&server);
        let texts: Vec<String> = (0..30).map(|n| n.to_string()).collect();
        let confirmed: Vec<&String> = texts.iter().filter(|text| say(&mut ann, text)).collect();
        assert!(confirmed.len() >= 29, "{kind} {first}: it goes on");
        server.restart();
        let found = history(&mut server.log_in("ann"));
        assert!(found.iter().eq(confirmed), "{kind} {first}: {found:?}");
    }
}

#[test]
fn a_failing_checkpoint_is_reported() {
    let server = start(&[("FAULT", "write-eio"), ("FAULT_END", "/parlor.db")]);
    let mut ann = server.log_in("ann");
    arm(&server);
    let text = "x".repeat(300);
    let fill = |ann: &mut Client, wanted: &dyn Fn() -> bool| {
        let deadline = Instant::now() + PATIENCE;
        while !wanted() {
            assert!(Instant::now() < deadline, "it is not told:\n{}", server.log());
            (0..100).for_each(|_| assert!(say(ann, &text), "the log takes it"));
        }
    };
    let told = "The write-ahead log cannot be moved into the database and grows";
    fill(&mut ann, &|| {
        server.log().lines().any(|line| line.starts_with("[ERROR]") && line.contains(told))
    });
    crate::health::until(&server, 200);
    let bytes = numbers(&server)["parlor_log_bytes"];
    assert!(bytes > 4e6, "{bytes}");
    disarm(&server);
    let again = "The write-ahead log was moved into the database again";
    fill(&mut ann, &|| server.log().contains(again));
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    for file in ["parlor.db-wal", "parlor.db-shm"] {
        let mut server = Server::start("");
        assert!(say(&mut server.log_in("ann"), "hello"));
        server.kill();
        let mut command = chatserver();
        command.args(["--bind", "127.0.0.1", "-p", "0", "--data"]).arg(server.data());
        with_fault(&mut command, &server.data(), &[("FAULT", "open-eacces"), ("FAULT_END", file)]);
        arm(&server);
        let output = command.output().expect("it ends");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{text}");
        assert!(text.contains(&format!("{file} cannot be written (Permission denied")), "{text}");
    }
}

#[test]
fn a_clock_before_1970_prevents_a_start_and_later_only_tls() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = chatserver();
    command.args(["--bind", "127.0.0.1", "-p", "0", "--data"]).arg(folder.path().join("data"));
    with_fault(&mut command, &folder.path().join("data"), &[("FAULT", "clock")]);
    fs::write(folder.path().join("data.armed"), "").expect("the file is made");
    let output = command.output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("the system clock is before 1970"), "{text}");
    assert!(!text.contains("panicked"), "{text}");

    let mut server = start(&[("FAULT", "clock")]);
    let mut ann = server.log_in("ann");
    arm(&server);
    assert_ne!(first_byte(&server), Some(22), "a handshake without a clock");
    assert!(say(&mut ann, "still here"));
    disarm(&server);
    assert_eq!(first_byte(&server), Some(22), "a handshake with a clock");
    assert!(server.is_running());
}

/// What the server's answer to a client of TLS begins with: 22 if it is a handshake.
fn first_byte(server: &Server) -> Option<u8> {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    let mut hello = Vec::new();
    tls::begin(tls::any()).write_tls(&mut hello).expect("memory takes it");
    stream.write_all(&hello).expect("the server takes it");
    let mut byte = [0];
    stream.read_exact(&mut byte).ok().map(|()| byte[0])
}
