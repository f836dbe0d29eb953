//! Pages of history.

use crate::process::Client;
use crate::server::{Peer, Server};

fn page(peer: &mut Peer, numbers: std::ops::Range<u32>) {
    let message = |number| {
        let tags = format!("time=2001-02-03T14:02:{number:02}.000Z;msgid=m{number}");
        format!("{tags} :bob!bob@parlor PRIVMSG #lobby :number {number}")
    };
    peer.page_of("#lobby", &numbers.map(message).collect::<Vec<_>>());
}

#[test]
fn history_comes_page_by_page_towards_the_past() {
    let server = Server::start();
    let client = Client::ann(&server, "CH #lobby 2\nmore\nMORE\nmore\n");
    let mut peer = server.accept_ann();
    peer.expect_history("#lobby");
    page(&mut peer, 3..6);
    peer.expect_request("CHATHISTORY BEFORE #lobby msgid=m3 50");
    page(&mut peer, 1..3);
    peer.expect_request("CHATHISTORY BEFORE #lobby msgid=m1 50");
    page(&mut peer, 1..1);
    peer.goodbye();
    let outcome = client.finish();
    let texts: Vec<_> =
        outcome.stdout.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(texts, ["4", "5", "2", "3", "1"]);
    assert!(outcome.stdout.starts_with("[BM] 2001-02-03 14:02 bob: number 4\n"), "{outcome:?}");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn the_lobby_and_private_messages_come_together() {
    let server = Server::start();
    let client = Client::ann(&server, "CH 2\nmore\n");
    let mut peer = server.accept_ann();
    let tags = "time=2001-02-03T14:02:05.000Z;msgid";
    peer.expect_request("CH * 2");
    let messages = [":bob!b@s PRIVMSG #lobby :to all", ":bob!b@s PRIVMSG ann :to ann"];
    let numbered = |(at, text): (usize, &&str)| format!("{tags}=m{at} {text}");
    let all: Vec<String> = messages.iter().enumerate().map(numbered).collect();
    peer.answer_batch("chathistory *", &all);
    peer.expect_request("CH * 2 m0");
    peer.answer_batch("chathistory *", &[]);
    peer.goodbye();
    let outcome = client.finish();
    let shown = "[BM] 2001-02-03 14:02 bob: to all\n[PM] 2001-02-03 14:02 bob: to ann\n";
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), shown), "{outcome:?}");
    assert!(outcome.stderr.contains("* There are no older messages.\n"), "{outcome:?}");
}

#[test]
fn history_of_somebody_unknown_is_refused_in_the_servers_words() {
    let server = Server::start();
    let client = Client::ann(&server, "CH nobody\n");
    let mut peer = server.accept_ann();
    peer.expect_history("nobody");
    peer.answer("FAIL CHATHISTORY INVALID_TARGET LATEST nobody :There is no such user or room");
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.stderr.matches("* There is no such user or room.\n").count(), 1);
    assert_eq!(outcome.code, Some(1));
}

#[test]
fn a_break_in_the_middle_of_a_page_asks_for_the_page_again() {
    let server = Server::start();
    let client = Client::ann(&server, "CH #lobby 2\n");
    let mut peer = server.accept_ann();
    peer.expect_history("#lobby");
    peer.answer("BATCH +b chathistory #lobby");
    peer.send("@batch=b;msgid=m4 :bob!bob@parlor PRIVMSG #lobby :number 4");
    peer.break_off();
    let mut peer = server.accept_ann_again();
    peer.nothing_missed();
    peer.expect_history("#lobby");
    page(&mut peer, 3..6);
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.stdout.lines().count(), 2, "{outcome:?}");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}
