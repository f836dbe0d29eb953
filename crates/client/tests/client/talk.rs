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
    peer.send(":parlor NOTE BM SENT m1 :Sent");
    let second = peer.expect_message("BM :in one line");
    peer.send(":parlor NOTE BM SENT m2 :Sent");
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
    peer.expect("PM");
    peer.send(":parlor NOTE PM ONLINE 2 :ann bob");
    peer.send(":parlor NOTE PM USER_REQUIRED :Enter the user:");
    peer.expect("");
    peer.send(":parlor NOTE PM CANCELLED :Cancelled");
    peer.expect_message("PM bob :hi bob");
    peer.send(":parlor NOTE PM SENT bob m1 :Sent");
    peer.expect_message("PM eve :are you there");
    peer.send(":parlor NOTE PM STORED eve m2 :Stored");
    peer.expect_message("PM nobody :hi");
    peer.send(":parlor FAIL PM NO_SUCH_USER nobody :Nobody has that name");
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
            "* Not sent: there is no user nobody.",
        ]
    );
}

#[test]
fn what_arrives_is_told_with_place_time_and_author_and_does_no_harm() {
    let server = Server::start();
    let client = Client::ann(&server, "CH bob\n");
    let mut peer = server.accept_ann();
    // The client waits now, so nothing of its own comes between.
    peer.expect("CH bob 20");
    let tags = "@time=2001-02-03T14:02:05.000Z;msgid=";
    peer.send(&format!("{tags}m1 :bob!bob@parlor PRIVMSG #lobby :hello"));
    peer.send(&format!("{tags}m2 :bob!bob@parlor PRIVMSG ann :\x1b[2Jpsst"));
    peer.send(&format!("{tags}m3 :ann!ann@parlor PRIVMSG bob :from my phone"));
    peer.send(&format!("{tags}m1 :bob!bob@parlor PRIVMSG #lobby :hello"));
    peer.send(":eve!eve@parlor JOIN #lobby");
    peer.send("PING :still there");
    peer.expect("PONG :still there");
    peer.send(":parlor NOTE CH END bob 0 * :End of history");
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
        let line = peer.line();
        let text = line.split_once(" BM :").expect("a broadcast").1;
        assert!(text.len() <= 421, "piece {piece} would not fit its line at the receivers");
        received.push_str(text);
        received.push(' ');
        peer.send(&format!(":parlor NOTE BM SENT m{piece} :Sent"));
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
    peer.send(":parlor FAIL BM STORE_FAILED :The disk is full; nothing was sent");
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
    peer.expect("CH bob 20");
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
    peer.send(":parlor NOTE PM SENT #rust m1 :On its way to #rust");
    peer.expect("PART #rust");
    peer.send(":ann!ann@parlor PART #rust");
    peer.expect("PART #lobby");
    peer.send(":parlor 400 ann PART #lobby :It cannot be left");
    peer.expect_message("PM #tea :hi");
    peer.send(":parlor FAIL PM CANNOT_SEND #tea :Join it first");
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
fn what_is_taken_back_is_told_and_what_clients_ask_each_other() {
    let server = Server::start();
    let client = Client::ann(&server, "CH bob\n");
    let mut peer = server.accept();
    peer.expect("CAP LS 302");
    let all = "message-tags server-time batch standard-replies account-tag draft/chathistory sasl";
    let offer = all.replace("sasl", "sasl=SCRAM-SHA-256 draft/message-redaction");
    peer.send(&format!(":parlor CAP * LS :{offer}"));
    peer.expect(&format!("CAP REQ :{all} draft/message-redaction"));
    peer.send(&format!(":parlor CAP * ACK :{all} draft/message-redaction"));
    peer.demand_password("ann");
    peer.let_ann_in();
    peer.expect("CH bob 20");
    let tags = "@time=2001-02-03T14:02:05.000Z;msgid=";
    peer.send(&format!("{tags}m1 :bob!bob@parlor PRIVMSG #lobby :\x02oops\x02"));
    peer.send(":bob!bob@parlor REDACT #lobby m1 :typo");
    peer.send(&format!("{tags}m2 :bob!bob@parlor PRIVMSG ann :\x01VERSION\x01"));
    peer.send("BATCH +h chathistory bob");
    peer.send(&format!("{tags}m3;batch=h :ann!ann@parlor PRIVMSG bob :\tfrom me"));
    peer.send("BATCH -h");
    peer.send(":parlor NOTE CH END bob 1 m3 :End of history");
    peer.goodbye();
    assert_eq!(
        client.finish().stdout,
        "[BM] 2001-02-03 14:02 bob: oops\n\
         [BM] 2001-02-03 14:02 bob: (taken back)\n\
         [PM] 2001-02-03 14:02 * bob sends a CTCP VERSION\n\
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
    let client = Client::run(command, "secret\nCH bob\n");
    let mut peer = server.accept_ann();
    peer.expect("CH bob 20");
    for month in ["01", "07"] {
        let time = format!("2001-{month}-03T14:02:05.000Z");
        peer.send(&format!("@time={time} :bob!bob@parlor PRIVMSG ann :hello"));
    }
    peer.send(":parlor NOTE CH END bob 0 * :End of history");
    peer.goodbye();
    let hello = ["01-03 15:02", "07-03 16:02"].map(|time| format!("[PM] 2001-{time} bob: hello\n"));
    assert_eq!(client.finish().stdout, hello.concat());
}
