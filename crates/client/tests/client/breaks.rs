//! Broken connections: nothing lost, nothing doubled.

use std::process::Command;

use crate::process::{Client, Computer};
use crate::scripts::Running;
use crate::server::{Peer, Server};

const TAGS: &str = "time=2001-02-03T14:02:05.000Z;msgid=";

impl Peer {
    /// Answers that no conversation has new messages, if the client knows of any time.
    pub(crate) fn nothing_missed(&mut self) {
        self.targets(&[]);
    }

    fn targets(&mut self, names: &[&str]) {
        let asked = self.request();
        assert!(asked.starts_with("CHATHISTORY TARGETS timestamp=9999-12-31T"), "{asked}");
        let target =
            |name: &&str| format!("x :parlor CHATHISTORY TARGETS {name} 2001-02-03T14:02:05.000Z");
        let targets: Vec<String> = names.iter().map(target).collect();
        self.answer_batch("draft/chathistory-targets", &targets);
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
    peer.confirm_again("#lobby", "m1");
    peer.nothing_missed();
    assert_ne!(peer.expect_message("BM :two"), id);
    peer.confirm("m2");
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
    peer.expect_history("bob");
    peer.break_off();

    let mut peer = server.accept_ann_again();
    // Live, while the client catches up; and a message that was kept for it.
    peer.send(&format!("@{TAGS}m5 :bob!bob@parlor PRIVMSG #lobby :five"));
    peer.send(&format!("@{TAGS}p1 :eve!eve@parlor PRIVMSG ann :private one"));
    peer.targets(&["#lobby", "eve"]);
    peer.expect_request("CHATHISTORY AFTER #lobby msgid=m1 50");
    let lobby = |text: &str| format!(":bob!bob@parlor PRIVMSG #lobby :{text}");
    peer.page("#lobby", &[("m2", &lobby("two")), ("m3", &lobby("three"))]);
    peer.expect_request("CHATHISTORY AFTER #lobby msgid=m3 50");
    let mine = ":ann!ann@parlor PRIVMSG #lobby :from my phone";
    peer.page("#lobby", &[("m4", mine), ("m5", &lobby("five"))]);
    peer.expect_request("CHATHISTORY AFTER eve timestamp=2001-02-03T14:02:04.999Z 50");
    peer.page("eve", &[("p1", ":eve!eve@parlor PRIVMSG ann :private one")]);

    peer.expect_history("bob");
    peer.page_of("bob", &[]);
    peer.expect_message("BM :last");
    peer.confirm("m6");
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
    peer.confirm_again("bob", "m1");
    peer.targets(&["bob"]);
    peer.expect_request("CHATHISTORY AFTER bob timestamp=2001-02-03T14:02:00.999Z 50");
    peer.page("bob", &[("m1", ":ann!ann@parlor PRIVMSG bob :hi")]);
    peer.expect_request("CHATHISTORY AFTER bob msgid=m1 50");
    peer.page("bob", &[]);
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!((outcome.stdout.as_str(), outcome.code), ("", Some(0)), "{outcome:?}");
}

#[test]
fn a_server_that_stops_is_told_of_once() {
    let server = Server::start();
    let client = Client::ann(&server, "CH bob\n");
    let mut peer = server.accept_ann();
    peer.expect_history("bob");
    peer.send(":parlor NOTICE ann :The server is stopping; everything you were told is stored");
    peer.send("ERROR :The server is stopping");
    let mut peer = server.accept_ann_again();
    peer.nothing_missed();
    peer.expect_history("bob");
    peer.send("ERROR :Too slow");
    let mut peer = server.accept_ann_again();
    peer.nothing_missed();
    peer.expect_history("bob");
    peer.page_of("bob", &[]);
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
    peer.does_not_know("ann");
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

#[test]
fn what_was_missed_and_what_came_live_is_shown_in_the_order_of_time() {
    let server = Server::start();
    let client = Client::ann(&server, "CH bob\n");
    let mut peer = server.accept_ann();
    let lobby = |text: &str| format!(":bob!bob@parlor PRIVMSG #lobby :{text}");
    let private = |text: &str| format!(":eve!eve@parlor PRIVMSG ann :{text}");
    peer.send(&format!("@{}", at(5, "m5", &lobby("five"))));
    peer.expect_history("bob");
    peer.break_off();

    let mut peer = server.accept_ann_again();
    peer.send(&format!("@{}", at(9, "m9", &lobby("nine"))));
    peer.targets(&["#lobby", "eve"]);
    peer.expect_request("CHATHISTORY AFTER #lobby msgid=m5 50");
    peer.page_of("#lobby", &[at(6, "m6", &lobby("six"))]);
    // Live, too, and so late that its page does not have it.
    peer.send(&format!("@{}", at(11, "p11", &private("eleven"))));
    peer.expect_request("CHATHISTORY AFTER #lobby msgid=m6 50");
    peer.page_of("#lobby", &[at(8, "m8", &lobby("eight"))]);
    peer.expect_request("CHATHISTORY AFTER #lobby msgid=m8 50");
    peer.page_of("#lobby", &[]);
    peer.expect_request("CHATHISTORY AFTER eve timestamp=2001-02-03T14:02:04.999Z 50");
    peer.page_of("eve", &[at(7, "p7", &private("seven")), at(10, "p10", &private("ten"))]);
    peer.expect_request("CHATHISTORY AFTER eve msgid=p10 50");
    peer.page_of("eve", &[]);
    peer.expect_history("bob");
    peer.page_of("bob", &[]);
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
    let mut peer = server.accept_ann();
    // The server's time at the login is that of what comes with it.
    peer.send("@time=2001-02-03T14:02:05.000Z :ann!ann@parlor JOIN #rust");
    peer.expect_history("bob");
    peer.break_off();

    let mut peer = server.accept_ann_again();
    peer.targets(&["#rust"]);
    peer.expect_request("CHATHISTORY AFTER #rust timestamp=2001-02-03T14:02:04.999Z 50");
    peer.page_of("#rust", &[at(6, "m6", &rust("new"))]);
    peer.expect_request("CHATHISTORY AFTER #rust msgid=m6 50");
    peer.page_of("#rust", &[]);
    peer.expect_history("bob");
    peer.page_of("bob", &[]);
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.stdout, "[#rust] 2001-02-03 14:02 bob: new\n", "{outcome:?}");
}

#[test]
fn a_page_that_breaks_off_is_asked_for_again_and_nothing_is_fetched_twice() {
    let server = Server::start();
    let client = Client::ann(&server, "CH bob\n");
    let mut peer = server.accept_ann();
    let lobby = |text: &str| format!(":bob!bob@parlor PRIVMSG #lobby :{text}");
    peer.send(&format!("@{}", at(5, "m5", &lobby("five"))));
    peer.expect_history("bob");
    peer.break_off();

    let mut peer = server.accept_ann_again();
    peer.targets(&["#lobby"]);
    peer.expect_request("CHATHISTORY AFTER #lobby msgid=m5 50");
    peer.page_of("#lobby", &[at(6, "m6", &lobby("six"))]);
    peer.expect_request("CHATHISTORY AFTER #lobby msgid=m6 50");
    peer.answer("BATCH +h chathistory #lobby");
    peer.send(&format!("@batch=h;{}", at(7, "m7", &lobby("seven"))));
    peer.break_off();

    let mut peer = server.accept_ann_again();
    peer.expect_request("CHATHISTORY AFTER #lobby msgid=m6 50");
    peer.page_of("#lobby", &[at(7, "m7", &lobby("seven")), at(8, "m8", &lobby("eight"))]);
    peer.expect_request("CHATHISTORY AFTER #lobby msgid=m8 50");
    peer.page_of("#lobby", &[]);
    // After another break something may be missing elsewhere.
    peer.targets(&[]);
    peer.expect_history("bob");
    peer.page_of("bob", &[]);
    peer.goodbye();
    let outcome = client.finish();
    let texts: Vec<_> =
        outcome.stdout.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(texts, ["five", "six", "seven", "eight"], "{outcome:?}");
}

#[test]
fn fetching_ends_at_pages_that_lead_nowhere_and_that_is_reported() {
    let server = Server::start();
    let client = Client::ann(&server, "CH #lobby 9\nCH bob\n");
    let mut peer = server.accept_ann();
    let lobby = |text: &str| format!(":bob!bob@parlor PRIVMSG #lobby :{text}");
    peer.send(&format!("@{}", at(5, "m5", &lobby("five"))));
    peer.expect_history("#lobby");
    peer.page("#lobby", &[("m5", &lobby("five"))]);
    peer.expect_request("CHATHISTORY BEFORE #lobby msgid=m5 50");
    peer.page("#lobby", &[("m5", &lobby("five"))]);
    peer.expect_history("bob");
    peer.break_off();
    let mut peer = server.accept_ann_again();
    peer.targets(&["#lobby"]);
    peer.expect_request("CHATHISTORY AFTER #lobby msgid=m5 50");
    peer.page("#lobby", &[("m5", &lobby("five"))]);
    peer.expect_history("bob");
    peer.page_of("bob", &[]);
    peer.goodbye();
    let outcome = client.finish();
    for told in [
        "* Not all can be shown: the server's pages of history do not end.\n",
        "* Of #lobby not all can be shown: the server's pages of history do not end.\n",
    ] {
        assert!(outcome.stderr.contains(told), "{outcome:?}");
    }
}

fn tail_of_bob(computer: &Computer, server: &Server) -> Command {
    let mut command = computer.script(server);
    command.args(["tail", "--follow", "bob", "--json"]);
    command
}

/// The next line has this message.
fn has(tail: &Running, msgid: &str) {
    let line = tail.line();
    assert!(line.contains(&format!("\"msgid\":\"{msgid}\"")), "{msgid}: {line}");
}

#[test]
fn tail_asks_again_for_what_the_server_has_put_off() {
    let server = Server::start();
    let computer = Computer::that_knows(&server);
    let tail = Running::start(tail_of_bob(&computer, &server));
    let private = |text: &str| format!(":bob!bob@parlor PRIVMSG ann :{text}");
    let mut peer = server.accept_ann();
    peer.expect_history("bob");
    peer.page_of("bob", &[at(5, "p1", &private("one"))]);
    has(&tail, "p1");
    peer.break_off();

    let mut peer = server.accept_ann_again();
    peer.send(&format!("@{}", at(8, "p4", &private("four"))));
    for _ in 0..2 {
        peer.expect_request("CHATHISTORY AFTER bob msgid=p1 50");
        peer.answer("FAIL CHATHISTORY RATE_LIMITED 1 :You asked the server for too much");
    }
    peer.expect_request("CHATHISTORY AFTER bob msgid=p1 50");
    peer.page_of("bob", &[at(6, "p2", &private("two")), at(7, "p3", &private("three"))]);
    peer.expect_request("CHATHISTORY AFTER bob msgid=p3 50");
    peer.page_of("bob", &[]);
    for msgid in ["p2", "p3", "p4"] {
        has(&tail, msgid);
    }
}

#[test]
#[ignore = "takes four minutes: the pauses before attempts grow"]
fn tail_does_not_give_up_as_long_as_it_is_let_in_again() {
    let server = Server::start();
    let computer = Computer::that_knows(&server);
    let tail = Running::start(tail_of_bob(&computer, &server));
    let message = |number: u32| {
        at(5 + number, &format!("p{number}"), ":bob!bob@parlor PRIVMSG ann :still here")
    };
    let mut peer = server.accept_ann();
    peer.expect_history("bob");
    peer.page_of("bob", &[message(0)]);
    has(&tail, "p0");
    for number in 1..=12 {
        peer.break_off();
        peer = server.accept_ann_again();
        peer.expect_request(&format!("CHATHISTORY AFTER bob msgid=p{} 50", number - 1));
        peer.page_of("bob", &[message(number)]);
        peer.expect_request(&format!("CHATHISTORY AFTER bob msgid=p{number} 50"));
        peer.page_of("bob", &[]);
        has(&tail, &format!("p{number}"));
    }
}

#[test]
#[ignore = "takes four minutes: the pauses before attempts grow"]
fn a_script_that_waits_for_its_next_operation_does_not_give_up_either() {
    let server = Server::start();
    let computer = Computer::that_knows(&server);
    let client = Running::start(computer.script(&server));
    let mut peer = server.accept_ann();
    for number in 0..12 {
        let text = format!("still here {number}");
        peer.send(&format!("@{TAGS}m{number} :bob!bob@parlor PRIVMSG #lobby :{text}"));
        let line = client.line();
        assert!(line.ends_with(&text), "{line}");
        peer.break_off();
        peer = server.accept_ann_again();
        peer.nothing_missed();
    }
}

#[test]
fn tail_tells_that_there_may_be_more_conversations_than_the_server_names() {
    let server = Server::start();
    let computer = Computer::that_knows(&server);
    let mut command = computer.script(&server);
    command.args(["tail", "--follow"]);
    let tail = Client::run_on(computer, command, "");
    let mut peer = server.accept_ann();
    peer.expect_history("#lobby");
    peer.page_of("#lobby", &[]);
    peer.send("PING :so far");
    peer.expect("PONG :so far");
    peer.break_off();

    let mut peer = server.accept_ann_again();
    peer.expect_request("CHATHISTORY AFTER #lobby timestamp=2001-02-03T14:02:00.999Z 50");
    let names: Vec<String> = (0..50).map(|number| format!("friend{number}")).collect();
    peer.targets(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for name in &names {
        let since = "timestamp=2001-02-03T14:02:00.999Z 50";
        peer.expect_request(&format!("CHATHISTORY AFTER {name} {since}"));
    }
    tail.signal("TERM");
    let outcome = tail.finish();
    assert!(outcome.stderr.contains("More may have been missed"), "{outcome:?}");
}

#[test]
fn tail_has_what_was_said_during_a_break_where_nothing_was_said_before() {
    let server = Server::start();
    let computer = Computer::that_knows(&server);
    let tail = Running::start(tail_of_bob(&computer, &server));
    let mut peer = server.accept_ann();
    peer.expect_history("bob");
    peer.page_of("bob", &[]);
    // All before has been taken in.
    peer.send("PING :so far");
    peer.expect("PONG :so far");
    peer.break_off();

    let mut peer = server.accept_ann_again();
    peer.expect_request("CHATHISTORY AFTER bob timestamp=2001-02-03T14:02:00.999Z 50");
    let private = |text: &str| format!(":bob!bob@parlor PRIVMSG ann :{text}");
    // Live, and later than the page.
    peer.send(&format!("@{}", at(7, "p2", &private("two"))));
    peer.page_of("bob", &[at(6, "p1", &private("one"))]);
    peer.expect_request("CHATHISTORY AFTER bob msgid=p1 50");
    peer.page_of("bob", &[]);
    has(&tail, "p1");
    has(&tail, "p2");
}
