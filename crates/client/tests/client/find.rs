//! Searching.

use crate::process::Client;
use crate::server::{Peer, Server};

fn found(peer: &mut Peer, numbers: &[u32], next: &str, sentence: &str) {
    peer.send(":parlor BATCH +b soju.im/search");
    for number in numbers {
        let tags = format!("@batch=b;time=2001-02-03T14:02:{number:02}.000Z;msgid=m{number}");
        peer.send(&format!("{tags} :bob!bob@parlor PRIVMSG #lobby :tea {number}"));
    }
    peer.send(":parlor BATCH -b");
    peer.send(&format!(":parlor NOTE FIND END {} {next} :{sentence}", numbers.len()));
}

#[test]
fn what_is_found_comes_page_by_page_towards_the_past() {
    let server = Server::start();
    let client = Client::ann(&server, "FIND from:bob tea\nmore\nfind\n  cake \nmore\n");
    let mut peer = server.accept_ann();
    peer.expect("FIND :from:bob tea");
    found(&mut peer, &[4, 5], "m4", "There may be more; to go on, add before:m4");
    peer.expect("FIND :from:bob tea before:m4");
    found(&mut peer, &[1], "m0", "Searched back to 2001-02-03 14:00:00 UTC");
    peer.expect("FIND :cake");
    found(&mut peer, &[], "*", "End of results");
    peer.goodbye();
    let outcome = client.finish();
    let texts: Vec<_> =
        outcome.stdout.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(texts, ["4", "5", "1"]);
    assert!(outcome.stdout.starts_with("[BM] 2001-02-03 14:02 bob: tea 4\n"), "{outcome:?}");
    for told in [
        "* Type more for earlier messages.\n",
        "* Searched back to 2001-02-03 14:00:00 UTC; type more to go on.\n",
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
    peer.expect("FIND :tea from:nobody");
    peer.send(":parlor FAIL FIND BAD_CONDITION from:nobody :There is no such user");
    peer.goodbye();
    let outcome = client.finish();
    assert!(outcome.stderr.contains("* There is no such user.\n"), "{outcome:?}");
    assert_eq!(outcome.code, Some(1));
}

#[test]
fn a_server_without_search_says_so() {
    let server = Server::start();
    let client = Client::ann(&server, "FIND tea\n");
    let mut peer = server.accept_ann();
    peer.expect("FIND :tea");
    peer.send(":parlor 421 ann FIND :Unknown command");
    peer.goodbye();
    let outcome = client.finish();
    assert!(outcome.stderr.contains("* Unknown command.\n"), "{outcome:?}");
    assert_eq!(outcome.code, Some(1));
}
