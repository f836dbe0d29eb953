//! A disk without space: writes fail beyond a file size limit, and succeed again when it is lifted.
#![cfg(target_os = "linux")]

use std::fs;

use rustix::process::{Resource, Rlimit, prlimit};

use crate::support::{Client, Server};

#[test]
fn a_full_disk_is_told_and_confirms_nothing_and_heals() {
    let mut server = Server::start_on_small_disk("");
    let (mut ann, mut bob) = (server.log_in("ann"), server.log_in("bob"));
    ann.until(":bob!* JOIN #lobby");
    let mut confirmed = vec![say(&mut ann, "before").expect("there is space")];
    bob.expect(":ann!ann@parlor PRIVMSG #lobby :before");

    limit_files(&server, Some(largest_file(&server)));
    let text = "x".repeat(300);
    let mut refused = 0;
    while refused < 3 {
        assert!(confirmed.len() < 20_000, "the disk does not fill");
        let said = format!("{} {text}", confirmed.len() + refused);
        match say(&mut ann, &said) {
            Some(msgid) => {
                bob.expect(&format!(":ann!ann@parlor PRIVMSG #lobby :{said}"));
                confirmed.push(msgid);
            }
            None => refused += 1,
        }
    }
    bob.expect_quiet();
    // A smaller write might still fit; now none does.
    limit_files(&server, Some(0));
    ann.send("PM bob :hi");
    ann.expect(":parlor FAIL PM STORE_FAILED :*");
    let mut newcomer = server.connect("newcomer");
    newcomer.send("LOGIN cid :secret");
    newcomer.expect(":parlor FAIL LOGIN STORE_FAILED *");
    bob.expect_quiet();

    limit_files(&server, None);
    confirmed.push(say(&mut ann, "after").expect("there is space again"));
    bob.expect(":ann!ann@parlor PRIVMSG #lobby :after");
    server.log_in("cid");

    server.restart();
    assert_eq!(history(&mut server.log_in("bob")), confirmed);
}

/// Before the disk is full to its last byte, there is only space for those who can do something about
/// it; and for all when there is space again.
#[test]
fn with_the_reserve_in_use_operators_continue_and_it_heals() {
    let config = "operator = [{ name = \"boss\", password = \"up\" }]\n";
    let server = Server::start(config);
    let (mut boss, mut ann) = (server.log_in("boss"), server.log_in("ann"));
    boss.send("OPER boss up");
    boss.until(":parlor 381 *");
    ann.request("draft/message-redaction");
    let mine = say(&mut ann, "before").expect("there is space");
    boss.until(":ann!* PRIVMSG #lobby :before");

    // No disk has as much free as it has in all.
    let touched = "limits.reserve_bytes = 1000000000000000\nlimits.reserve_percent = 100\n";
    server.write_config(&format!("{config}{touched}"));
    server.hang_up();
    server.wait_for_log(|line| line.contains("[ERROR] The disk is almost full"));
    ann.send("BM :lost");
    ann.until(":parlor FAIL BM DISK_FULL :The server's disk is almost full*");
    ann.send("PRIVMSG boss :lost");
    ann.expect(":parlor FAIL PRIVMSG DISK_FULL :*");
    ann.send("NOTICE boss :lost");
    ann.expect(":parlor FAIL NOTICE DISK_FULL :*");
    ann.send("JOIN #new");
    ann.expect(":parlor FAIL JOIN DISK_FULL :*");
    let mut newcomer = server.connect("newcomer");
    newcomer.send("LOGIN cid :secret");
    newcomer.expect(":parlor FAIL LOGIN DISK_FULL :*");
    let body = crate::health::until(&server, 503);
    assert!(body.contains("free disk space is below the reserve"), "{body}");
    let numbers = crate::metrics::numbers(&server);
    assert_eq!(numbers["parlor_disk_reserve_touched"], 1.0);
    assert!(numbers["parlor_refused_total{reason=\"disk_reserve\"}"] >= 5.0);
    // Who has an account can come in, operators can speak, and what was said can be taken back.
    server.log_in("ann");
    boss.send("BM :I make room");
    boss.until(":parlor NOTE BM SENT *");
    ann.until(":boss!* PRIVMSG #lobby :I make room");
    ann.send(&format!("REDACT #lobby {mine}"));
    ann.expect_quiet();

    server.write_config(config);
    server.hang_up();
    server.wait_for_log(|line| line.contains("[INFO] The disk has enough free space again"));
    say(&mut ann, "after").expect("there is space again");
    assert_eq!(crate::metrics::numbers(&server)["parlor_disk_reserve_touched"], 0.0);
}

/// Nothing that could not be stored has happened, in the eyes of whom it would have concerned.
#[test]
fn with_a_full_disk_rooms_stay_as_they_are() {
    rooms_stay("", Server::log_in);
    rooms_stay("server.guests = true\n", Server::guest);
}

fn rooms_stay(config: &str, enter: fn(&Server, &str) -> Client) {
    let server = Server::start_on_small_disk(config);
    let [mut ann, mut bob, mut cid] = ["ann", "bob", "cid"].map(|name| enter(&server, name));
    for client in [&mut ann, &mut bob] {
        client.send("JOIN #garden");
        client.until(":parlor 366 * #garden :*");
    }
    for client in [&mut ann, &mut bob, &mut cid] {
        client.until_answered();
    }
    limit_files(&server, Some(0));
    let of_ann = [
        "TOPIC #garden :roses",
        "MODE #garden +o bob",
        "MODE #garden +b cid",
        "KICK #garden bob",
        "PART #garden",
        "JOIN #new",
    ];
    for (client, lines) in [
        (&mut cid, &["JOIN #garden", "JOIN #new"][..]),
        (&mut bob, &["PART #garden", "PRIVMSG #garden :lost"]),
        (&mut ann, &of_ann),
    ] {
        for line in lines {
            client.send(line);
            let verb = line.split(' ').next().expect("a verb");
            client.expect(&format!(":parlor FAIL {verb} STORE_FAILED :*"));
        }
    }
    for client in [&mut ann, &mut bob, &mut cid] {
        client.expect_quiet();
    }

    limit_files(&server, None);
    ann.send("NAMES #garden");
    ann.expect(":parlor 353 ann = #garden :@ann bob");
    ann.expect(":parlor 366 ann #garden :*");
    ann.send("TOPIC #garden");
    ann.expect(":parlor 331 ann #garden :*");
    ann.send("PRIVMSG #garden :still here?");
    bob.expect(":ann!* PRIVMSG #garden :still here?");
    bob.send("MODE #garden +m");
    bob.expect(":parlor 482 bob #garden :*");
    bob.send("PRIVMSG #garden :still here");
    ann.expect(":bob!* PRIVMSG #garden :still here");
    cid.send("PRIVMSG #garden :from outside");
    cid.expect(":parlor 404 cid #garden :*");
    cid.send("JOIN #garden");
    cid.expect(":cid!* JOIN #garden");
    for client in [&mut ann, &mut bob] {
        client.expect(":cid!* JOIN #garden");
        client.expect_quiet();
    }
    cid.until_answered();
    // Nobody has made the room yet: who does is its operator.
    cid.send("JOIN #new");
    cid.until(":parlor 353 cid = #new :@cid");
}

/// Metadata that could not be stored is not there, and nobody has been told of it; who comes with some
/// of it comes without.
#[test]
fn with_a_full_disk_metadata_stays_as_it_is() {
    let server = Server::start_on_small_disk("");
    let mut bob = server.connect("bob");
    bob.request("batch draft/metadata-3");
    bob.send("METADATA * SUB url avatar");
    bob.log_in("bob");
    let mut ann = server.log_in("ann");
    ann.send("METADATA * SET url :old");
    ann.expect(":parlor 761 ann ann url * :old");
    bob.until(":parlor 761 bob ann url * :old");
    ann.send("JOIN #garden");
    ann.until(":parlor 366 ann #garden :*");
    ann.until_answered();
    limit_files(&server, Some(0));
    for line in ["* SET url :new", "* SET avatar :a", "* CLEAR", "#garden SET url :g"] {
        ann.send(&format!("METADATA {line}"));
        ann.expect(":parlor FAIL METADATA STORE_FAILED :*");
    }
    let mut phone = server.connect("phone");
    phone.request("batch draft/metadata-3");
    phone.send("METADATA * SET url :newest");
    phone.expect(":parlor 761 * * url * :newest");
    phone.log_in_only("ann");
    phone.expect(":parlor FAIL METADATA STORE_FAILED :*");
    phone.expect(":ann!ann@parlor JOIN #lobby");
    phone.until_answered();
    bob.expect_quiet();
    ann.expect_quiet();

    limit_files(&server, None);
    ann.send("METADATA * LIST");
    ann.expect(":parlor 761 ann ann url * :old");
    ann.send("METADATA #garden LIST");
    ann.expect_quiet();
}

/// One who enters and says something at once has neither entered nor said it.
#[test]
fn with_a_full_disk_nothing_that_depends_on_a_failed_write_happens() {
    let server = Server::start_on_small_disk("server.guests = true\n");
    let (mut ann, mut bob) = (server.guest("ann"), server.guest("bob"));
    ann.send("JOIN #garden");
    ann.until(":parlor 366 ann #garden :*");
    ann.until_answered();
    limit_files(&server, Some(0));
    bob.send_bytes(b"JOIN #garden\r\nPRIVMSG #garden :hello\r\nTOPIC #garden :mine\r\n");
    bob.expect(":parlor FAIL JOIN STORE_FAILED :*");
    for _ in 0..2 {
        let answer = bob.next().expect("the connection stays");
        let no = [" FAIL ", " 404 ", " 442 ", " 482 "].iter().any(|no| answer.contains(no));
        assert!(no, "{answer}");
    }
    bob.expect_quiet();
    ann.expect_quiet();
    limit_files(&server, None);
    ann.send("NAMES #garden");
    ann.expect(":parlor 353 ann = #garden :@ann");
    ann.send("PRIVMSG #garden :alone");
    ann.until_answered();
    bob.expect_quiet();
}

/// A room that ends while nothing can be stored has nobody in it: who comes next is its operator.
#[test]
fn a_room_that_ended_on_a_full_disk_can_be_created_again() {
    let server = Server::start_on_small_disk("server.guests = true\n");
    let (mut ann, mut bob) = (server.guest("ann"), server.guest("bob"));
    ann.send("JOIN #garden");
    ann.until(":parlor 366 ann #garden :*");
    limit_files(&server, Some(0));
    ann.send("QUIT");
    ann.until_closed();
    bob.until(":ann!~*@c-*.parlor QUIT :*");
    limit_files(&server, None);
    bob.until_answered();
    bob.send("JOIN #garden");
    bob.expect(":bob!~*@c-*.parlor JOIN #garden");
    bob.expect(":parlor 353 bob = #garden :@bob");
}

/// Broadcasts, and returns the msgid, or `None` if the store has failed.
fn say(client: &mut Client, text: &str) -> Option<String> {
    client.send(&format!("BM :{text}"));
    let answer = client.expect(":parlor * BM *");
    if answer.contains(" FAIL BM STORE_FAILED ") {
        return None;
    }
    let msgid =
        answer.strip_prefix(":parlor NOTE BM SENT ").and_then(|rest| rest.split(' ').next());
    Some(msgid.unwrap_or_else(|| client.fail("expected a confirmation", &answer)).to_owned())
}

/// The msgids of everything in the lobby, oldest first, page by page.
fn history(client: &mut Client) -> Vec<String> {
    client.request("message-tags");
    client.until_answered();
    let (mut all, mut before) = (Vec::new(), String::new());
    loop {
        client.send(&format!("CH #lobby 100 {before}"));
        let mut page = Vec::new();
        let end = loop {
            let line = client.until("*");
            if line.contains(" NOTE CH END ") {
                break line;
            }
            let tags = line.split(' ').next().expect("a line has words");
            let msgid = tags.split(['@', ';']).find_map(|tag| tag.strip_prefix("msgid="));
            page.push(msgid.expect("history has msgids").to_owned());
        };
        if page.is_empty() {
            return all;
        }
        before = page[0].clone();
        assert!(end.contains(&before), "{end}");
        page.append(&mut all);
        all = page;
    }
}

fn largest_file(server: &Server) -> u64 {
    let files = fs::read_dir(server.data()).expect("the data folder");
    let sizes = files.map(|file| file.expect("a file").metadata().expect("its size").len());
    sizes.max().expect("there are files") + 64 * 1024
}

/// From here on, the server's files cannot grow beyond `bytes`. The hard limit stays, so that it can be lifted.
pub(crate) fn limit_files(server: &Server, bytes: Option<u64>) {
    let limit = Rlimit { current: bytes, maximum: None };
    prlimit(Some(server.pid()), Resource::Fsize, limit).expect("our own child's limits");
}
