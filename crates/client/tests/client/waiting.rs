//! A server that lets the client wait: what a person sees and can do meanwhile, and how a script ends.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::process::Client;
use crate::server::{Peer, Server};
use crate::terminal::{OPERATION, Terminal};

const NOT_CONFIRMED: &str = "* Possibly sent, but not confirmed: BM hello";

/// A person who has said something, on a server that does not confirm it.
fn waiting() -> (Server, Terminal, Peer) {
    let server = Server::start();
    let mut terminal = Terminal::start(&server, &["-u", "ann"]);
    let mut peer = terminal.log_in_ann(&server);
    terminal.type_in("BM hello\r");
    peer.expect_message("BM :hello");
    terminal.expect("* Waiting for the server …");
    terminal.expect(OPERATION);
    (server, terminal, peer)
}

#[test]
fn who_leaves_before_the_confirmation_is_told_what_may_not_have_been_sent() {
    for keys in ["EX\r", "\x03", "\x04"] {
        let (_server, mut terminal, mut peer) = waiting();
        terminal.type_in(keys);
        peer.expect("QUIT :");
        let (code, output) = terminal.finish();
        assert!(output.contains(NOT_CONFIRMED), "{keys:?}: {output}");
        assert_eq!(code, Some(3), "{keys:?}: {output}");
    }
}

#[test]
fn the_server_is_told_once_that_private_messages_were_shown() {
    let server = Server::start();
    let mut terminal = Terminal::start(&server, &["-u", "ann"]);
    let mut peer = terminal.log_in_ann(&server);
    peer.send("@msgid=m1 :bob!bob@parlor PRIVMSG #lobby :to all");
    peer.send("@msgid=m2 :ann!ann@parlor PRIVMSG bob :from another device");
    peer.send("@msgid=m3 :bob!bob@parlor PRIVMSG ann :one");
    peer.send("@msgid=m4 :bob!bob@parlor PRIVMSG ann :two");
    terminal.expect("one");
    terminal.expect("two");
    peer.expect("PING :shown");
    peer.send(":parlor PONG parlor :shown");
    terminal.type_in("EX\r");
    peer.goodbye();
    assert_eq!(terminal.finish().0, Some(0));
}

#[test]
fn a_confirmation_that_comes_with_the_goodbye_counts() {
    let (_server, mut terminal, mut peer) = waiting();
    terminal.type_in("EX\r");
    peer.expect("QUIT :");
    peer.confirm("m1");
    peer.send("ERROR :Left");
    let (code, output) = terminal.finish();
    assert!(output.contains("* Sent: BM hello"), "{output}");
    assert_eq!(code, Some(0), "{output}");
}

#[test]
fn what_is_typed_while_the_server_is_waited_for_is_done_afterwards() {
    let (_server, mut terminal, mut peer) = waiting();
    terminal.type_in("BM two\r");
    terminal.expect(OPERATION);
    terminal.type_in("PM\r");
    terminal.expect(OPERATION);
    terminal.type_in("bob\r");
    terminal.expect(OPERATION);
    terminal.type_in("EX\r");
    peer.confirm("m1");
    peer.expect_message("BM :two");
    peer.confirm("m2");
    peer.expect_message("PM bob :EX");
    peer.keep("m3");
    terminal.expect("* Kept for bob");
    terminal.type_in("EX\r");
    peer.goodbye();
    assert_eq!(terminal.finish().0, Some(0));
}

#[test]
fn a_hung_server_is_noticed_after_ten_seconds() {
    let (server, mut terminal, peer) = waiting();
    let since = Instant::now();
    terminal.expect("* The connection broke (the server does not answer). Reconnecting …");
    let seconds = since.elapsed().as_secs();
    assert!((8..20).contains(&seconds), "{seconds} seconds");
    drop(peer);
    let mut peer = server.accept_ann_again();
    peer.expect_message("BM :hello");
    // While it is hung again, the person can leave.
    terminal.type_in("EX\r");
    let (code, output) = terminal.finish();
    assert!(output.contains(NOT_CONFIRMED), "{output}");
    assert_eq!(code, Some(3), "{output}");
}

#[test]
fn the_person_can_leave_while_the_client_connects_again() {
    let server = Server::start();
    let mut terminal = Terminal::start(&server, &["-u", "ann"]);
    let peer = terminal.log_in_ann(&server);
    peer.break_off();
    terminal.expect("Reconnecting …");
    // It takes the connection, and says nothing.
    let peer = server.accept();
    terminal.type_in("EX\r");
    let (code, output) = terminal.finish();
    assert_eq!(code, Some(0), "nothing was left undone: {output}");
    drop(peer);
}

#[test]
fn a_script_ends_when_its_time_is_over_and_names_what_was_not_confirmed() {
    let server = Server::start();
    let client =
        Client::at(&server, &["-u", "ann", "--timeout", "4"], "secret\nBM hello\nBM two\n");
    let mut peer = server.accept_ann();
    peer.expect_message("BM :hello");
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(124), "{outcome:?}");
    let ending = format!(
        "chatclient: the --timeout expired before everything was done\n{NOT_CONFIRMED}\n\
         * Nothing after line 2 of the input was processed.\n"
    );
    assert!(outcome.stderr.ends_with(&ending), "{outcome:?}");
}

#[test]
fn a_long_text_of_which_a_part_was_sent_is_named_in_its_parts() {
    let server = Server::start();
    let text = format!("{} {}", "one".repeat(130), "two".repeat(130));
    let input = format!("secret\nBM {text}\n");
    let client = Client::at(&server, &["-u", "ann", "--timeout", "4"], &input);
    let mut peer = server.accept_ann();
    peer.expect_message(&format!("BM :{}", "one".repeat(130)));
    let outcome = client.finish();
    let (one, two) = ("one".repeat(130), "two".repeat(130));
    let named = format!("* Possibly sent, but not confirmed: BM {one}\n* Not sent: BM {two}\n");
    assert!(outcome.stderr.contains(&named), "{outcome:?}");
}

#[test]
fn ctrl_c_and_sigterm_end_a_script_in_good_order() {
    // Who is ended by SIGTERM has no exit code; shells make 143 of that.
    for (signal, code) in [("INT", Some(130)), ("TERM", None)] {
        let server = Server::start();
        let client = Client::ann(&server, "BM hello\n");
        let mut peer = server.accept_ann();
        peer.expect_message("BM :hello");
        client.signal(signal);
        peer.expect("QUIT :");
        let outcome = client.finish();
        assert!(outcome.stderr.contains(NOT_CONFIRMED), "{outcome:?}");
        assert_eq!(outcome.code, Some(3), "{outcome:?}");

        let client = Client::ann(&server, "CH bob\n");
        let mut peer = server.accept_ann();
        peer.expect_history("bob");
        client.signal(signal);
        peer.goodbye();
        assert_eq!(client.finish().code, code);
    }
}

#[test]
fn sigterm_at_a_terminal_tells_what_may_not_have_been_sent() {
    let (_server, terminal, mut peer) = waiting();
    terminal.signal(Signal::TERM);
    peer.expect("QUIT :");
    let (code, output) = terminal.finish();
    assert!(output.contains(NOT_CONFIRMED), "{output}");
    assert_eq!(code, Some(3), "{output}");
}

#[test]
fn an_answer_that_comes_slowly_is_an_answer() {
    let server = Server::start();
    let client = Client::ann(&server, "CH bob\n");
    let mut peer = server.accept_ann();
    peer.expect_history("bob");
    peer.answer("BATCH +b chathistory bob");
    for number in 1..=3 {
        std::thread::sleep(Duration::from_secs(4));
        peer.send(&format!("@batch=b;msgid=m{number} :bob!bob@parlor PRIVMSG ann :slow {number}"));
    }
    peer.send(":parlor BATCH -b");
    peer.expect_request("CHATHISTORY BEFORE bob msgid=m1 50");
    peer.page_of("bob", &[]);
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!((outcome.code, outcome.stdout.lines().count()), (Some(0), 3), "{outcome:?}");
    assert!(!outcome.stderr.contains("broke"), "{outcome:?}");
}

/// After wrong passwords a server takes its time, also for the right one.
#[test]
fn an_answer_about_a_password_may_come_late() {
    let server = Server::start();
    let client = Client::ann(&server, "/passwd\nbetter one\n");
    let mut peer = server.accept_ann();
    for line in ["ACCOUNT PASSWORD", ""] {
        peer.expect(line);
    }
    peer.send(":parlor NOTE ACCOUNT NEW_PASSWORD_REQUIRED :Enter your new password:");
    peer.send(":parlor NOTE ACCOUNT CANCELLED :Cancelled");
    for line in ["ACCOUNT PASSWORD", "better one", ""] {
        peer.expect(line);
    }
    std::thread::sleep(Duration::from_secs(12));
    peer.send(":parlor NOTE ACCOUNT PASSWORD_CHANGED ann :You have a new password");
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("* You have a new password.\n"), "{outcome:?}");
}

#[test]
fn a_script_of_a_thousand_lines_paces_itself_by_the_servers_word() {
    let server = Server::start();
    let script: String = (0..1000).map(|number| format!("BM line {number}\n")).collect();
    let client = Client::ann(&server, &script);
    let mut peer = server.accept_ann();
    for number in 0..1000 {
        let first = peer.expect_message(&format!("BM :line {number}"));
        if number % 400 == 100 {
            let begin = Instant::now();
            peer.refuse("FAIL PRIVMSG RATE_LIMITED 1 :You asked the server for too much");
            let again = peer.expect_message(&format!("BM :line {number}"));
            assert_eq!(first, again, "the same message");
            // The client counts in whole milliseconds.
            assert!(begin.elapsed() >= Duration::from_millis(999));
        }
        peer.confirm(&format!("m{number}"));
    }
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(outcome.stderr.matches("* Sent to everyone.\n").count(), 1000);
    assert_eq!(outcome.stderr.matches("* You asked the server for too much").count(), 3);
}
