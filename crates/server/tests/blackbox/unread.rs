//! What is new to somebody who logs in: since when they were last here, however they left.

use crate::support::{Client, Server};

/// Says something, and waits until it is stored.
fn say(client: &mut Client, text: &str) {
    client.send(&format!("BM :{text}"));
    client.until(":parlor NOTE BM SENT *");
}

/// What somebody who logs in is told to be new, if anything.
fn greeted(server: &Server, name: &str) -> (Client, Option<String>) {
    let mut client = server.connect(name);
    client.log_in_only(name);
    let lines = client.until_answered();
    let told = lines.into_iter().find(|line| line.contains(" NOTE LOGIN UNREAD "));
    (client, told.map(|line| line.rsplit(" :").next().expect("a sentence").to_owned()))
}

/// The same, by somebody who leaves at once.
fn new_messages(server: &Server, name: &str) -> String {
    let (mut client, told) = greeted(server, name);
    client.send("EX");
    client.until_closed();
    let told = told.unwrap_or_else(|| "nothing".to_owned());
    told.split(" since ").next().expect("it has a beginning").to_owned()
}

#[test]
fn after_a_stop_unread_counts_from_ones_last_line() {
    let mut server = Server::start("");
    let (mut ann, mut bob) = (server.log_in("ann"), server.log_in("bob"));
    say(&mut bob, "one");
    ann.until_answered();
    say(&mut bob, "two");
    assert!(server.terminate().0.success());
    server.restart();
    assert_eq!(new_messages(&server, "ann"), "1 new in #lobby");
    assert_eq!(new_messages(&server, "ann"), "nothing");
}

/// Nobody knows what a connection has shown before a kill: all since the login counts, so that nothing
/// is left out.
#[test]
fn after_a_kill_unread_counts_from_the_login() {
    let mut server = Server::start("");
    let (mut ann, mut bob) = (server.log_in("ann"), server.log_in("bob"));
    say(&mut bob, "one");
    ann.send("EX");
    ann.until_closed();
    bob.until(":ann!* QUIT *");
    say(&mut bob, "two");
    let (mut ann, told) = greeted(&server, "ann");
    assert!(told.expect("there is something").starts_with("1 new in #lobby since "));
    say(&mut bob, "three");
    ann.until_answered();
    say(&mut bob, "four");
    server.restart();
    assert_eq!(new_messages(&server, "ann"), "2 new in #lobby");
    // And a connection that has ended is known, whatever comes of the server.
    assert_eq!(new_messages(&server, "ann"), "nothing");
    say(&mut server.log_in("bob"), "five");
    server.restart();
    assert_eq!(new_messages(&server, "ann"), "1 new in #lobby");
}

/// A connection may have been dead for a while when it is noticed, or end without a word.
#[test]
fn presence_counts_to_the_last_line_of_a_broken_connection_or_the_end_of_a_closed_one() {
    let server = Server::start("limits.ping_seconds = 2");
    let (ann, mut bob) = (server.log_in("ann"), server.log_in("bob"));
    say(&mut bob, "one");
    while !bob.next().expect("the server lives").contains(":ann!ann@parlor QUIT :Ping timeout") {
        bob.send("PONG :x");
    }
    assert_eq!(new_messages(&server, "ann"), "1 new in #lobby");
    drop(ann);

    let mut cid = server.log_in("cid");
    say(&mut bob, "two");
    cid.until(":bob!* PRIVMSG #lobby :two");
    cid.end_input();
    cid.until_closed();
    bob.until(":cid!* QUIT *");
    assert_eq!(new_messages(&server, "cid"), "nothing");
}

#[test]
fn leaving_one_device_keeps_the_user_present_on_another() {
    let server = Server::start("");
    let (mut laptop, mut phone, mut bob) =
        (server.log_in("ann"), server.log_in("ann"), server.log_in("bob"));
    say(&mut bob, "one");
    laptop.until_answered();
    phone.until_answered();
    phone.send("EX");
    phone.until_closed();
    say(&mut bob, "two");
    assert_eq!(new_messages(&server, "ann"), "1 new in #lobby");
    laptop.until_answered();
    assert_eq!(new_messages(&server, "ann"), "nothing");
    laptop.send("EX");
    laptop.until_closed();
    bob.until(":ann!* QUIT *");
    say(&mut bob, "three");
    assert_eq!(new_messages(&server, "ann"), "1 new in #lobby");
}

/// A bouncer that has said so shows nothing to anybody.
#[test]
fn an_unattended_connection_does_not_count_as_presence() {
    let server = Server::start("");
    let (mut ann, mut bob) = (server.log_in("ann"), server.log_in("bob"));
    ann.send("EX");
    ann.until_closed();
    bob.until(":ann!* QUIT *");
    say(&mut bob, "one");
    let mut bouncer = server.connect("ann");
    bouncer.request_only("draft/pre-away");
    bouncer.send("AWAY *");
    bouncer.send("CAP END");
    bouncer.log_in("ann");
    let (mut ann, told) = greeted(&server, "ann");
    assert!(told.expect("there is something").starts_with("1 new in #lobby since "));
    ann.send("EX");
    ann.until_closed();
    say(&mut bob, "two");
    bouncer.until_answered();
    bouncer.send("EX");
    bouncer.until_closed();
    bob.until(":ann!* QUIT *");
    assert_eq!(new_messages(&server, "ann"), "1 new in #lobby");

    // Somebody was there, and says that they leave.
    let mut phone = server.connect("ann");
    phone.request("draft/pre-away");
    phone.log_in("ann");
    phone.send("AWAY *");
    phone.until(":parlor 306 *");
    say(&mut bob, "three");
    phone.send("EX");
    phone.until_closed();
    bob.until(":ann!* QUIT *");
    assert_eq!(new_messages(&server, "ann"), "1 new in #lobby");
}

#[test]
fn notify_settings_reach_all_devices_and_survive_a_kill() {
    let mut server = Server::start("");
    let (mut laptop, mut phone) = (server.log_in("ann"), server.connect("ann"));
    let _bob = server.log_in("bob");
    phone.request("parlor/unread");
    phone.log_in("ann");
    for (line, told) in [
        ("NOTIFY #lobby follow", ":parlor NOTIFY #lobby follow"),
        ("NOTIFY bob mute", ":parlor NOTIFY bob mute"),
        ("NOTIFY #lobby mute", ":parlor NOTIFY #lobby mute"),
        ("NOTIFY bob default", ":parlor NOTIFY bob default"),
    ] {
        laptop.send(line);
        laptop.until(":parlor NOTE NOTIFY SET *");
        phone.until(told);
    }
    server.restart();
    let mut laptop = server.log_in("ann");
    laptop.send("NOTIFY");
    laptop.expect(":parlor NOTE NOTIFY ENTRY #lobby mute :*");
    laptop.expect(":parlor NOTE NOTIFY END 1 :*");
}
