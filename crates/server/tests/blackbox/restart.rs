//! What is still so after a kill and a new start.

use crate::support::{Server, ann_and_bob_in_garden};

#[test]
fn rooms_topics_modes_bans_and_members_survive() {
    let (mut server, mut ann, _bob) = ann_and_bob_in_garden("");
    ann.send("TOPIC #garden :roses");
    ann.expect(":ann!ann@parlor TOPIC #garden :roses");
    ann.send("MODE #garden +mv bob");
    ann.expect(":ann!ann@parlor MODE #garden +mv *bob");
    ann.send("MODE #garden +b eve");
    ann.expect(":ann!ann@parlor MODE #garden +b *eve!*@*");
    ann.send("PRIVMSG #garden :before the kill");
    ann.expect_quiet();

    server.restart();
    let mut ann = server.connect("ann");
    ann.send("NICK ann");
    ann.send("USER ann 0 * :Ann");
    ann.log_in_only("ann");
    ann.until(":ann!ann@parlor JOIN *#garden");
    ann.expect(":parlor 332 ann #garden :roses");
    ann.expect(":parlor 333 ann #garden ann* *");
    ann.expect(":parlor 353 ann = #garden :*@ann*");
    ann.until_answered();
    ann.send("MODE #garden");
    let modes = ann.expect(":parlor 324 ann #garden +*");
    assert!(modes.split(' ').nth(4).is_some_and(|modes| modes.contains('m')), "{modes}");
    ann.until_answered();
    ann.send("MODE #garden +b");
    ann.expect(":parlor 367 ann #garden eve!*@* ann* *");
    let mut bob = server.log_in("bob");
    bob.send("PRIVMSG #garden :I still have a voice");
    ann.until(":bob!bob@parlor PRIVMSG #garden :I still have a voice");
    bob.send("CH #garden");
    bob.expect(":ann!ann@parlor PRIVMSG #garden :*before the kill");
    let mut eve = server.log_in("eve");
    eve.send("JOIN #garden");
    eve.expect(":parlor 474 eve #garden :*");
}

#[test]
fn the_metadata_of_accounts_and_rooms_survives() {
    let mut server = Server::start("");
    let (mut ann, mut bob) = (server.log_in("ann"), server.log_in("bob"));
    ann.send("JOIN #garden");
    ann.until(":parlor 366 ann #garden :*");
    for (line, answer) in [
        ("* SET avatar :ann.png", "761 ann ann avatar * :ann.png"),
        ("* SET status :here", "761 ann ann status * :here"),
        ("* SET status", "766 ann ann status :*"),
        ("#garden SET url :roses.example", "761 ann #garden url * :roses.example"),
        ("#lobby SET url :x", "FAIL METADATA KEY_NO_PERMISSION #lobby url :*"),
    ] {
        ann.send(&format!("METADATA {line}"));
        ann.until(&format!(":parlor {answer}"));
    }
    // Before anybody is told that it is stored, it is.
    bob.send("METADATA * SET avatar :bob.png");
    bob.until(":parlor 761 bob bob avatar * :bob.png");

    server.restart();
    let mut cem = server.log_in("cem");
    cem.send("METADATA ann LIST");
    cem.expect(":parlor 761 cem ann avatar * :ann.png");
    cem.expect_quiet();
    cem.send("METADATA bob LIST");
    cem.expect(":parlor 761 cem bob avatar * :bob.png");
    cem.expect_quiet();
    cem.send("METADATA #garden LIST");
    cem.expect(":parlor 761 cem #garden url * :roses.example");
    cem.expect_quiet();
}

#[test]
fn a_room_that_was_left_is_not_rejoined() {
    let mut server = Server::start("");
    let mut ann = server.log_in("ann");
    ann.send("JOIN #garden");
    ann.until(":parlor 366 ann #garden :*");
    ann.send("PART #garden");
    ann.until(":ann!ann@parlor PART *#garden");
    server.restart();
    let mut ann = server.connect("ann");
    ann.log_in_only("ann");
    let greeting = ann.until_answered().join("\n");
    assert!(!greeting.contains("#garden"), "{greeting}");
}

#[test]
fn half_operators_lists_and_a_new_name_survive() {
    let (mut server, mut ann, _bob) = ann_and_bob_in_garden("");
    ann.send("MODE #garden +hRC bob");
    ann.expect(":ann!ann@parlor MODE #garden +hRC bob");
    ann.send("MODE #garden +eIq e $a:i q");
    ann.expect(":ann!ann@parlor MODE #garden +eIq e!\\*@\\* $a:i q!\\*@\\*");
    ann.send("PRIVMSG #garden :before");
    ann.send("RENAME #garden #park :it has grown");
    ann.expect(":ann!ann@parlor PART #garden :it has grown");
    ann.until_answered();

    server.restart();
    let (mut ann, mut bob) = (server.connect("ann"), server.connect("bob"));
    for client in [&mut ann, &mut bob] {
        let name = client.name().to_owned();
        client.log_in_only(&name);
        client.until(&format!(":{name}!{name}@parlor JOIN #park"));
    }
    ann.until_answered();
    ann.send("NAMES #park");
    ann.expect(":parlor 353 ann = #park :@ann %bob");
    ann.expect(":parlor 366 ann #park :*");
    ann.send("MODE #park");
    ann.expect(":parlor 324 ann #park +CRnt");
    ann.until_answered();
    ann.send("MODE #park eIq");
    ann.expect(":parlor 348 ann #park e!\\*@\\* ann 1*");
    ann.expect(":parlor 349 ann #park :*");
    ann.expect(":parlor 346 ann #park $a:i ann 1*");
    ann.expect(":parlor 347 ann #park :*");
    ann.expect(":parlor 728 ann #park q q!\\*@\\* ann 1*");
    ann.expect(":parlor 729 ann #park q :*");
    ann.send("CH #park");
    ann.expect(":ann!ann@parlor PRIVMSG #park :*before");
}

/// A member who is away stays a member: the room lives on, and the messages are read later.
#[test]
fn users_rejoin_their_rooms_when_they_log_in() {
    let server = Server::start("");
    let (mut ann, mut bob) = (server.log_in("ann"), server.log_in("bob"));
    for (client, name) in [(&mut ann, "ann"), (&mut bob, "bob")] {
        client.send("JOIN #garden");
        client.until(&format!(":parlor 366 {name} #garden :*"));
    }
    bob.send("EX");
    bob.until_closed();
    ann.until(":bob!bob@parlor QUIT :*");
    ann.send("PRIVMSG #garden :missed");
    ann.expect_quiet();
    let mut bob = server.connect("bob");
    bob.log_in_only("bob");
    bob.until(":bob!bob@parlor JOIN *#garden");
    ann.until(":bob!bob@parlor JOIN *#garden");
    bob.until_answered();
    bob.send("CH #garden");
    bob.expect(":ann!ann@parlor PRIVMSG #garden :*missed");
}

#[test]
fn without_remembered_rooms_the_last_session_leaves_them_and_an_empty_room_ends() {
    let server = Server::start("server.remember_rooms = false\n");
    let mut ann = server.log_in("ann");
    ann.send("JOIN #garden");
    ann.until(":parlor 366 ann #garden :*");
    ann.send("TOPIC #garden :roses");
    ann.until(":ann!ann@parlor TOPIC #garden :roses");
    ann.send("ROOM #garden founder *");
    ann.until(":parlor NOTE ROOM SETTING #garden founder :*");
    let mut phone = server.log_in("ann");
    ann.send("EX");
    ann.until_closed();
    phone.send("PRIVMSG #garden :still in");
    phone.expect_quiet();
    phone.send("EX");
    phone.until_closed();
    let mut ann = server.connect("ann");
    ann.log_in_only("ann");
    let greeting = ann.until_answered().join("\n");
    assert!(!greeting.contains("#garden"), "{greeting}");
    let mut bob = server.log_in("bob");
    bob.send("JOIN #garden");
    let names = bob.until(":parlor 353 bob = #garden :*");
    assert!(names.ends_with(":@bob"), "a new room has its maker as operator: {names}");
    bob.until_answered();
    bob.send("TOPIC #garden");
    bob.expect(":parlor 331 bob #garden :*");
}

#[test]
fn a_guest_leaves_all_rooms_on_disconnecting() {
    let server = Server::start("server.guests = true\n");
    let mut ann = server.guest("ann");
    ann.send("JOIN #garden");
    ann.until(":parlor 366 ann #garden :*");
    ann.send("QUIT");
    ann.until_closed();
    let mut bob = server.guest("bob");
    bob.send("NAMES #garden");
    bob.expect(":parlor 366 bob #garden :*");
    let mut ann = server.guest("ann");
    ann.send("PRIVMSG #garden :hello");
    ann.expect(":parlor 40* ann #garden :*");
}

#[test]
fn accounts_and_spellings_survive() {
    let mut server = Server::start("");
    server.log_in("Ann");
    server.restart();
    let mut ann = server.connect("ann");
    ann.send("LOGIN ann :wrong");
    ann.expect(":parlor FAIL LOGIN WRONG_PASSWORD * :*");
    ann.send("LOGIN ann :secret");
    ann.expect(":parlor NOTE LOGIN LOGGED_IN Ann :*");
    ann.expect(":Ann!Ann@parlor JOIN #lobby");
}

#[test]
fn a_guest_has_the_same_host_after_a_restart_and_a_ban_by_it_holds() {
    let mut server = Server::start("server.guests = true\n");
    let (mut ann, mut gus) = (server.log_in("ann"), server.guest("gus"));
    let joined = ann.expect(":gus!~gus@c-*.parlor JOIN #lobby");
    let host = joined.split(['@', ' ']).nth(1).expect("a source has a host").to_owned();
    ann.send("JOIN #garden");
    ann.until(":parlor 366 ann #garden :*");
    ann.send(&format!("MODE #garden +b *!*@{host}"));
    ann.until(&format!(":ann!ann@parlor MODE #garden +b \\*!\\*@{host}"));
    gus.send("BM :hello");
    ann.expect(&format!(":gus!~gus@{host} PRIVMSG #lobby :hello"));

    server.restart();
    let (mut ann, mut eve) = (server.log_in("ann"), server.guest("eve"));
    ann.expect(&format!(":eve!~eve@{host} JOIN #lobby"));
    eve.send("JOIN #garden");
    eve.expect(":parlor 474 eve #garden :*");
    ann.send("CH");
    ann.expect(&format!(":gus!~gus@{host} PRIVMSG #lobby :*hello"));
}

#[test]
fn a_room_that_nobody_looks_after_goes_to_the_oldest_member_across_a_restart() {
    let mut server = Server::start("server.guests = true\n");
    // Ann has the older account, and comes later.
    let (mut ann, mut bob) = (server.log_in("ann"), server.log_in("bob"));
    let mut gus = server.guest("gus");
    for (client, name) in [(&mut gus, "gus"), (&mut bob, "bob"), (&mut ann, "ann")] {
        client.send("JOIN #garden");
        client.until(&format!(":parlor 366 {name} #garden :*"));
    }
    gus.send("PART #garden");
    gus.until(":gus!* PART #garden*");

    server.restart();
    let mut cem = server.log_in("cem");
    cem.send("JOIN #garden");
    cem.until(":parlor 366 cem #garden :*");
    let mut bob = server.log_in("bob");
    bob.send("ROOM #garden founder");
    bob.until(":parlor NOTE ROOM SETTING #garden founder :bob");
}

#[test]
fn messages_from_before_a_restart_can_be_redacted_and_pinned() {
    let (mut server, mut ann, mut bob) = ann_and_bob_in_garden("");
    bob.send("PRIVMSG #garden :spam");
    bob.send("PRIVMSG #lobby :elsewhere");
    bob.until_answered();
    ann.send("PRIVMSG #garden :roses");
    ann.until_answered();

    server.restart();
    let mut ann = server.connect("ann");
    ann.request("message-tags server-time draft/chathistory");
    ann.log_in("ann");
    ann.send("CHATHISTORY LATEST #garden * 9");
    let lines = ann.until_answered();
    let roses = lines.iter().find(|line| line.ends_with(" PRIVMSG #garden :roses"));
    let tags = roses.and_then(|line| line.strip_prefix('@')?.split(' ').next()).expect("tags");
    let msgid = tags.split(';').find_map(|tag| tag.strip_prefix("msgid=")).expect("a msgid");
    ann.send(&format!("PIN #garden {msgid}"));
    ann.until(&format!(":parlor NOTE PIN PINNED #garden {msgid} ann :*"));
    ann.send("BAN #garden bob 1d take-back=1h :Spam");
    ann.until(":parlor NOTE BAN ADDED #garden $a:bob * 1 1 :*");
    ann.send("CHATHISTORY LATEST #garden * 9");
    let lines = ann.until_answered();
    assert!(!lines.iter().any(|line| line.contains("spam")), "{lines:?}");
    assert!(lines.iter().any(|line| line.ends_with(":roses")), "{lines:?}");
    ann.send("CHATHISTORY LATEST #lobby * 9");
    assert!(ann.until_answered().iter().any(|line| line.ends_with(":elsewhere")));
}
