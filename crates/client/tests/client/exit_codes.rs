//! What becomes of a message is told by the same exit code, whichever way a script sends it.

use crate::process::{Client, Computer};
use crate::server::{Peer, Server};

/// A script's ways to say hello to everyone.
#[derive(Clone, Copy, Debug)]
enum Way {
    Subcommand,
    Pipe,
}

impl Way {
    fn say(self, server: &Server, text: &str) -> Client {
        let computer = Computer::that_knows(server);
        let mut command = computer.script(server);
        match self {
            Way::Subcommand => {
                command.args(["send", "#lobby", text]);
                Client::run_on(computer, command, "")
            }
            Way::Pipe => Client::run_on(computer, command, &format!("BM {text}\n")),
        }
    }
}

/// Ann's client has said hello, which is neither confirmed nor refused.
fn says_hello(way: Way) -> (Server, Client, Peer) {
    let server = Server::start();
    let client = way.say(&server, "hello");
    let mut peer = server.accept_ann();
    peer.expect_message("BM :hello");
    (server, client, peer)
}

/// A script sends a message to a room that ann is not in, and the server refuses it.
fn is_refused_outside(server: &Server, negotiate: fn(&mut Peer)) -> (Client, Peer) {
    let computer = Computer::that_knows(server);
    let mut command = computer.script(server);
    command.args(["send", "#tea", "hello"]);
    let client = Client::run_on(computer, command, "");
    let mut peer = server.accept();
    negotiate(&mut peer);
    peer.demand_password("ann");
    peer.let_ann_in();
    peer.expect_message("PM #tea :hello");
    peer.refuse("404 ann #tea :You are not in that room");
    (client, peer)
}

#[test]
fn a_question_whether_a_room_exists_that_a_break_loses_is_asked_again() {
    let server = Server::start();
    let (client, mut peer) = is_refused_outside(&server, Peer::negotiate);
    peer.expect("LIST #tea");
    peer.break_off();
    let mut peer = server.accept_ann_again();
    peer.expect("LIST #tea");
    peer.send(":parlor 323 ann :End of LIST");
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("there is no room #tea that you may see"), "{outcome:?}");
}

#[test]
fn other_servers_are_not_asked_whether_a_room_exists() {
    let server = Server::start();
    let (client, mut peer) = is_refused_outside(&server, Peer::negotiate_as_another);
    peer.expect_request("JOIN #tea");
    peer.answer("473 ann #tea :By invitation only");
    peer.expect_request("CHATHISTORY LATEST #tea * 50");
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("By invitation only"), "{outcome:?}");
}

const WAYS: [Way; 2] = [Way::Subcommand, Way::Pipe];

#[test]
fn what_the_server_has_refused_is_undone() {
    for way in WAYS {
        let (_server, client, mut peer) = says_hello(way);
        peer.refuse("FAIL PRIVMSG CANNOT_SEND #lobby :You may not speak here");
        peer.goodbye();
        let outcome = client.finish();
        assert_eq!(outcome.code, Some(1), "{way:?}: {outcome:?}");
        assert!(outcome.stderr.contains("You may not speak here"), "{way:?}: {outcome:?}");
        assert!(!outcome.stderr.contains("Possibly sent"), "{way:?}: {outcome:?}");
    }
}

#[test]
fn what_the_server_says_at_the_end_cannot_change_the_terminal() {
    for way in WAYS {
        let (_server, client, mut peer) = says_hello(way);
        peer.refuse("404 ann #lobby :\x1b[2JNot now");
        peer.goodbye();
        let outcome = client.finish();
        assert!(outcome.stderr.contains("^[[2JNot now"), "{way:?}: {outcome:?}");
        assert!(!outcome.stderr.contains('\x1b'), "{way:?}: {outcome:?}");

        let (_server, client, mut peer) = says_hello(way);
        peer.send(":root!root@parlor KILL ann :\x1b[2JGo away");
        let outcome = client.finish();
        assert!(outcome.stderr.contains("^[[2JGo away"), "{way:?}: {outcome:?}");
        assert!(!outcome.stderr.contains('\x1b'), "{way:?}: {outcome:?}");
    }
}

#[test]
fn what_was_refused_stays_refused_when_the_connection_breaks() {
    for way in WAYS {
        let (_server, client, mut peer) = says_hello(way);
        peer.refuse("FAIL PRIVMSG CANNOT_SEND #lobby :You may not speak here");
        peer.break_off();
        let outcome = client.finish();
        assert_eq!(outcome.code, Some(1), "{way:?}: {outcome:?}");
        assert!(!outcome.stderr.contains("Possibly sent"), "{way:?}: {outcome:?}");
    }
}

#[test]
fn what_the_server_has_not_answered_is_unconfirmed_and_named() {
    for way in WAYS {
        let (server, client, peer) = says_hello(way);
        peer.break_off();
        // There is no coming back.
        let mut peer = server.accept();
        peer.does_not_know("ann");
        let outcome = client.finish();
        assert_eq!(outcome.code, Some(3), "{way:?}: {outcome:?}");
        assert!(outcome.stderr.contains("Possibly sent, but not confirmed: "), "{outcome:?}");
        assert!(outcome.stderr.contains("hello"), "{way:?}: {outcome:?}");
    }
}

#[test]
fn a_part_that_the_server_puts_off_is_waited_for() {
    for way in WAYS {
        let server = Server::start();
        let (one, two) = ("one".repeat(130), "two".repeat(130));
        let client = way.say(&server, &format!("{one} {two}"));
        let mut peer = server.accept_ann();
        peer.expect_message(&format!("BM :{one}"));
        peer.refuse("FAIL PRIVMSG RATE_LIMITED 1 :You asked the server for too much");
        // Nothing overtakes it.
        peer.expect_message(&format!("BM :{one}"));
        peer.confirm("m1");
        peer.expect_message(&format!("BM :{two}"));
        peer.confirm("m2");
        peer.goodbye();
        let outcome = client.finish();
        assert_eq!(outcome.code, Some(0), "{way:?}: {outcome:?}");
    }
}
