//! A server of several nodes: who loses one goes on at another.

use std::thread;
use std::time::{Duration, Instant};

use crate::identity::Identity;
use crate::process::{Client, Computer};
use crate::server::{Peer, Server};

/// How the list names a server.
fn node(server: &Server) -> String {
    format!("localhost:{}={}", server.port, server.fingerprint().replace(':', ""))
}

impl Peer {
    fn tells_of(&mut self, nodes: &[&str]) {
        self.send(&format!(":parlor NODES {}", nodes.join(" ")));
    }

    /// The message under way comes again with this id, and is confirmed; then the client leaves.
    fn goes_on(mut self, id: &str) {
        assert_eq!(self.expect_message("BM :one"), id);
        self.confirm_again("#lobby", "m1");
        self.nothing_missed();
        self.goodbye();
    }
}

/// Ann's client has been told of these nodes, and has sent a message that is not confirmed; the message's id.
fn one_under_way(server: &Server, nodes: &[&str]) -> (Client, Peer, String) {
    let client = Client::ann(server, "BM one\n");
    let mut peer = server.accept_ann();
    peer.tells_of(nodes);
    let id = peer.expect_message("BM :one");
    (client, peer, id)
}

#[test]
fn what_was_not_confirmed_is_sent_again_to_another_node_under_the_same_id() {
    let (first, second) = (Server::start(), Server::start());
    let (client, peer, id) = one_under_way(&first, &[&node(&first), &node(&second)]);
    let gone = Instant::now();
    drop(first);
    peer.break_off();

    let peer = second.accept_ann_again();
    assert!(gone.elapsed() < Duration::from_secs(10), "{:?}", gone.elapsed());
    peer.goes_on(&id);
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let told = format!("* Connected to localhost:{}, another node of the server", second.port);
    assert!(outcome.stderr.contains(&told), "{outcome:?}");
}

#[test]
fn a_node_is_believed_only_with_the_certificate_that_the_list_has() {
    let (first, second, other) = (Server::start(), Server::start(), Server::start());
    // Whoever listens there has not the certificate that the list promises.
    let promised = node(&other).replace(&other.port.to_string(), &second.port.to_string());
    let (client, peer, id) = one_under_way(&first, &[&promised]);
    peer.break_off();
    first.accept().break_off();
    second.be_refused();

    first.accept_ann_again().goes_on(&id);
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let told = format!(
        "* A node of the server is not trusted: localhost:{} presents a certificate that is not in the cluster's list",
        second.port
    );
    assert_eq!(outcome.stderr.matches(&told).count(), 1, "{outcome:?}");
    let shown = format!("shown: {}", second.fingerprint());
    assert!(outcome.stderr.contains(&shown), "it can be compared: {outcome:?}");
}

#[test]
fn a_wrong_certificate_is_told_though_another_node_works() {
    let (first, second) = (Server::start(), Server::start());
    let (client, peer, id) = one_under_way(&first, &[&node(&second)]);
    // Somebody has taken the place of the server that the person named.
    first.show(&Identity::self_made());
    peer.break_off();
    first.be_refused();
    second.accept_ann_again().goes_on(&id);
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let told = format!(
        "* A node of the server is not trusted: localhost:{} presents a different certificate than before",
        first.port
    );
    assert!(outcome.stderr.contains(&told), "{outcome:?}");
}

#[test]
fn a_slow_connection_gets_through_in_a_later_round() {
    let (first, second) = (Server::start(), Server::start());
    let (client, peer, id) = one_under_way(&first, &[&node(&second)]);
    drop(second);
    peer.break_off();
    // More than the first round allows, and less than the second.
    let slow = Duration::from_millis(2500);
    let hurried = first.accept();
    thread::sleep(slow);
    drop(hurried);
    let peer = first.accept();
    thread::sleep(slow);
    peer.let_ann_come_again().goes_on(&id);
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn a_node_that_only_the_list_knows_is_not_remembered() {
    let (first, second) = (Server::start(), Server::start());
    let computer = Computer::that_knows(&first);
    let before = computer.remembered();
    let client = computer.ann(first.port, &[], "BM one\n");
    let mut peer = first.accept_ann();
    peer.tells_of(&[&node(&second)]);
    let id = peer.expect_message("BM :one");
    drop(first);
    peer.break_off();
    second.accept_ann_again().goes_on(&id);
    assert_eq!(client.finish().code, Some(0));
    assert_eq!(computer.remembered(), before);
}

#[test]
fn the_named_server_may_show_the_certificate_of_any_of_its_nodes() {
    let (first, second) = (Server::start(), Server::start());
    let (client, peer, id) = one_under_way(&first, &[&node(&second)]);
    // The same name leads to the other node now.
    first.show_as(&second);
    drop(second);
    peer.break_off();
    first.accept_ann_again().goes_on(&id);
    assert_eq!(client.finish().code, Some(0));
}
