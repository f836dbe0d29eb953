//! One person on several devices, and messages for those who are away.

use crate::support::{Captures, Server, matches};

#[test]
fn each_device_sees_everything_own_messages_included() {
    let server = Server::start("");
    let (mut laptop, mut phone, mut bob) =
        (server.log_in("ann"), server.log_in("ann"), server.log_in("bob"));
    for device in [&mut laptop, &mut phone] {
        device.until(":bob!* JOIN #lobby");
    }
    laptop.send("BM :from the laptop");
    laptop.expect(":parlor NOTE BM SENT * :*");
    phone.expect(":ann!ann@parlor PRIVMSG #lobby :from the laptop");
    phone.send("PM bob :from the phone");
    phone.expect(":parlor NOTE PM SENT bob * :*");
    laptop.expect(":ann!ann@parlor PRIVMSG bob :from the phone");
    bob.until(":ann!ann@parlor PRIVMSG bob :from the phone");
    bob.send("PM ann :to both");
    bob.expect(":parlor NOTE PM SENT ann * :*");
    for device in [&mut laptop, &mut phone] {
        device.expect(":bob!bob@parlor PRIVMSG ann :to both");
        device.expect_quiet();
    }
}

#[test]
fn a_room_joined_on_one_device_is_joined_on_all() {
    let server = Server::start("");
    let (mut laptop, mut phone) = (server.log_in("ann"), server.log_in("ann"));
    laptop.send("JOIN #garden");
    laptop.until(":parlor 366 ann #garden :*");
    phone.expect(":ann!ann@parlor JOIN *#garden");
    phone.until_answered();
    phone.send("PRIVMSG #garden :roses");
    laptop.expect(":ann!ann@parlor PRIVMSG #garden :roses");
    phone.send("PART #garden");
    phone.expect(":ann!ann@parlor PART *#garden");
    laptop.expect(":ann!ann@parlor PART *#garden");
}

#[test]
fn others_see_a_user_join_and_leave_once_whatever_the_devices() {
    let server = Server::start("");
    let mut bob = server.log_in("bob");
    let mut laptop = server.log_in("ann");
    bob.expect(":ann!ann@parlor JOIN #lobby");
    let mut phone = server.log_in("ann");
    bob.expect_quiet();
    laptop.send("EX");
    laptop.until_closed();
    bob.expect_quiet();
    phone.send("EX");
    phone.until_closed();
    bob.expect(":ann!ann@parlor QUIT :*");
    bob.expect_quiet();
}

/// Also when the server was killed between the sending and the login, and only once.
#[test]
fn an_offline_message_arrives_at_the_next_login_with_its_original_time() {
    for killed in [false, true] {
        let mut server = Server::start("");
        let mut bob = server.log_in("bob");
        bob.send("EX");
        bob.until_closed();
        let mut ann = server.connect("ann");
        ann.request("server-time message-tags echo-message");
        ann.log_in("ann");
        ann.send("PRIVMSG bob :for later");
        let mut sent = Captures::new();
        let echo = ann.expect("@* :ann!ann@parlor PRIVMSG bob :for later");
        for key in ["time", "msgid"] {
            sent.insert(key.to_owned(), tag(&echo, key));
        }
        if killed {
            server.restart();
        }
        let mut bob = server.connect("bob");
        bob.request("server-time message-tags");
        bob.log_in_only("bob");
        let mut line = bob.until("*PRIVMSG bob :for later");
        assert_eq!(tag(&line, "time"), sent["time"]);
        assert_eq!(tag(&line, "msgid"), sent["msgid"]);
        bob.expect(":parlor NOTE LOGIN UNREAD bob 1 0 :1 new from ann since *");
        bob.expect_quiet();
        let mut again = server.connect("bob");
        again.log_in_only("bob");
        line = again.until_answered().join("\n");
        assert!(!line.contains("for later"), "it came twice: {line}");
    }
}

fn tag(line: &str, key: &str) -> String {
    let tags =
        line.strip_prefix('@').and_then(|line| line.split(' ').next()).expect("a line with tags");
    let value = tags.split(';').find_map(|tag| tag.strip_prefix(&format!("{key}=")));
    value.unwrap_or_else(|| panic!("no {key} in {line}")).to_owned()
}

#[test]
fn an_offline_message_shows_its_time_even_without_server_time() {
    let server = Server::start("");
    let mut bob = server.log_in("bob");
    bob.send("EX");
    bob.until_closed();
    let mut ann = server.log_in("ann");
    ann.send("PM bob :for later");
    ann.expect(":parlor NOTE PM STORED bob * :*");
    let mut bob = server.connect("bob");
    bob.log_in_only("bob");
    bob.until(":ann!ann@parlor PRIVMSG bob :[20*-*-* *:*:*] for later");
}

/// A login shows a thousand, the next one goes on where it ended, and nothing is lost or shown twice.
#[test]
fn many_offline_messages_arrive_over_several_logins() {
    let server = Server::start("");
    let mut bob = server.log_in("bob");
    bob.send("EX");
    bob.until_closed();
    // Of one sender only so many are kept, and of many only few each.
    let senders: Vec<(String, usize)> =
        (0..13).map(|n| (format!("sender{n}"), if n < 3 { 300 } else { 20 })).collect();
    let mut by = Vec::new();
    for (sender, count) in &senders {
        let mut client = server.log_in(sender);
        for _ in 0..*count {
            client.send(&format!("PM bob :{}", by.len()));
            by.push(sender);
        }
        for _ in 0..*count {
            client.until(":parlor NOTE PM STORED bob * :*");
        }
    }
    assert_eq!(by.len(), 1100);
    for (login, numbers) in [0..1000, 1000..1100, 0..0].into_iter().enumerate() {
        let mut bob = server.connect("bob");
        bob.request("server-time");
        bob.log_in_only("bob");
        bob.expect("*:bob!bob@parlor JOIN #lobby");
        bob.expect("*NOTE LOGIN LAST_LOGIN bob *");
        for number in numbers {
            let sender = by[number];
            bob.expect(&format!("@*:{sender}!{sender}@parlor PRIVMSG bob :{number}"));
        }
        if login == 0 {
            bob.expect(":parlor NOTE LOGIN UNREAD bob 1100 0 :300 new from sender0 since *");
        }
        bob.expect_quiet();
        bob.send("EX");
        bob.until_closed();
    }
}

/// The same id is answered with the first msgid and delivered to nobody, also from another device and after a restart.
#[test]
fn a_message_sent_again_is_stored_and_delivered_once() {
    let mut server = Server::start("");
    let mut captures = Captures::new();
    for restarted in [false, true] {
        if restarted {
            server.restart();
        }
        let mut bob = server.log_in("bob");
        let mut ann = server.connect("ann");
        ann.request("message-tags");
        ann.log_in("ann");
        bob.until(":ann!* JOIN #lobby");
        for _ in 0..2 {
            ann.send("@+parlor/resend=4711 BM :once");
            ann.expect_with("*:parlor NOTE BM SENT {bm} :*", &mut captures);
            ann.send("@+parlor/resend=4712 PM bob :once, too");
            ann.expect_with("*:parlor NOTE PM SENT bob {pm} :*", &mut captures);
        }
        if !restarted {
            bob.expect(":ann!ann@parlor PRIVMSG #lobby :once");
            bob.expect(":ann!ann@parlor PRIVMSG bob :once, too");
        }
        bob.expect_quiet();
    }
    let mut bob = server.log_in("bob");
    bob.send("CH");
    bob.until(":ann!ann@parlor PRIVMSG #lobby :*once");
    bob.expect(":ann!ann@parlor PRIVMSG bob :*once, too");
    let end = bob.expect(":parlor NOTE CH END * 2 *");
    assert!(matches("*END * 2 {bm} :*", &end, &mut captures), "{end}");
}

/// An id belongs to its account: somebody else's equal one is another message.
#[test]
fn resend_ids_are_separate_for_each_account() {
    let server = Server::start("");
    let mut clients = ["ann", "bob"].map(|name| {
        let mut client = server.connect(name);
        client.request("message-tags");
        client.log_in(name);
        client
    });
    let msgids = [0, 1].map(|n| {
        clients[n].until_answered();
        clients[n].send("@+parlor/resend=1 BM :mine");
        clients[n].until("*:parlor NOTE BM SENT * :*")
    });
    assert_ne!(msgids[0], msgids[1]);
}

/// Whichever device changes a setting of a room, by whichever verb, the other ones know it.
#[test]
fn the_settings_of_a_room_are_the_same_on_both_devices() {
    let server = Server::start("");
    let mut laptop = server.log_in("ann");
    let mut phone = server.connect("phone");
    phone.request("standard-replies draft/metadata-2 batch");
    phone.log_in("ann");
    laptop.send("JOIN #garden");
    laptop.until(":parlor 366 ann #garden :*");
    phone.until(":parlor 366 ann #garden :*");
    laptop.until_answered();
    phone.until_answered();
    laptop.send("ROOM #garden slow 10");
    laptop.expect(":parlor NOTE ROOM SETTING #garden slow :10");
    phone.expect(":parlor NOTE ROOM SETTING #garden slow :10");
    phone.send("ROOM #garden invite members");
    phone.expect(":parlor NOTE ROOM SETTING #garden invite :members");
    laptop.expect(":parlor NOTICE #garden :ann has set invite to members");
    phone.send("METADATA #garden SET description :Roses");
    phone.until(":parlor 761 ann #garden description * :Roses");
    laptop.send("MODE #garden +R");
    for device in [&mut laptop, &mut phone] {
        device.until("*:ann!ann@parlor MODE #garden +R");
    }
    let mut settings = [&mut laptop, &mut phone].map(|device| {
        device.until_answered();
        device.send("ROOM #garden");
        device.until_answered()
    });
    for shown in &mut settings {
        for setting in ["slow :10", "invite :members", "description :Roses", "registered-only :on"]
        {
            assert!(shown.iter().any(|line| line.ends_with(setting)), "{setting}: {shown:?}");
        }
    }
    assert_eq!(settings[0], settings[1]);
}
