//! What founders, operators and everybody have set stays so after a kill, on all their devices.

use crate::support::ann_and_bob_in_garden;
use std::thread;
use std::time::{Duration, Instant};

/// An operator of the server.
const ROOT: &str = "operator = [{ name = \"root\", password = \"top\" }]";

#[test]
fn founders_settings_bans_and_pins_survive_a_kill() {
    let (mut server, mut ann, _bob) = ann_and_bob_in_garden(ROOT);
    for (line, answer) in [
        ("ROOM #garden slow 10", ":parlor NOTE ROOM SETTING #garden slow :*10"),
        ("ROOM #garden invite members", ":parlor NOTE ROOM SETTING #garden invite :*members"),
        ("ROOM #garden description :plants", ":parlor NOTE ROOM SETTING #garden description :*"),
        ("BAN #garden eve!*@* 2h :weeds", ":parlor NOTE BAN ADDED #garden eve!*@* *"),
        ("QUIET #garden bob :shh", ":parlor NOTE QUIET ADDED #garden $a:bob *"),
    ] {
        ann.send(line);
        ann.until(answer);
    }
    ann.send("PART #garden");
    ann.until(":ann!ann@parlor PART #garden*");

    server.restart();
    let mut ann = server.log_in("ann");
    ann.send("ROOM #garden");
    ann.until(":parlor NOTE ROOM SETTING #garden founder :*ann");
    ann.until(":parlor NOTE ROOM SETTING #garden description :*plants");
    ann.until(":parlor NOTE ROOM SETTING #garden slow :*10");
    ann.until(":parlor NOTE ROOM SETTING #garden invite :*members");
    ann.send("BAN #garden");
    ann.until(":parlor NOTE BAN ENTRY #garden eve!*@* ann *Z :*weeds");
    ann.send("QUIET #garden");
    ann.until(":parlor NOTE QUIET ENTRY #garden $a:bob ann * :*shh");
    ann.send("JOIN #garden");
    ann.until(":parlor 353 ann = #garden :*@ann*");
    let mut eve = server.log_in("eve");
    eve.send("JOIN #garden");
    eve.expect(":parlor 474 eve #garden :*until * UTC: weeds");
}

#[test]
fn a_ban_that_ended_while_the_server_was_down_is_gone() {
    let (mut server, mut ann, _bob) = ann_and_bob_in_garden(ROOT);
    ann.send("BAN #garden bob 1s");
    let since = Instant::now();
    ann.until(":parlor NOTE BAN ADDED *");
    server.restart();
    // The ban is over by the clock, whatever the server did meanwhile.
    thread::sleep(Duration::from_millis(1100).saturating_sub(since.elapsed()));
    let mut bob = server.log_in("bob");
    bob.send("JOIN #garden");
    bob.until(":parlor 366 bob #garden :*");
    let mut ann = server.log_in("ann");
    ann.send("BAN #garden");
    ann.until(":parlor NOTE BAN END #garden 0 :*");
}

#[test]
fn a_room_without_members_stays_its_founders_after_a_kill() {
    let (mut server, mut ann, mut bob) = ann_and_bob_in_garden(ROOT);
    ann.send("TOPIC #garden :roses");
    for (client, name) in [(&mut ann, "ann"), (&mut bob, "bob")] {
        client.send("PART #garden");
        client.until(&format!(":{name}!{name}@parlor PART #garden*"));
    }
    server.restart();
    let mut bob = server.log_in("bob");
    bob.send("JOIN #garden");
    bob.until(":parlor 332 bob #garden :*roses");
    bob.until(":parlor 353 bob = #garden :*bob");
    let mut ann = server.log_in("ann");
    ann.send("JOIN #garden");
    bob.until(":parlor MODE #garden +o *ann");
}

#[test]
fn ignore_lists_and_reports_survive_a_kill() {
    let (mut server, mut ann, mut bob) = ann_and_bob_in_garden(ROOT);
    ann.send("SILENCE +bob");
    ann.until(":ann!ann@parlor SILENCE *+bob");
    bob.send("REPORT ann :ignores me");
    bob.until(":parlor NOTE REPORT REPORTED 1 ann :*");
    server.restart();
    let mut bob = server.log_in("bob");
    bob.send("PM ann hello");
    bob.until(":parlor NOTE PM STORED ann *");
    let mut ann = server.log_in("ann");
    let mut phone = server.log_in("ann");
    bob.send("PM ann hello again");
    bob.until(":parlor NOTE PM SENT ann *");
    for device in [&mut ann, &mut phone] {
        device.send("SILENCE");
        device.expect(":parlor 271 ann *bob");
        device.expect(":parlor 272 ann :*");
    }
    bob.send("OPER root top");
    bob.until("*MODE bob *+o");
    bob.send("REPORTS");
    bob.expect(":parlor NOTE REPORTS ENTRY 1 bob ann :*ignores me");
}

#[test]
fn ignore_lists_and_reports_are_bounded() {
    let (_server, mut ann, mut bob) = ann_and_bob_in_garden(ROOT);
    for n in 0..50 {
        ann.send(&format!("SILENCE +x{n}!*@*"));
        ann.until(&format!(":ann!ann@parlor SILENCE *+x{n}!*@*"));
    }
    ann.send("SILENCE +one!*@*");
    ann.until(":parlor 511 ann one!*@* :*");
    for n in 1..=20 {
        bob.send("REPORT ann :again");
        bob.until(&format!(":parlor NOTE REPORT REPORTED {n} ann :*"));
    }
    bob.send("REPORT ann :again");
    bob.until(":parlor FAIL REPORT LIMIT_REACHED :*");
}
