//! A server that is none of Parlor's: Debian's ngIRCd, with nothing of IRCv3 but what it has by itself.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::{Client, Computer};
use crate::scripts::Running;
use crate::terminal::Terminal;

struct Ngircd {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Ngircd {
    /// Starts it; none if this machine does not have it, which is told.
    fn start() -> Option<Ngircd> {
        let program = ["/usr/sbin/ngircd", "/usr/bin/ngircd", "/usr/local/sbin/ngircd"];
        let Some(program) = program.into_iter().find(|path| Path::new(path).exists()) else {
            eprintln!("skipped: there is no ngircd here (apt-get install ngircd)");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        let config = folder.path().join("ngircd.conf");
        let text = format!(
            "[Global]\nName = irc.example.net\nInfo = test\nListen = 127.0.0.1\nPorts = {port}\n\
             MotdPhrase = hello\n[Limits]\nMaxConnectionsIP = 0\n\
             [Options]\nDNS = no\nIdent = no\nPAM = no\n"
        );
        fs::write(&config, text).expect("the folder takes files");
        let mut command = Command::new(program);
        command.arg("--nodaemon").arg("--config").arg(&config);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("ngircd starts");
        let ngircd = Ngircd { child, port, folder };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "ngircd does not listen");
            std::thread::yield_now();
        }
        Some(ngircd)
    }

    /// A script's call there.
    fn command(&self, computer: &Computer, user: &str, args: &[&str]) -> Command {
        let mut command = computer.chatclient();
        command.args(args).args(["-hn", "127.0.0.1", "-p", &self.port.to_string()]);
        command.args(["--plaintext", "-u", user]);
        command
    }
}

impl Drop for Ngircd {
    fn drop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it is our child");
        assert!(self.folder.path().exists());
    }
}

#[test]
fn the_full_screen_joins_talks_and_leaves() {
    let Some(ngircd) = Ngircd::start() else { return };
    let person =
        |name: &str| {
            let command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_chatclient"))
                .args(["127.0.0.1", &ngircd.port.to_string(), "--plaintext", "-u", name]);
            Terminal::run_at(Computer::new(), command, (24, 100), |command| command)
        };
    let sees = |terminal: &mut Terminal, text: &str| terminal.see(text, |it| it.contains(text));
    let (mut ann, mut bob) = (person("ann"), person("bob"));
    for terminal in [&mut ann, &mut bob] {
        sees(terminal, "not encrypted");
        terminal.type_in("/join #tea\r");
        sees(terminal, "#tea  ");
    }
    sees(&mut ann, "2 members");
    ann.type_in("who wants tea?\r");
    sees(&mut bob, "who wants tea?");
    bob.type_in("/me nods\r");
    sees(&mut ann, "bob nods");
    bob.type_in("/topic Tea at five\r");
    sees(&mut ann, "Tea at five");
    bob.type_in("/msg ann psst\r");
    sees(&mut ann, "2 bob");
    ann.type_in("\x1ba");
    sees(&mut ann, "psst");
    bob.type_in("/part\r");
    ann.type_in("\x1b1");
    sees(&mut ann, "1 member");
    for mut terminal in [ann, bob] {
        terminal.type_in("/quit\r");
        let (code, output) = terminal.finish();
        assert_eq!(code, Some(0), "{output}");
    }
}

#[test]
fn scripts_join_what_they_write_to() {
    let Some(ngircd) = Ngircd::start() else { return };
    let computer = Computer::new();
    let command = |user: &str, args: &[&str]| ngircd.command(&computer, user, args);
    let port = ngircd.port.to_string();
    let watching = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_chatclient")).args([
        "127.0.0.1",
        &port,
        "--plaintext",
        "-u",
        "ann",
    ]);
    let mut ann = Terminal::run_at(Computer::new(), watching, (24, 100), |command| command);
    ann.see("the login", |shown| shown.contains("not encrypted"));
    ann.type_in("/join #tea\r");
    ann.see("the room", |shown| shown.contains("1 member"));
    let outcome = Client::run(command("bob", &["send", "#tea", "from a script"]), "").finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    ann.see("what was sent", |shown| shown.contains("from a script"));
    let outcome = Client::run(command("bob", &["rooms", "--json"]), "").finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("\"#tea\""), "{outcome:?}");
}

#[test]
fn tail_prints_what_comes_where_there_is_no_history() {
    let Some(ngircd) = Ngircd::start() else { return };
    let computer = Computer::new();
    let command = |user: &str, args: &[&str]| ngircd.command(&computer, user, args);
    let tail = Running::start(command("ann", &["tail", "--follow", "#tea"]));
    // Whether the tail is there yet is not known: what it hears first tells.
    let mut number = 0;
    let deadline = Instant::now() + Duration::from_secs(30);
    let first = loop {
        assert!(Instant::now() < deadline, "the tail prints nothing");
        number += 1;
        let text = format!("number {number}");
        let sent = Client::run(command("bob", &["send", "#tea", &text]), "").finish();
        assert_eq!(sent.code, Some(0), "{sent:?}");
        if let Ok(line) = tail.lines.recv_timeout(Duration::from_millis(500)) {
            break line;
        }
    };
    assert!(first.contains("#tea <bob> number "), "{first}");
    let sent = Client::run(command("bob", &["send", "#tea", "the last"]), "").finish();
    assert_eq!(sent.code, Some(0), "{sent:?}");
    while !tail.line().ends_with("#tea <bob> the last") {}
    let since = Client::run(command("eve", &["tail", "#tea", "--since", "1h"]), "").finish();
    assert_eq!(since.code, Some(1), "{since:?}");
}
