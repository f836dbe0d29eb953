//! Searching.

use crate::process::Client;
use crate::server::{Peer, Server};

fn found(peer: &mut Peer, numbers: &[u32], late: Option<&str>) {
    let message = |number: &u32| {
        let tags = format!("time=2001-02-03T14:02:{number:02}.000Z;msgid=m{number}");
        format!("{tags} :bob!bob@parlor PRIVMSG #lobby :tea {number}")
    };
    let mut lines: Vec<String> = numbers.iter().map(message).collect();
    let note = |late| format!("x :parlor NOTE SEARCH END {} m1 :{late}", numbers.len());
    lines.extend(late.map(note));
    peer.answer_batch("soju.im/search", &lines);
}

#[test]
fn what_is_found_comes_page_by_page_towards_the_past() {
    let server = Server::start();
    let client = Client::ann(&server, "FIND from:bob tea\nmore\nmore\nfind\n  cake \nmore\n");
    let mut peer = server.accept_ann();
    peer.expect_request("SEARCH :from=bob;text=tea;limit=50");
    found(&mut peer, &[4, 5], Some("Searched back to 2001-02-03 14:02:04 UTC"));
    peer.expect_request("SEARCH :from=bob;before=2001-02-03T14:02:05.000Z;text=tea;limit=50");
    // Nothing in that time is no reason not to go on, and what comes twice is shown once.
    found(&mut peer, &[4], Some("Searched back to 2001-02-03 14:02:02 UTC"));
    peer.expect_request("SEARCH :from=bob;before=2001-02-03T14:02:03.000Z;text=tea;limit=50");
    found(&mut peer, &[1], None);
    peer.expect_request("SEARCH :text=cake;limit=50");
    found(&mut peer, &[], None);
    peer.goodbye();
    let outcome = client.finish();
    let texts: Vec<_> =
        outcome.stdout.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(texts, ["4", "5", "1"]);
    assert!(outcome.stdout.starts_with("[BM] 2001-02-03 14:02 bob: tea 4\n"), "{outcome:?}");
    for told in [
        "* Searched back to 2001-02-03 14:02:04 UTC; type more to go on.\n",
        "* That is all.\n",
        "* Nothing was found.\n",
        "* There are no older messages",
    ] {
        assert!(outcome.stderr.contains(told), "{told}: {outcome:?}");
    }
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn a_search_that_cannot_be_is_refused_in_the_servers_words() {
    let server = Server::start();
    let client = Client::ann(&server, "FIND tea from:nobody\n");
    let mut peer = server.accept_ann();
    peer.expect_request("SEARCH :from=nobody;text=tea;limit=50");
    peer.answer("FAIL SEARCH BAD_CONDITION from=nobody :There is no such user");
    peer.goodbye();
    let outcome = client.finish();
    assert!(outcome.stderr.contains("* There is no such user.\n"), "{outcome:?}");
    assert_eq!(outcome.code, Some(1));
}
