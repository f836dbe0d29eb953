//! A private message is kept until a connection of its receiver has taken it: has sent a line after
//! the message came.

use crate::support::{Client, Server};

const MESSAGE: &str = ":bob!*@* PRIVMSG ann :*hello";

/// Ann has received a message and not sent a line since, so she has not acknowledged it; and Bob, its author.
fn unacknowledged_message(server: &Server) -> (Client, Client) {
    let mut ann = server.log_in("ann");
    let mut bob = server.log_in("bob");
    ann.until(":bob!* JOIN #lobby");
    bob.send("PM ann :hello");
    bob.expect(":parlor NOTE PM SENT ann * :On its way to ann");
    ann.expect(MESSAGE);
    (ann, bob)
}

/// Whether ann's login shows the message; she answers then.
fn is_shown(server: &Server) -> bool {
    let mut ann = server.connect("ann");
    ann.log_in_only("ann");
    let shown = ann.until_answered().iter().any(|line| line.ends_with("hello"));
    ann.until_answered(); // This line has come after it for sure.
    shown
}

#[test]
fn messages_sent_to_a_dead_link_are_shown_at_the_next_login() {
    let server = Server::start("limits.ping_seconds = 1");
    let (ann, mut bob) = unacknowledged_message(&server);
    // Bob's client answers; hers does not.
    while !bob.until("*").starts_with(":ann!") {
        bob.send("PONG :parlor");
    }
    drop(ann);
    assert!(is_shown(&server));
    assert!(!is_shown(&server), "it was answered");
}

#[test]
fn messages_sent_to_a_breaking_connection_are_shown_at_the_next_login() {
    let server = Server::start("");
    let (ann, mut bob) = unacknowledged_message(&server);
    drop(ann);
    bob.until(":ann!* QUIT :*");
    assert!(is_shown(&server));
    assert!(!is_shown(&server));
}

#[test]
fn pending_messages_are_shown_again_if_the_connection_dies_after_the_login() {
    let server = Server::start("");
    let (mut ann, mut bob) = unacknowledged_message(&server);
    ann.send("QUIT");
    bob.until(":ann!* QUIT :*");
    assert!(!is_shown(&server), "whoever quits has read");
    bob.until(":ann!* QUIT :*");
    bob.send("PM ann :hello");
    bob.until(":parlor NOTE PM STORED ann *");
    for _ in 0..2 {
        let mut ann = server.connect("ann");
        ann.log_in_only("ann");
        ann.until(MESSAGE);
        drop(ann);
        bob.until(":ann!* QUIT :*");
    }
    assert!(is_shown(&server));
    assert!(!is_shown(&server));
}

#[test]
fn unacknowledged_messages_survive_a_kill_and_acknowledged_ones_are_done() {
    let mut server = Server::start("");
    let (_ann, _bob) = unacknowledged_message(&server);
    server.restart();
    assert!(is_shown(&server));
    server.restart();
    assert!(!is_shown(&server));
}

#[test]
fn messages_acknowledged_by_one_device_are_not_pending_for_another() {
    let server = Server::start("");
    let mut phone = server.log_in("ann");
    let (ann, mut bob) = unacknowledged_message(&server);
    phone.until(MESSAGE);
    phone.until_answered();
    drop((ann, phone));
    bob.until(":ann!* QUIT :*");
    assert!(!is_shown(&server));
}

/// More was kept than a login shows: what comes meanwhile and is answered takes none of it along.
#[test]
fn acknowledging_later_messages_does_not_acknowledge_unseen_earlier_ones() {
    let server = Server::start("");
    let (mut ann, mut bob) = unacknowledged_message(&server);
    ann.send("QUIT");
    ann.until_closed();
    // A thousand are shown at once. Of one sender only so many are kept, and of many only few each.
    for sender in 0..8 {
        let mut sender = server.log_in(&format!("sender{sender}"));
        for _ in 0..if sender.name() < "sender3" { 300 } else { 20 } {
            sender.send("PM ann :kept");
            sender.until(":parlor NOTE PM STORED ann *");
        }
    }
    bob.send("PM ann :hello");
    bob.until(":parlor NOTE PM STORED ann *");
    let mut ann = server.log_in("ann");
    bob.send("PM ann :live");
    ann.until(":bob!*@* PRIVMSG ann :live");
    ann.until_answered();
    assert!(is_shown(&server));
}

#[test]
fn messages_marked_as_read_are_not_shown_again() {
    let server = Server::start("");
    let mut ann = server.log_in("ann");
    let mut bob = server.log_in("bob");
    ann.send("QUIT");
    bob.until(":ann!* QUIT :*");
    bob.send("PM ann :hello");
    bob.expect(":parlor NOTE PM STORED ann *");
    let mut phone = server.connect("ann");
    phone.request("draft/pre-away draft/read-marker");
    phone.send("AWAY *");
    phone.log_in("ann");
    phone.send("CH bob");
    phone.until(MESSAGE);
    phone.send("MARKREAD bob timestamp=9999-12-31T23:59:59.999Z");
    phone.until(":parlor MARKREAD bob *");
    assert!(!is_shown(&server));
}
