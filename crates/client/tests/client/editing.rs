//! The line editor of a client at a terminal, and how the terminal is given back.

use std::os::unix::process::ExitStatusExt;
use std::thread;

use parlor_client::limits::TYPED_BYTES;
use pty_process::blocking::Command;
use rustix::process::Signal;
use tui::limits::KEY_TIMEOUT;

use crate::process::Computer;
use crate::server::{PASSWORD, Server};
use crate::terminal::{Modes, OPERATION, QUESTION, Terminal};

#[test]
fn a_password_is_never_shown_however_early_it_is_typed_and_however_it_is_pasted() {
    for keys in [
        "ann\rsecret\r",
        "\x1b[200~ann\nsecret\n\x1b[201~\r",
        "ann\r\x1b[200~secret\r\n\x1b[201~\r",
    ] {
        let server = Server::start();
        let mut terminal = Terminal::start(&server, &[]);
        let mut peer = server.accept();
        peer.negotiate();
        terminal.expect("Enter username: ");
        terminal.type_in(keys);
        peer.demand_password("ann");
        peer.let_ann_in();
        peer.no_pins();
        terminal.expect(OPERATION);
        // Nor is the name an operation that was typed before.
        terminal.type_in("\x1b[A\x1b[AEX\r");
        peer.goodbye();
        let (code, output) = terminal.finish();
        assert_eq!(code, Some(0), "{keys:?}: {output}");
        assert!(!output.contains(PASSWORD), "{keys:?}: {output}");
    }
}

#[test]
fn the_terminal_is_given_back_by_whatever_the_client_ends() {
    for signal in [Signal::TERM, Signal::QUIT, Signal::HUP] {
        let server = Server::start();
        let mut terminal = Terminal::start(&server, &["-u", "ann"]);
        let mut peer = server.accept();
        peer.negotiate();
        peer.demand_password("ann");
        terminal.expect("Enter user's password: ");
        assert!(!terminal.modes().echoes() && terminal.screen.marks_pastes());
        terminal.signal(signal);
        let (status, output) = terminal.end();
        assert_eq!(status.signal(), Some(signal.as_raw()), "{output}");
        assert!(!terminal.screen.marks_pastes(), "{signal:?}");
        assert!(output.ends_with("\n\x1b[?2004l"), "{signal:?}: {output:?}");
    }
}

#[test]
fn a_question_that_nobody_can_answer_any_more_is_taken_away() {
    let server = Server::start();
    let mut terminal = Terminal::start(&server, &["-u", "ann"]);
    let mut peer = terminal.log_in_ann(&server);
    peer.send(":root!root@parlor KILL ann :spam");
    let (status, output) = terminal.end();
    assert_eq!(status.code(), Some(1), "{output}");
    let lines = terminal.screen.lines();
    assert_eq!(
        lines.last().map(String::as_str),
        Some("chatclient: root has removed you from the server: spam")
    );
    assert!(!lines.iter().any(|line| line.contains(QUESTION)), "{lines:?}");
}

/// A client that a shell has started, so that it can be stopped; the shell's terminal.
fn in_a_shell(shell: &str, server: &Server) -> Terminal {
    let computer = Computer::that_knows(server);
    let own: &[&str] = if shell == "bash" { &["--norc", "--noediting"] } else { &[] };
    let command = Command::new(shell).args(own).arg("-i");
    let command = command.env_remove("ENV").env("PS1", "shell> ");
    let mut terminal = Terminal::run(computer, command, |command| command);
    terminal.expect("shell> ");
    let client = env!("CARGO_BIN_EXE_chatclient");
    terminal.type_in(&format!("'{client}' --plain localhost {} -u ann\n", server.port));
    terminal
}

#[test]
fn stopped_and_continued_at_the_password_it_still_hides_what_is_typed() {
    // What stands behind "sh", and if it is another one, that.
    for shell in ["sh", "bash"] {
        let server = Server::start();
        let mut terminal = in_a_shell(shell, &server);
        let mut peer = server.accept();
        peer.negotiate();
        peer.demand_password("ann");
        terminal.expect("Enter user's password: ");
        for _ in 0..5 {
            terminal.type_in("\x1a");
            terminal.expect("shell> ");
            terminal.expect_modes(Modes::echoes);
            assert!(!terminal.screen.marks_pastes(), "{shell}");
            terminal.type_in("fg\n");
            terminal.expect("Enter user's password: ");
            assert!(!terminal.modes().echoes() && terminal.screen.marks_pastes(), "{shell}");
        }
        terminal.type_in(&format!("{PASSWORD}\r"));
        peer.let_ann_in();
        peer.no_pins();
        terminal.expect(OPERATION);
        terminal.type_in("BM half");
        terminal.expect("BM half");
        terminal.type_in("\x1a");
        terminal.expect("shell> ");
        terminal.type_in("fg\n");
        terminal.expect(&format!("{OPERATION}BM half"));
        terminal.type_in("\x15EX\r");
        peer.goodbye();
        terminal.expect("shell> ");
        assert!(terminal.modes().echoes(), "{shell}");
        terminal.type_in("exit\n");
        let (_, output) = terminal.finish();
        assert!(!output.contains(PASSWORD), "{shell}: {output}");
    }
}

#[test]
fn who_comes_with_a_new_name_sees_the_message_of_the_day_and_the_topic() {
    let server = Server::start();
    let mut terminal = Terminal::start(&server, &["-u", "ann"]);
    let mut peer = server.accept();
    peer.does_not_know("ann");
    for prompt in ["Enter Password: ", "Enter Password again: "] {
        terminal.expect(prompt);
        terminal.type_in("secret\r");
    }
    let mut peer = server.accept_registered(peer, "ann");
    let lines = ["375 ann :- parlor", "372 ann :Be kind", "376 ann :End", "332 ann #lobby :tea"];
    peer.welcome_with("ann", &lines.join("\n"));
    peer.no_pins();
    terminal.expect("* Be kind\r");
    terminal.expect("* the topic of #lobby: tea\r");
    terminal.type_in("EX\r");
    peer.goodbye();
    assert_eq!(terminal.finish().0, Some(0));
}

#[test]
fn where_no_shell_could_continue_it_ctrl_z_does_not_stop_it() {
    let server = Server::start();
    let mut terminal = Terminal::start(&server, &["-u", "ann"]);
    let mut peer = terminal.log_in_ann(&server);
    terminal.type_in("\x1a");
    terminal.expect(OPERATION);
    terminal.type_in("BM on\r");
    peer.expect_message("BM :on");
    peer.confirm("m1");
    terminal.type_in("EX\r");
    peer.goodbye();
    assert_eq!(terminal.finish().0, Some(0));
}

#[test]
fn the_window_may_become_wider_and_narrower() {
    let server = Server::start();
    let mut terminal = Terminal::start(&server, &["-u", "ann"]);
    terminal.resize(24, 100);
    let mut peer = terminal.log_in_ann(&server);
    let said = ["one", "two", "three"].map(|word| format!("[BM] 2001-02-03 14:02 bob: {word}"));
    for line in &said {
        let text = line.rsplit(' ').next().expect("a word");
        peer.send(&format!(
            "@time=2001-02-03T14:02:05.000Z :bob!bob@parlor PRIVMSG #lobby :{text}"
        ));
    }
    terminal.type_in("BM and a text that goes on and on, to the next row and further");
    let question =
        format!("{QUESTION} BM and a text that goes on and on, to the next row and further");
    let mut lines = vec!["Enter user's password:"];
    lines.extend(said.iter().map(String::as_str));
    lines.push(&question);
    terminal.expect_screen(&lines);
    for columns in [60, 200, 33, 100, 45, 46, 150] {
        terminal.resize(24, columns);
        terminal.resize(24, columns);
        // What the client does next is drawn for the new size.
        terminal.type_in("\x1b[D");
        peer.send("PING :drawn");
        peer.expect("PONG :drawn");
        terminal.expect_screen(&lines);
    }
    terminal.type_in("\x05\x15EX\r");
    peer.goodbye();
    assert_eq!(terminal.finish().0, Some(0));
}

#[test]
fn a_key_that_is_cut_off_silences_nobody() {
    let server = Server::start();
    let mut terminal = Terminal::start(&server, &["-u", "ann"]);
    let mut peer = terminal.log_in_ann(&server);
    for (number, keys) in ["\x1b", "\x16", "\x18", "\x1b[", "\x1b[1;", "\x1bO"].iter().enumerate() {
        terminal.type_in(keys);
        peer.send(&format!(":bob!bob@parlor PRIVMSG #lobby :message {number}"));
        terminal.expect(&format!("message {number}"));
        // The time in which a sequence may go on.
        thread::sleep(3 * KEY_TIMEOUT);
        terminal.type_in("b");
        terminal.expect(&format!("{OPERATION}{}", "b".repeat(number + 1)));
    }
    terminal.type_in("\x15BM \x1b[200~cut off");
    terminal.expect(&format!("{OPERATION}BM cut off"));
    terminal.type_in("\r");
    peer.expect_message("BM :cut off");
    peer.confirm("m1");
    terminal.type_in("EX\r");
    peer.goodbye();
    assert_eq!(terminal.finish().0, Some(0));
}

#[test]
fn a_byte_that_is_no_text_is_replaced_and_the_line_goes_on() {
    let server = Server::start();
    let mut terminal = Terminal::start(&server, &["-u", "ann"]);
    let mut peer = terminal.log_in_ann(&server);
    terminal.type_bytes(b"BM caf\xe9 au lait\r");
    peer.expect_message("BM :caf\u{fffd} au lait");
    peer.confirm("m1");
    terminal.type_in("EX\r");
    peer.goodbye();
    assert_eq!(terminal.finish().0, Some(0));
}

#[test]
fn a_paste_is_sent_as_it_is_and_a_long_one_only_when_it_is_meant() {
    let server = Server::start();
    let mut terminal = Terminal::start(&server, &["-u", "ann"]);
    let mut peer = terminal.log_in_ann(&server);
    terminal.type_in("BM \x1b[200~if so:\n\n\tthis\n\x1b[201~");
    terminal.expect("BM if so:↵↵→this");
    terminal.type_in("\r");
    for (text, msgid) in [("if so:", "m1"), (" ", "m2"), ("\tthis", "m3")] {
        peer.expect_message(&format!("BM :{text}"));
        peer.confirm(msgid);
    }
    terminal.expect("* Sent to everyone in 3 pieces.");
    for (answer, sent) in [("n\r", false), ("\r", false), ("y\r", true)] {
        terminal.type_in("BM \x1b[200~1\n2\n3\n4\n5\n6\n\x1b[201~\r");
        terminal.expect("* This text has 6 lines.");
        terminal.expect("Send all of them? (y/n): ");
        terminal.type_in(answer);
        if !sent {
            terminal.expect("* Nothing sent.");
        }
    }
    for number in 1..=6 {
        peer.expect_message(&format!("BM :{number}"));
        peer.confirm(&format!("n{number}"));
    }
    terminal.type_in("EX\r");
    peer.goodbye();
    assert_eq!(terminal.finish().0, Some(0));
}

#[test]
fn who_pastes_too_much_is_told_that_the_end_was_left_out() {
    let server = Server::start();
    let mut terminal = Terminal::start(&server, &["-u", "ann"]);
    let peer = terminal.log_in_ann(&server);
    terminal.type_in(&format!("\x1b[200~{}\x1b[201~", "x".repeat(TYPED_BYTES + 1)));
    terminal.expect("* The end of the paste was discarded");
    terminal.type_in("\x15EX\r");
    peer.goodbye();
    assert_eq!(terminal.finish().0, Some(0));
}

#[test]
fn what_was_typed_comes_back_in_the_next_session_unless_that_is_not_wanted() {
    let server = Server::start();
    let mut computer = Computer::that_knows(&server);
    // What is typed, and what the server gets.
    let sessions = [
        (&[][..], "BM one\r BM quiet\rBM secret\r", &["one", "quiet", "secret"][..]),
        (&[][..], "\x1b[A\x1b[A\r", &["one"][..]),
        (&["--no-history"][..], "BM two\r\x1b[A\x1b[A\r", &["two", "two"][..]),
        (&[][..], "\x10\x10\r", &["one"][..]),
    ];
    for (arguments, keys, texts) in sessions {
        let arguments = [&["-u", "ann"], arguments].concat();
        let mut terminal = Terminal::start_on(computer, &server, &arguments, |command| command);
        let mut peer = terminal.log_in_ann(&server);
        terminal.type_in(keys);
        for text in texts {
            peer.expect_message(&format!("BM :{text}"));
            peer.confirm("m");
        }
        terminal.type_in("EX\r");
        peer.goodbye();
        let (status, output) = terminal.end();
        assert_eq!(status.code(), Some(0), "{output}");
        computer = terminal.computer;
    }
    let kept = std::fs::read_to_string(computer.state().join("parlor/history")).unwrap();
    assert_eq!(kept, "BM one\nEX\nBM one\nEX\nBM one\nEX\n");
}

#[test]
fn a_terminal_that_obeys_nothing_is_told_nothing_else() {
    let server = Server::start();
    let mut terminal =
        Terminal::start_with(&server, &["-u", "ann"], |command| command.env("TERM", "dumb"));
    let mut peer = server.accept();
    peer.negotiate();
    peer.demand_password("ann");
    terminal.expect("Enter user's password: ");
    assert!(!terminal.modes().echoes());
    terminal.type_in(&format!("{PASSWORD}\n"));
    peer.let_ann_in();
    peer.no_pins();
    terminal.expect(OPERATION);
    terminal.type_in("BM one\n");
    peer.expect_message("BM :one");
    peer.send(":bob!bob@parlor PRIVMSG #lobby :two");
    peer.confirm("m1");
    terminal.expect("bob: two\r\n");
    terminal.expect("* Sent to everyone.\r\n");
    terminal.type_in("EX\n");
    peer.goodbye();
    let (code, output) = terminal.finish();
    assert_eq!(code, Some(0));
    assert!(!output.contains('\x1b') && !output.contains(PASSWORD), "{output:?}");
}
