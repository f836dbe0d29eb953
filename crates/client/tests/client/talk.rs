//! Broadcasts and private messages, out and in.

use crate::process::Client;
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
    assert_eq!(outcome.stderr.matches("* Sent to everybody.\n").count(), 2, "{outcome:?}");
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
    assert!(outcome.stderr.contains("* Sent to everybody in 2 pieces.\n"), "{outcome:?}");
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
