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
