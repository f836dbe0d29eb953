//! Pages of history.

use crate::process::Client;
use crate::server::{Peer, Server};

fn page(peer: &mut Peer, target: &str, numbers: std::ops::RangeInclusive<u32>) {
    peer.send(&format!(":parlor BATCH +b chathistory {target}"));
    for number in numbers.clone() {
        let tags = format!("@batch=b;time=2001-02-03T14:02:{number:02}.000Z;msgid=m{number}");
        peer.send(&format!("{tags} :bob!bob@parlor PRIVMSG #lobby :number {number}"));
    }
    peer.send(":parlor BATCH -b");
    let (count, oldest) = (numbers.clone().count(), numbers.start());
    peer.send(&format!(":parlor NOTE CH END {target} {count} m{oldest} :End of history"));
}

#[test]
fn history_comes_page_by_page_towards_the_past() {
    let server = Server::start();
    let client = Client::ann(&server, "CH #lobby 2\nmore\nMORE\nmore\n");
    let mut peer = server.accept_ann();
    peer.expect("CH #lobby 2");
    page(&mut peer, "#lobby", 4..=5);
    peer.expect("CH #lobby 2 m4");
    page(&mut peer, "#lobby", 2..=3);
    peer.expect("CH #lobby 2 m2");
    page(&mut peer, "#lobby", 1..=1);
    peer.goodbye();
    let outcome = client.finish();
    let texts: Vec<_> =
        outcome.stdout.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(texts, ["4", "5", "2", "3", "1"]);
    assert!(outcome.stdout.starts_with("[BM] 2001-02-03 14:02 bob: number 4\n"), "{outcome:?}");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn history_of_somebody_unknown_is_refused_in_the_servers_words() {
    let server = Server::start();
    let client = Client::ann(&server, "CH nobody\n");
    let mut peer = server.accept_ann();
    peer.expect("CH nobody 20");
    peer.send(":parlor FAIL CH NO_SUCH_TARGET nobody :There is no such user or room");
    peer.goodbye();
    let outcome = client.finish();
    assert!(outcome.stderr.contains("* There is no such user or room.\n"), "{outcome:?}");
    assert_eq!(outcome.code, Some(1));
}

#[test]
fn a_break_in_the_middle_of_a_page_asks_for_the_page_again() {
    let server = Server::start();
    let client = Client::ann(&server, "CH #lobby 2\n");
    let mut peer = server.accept_ann();
    peer.expect("CH #lobby 2");
    peer.send(":parlor BATCH +b chathistory #lobby");
    peer.send("@batch=b;msgid=m4 :bob!bob@parlor PRIVMSG #lobby :number 4");
    peer.break_off();
    let mut peer = server.accept_ann_again();
    peer.no_targets_missed();
    peer.expect("CH #lobby 2");
    page(&mut peer, "#lobby", 4..=5);
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.stdout.lines().count(), 2, "{outcome:?}");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}
