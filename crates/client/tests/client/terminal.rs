//! The client at a terminal, with a person typing.

use std::io::{Read, Write};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};

use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::tcgetattr;

use crate::emulator::Emulator;
use crate::identity::Identity;
use crate::process::Computer;
use crate::server::{PASSWORD, Peer, Server};

/// No test's client needs so long.
const TIMEOUT: Duration = Duration::from_secs(30);
pub(crate) const OPERATION: &str = "EX (exit): ";
/// The question for an operation as it stands on the screen without an answer.
pub(crate) const QUESTION: &str = "BM (to all), PM (to one), CH (history), EX (exit):";

/// A terminal with a client running on it.
pub(crate) struct Terminal {
    /// It is there for as long as the client is.
    pub(crate) computer: Computer,
    client: Child,
    pty: Arc<Pty>,
    chunks: Receiver<Vec<u8>>,
    output: Vec<u8>,
    /// How much of the output was looked at already.
    seen: usize,
    pub(crate) screen: Emulator,
}

impl Terminal {
    pub(crate) fn start(server: &Server, arguments: &[&str]) -> Terminal {
        Terminal::start_with(server, arguments, |command| command)
    }

    pub(crate) fn start_with(
        server: &Server,
        arguments: &[&str],
        change: impl FnOnce(Command) -> Command,
    ) -> Terminal {
        Terminal::start_on(Computer::that_knows(server), server, arguments, change)
    }

    pub(crate) fn start_on(
        computer: Computer,
        server: &Server,
        arguments: &[&str],
        change: impl FnOnce(Command) -> Command,
    ) -> Terminal {
        let command = Command::new(env!("CARGO_BIN_EXE_chatclient"))
            .args(["--plain", "localhost", &server.port.to_string()])
            .args(arguments);
        Terminal::run(computer, command, change)
    }

    pub(crate) fn run(
        computer: Computer,
        command: Command,
        change: impl FnOnce(Command) -> Command,
    ) -> Terminal {
        // So wide that no line wraps.
        Terminal::run_at(computer, command, (24, 500), change)
    }

    /// On a terminal with so many rows and columns.
    pub(crate) fn run_at(
        computer: Computer,
        command: Command,
        (rows, columns): (u16, u16),
        change: impl FnOnce(Command) -> Command,
    ) -> Terminal {
        let (pty, pts) = open().expect("the system has pseudo-terminals");
        pty.resize(Size::new(rows, columns)).expect("a pseudo-terminal has a size");
        let command = command
            .env("XDG_STATE_HOME", computer.state())
            .env("XDG_CONFIG_HOME", computer.state().join("config"))
            .env("XDG_DATA_HOME", computer.state().join("data"))
            .env("SSL_CERT_FILE", computer.authorities())
            .env_remove("SSL_CERT_DIR")
            .env("TERM", "xterm")
            .env("TZ", "UTC")
            .env("NO_COLOR", "1");
        let client = change(command).spawn(pts).expect("the client starts");
        let pty = Arc::new(pty);
        let chunks = collect(Arc::clone(&pty));
        let screen = Emulator::new(rows.into(), columns.into());
        Terminal { computer, client, pty, chunks, output: Vec::new(), seen: 0, screen }
    }

    /// Logs ann in up to the prompt for operations.
    pub(crate) fn log_in_ann(&mut self, server: &Server) -> Peer {
        let mut peer = server.accept();
        peer.negotiate();
        peer.demand_password("ann");
        self.expect("Enter user's password: ");
        self.type_in(&format!("{PASSWORD}\r"));
        peer.let_ann_in();
        peer.no_pins();
        self.expect(OPERATION);
        peer
    }

    /// All in one write, as a paste or a quick typist would.
    pub(crate) fn type_in(&mut self, keys: &str) {
        self.type_bytes(keys.as_bytes());
    }

    pub(crate) fn type_bytes(&mut self, keys: &[u8]) {
        (&*self.pty).write_all(keys).expect("the terminal takes a test's input");
    }

    /// Waits for more output, and answers what the terminal is asked by it; false if there is no more.
    pub(crate) fn more(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(chunk) = self.chunks.recv_timeout(left) else { return false };
        self.screen.feed(&chunk);
        self.output.extend(chunk);
        let answers = self.screen.take_answers();
        // The client may have ended meanwhile.
        let _ = (&*self.pty).write_all(answers.as_bytes());
        true
    }

    /// Waits until the text appears after what was expected before.
    pub(crate) fn expect(&mut self, text: &str) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let new = &self.output[self.seen..];
            if let Some(at) = new.windows(text.len()).position(|part| part == text.as_bytes()) {
                self.seen += at + text.len();
                return;
            }
            if !self.more(deadline) {
                panic!("no {text:?} in {:?}", String::from_utf8_lossy(&self.output[self.seen..]));
            }
        }
    }

    /// Waits until the terminal shows these lines, and no other ones.
    pub(crate) fn expect_screen(&mut self, lines: &[&str]) {
        let deadline = Instant::now() + TIMEOUT;
        while self.screen.lines() != lines {
            assert!(self.more(deadline), "{lines:#?} expected; shown {:#?}", self.screen.lines());
        }
    }

    /// Pulls at the window.
    pub(crate) fn resize(&mut self, rows: u16, columns: u16) {
        self.screen.resize(rows.into(), columns.into());
        self.pty.resize(Size::new(rows, columns)).expect("a pseudo-terminal has a size");
    }

    pub(crate) fn modes(&self) -> Modes {
        let modes = tcgetattr(&*self.pty).expect("the pseudo-terminal is there");
        Modes(format!("{:?} {:?} {:?}", modes.input_modes, modes.output_modes, modes.local_modes))
    }

    /// Waits until the terminal's modes are these.
    pub(crate) fn expect_modes(&mut self, is_it: impl Fn(&Modes) -> bool) {
        let deadline = Instant::now() + TIMEOUT;
        while !is_it(&self.modes()) {
            assert!(Instant::now() < deadline, "{:?}", self.modes());
            thread::yield_now();
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it is our child");
    }

    /// Waits until the screen shows what is wanted.
    pub(crate) fn see(&mut self, what: &str, is_it: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let shown = self.screen.lines().join("\n");
            if is_it(&shown) {
                return;
            }
            assert!(self.more(deadline), "{what} is not on the screen:\n{shown}");
        }
    }

    /// The client's process.
    pub(crate) fn pid(&self) -> Pid {
        let pid = i32::try_from(self.client.id()).ok().and_then(Pid::from_raw);
        pid.expect("a process has an id")
    }

    /// All that the terminal was told so far.
    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// How the client ended, and everything that the terminal was told.
    pub(crate) fn end(&mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + TIMEOUT;
        while self.more(deadline) {}
        if Instant::now() >= deadline {
            self.client.kill().expect("a client that does not end can be killed");
        }
        let status = self.client.wait().expect("it is our child");
        (status, String::from_utf8_lossy(&self.output).into_owned())
    }

    /// The exit code, and everything that the terminal was told.
    pub(crate) fn finish(mut self) -> (Option<i32>, String) {
        let (status, output) = self.end();
        (status.code(), output)
    }
}

/// How a terminal treats what goes through it, as the system tells it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Modes(String);

impl Modes {
    pub(crate) fn echoes(&self) -> bool {
        self.0.contains("ECHO |")
    }
}

fn collect(pty: Arc<Pty>) -> Receiver<Vec<u8>> {
    let (send, chunks) = channel();
    thread::spawn(move || {
        let mut chunk = [0; 4096];
        // When the client has closed its end, reading fails.
        while let Ok(count @ 1..) = (&*pty).read(&mut chunk)
            && send.send(chunk[..count].to_vec()).is_ok()
        {}
    });
    chunks
}

#[test]
fn lines_typed_ahead_are_all_done_in_their_order() {
    let server = Server::start();
    let mut terminal = Terminal::start(&server, &["-u", "ann"]);
    let mut peer = terminal.log_in_ann(&server);
    terminal.type_in("BM one\rBM two\rPM bob three\rBM\rfour\rEX\r");
    for (number, line) in ["BM :one", "BM :two", "PM bob :three", "BM :four"].iter().enumerate() {
        peer.expect_message(line);
        peer.confirm(&format!("m{number}"));
    }
    peer.goodbye();
    let (code, output) = terminal.finish();
    assert_eq!(code, Some(0), "{output}");
    assert_eq!(output.matches("* Sent to ").count(), 4, "{output}");
}

#[test]
fn a_pasted_login_is_taken_whole_and_its_password_not_shown() {
    let server = Server::start();
    let mut terminal = Terminal::start(&server, &[]);
    let mut peer = server.accept();
    peer.negotiate();
    terminal.expect("Enter username: ");
    terminal.type_in(&format!("ann\r{PASSWORD}\rEX\r"));
    peer.demand_password("ann");
    peer.let_ann_in();
    peer.no_pins();
    peer.goodbye();
    let (code, output) = terminal.finish();
    assert_eq!(code, Some(0), "{output}");
    assert!(!output.contains(PASSWORD), "{output}");
}

#[test]
fn a_message_that_arrives_appears_above_the_line_that_is_being_typed() {
    let server = Server::start();
    let mut terminal = Terminal::start(&server, &["-u", "ann"]);
    let mut peer = terminal.log_in_ann(&server);
    terminal.type_in("BM half a li");
    terminal.expect("BM half a li");
    peer.send("@time=2001-02-03T14:02:05.000Z :bob!bob@parlor PRIVMSG #lobby :hello");
    let question = format!("{QUESTION} BM half a li");
    let message = "[BM] 2001-02-03 14:02 bob: hello";
    terminal.expect_screen(&["Enter user's password:", message, &question]);
    terminal.type_in("ne\r");
    peer.expect_message("BM :half a line");
    peer.confirm("m1");
    terminal.expect("* Sent to everyone.");
    terminal.type_in("EX\r");
    peer.goodbye();
    assert_eq!(terminal.finish().0, Some(0));
}

#[test]
fn ctrl_c_leaves_with_its_own_exit_code_and_ctrl_d_with_none() {
    for (key, expected) in [("\x03", 130), ("\x04", 0)] {
        let server = Server::start();
        let mut terminal = Terminal::start(&server, &["-u", "ann"]);
        let peer = terminal.log_in_ann(&server);
        terminal.type_in(key);
        peer.goodbye();
        assert_eq!(terminal.finish().0, Some(expected));

        let mut terminal = Terminal::start(&server, &["-u", "ann"]);
        let mut peer = server.accept();
        peer.negotiate();
        peer.demand_password("ann");
        terminal.expect("Enter user's password: ");
        terminal.type_in(key);
        peer.expect_end();
        let (code, output) = terminal.finish();
        assert_eq!(code, Some(expected), "{output}");
        assert!(
            output.ends_with("\n\x1b[?2004l"),
            "the shell's prompt needs a line of its own: {output:?}"
        );
    }
}

#[test]
fn who_leaves_at_the_question_for_a_new_password_registers_nothing() {
    for key in ["\x03", "\x04"] {
        for typed in [&[][..], &["secret\r"]] {
            let server = Server::start();
            let mut terminal = Terminal::start(&server, &["-u", "ann"]);
            let mut peer = server.accept();
            peer.does_not_know("ann");
            terminal.expect("Enter Password: ");
            for line in typed {
                terminal.type_in(line);
                terminal.expect("Enter Password again: ");
            }
            terminal.type_in(key);
            peer.expect_end();
            terminal.finish();
        }
    }
}

#[test]
fn a_file_for_the_messages_gets_nothing_but_messages() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let server = Server::start();
    let output = Stdio::from(file.reopen().unwrap());
    let mut terminal =
        Terminal::start_with(&server, &["-u", "ann"], |command| command.stdout(output));
    let mut peer = terminal.log_in_ann(&server);
    peer.send("@time=2001-02-03T14:02:05.000Z :bob!bob@parlor PRIVMSG #lobby :hello");
    peer.send(":eve!eve@parlor JOIN #lobby");
    terminal.expect("* eve joined");
    terminal.type_in("EX\r");
    peer.goodbye();
    assert_eq!(terminal.finish().0, Some(0));
    let messages = std::fs::read_to_string(file.path()).unwrap();
    assert_eq!(messages, "[BM] 2001-02-03 14:02 bob: hello\n");
}

#[test]
fn the_first_sight_is_told_before_the_password_and_a_changed_server_is_left_at_once() {
    let server = Server::start();
    let computer = Computer::new();
    let mut terminal = Terminal::start_on(computer, &server, &["-u", "ann"], |command| command);
    let mut peer = server.accept();
    peer.negotiate();
    terminal.expect(&format!("with the fingerprint {}.", server.fingerprint()));
    peer.demand_password("ann");
    terminal.expect("Enter user's password: ");
    terminal.type_in(&format!("{PASSWORD}\r"));
    peer.let_ann_in();
    peer.no_pins();
    terminal.type_in("EX\r");
    peer.goodbye();
    assert_eq!(terminal.finish().0, Some(0));

    let computer = Computer::that_knows(&server);
    let known = server.fingerprint();
    server.show(&Identity::self_made());
    let terminal = Terminal::start_on(computer, &server, &["-u", "ann"], |command| command);
    server.be_refused();
    let (code, output) = terminal.finish();
    assert_eq!(code, Some(4), "{output}");
    assert!(output.contains(&format!("known: {known}\r")), "{output}");
    assert!(!output.contains("password"), "{output}");
}

#[test]
fn a_server_that_changes_during_the_session_ends_it_and_gives_the_terminal_back() {
    let server = Server::start();
    let mut terminal = Terminal::start(&server, &["-u", "ann"]);
    let peer = terminal.log_in_ann(&server);
    server.show(&Identity::self_made());
    peer.break_off();
    server.be_refused();
    let (code, output) = terminal.finish();
    assert_eq!(code, Some(4), "{output}");
    assert!(output.contains("a different certificate than before"), "{output}");
}

#[test]
fn a_password_typed_during_a_break_is_not_named_among_what_was_not_sent() {
    let server = Server::start();
    let mut terminal = Terminal::start(&server, &["-u", "ann"]);
    let mut peer = terminal.log_in_ann(&server);
    terminal.type_in("/passwd\r");
    peer.expect("ACCOUNT PASSWORD");
    peer.expect("");
    peer.send(":parlor NOTE ACCOUNT NEW_PASSWORD_REQUIRED :Enter new password:");
    peer.send(":parlor NOTE ACCOUNT CANCELLED :Cancelled");
    terminal.expect("Enter your new password: ");
    peer.break_off();
    terminal.expect("The connection broke");
    terminal.type_in("better one\r");
    // The password is taken: something else can be typed.
    terminal.expect(OPERATION);
    terminal.type_in("BM hello\r");
    terminal.expect(OPERATION);
    let mut peer = server.accept();
    peer.does_not_know("ann");
    let (_, output) = terminal.finish();
    assert!(output.contains("Not sent: BM hello"), "{output}");
    assert!(!output.contains("better one"), "{output}");
}
