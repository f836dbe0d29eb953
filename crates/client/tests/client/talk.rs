//! Broadcasts and private messages, out and in.

use std::path::Path;

use crate::process::{Client, Computer};
use crate::server::Server;

#[test]
fn a_broadcast_is_sent_when_the_server_has_confirmed_it() {
    let server = Server::start();
    let client = Client::ann(&server, "BM\n:) hello all\nbm in one line\n");
    let mut peer = server.accept_ann();
    let first = peer.expect_message("BM ::) hello all");
    peer.confirm("m1");
    let second = peer.expect_message("BM :in one line");
    peer.confirm("m2");
    assert_ne!(first, second);
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""));
    assert_eq!(outcome.stderr.matches("* Sent to everyone.\n").count(), 2, "{outcome:?}");
    assert!(outcome.stderr.contains("Enter the message:\n"), "{outcome:?}");
}

#[test]
fn private_messages_show_who_is_online_and_tell_sent_kept_and_unknown_apart() {
    let server = Server::start();
    let client = Client::ann(&server, "PM\nbob\nhi bob\npm eve are you there\nPM nobody hi\n");
    let mut peer = server.accept_ann();
    peer.expect_message("PM bob :hi bob");
    peer.confirm("m1");
    peer.expect_message("PM eve :are you there");
    peer.keep("m2");
    peer.expect_message("PM nobody :hi");
    peer.refuse("401 ann nobody :There is no user nobody");
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(1), "one message was not sent");
    let told = outcome.stderr.lines().filter(|line| line.starts_with('*') || line.contains("bob"));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "Online: ann bob",
            "* Sent to bob.",
            "* Kept for eve, who is offline and gets it at the next login.",
            "* Not sent: There is no user nobody.",
        ]
    );
}

#[test]
fn what_arrives_is_told_with_place_time_and_author_and_does_no_harm() {
    let server = Server::start();
    let client = Client::ann(&server, "CH #rust\n");
    let mut peer = server.accept_ann();
    // The client waits now, so nothing of its own comes between.
    peer.expect_history("#rust");
    let tags = "@time=2001-02-03T14:02:05.000Z;msgid=";
    peer.send(&format!("{tags}m1 :bob!bob@parlor PRIVMSG #lobby :hello"));
    peer.send(&format!("{tags}m2 :bob!bob@parlor PRIVMSG ann :\x1b[2Jpsst"));
    peer.send(&format!("{tags}m3 :ann!ann@parlor PRIVMSG bob :from my phone"));
    peer.send(&format!("{tags}m1 :bob!bob@parlor PRIVMSG #lobby :hello"));
    peer.send(":eve!eve@parlor JOIN #lobby");
    peer.send("PING :still there");
    peer.expect("PONG :still there");
    peer.page_of("#rust", &[]);
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(
        outcome.stdout,
        "[BM] 2001-02-03 14:02 bob: hello\n\
         [PM] 2001-02-03 14:02 bob: ^[[2Jpsst\n\
         [PM] 2001-02-03 14:02 you -> bob: from my phone\n"
    );
    assert!(!outcome.stderr.contains("eve"), "a script is not told who comes: {outcome:?}");
}

#[test]
fn a_long_message_goes_in_pieces_and_each_is_confirmed() {
    let server = Server::start();
    let words = "word ".repeat(150);
    let client = Client::ann(&server, &format!("BM {words}\n"));
    let mut peer = server.accept_ann();
    let mut received = String::new();
    for piece in 1..=2 {
        let line = peer.request();
        let text = line.strip_prefix("PRIVMSG #lobby :").expect("a broadcast").to_owned();
        assert!(text.len() <= 421, "piece {piece} would not fit its line at the receivers");
        received.push_str(&text);
        received.push(' ');
        peer.answer_as("ann", &format!("m{piece}"), &format!("PRIVMSG #lobby :{text}"));
    }
    assert_eq!(received, words);
    peer.goodbye();
    let outcome = client.finish();
    assert!(outcome.stderr.contains("* Sent to everyone in 2 pieces.\n"), "{outcome:?}");
}

#[test]
fn what_the_server_could_not_store_is_not_said_to_be_sent() {
    let server = Server::start();
    let client = Client::ann(&server, "BM hello\n");
    let mut peer = server.accept_ann();
    peer.expect_message("BM :hello");
    peer.refuse("FAIL PRIVMSG STORE_FAILED :The disk is full; nothing was sent");
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains("* Not sent: The disk is full; nothing was sent.\n"),
        "{outcome:?}"
    );
    assert!(!outcome.stderr.contains("Sent to"), "{outcome:?}");
}

#[test]
fn an_operation_that_input_does_not_finish_or_that_does_not_exist_is_no_success() {
    for input in ["BM\n", "shout hello\n", "BM\n\n", "PM :\n"] {
        let server = Server::start();
        let client = Client::ann(&server, input);
        server.accept_ann().goodbye();
        let outcome = client.finish();
        assert_eq!(outcome.code, Some(1), "{input:?}: {outcome:?}");
        let told = outcome.stderr.lines().rfind(|line| line.starts_with("* "));
        assert!(told.is_some_and(|told| told.ends_with('.')), "{input:?}: {outcome:?}");
    }
}

#[test]
fn who_is_thrown_out_is_told_by_whom_and_why_and_does_not_come_back_by_itself() {
    let server = Server::start();
    let client = Client::ann(&server, "CH bob\n");
    let mut peer = server.accept_ann();
    peer.expect_history("bob");
    peer.send(":boss!boss@parlor KILL ann :enough of this");
    peer.send(":ann!ann@parlor QUIT :Killed (boss (enough of this))");
    peer.send("ERROR :Closing Link: parlor (Killed (boss (enough of this)))");
    peer.expect_end();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let told = "chatclient: boss has removed you from the server: enough of this\n";
    assert!(outcome.stderr.contains(told), "{outcome:?}");
}

#[test]
fn a_room_is_spoken_in_and_left() {
    let server = Server::start();
    let client = Client::ann(&server, "PM #rust hi\nPART #rust\nPART #lobby\nPM #tea hi\n");
    let mut peer = server.accept_ann();
    peer.expect_message("PM #rust :hi");
    peer.confirm("m1");
    peer.expect("PART #rust");
    peer.send(":ann!ann@parlor PART #rust");
    peer.expect("PART #lobby");
    peer.send(":parlor 400 ann PART #lobby :It cannot be left");
    peer.expect_message("PM #tea :hi");
    peer.refuse("404 ann #tea :Join it first");
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(1), "two operations were not done");
    let told: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with('*')).collect();
    let expected = [
        "* Sent to #rust.",
        "* You left #rust.",
        "* Cannot leave: It cannot be left.",
        "* Not sent: Join it first.",
    ];
    assert_eq!(told, expected);
}

#[test]
fn redactions_are_shown() {
    let server = Server::start();
    let client = Client::ann(&server, "CH bob\n");
    let mut peer = server.accept_ann();
    peer.expect_history("bob");
    let tags = "@time=2001-02-03T14:02:05.000Z;msgid=";
    peer.send(&format!("{tags}m1 :bob!bob@parlor PRIVMSG #lobby :\x02oops\x02"));
    peer.send(":bob!bob@parlor REDACT #lobby m1 :typo");
    let mine = format!("{}m3 :ann!ann@parlor PRIVMSG bob :\tfrom me", &tags[1..]);
    peer.page_of("bob", &[mine]);
    peer.expect_request("CHATHISTORY BEFORE bob msgid=m3 50");
    peer.page_of("bob", &[]);
    peer.goodbye();
    assert_eq!(
        client.finish().stdout,
        "[BM] 2001-02-03 14:02 bob: oops\n\
         [BM] 2001-02-03 14:02 bob: (taken back)\n\
         [PM] 2001-02-03 14:02 ann -> bob: \tfrom me\n"
    );
}

#[test]
fn times_are_those_of_the_zone_that_is_named() {
    if !Path::new("/usr/share/zoneinfo/Europe/Berlin").exists() {
        // A system that knows no zones cannot tell their times.
        return;
    }
    let server = Server::start();
    let computer = Computer::that_knows(&server);
    let mut command = computer.chatclient();
    command.args(["localhost", &server.port.to_string(), "-u", "ann"]);
    // With summer time.
    command.env("TZ", "Europe/Berlin");
    let client = Client::run(command, "secret\nCH #rust\n");
    let mut peer = server.accept_ann();
    peer.expect_history("#rust");
    for month in ["01", "07"] {
        let time = format!("2001-{month}-03T14:02:05.000Z");
        peer.send(&format!("@time={time} :bob!bob@parlor PRIVMSG ann :hello"));
    }
    peer.page_of("#rust", &[]);
    peer.goodbye();
    let hello = ["01-03 15:02", "07-03 16:02"].map(|time| format!("[PM] 2001-{time} bob: hello\n"));
    assert_eq!(client.finish().stdout, hello.concat());
}

#[test]
fn a_refused_piece_of_a_long_message_holds_the_rest_back() {
    let server = Server::start();
    let words = "word ".repeat(250);
    let client = Client::ann(&server, &format!("BM {words}\nBM next\n"));
    let mut peer = server.accept_ann();
    let text = peer.request();
    peer.answer_as("ann", "m1", &text);
    assert!(peer.request().starts_with("PRIVMSG #lobby :word"));
    peer.answer("404 ann #lobby :You may not speak");
    peer.expect_message("BM :next");
    peer.confirm("m2");
    peer.goodbye();
    let outcome = client.finish();
    let told = "* Not sent from piece 2 of 3 on: You may not speak.\n";
    assert!(outcome.stderr.contains(told), "{outcome:?}");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
}
