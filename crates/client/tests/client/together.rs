//! The client and our own server.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use crate::process::{Client, Computer, Outcome};

/// The server from the same build as this test; built if it is not there, as when this package is tested alone.
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let path = PathBuf::from(env!("CARGO_BIN_EXE_chatclient")).with_file_name("chatserver");
        if !path.exists() {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(["build", "-p", "parlor-server", "--bin", "chatserver"]);
            cargo.args((!cfg!(debug_assertions)).then_some("--release"));
            assert!(cargo.status().expect("cargo starts").success());
        }
        path
    })
}

/// A running server.
pub(crate) struct Chatserver {
    child: Child,
    pub(crate) port: u16,
    /// What it wrote until it waited for connections.
    start: String,
}

impl Chatserver {
    /// On a free port, with its data in this folder.
    pub(crate) fn start(folder: &Path) -> Chatserver {
        Chatserver::start_at(0, folder)
    }

    pub(crate) fn start_at(port: u16, folder: &Path) -> Chatserver {
        let mut command = Command::new(program());
        command.args(["--bind", "127.0.0.1", "-p", &port.to_string()]).arg("--data").arg(folder);
        // Otherwise it would read the one of this machine's server, if there is one.
        let config = folder.join("config.toml");
        std::fs::OpenOptions::new().append(true).create(true).open(&config).expect("a folder");
        command.arg("--config").arg(config);
        let pipes = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = pipes.spawn().expect("the server starts");
        let mut log = BufReader::new(child.stdout.take().expect("piped"));
        let mut start = String::new();
        let port = loop {
            let count = log.read_line(&mut start).expect("it writes UTF-8");
            assert!(count > 0, "it ended with {start}");
            let last = start.lines().last().unwrap_or_default();
            if let Some((_, port)) = last.split_once("Waiting for connection on port ") {
                break port.trim_end_matches('.').parse().expect("a port");
            }
        };
        thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Chatserver { child, port, start }
    }
}

impl Drop for Chatserver {
    fn drop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it is our child");
    }
}

fn ann(computer: &Computer, port: u16, more_args: &[&str], input: &str) -> Outcome {
    log_in("ann", computer, port, more_args, input)
}

fn log_in(user: &str, computer: &Computer, port: u16, more_args: &[&str], input: &str) -> Outcome {
    let mut command = computer.chatclient();
    command.args(["127.0.0.1", &port.to_string(), "-u", user]).args(more_args);
    Client::run(command, &format!("secret\n{input}")).finish()
}

#[test]
fn they_agree_on_encryption_names_and_fingerprints() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    std::fs::write(data.join("config.toml"), "server.password_iterations = 4096\n").unwrap();
    let computer = Computer::new();

    let server = Chatserver::start(data);
    let outcome = ann(&computer, server.port, &[], "BM hello\n");
    assert_eq!(outcome.code, Some(5), "a name is not registered by mistake: {outcome:?}");
    let outcome = ann(&computer, server.port, &["--register"], "BM hello\n");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let name = format!("127.0.0.1:{} ", server.port);
    let line = computer.remembered();
    let fingerprint = line.trim_end().strip_prefix(&name).unwrap();
    assert!(server.start.contains(fingerprint), "what is shown can be compared: {}", server.start);
    let outcome = ann(&computer, server.port, &[], "BM again\n");
    assert_eq!(outcome.code, Some(5), "this server keeps passwords badly: {outcome:?}");
    let weak = ["--plaintext", "--allow-weak-scram"];
    let outcome = ann(&computer, server.port, &weak, "BM from this machine it may\n");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    drop(server);

    // It keeps its certificate, and the account.
    let server = Chatserver::start(data);
    move_to(&computer, fingerprint, server.port);
    let outcome = ann(&computer, server.port, &["--allow-weak-scram"], "BM again\n");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(!outcome.stderr.contains("new here"), "{outcome:?}");
    drop(server);

    // Another one in its place.
    let other = tempfile::tempdir().unwrap();
    std::fs::copy(data.join("config.toml"), other.path().join("config.toml")).unwrap();
    let server = Chatserver::start(other.path());
    move_to(&computer, fingerprint, server.port);
    let outcome = ann(&computer, server.port, &[], "BM hello\n");
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    assert!(outcome.stderr.contains("a different certificate than before"), "{outcome:?}");
    assert!(!outcome.stderr.contains("assword"), "it was not even asked for: {outcome:?}");
}

/// As if the server that has this certificate had always been on that port, which a test cannot choose.
fn move_to(computer: &Computer, fingerprint: &str, port: u16) {
    let line = format!("127.0.0.1:{port} {fingerprint}\n");
    std::fs::write(computer.known_hosts(), line).expect("the folder takes files");
}

#[test]
fn a_script_leaves_to_the_person_what_is_kept_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let server = Chatserver::start(folder.path());
    let computer = Computer::new();
    assert_eq!(ann(&computer, server.port, &["--register"], "EX\n").code, Some(0));
    let told = log_in("bob", &computer, server.port, &["--register"], "PM ann hello\n");
    assert!(told.stderr.contains("* Kept for ann"), "{told:?}");
    for _ in 0..2 {
        let script = ann(&computer, server.port, &[], "BM the build is green\n");
        assert_eq!((script.code, script.stdout.as_str()), (Some(0), ""), "{script:?}");
    }
    let mut person = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    person.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    person.write_all(b"LOGIN ann :secret\r\n").unwrap();
    let mut lines = BufReader::new(person).lines().map(|line| line.unwrap());
    assert!(lines.any(|line| line.ends_with("hello")), "it was kept for the person");
}

#[test]
fn what_was_in_a_room_before_a_login_is_not_shown_as_missed_after_a_break() {
    let folder = tempfile::tempdir().unwrap();
    let server = Chatserver::start(folder.path());
    let computer = Computer::new();
    assert_eq!(ann(&computer, server.port, &["--register"], "BM first\n").code, Some(0));
    let mut irc = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    irc.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    irc.write_all(b"LOGIN ann :secret\r\nJOIN #rust\r\nPRIVMSG #rust :old\r\nPING :x\r\n").unwrap();
    let mut lines = BufReader::new(irc.try_clone().unwrap()).lines().map(|line| line.unwrap());
    assert!(lines.any(|line| line.contains("PONG")));

    // One that waits for input, while the server is started again.
    let mut command = computer.chatclient();
    command.args(["127.0.0.1", &server.port.to_string(), "-u", "ann", "--timeout", "50"]);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = pipes.spawn().unwrap();
    let mut input = client.stdin.take().unwrap();
    input.write_all(b"secret\nBM here\n").unwrap();
    let mut told = BufReader::new(client.stderr.take().unwrap()).lines().map(|line| line.unwrap());
    assert!(told.any(|line| line.contains("Sent to everyone")));
    let port = server.port;
    drop(server);
    let server = Chatserver::start_at(port, folder.path());
    assert!(told.any(|line| line.contains("Connected again")));
    input.write_all(b"EX\n").unwrap();
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    drop(server);
}

/// What is sent by hand on a connection of its own, up to the answer of a PING.
fn by_hand(port: u16, lines: &[&str]) -> Vec<String> {
    let mut irc = TcpStream::connect(("127.0.0.1", port)).unwrap();
    irc.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    for line in lines {
        irc.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    }
    irc.write_all(b"PING :done\r\n").unwrap();
    let lines = BufReader::new(irc).lines().map(|line| line.unwrap());
    lines.take_while(|line| !line.contains(" PONG ")).collect()
}

#[test]
fn what_the_server_keeps_of_oneself_is_exported_to_a_new_file_or_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let server = Chatserver::start(folder.path());
    let computer = Computer::new();
    let long = "x".repeat(400);
    let said = format!("BM first\nPM ann {long}\n");
    assert_eq!(ann(&computer, server.port, &["--register"], &said).code, Some(0));
    by_hand(server.port, &["LOGIN ann :secret", "NOTIFY #lobby mute"]);

    let file = folder.path().join("ann.json");
    let export = ["account", "export", file.to_str().unwrap()];
    let outcome = ann(&computer, server.port, &export, "");
    assert_eq!((outcome.code, &*outcome.stdout), (Some(0), ""), "{outcome:?}");
    assert!(outcome.stderr.contains("* Exported "), "{outcome:?}");
    let text = std::fs::read_to_string(&file).unwrap();
    let has =
        |words: &str| assert!(text.lines().any(|line| line.contains(words)), "{words}: {text}");
    has(r#"{"account":{"#);
    has(r##"{"notify":{"conversation":"#lobby","setting":"mute"}}"##);
    has("first");
    has(&long);
    assert!(text.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    // What is there is not overwritten.
    let again = ann(&computer, server.port, &export, "");
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("ann.json"), "{again:?}");
    let shown = ann(&computer, server.port, &["account", "export"], "");
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.stdout.lines().count() >= text.lines().count() - 3, "{shown:?}");
    assert!(shown.stdout.contains(&long), "{shown:?}");
}

#[test]
fn pinned_messages_of_a_room_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let server = Chatserver::start(folder.path());
    let computer = Computer::new();
    assert_eq!(ann(&computer, server.port, &["--register"], "").code, Some(0));
    let told = by_hand(
        server.port,
        &["LOGIN ann :secret", "JOIN #garden", "PM #garden :roses on monday", "PM #garden :gone"],
    );
    let msgids: Vec<&str> = told
        .iter()
        .filter_map(|line| line.split("NOTE PM SENT #garden ").nth(1)?.split(' ').next())
        .collect();
    let [one, two] = msgids[..] else { panic!("{told:?}") };
    by_hand(
        server.port,
        &[
            "CAP REQ :draft/message-redaction",
            "CAP END",
            "LOGIN ann :secret",
            &format!("PIN #garden {one}"),
            &format!("PIN #garden {two}"),
        ],
    );
    let shown = ann(&computer, server.port, &[], "PINS #garden\nPINS #lobby\nPINS #nowhere\n");
    assert!(shown.stdout.contains("ann: roses on monday"), "{shown:?}");
    assert!(shown.stdout.contains("ann: gone"), "{shown:?}");
    assert!(shown.stderr.contains("* Nothing is pinned in #lobby."), "{shown:?}");
    assert_eq!(shown.code, Some(1), "there is no such room: {shown:?}");
}

#[test]
fn others_see_a_new_user_come_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Chatserver::start(folder.path());
    let mut dan = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    dan.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut lines = BufReader::new(dan.try_clone().unwrap()).lines().map(|line| line.unwrap());
    dan.write_all(b"LOGIN dan :secret-dan\r\nPING :here\r\n").unwrap();
    assert!(lines.any(|line| line.contains(" PONG ")));
    assert_eq!(ann(&Computer::new(), server.port, &["--register"], "").code, Some(0));
    dan.write_all(b"PING :done\r\n").unwrap();
    let seen: Vec<String> = lines.take_while(|line| !line.contains(" PONG ")).collect();
    let moves = |verb: &str| {
        seen.iter().filter(|line| line.starts_with(":ann!") && line.contains(verb)).count()
    };
    assert_eq!((moves(" JOIN "), moves(" QUIT ")), (1, 1), "{seen:?}");
}
