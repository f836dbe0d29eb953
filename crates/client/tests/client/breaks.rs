//! Broken connections: nothing lost, nothing doubled.

use crate::process::Client;
use crate::server::{Peer, Server};

const TAGS: &str = "time=2001-02-03T14:02:05.000Z;msgid=";

impl Peer {
    /// Answers that no conversation has new messages.
    pub(crate) fn no_targets_missed(&mut self) {
        self.expect_targets_request();
        self.send(":parlor BATCH +t draft/chathistory-targets");
        self.send(":parlor BATCH -t");
    }

    fn expect_targets_request(&mut self) {
        let line = self.line();
        assert!(line.starts_with("CHATHISTORY TARGETS timestamp="), "{line}");
    }

    fn page(&mut self, target: &str, messages: &[(&str, &str)]) {
        let messages = messages.iter().map(|(msgid, rest)| format!("{TAGS}{msgid} {rest}"));
        self.page_of(target, &messages.collect::<Vec<_>>());
    }
}

#[test]
fn an_unconfirmed_message_is_sent_again_with_the_same_id() {
    let server = Server::start();
    let client = Client::ann(&server, "BM one\nBM two\n");
    let mut peer = server.accept_ann();
    let id = peer.expect_message("BM :one");
    peer.break_off();

    let mut peer = server.accept_ann_again();
    assert_eq!(peer.expect_message("BM :one"), id);
    peer.break_off();

    let mut peer = server.accept_ann_again();
    assert_eq!(peer.expect_message("BM :one"), id);
    peer.send(":parlor NOTE BM SENT m1 :Sent");
    peer.no_targets_missed();
    assert_ne!(peer.expect_message("BM :two"), id);
    peer.send(":parlor NOTE BM SENT m2 :Sent");
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(outcome.stderr.matches("* Sent to everyone.\n").count(), 2, "{outcome:?}");
    assert!(outcome.stderr.contains("* The connection broke"), "{outcome:?}");
}

#[test]
fn what_was_missed_is_fetched_page_by_page_and_shown_once_and_in_order() {
    let server = Server::start();
    let client = Client::ann(&server, "CH bob\nBM last\n");
    let mut peer = server.accept_ann();
    peer.send(&format!("@{TAGS}m1 :bob!bob@parlor PRIVMSG #lobby :one"));
    peer.expect("CH bob 20");
    peer.break_off();

    let mut peer = server.accept_ann_again();
    // Live, while the client catches up; and a message that was kept for it.
    peer.send(&format!("@{TAGS}m5 :bob!bob@parlor PRIVMSG #lobby :five"));
    peer.send(&format!("@{TAGS}p1 :eve!eve@parlor PRIVMSG ann :private one"));
    peer.expect_targets_request();
    peer.send(":parlor BATCH +t draft/chathistory-targets");
    peer.send("@batch=t :parlor CHATHISTORY TARGETS #lobby 2001-02-03T14:02:05.000Z");
    peer.send("@batch=t :parlor CHATHISTORY TARGETS eve 2001-02-03T14:02:05.000Z");
    peer.send(":parlor BATCH -t");
    peer.expect_targets_request();
    peer.send(":parlor BATCH +t draft/chathistory-targets");
    peer.send("@batch=t :parlor CHATHISTORY TARGETS eve 2001-02-03T14:02:05.000Z");
    peer.send(":parlor BATCH -t");

    peer.expect("CHATHISTORY AFTER #lobby timestamp=2001-02-03T14:02:04.999Z 100");
    let lobby = |text: &str| format!(":bob!bob@parlor PRIVMSG #lobby :{text}");
    peer.page("#lobby", &[("m1", &lobby("one")), ("m2", &lobby("two")), ("m3", &lobby("three"))]);
    peer.expect("CHATHISTORY AFTER #lobby msgid=m3 100");
    let mine = ":ann!ann@parlor PRIVMSG #lobby :from my phone";
    peer.page("#lobby", &[("m4", mine), ("m5", &lobby("five"))]);
    peer.expect("CHATHISTORY AFTER #lobby msgid=m5 100");
    peer.page("#lobby", &[]);
    peer.expect("CHATHISTORY AFTER eve timestamp=2001-02-03T14:02:04.999Z 100");
    peer.page("eve", &[("p1", ":eve!eve@parlor PRIVMSG ann :private one")]);
    peer.expect("CHATHISTORY AFTER eve msgid=p1 100");
    peer.page("eve", &[]);

    peer.expect("CH bob 20");
    peer.send(":parlor NOTE CH END bob 0 * :End of history");
    peer.expect_message("BM :last");
    peer.send(":parlor NOTE BM SENT m6 :Sent");
    peer.goodbye();
    let outcome = client.finish();
    let texts = outcome.stdout.lines().map(|line| line.split_once(": ").unwrap().1);
    let expected = ["one", "two", "three", "from my phone", "five", "private one"];
    assert_eq!(texts.collect::<Vec<_>>(), expected, "{outcome:?}");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn a_message_confirmed_only_after_the_break_does_not_come_back_as_news() {
    let server = Server::start();
    let client = Client::ann(&server, "PM bob hi\n");
    let mut peer = server.accept_ann();
    let id = peer.expect_message("PM bob :hi");
    // Stored, but the confirmation is lost.
    peer.break_off();
    let mut peer = server.accept_ann_again();
    assert_eq!(peer.expect_message("PM bob :hi"), id);
    peer.send(":parlor NOTE PM SENT bob m1 :Sent");
    peer.expect_targets_request();
    peer.send(":parlor BATCH +t draft/chathistory-targets");
    peer.send("@batch=t :parlor CHATHISTORY TARGETS bob 2001-02-03T14:02:05.000Z");
    peer.send(":parlor BATCH -t");
    peer.no_targets_missed();
    let line = peer.line();
    assert!(line.starts_with("CHATHISTORY AFTER bob timestamp="), "{line}");
    peer.page("bob", &[("m1", ":ann!ann@parlor PRIVMSG bob :hi")]);
    peer.expect("CHATHISTORY AFTER bob msgid=m1 100");
    peer.page("bob", &[]);
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!((outcome.stdout.as_str(), outcome.code), ("", Some(0)), "{outcome:?}");
}

#[test]
fn a_break_while_the_list_of_users_comes_asks_for_it_again() {
    let server = Server::start();
    let client = Client::ann(&server, "PM\nbob\nhi\n");
    let mut peer = server.accept_ann();
    peer.expect("PM");
    peer.send(":parlor NOTE PM ONLINE 2 :ann bob");
    peer.break_off();
    let mut peer = server.accept_ann_again();
    peer.no_targets_missed();
    peer.expect("PM");
    peer.send(":parlor NOTE PM ONLINE 1 :ann");
    peer.send(":parlor NOTE PM USER_REQUIRED :Enter the user:");
    peer.expect("");
    peer.send(":parlor NOTE PM CANCELLED :Cancelled");
    peer.expect_message("PM bob :hi");
    peer.send(":parlor NOTE PM STORED bob m1 :Stored");
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(
        outcome.stderr.lines().filter(|line| line.starts_with("Online")).collect::<Vec<_>>(),
        ["Online: ann"]
    );
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn a_server_that_stops_is_told_of_once() {
    let server = Server::start();
    let client = Client::ann(&server, "CH bob\n");
    let mut peer = server.accept_ann();
    peer.expect("CH bob 20");
    peer.send(":parlor NOTICE ann :The server is stopping; everything you were told is stored");
    peer.send("ERROR :The server is stopping");
    let mut peer = server.accept_ann_again();
    peer.no_targets_missed();
    peer.expect("CH bob 20");
    peer.send("ERROR :Too slow");
    let mut peer = server.accept_ann_again();
    peer.no_targets_missed();
    peer.expect("CH bob 20");
    peer.send(":parlor NOTE CH END bob 0 * :End of history");
    peer.goodbye();
    let outcome = client.finish();
    let told = outcome.stderr.lines().filter(|line| line.starts_with('*'));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "* The server is stopping; everything you were told is stored.",
            "* Reconnecting …",
            "* Connected again.",
            "* The connection broke (Too slow). Reconnecting …",
            "* Connected again.",
            "* There are no messages yet.",
        ]
    );
    assert_eq!(outcome.code, Some(0));
}

#[test]
fn a_server_that_has_forgotten_the_user_does_not_get_the_password() {
    let server = Server::start();
    let client = Client::ann(&server, "BM hello\n");
    let mut peer = server.accept_ann();
    peer.expect_message("BM :hello");
    peer.break_off();
    let mut peer = server.accept();
    peer.negotiate();
    peer.expect("LOGIN ann");
    peer.send(":parlor NOTE LOGIN NEW_USER ann :Enter Password:");
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(3), "the message was never confirmed");
    let (reason, rest) =
        outcome.stderr.split_once("chatclient: ").unwrap().1.split_once('\n').unwrap();
    assert!(reason.contains("no longer has an account ann"), "{outcome:?}");
    assert_eq!(
        rest,
        "* Possibly sent, but not confirmed: BM hello\n\
         * Nothing after line 2 of the input was processed.\n"
    );
    assert!(outcome.stderr.contains("no longer has an account ann"), "{outcome:?}");
}

fn at(second: u32, msgid: &str, rest: &str) -> String {
    format!("time=2001-02-03T14:02:{second:02}.000Z;msgid={msgid} {rest}")
}

impl Peer {
    fn targets(&mut self, names: &[&str]) {
        self.expect_targets_request();
        self.send(":parlor BATCH +t draft/chathistory-targets");
        for name in names {
            self.send(&format!(
                "@batch=t :parlor CHATHISTORY TARGETS {name} 2001-02-03T14:02:05.000Z"
            ));
        }
        self.send(":parlor BATCH -t");
    }

    fn page_of(&mut self, target: &str, messages: &[String]) {
        self.send(&format!(":parlor BATCH +h chathistory {target}"));
        for message in messages {
            self.send(&format!("@batch=h;{message}"));
        }
        self.send(":parlor BATCH -h");
    }
}

#[test]
fn what_was_missed_and_what_came_live_is_shown_in_the_order_of_time() {
    let server = Server::start();
    let client = Client::ann(&server, "CH bob\n");
    let mut peer = server.accept_ann();
    let lobby = |text: &str| format!(":bob!bob@parlor PRIVMSG #lobby :{text}");
    let private = |text: &str| format!(":eve!eve@parlor PRIVMSG ann :{text}");
    peer.send(&format!("@{}", at(5, "m5", &lobby("five"))));
    peer.expect("CH bob 20");
    peer.break_off();

    let mut peer = server.accept_ann_again();
    peer.send(&format!("@{}", at(9, "m9", &lobby("nine"))));
    peer.targets(&["#lobby", "eve"]);
    peer.targets(&["#lobby", "eve"]);
    peer.expect("CHATHISTORY AFTER #lobby timestamp=2001-02-03T14:02:04.999Z 100");
    peer.page_of("#lobby", &[at(5, "m5", &lobby("five")), at(6, "m6", &lobby("six"))]);
    // Live, too, and so late that its page does not have it.
    peer.send(&format!("@{}", at(11, "p11", &private("eleven"))));
    peer.expect("CHATHISTORY AFTER #lobby msgid=m6 100");
    peer.page_of("#lobby", &[at(8, "m8", &lobby("eight"))]);
    peer.expect("CHATHISTORY AFTER #lobby msgid=m8 100");
    peer.page_of("#lobby", &[]);
    peer.expect("CHATHISTORY AFTER eve timestamp=2001-02-03T14:02:04.999Z 100");
    peer.page_of("eve", &[at(7, "p7", &private("seven")), at(10, "p10", &private("ten"))]);
    peer.expect("CHATHISTORY AFTER eve msgid=p10 100");
    peer.page_of("eve", &[]);
    peer.expect("CH bob 20");
    peer.send(":parlor NOTE CH END bob 0 * :End of history");
    peer.goodbye();
    let outcome = client.finish();
    let texts: Vec<_> =
        outcome.stdout.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(texts, ["five", "six", "seven", "eight", "nine", "ten", "eleven"], "{outcome:?}");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn what_was_in_a_room_before_the_login_was_not_missed() {
    let server = Server::start();
    let client = Client::ann(&server, "CH bob\n");
    let rust = |text: &str| format!(":bob!bob@parlor PRIVMSG #rust :{text}");
    let mut peer = server.accept();
    peer.negotiate();
    peer.demand_password("ann");
    assert!(peer.scram());
    peer.welcome("ann");
    peer.expect("BM");
    peer.send(":parlor NOTE BM TEXT_REQUIRED :Enter the message:");
    peer.expect("");
    peer.send(":parlor NOTE BM CANCELLED :Cancelled");
    peer.expect_baseline_request();
    peer.send(":parlor BATCH +t draft/chathistory-targets");
    peer.send("@batch=t :parlor CHATHISTORY TARGETS #rust 2001-02-03T14:02:05.000Z");
    peer.send(":parlor BATCH -t");
    peer.expect("CHATHISTORY LATEST #rust * 1");
    peer.page_of("#rust", &[at(5, "m5", &rust("old"))]);
    peer.expect("CH bob 20");
    peer.break_off();

    let mut peer = server.accept_ann_again();
    peer.targets(&["#rust"]);
    peer.targets(&["#rust"]);
    peer.expect("CHATHISTORY AFTER #rust timestamp=2001-02-03T14:02:04.999Z 100");
    peer.page_of("#rust", &[at(5, "m5", &rust("old")), at(6, "m6", &rust("new"))]);
    peer.expect("CHATHISTORY AFTER #rust msgid=m6 100");
    peer.page_of("#rust", &[]);
    peer.expect("CH bob 20");
    peer.send(":parlor NOTE CH END bob 0 * :End of history");
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.stdout, "[#rust] 2001-02-03 14:02 bob: new\n", "{outcome:?}");
}

#[test]
fn a_page_that_breaks_off_is_followed_by_a_smaller_one_and_nothing_is_fetched_twice() {
    let server = Server::start();
    let client = Client::ann(&server, "CH bob\n");
    let mut peer = server.accept_ann();
    let lobby = |text: &str| format!(":bob!bob@parlor PRIVMSG #lobby :{text}");
    peer.send(&format!("@{}", at(5, "m5", &lobby("five"))));
    peer.expect("CH bob 20");
    peer.break_off();

    let mut peer = server.accept_ann_again();
    peer.targets(&["#lobby"]);
    peer.targets(&["#lobby"]);
    peer.expect("CHATHISTORY AFTER #lobby timestamp=2001-02-03T14:02:04.999Z 100");
    peer.page_of("#lobby", &[at(6, "m6", &lobby("six"))]);
    peer.expect("CHATHISTORY AFTER #lobby msgid=m6 100");
    peer.send(":parlor BATCH +h chathistory #lobby");
    peer.send(&format!("@batch=h;{}", at(7, "m7", &lobby("seven"))));
    peer.break_off();

    let mut peer = server.accept_ann_again();
    peer.targets(&["#lobby"]);
    peer.targets(&["#lobby"]);
    peer.expect("CHATHISTORY AFTER #lobby msgid=m6 25");
    peer.page_of("#lobby", &[at(7, "m7", &lobby("seven")), at(8, "m8", &lobby("eight"))]);
    let line = peer.line();
    assert!(line.starts_with("CHATHISTORY AFTER #lobby msgid=m8 "), "{line}");
    peer.page_of("#lobby", &[]);
    peer.expect("CH bob 20");
    peer.send(":parlor NOTE CH END bob 0 * :End of history");
    peer.goodbye();
    let outcome = client.finish();
    let texts: Vec<_> =
        outcome.stdout.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(texts, ["five", "six", "seven", "eight"], "{outcome:?}");
}
