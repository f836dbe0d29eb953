//! The bounds of metadata that a transcript would be too long for.

use crate::support::{Client, Server};

/// The longest name that a server can have.
const NAME: &str = "a-server-with-a-name-that-is-as-long-as-its-config-lets-it-be.x";

/// Keys that one user may have.
const KEYS: usize = 20;

#[test]
fn a_key_and_a_value_of_the_most_bytes_fit_a_line_with_the_longest_names() {
    let server = Server::start(&format!("server.name = \"{NAME}\"\n"));
    let nick = "n".repeat(32);
    let (room, key, value) = (format!("#{}", "r".repeat(63)), "k".repeat(32), "v".repeat(300));
    let mut client = server.log_in(&nick);
    client.send(&format!("JOIN {room}"));
    client.until_answered();
    for target in [&nick, &room] {
        client.send(&format!("METADATA {target} SET {key} :{value}"));
        client.expect(&format!(":{NAME} 761 {nick} {target} {key} * :{value}"));
    }
    // Too many changes: all that was sent comes back.
    let set = format!("METADATA {room} SET {key} :{value}");
    let answer = loop {
        client.send(&set);
        let answer = client.next().expect("the connection stays");
        if !answer.contains(" 761 ") {
            break answer;
        }
    };
    assert!(answer.len() <= 510, "{} bytes", answer.len());
    let (start, end) = answer.split_once(' ').expect("words");
    assert_eq!(start, format!(":{NAME}"));
    assert!(end.starts_with(&format!("775 {nick} ")), "{answer}");
    assert!(end.ends_with(&format!(" {room} SET {key} :{value}")), "{answer}");
}

/// A session that is nobody yet can make the server keep only so much.
#[test]
fn metadata_set_before_the_login_is_bounded() {
    let server = Server::start("");
    let mut ann = server.connect("ann");
    ann.request("batch draft/metadata-3");
    for round in ["a", "b"] {
        for number in 0..KEYS {
            ann.send(&format!("METADATA * SET {round}{number} :x"));
            ann.expect(&format!(":parlor 761 * * {round}{number} * :x"));
        }
        ann.send(&format!("METADATA * SET {round}x :x"));
        ann.expect(&format!(":parlor FAIL METADATA LIMIT_REACHED SET * {KEYS} :*"));
        ann.send("METADATA * CLEAR");
        ann.until(":parlor BATCH -*");
    }
    // Removed keys are remembered, too: the account might have them.
    ann.send("METADATA * SET c :x");
    ann.expect(&format!(":parlor FAIL METADATA LIMIT_REACHED SET * {KEYS} :*"));
    ann.send("METADATA * SET b0 :x");
    ann.expect(":parlor 761 * * b0 * :x");
    ann.log_in("ann");
    ann.send("METADATA * GET a0 b0");
    ann.until("@batch=* :parlor 766 ann ann a0 :*");
    ann.expect("@batch=* :parlor 761 ann ann b0 * :x");
}

/// Guests, each with as much as it may have, in rooms of three.
fn guests_with_metadata(server: &Server, users: usize) -> Vec<Client> {
    let value = "v".repeat(300);
    let with_keys = |number: usize| {
        let mut client = server.guest(&format!("guest{number}"));
        client.send(&format!("JOIN #{}", number / 3));
        for key in 0..KEYS {
            client.send(&format!("METADATA * SET key{key} :{value}"));
        }
        client.until(&format!(":parlor 761 * key{} * :*", KEYS - 1));
        client
    };
    (0..users).map(with_keys).collect()
}

/// Subscribes a session that is nobody yet to all of it.
fn subscribe(requester: &mut Client) {
    requester.request("batch draft/metadata-3");
    for first in [0, KEYS / 2] {
        let keys: Vec<String> = (first..first + KEYS / 2).map(|key| format!("key{key}")).collect();
        requester.send(&format!("METADATA * SUB {}", keys.join(" ")));
    }
}

/// Nobody is disconnected for asking, nor for coming into several rooms at once.
#[test]
fn metadata_sync_fits_the_smallest_outbox() {
    let server = Server::start(
        "server.guests = true\nlimits.outbox_bytes = 65536\nlimits.command_burst = 500\n",
    );
    let _guests = guests_with_metadata(&server, 15);
    let mut requester = server.connect("requester");
    subscribe(&mut requester);
    requester.be_guest("requester");
    requester.send("METADATA *ALL SYNC");
    requester.until("@batch=* :parlor WARN METADATA LIMIT_REACHED SYNC \\*ALL 32768 :*");
    requester.send("JOIN #0,#1,#2,#3,#4");
    requester.until(":parlor 774 requester #4 5 :*");
    requester.until_answered();
}

/// What is beyond the end of a long answer is left out, and the requester told so.
#[test]
fn metadata_sync_is_bounded() {
    const USERS: usize = 60;
    let server = Server::start("server.guests = true\n");
    let value = "v".repeat(300);
    let mut clients: Vec<Client> = Vec::new();
    for number in 0..USERS {
        let mut client = server.guest(&format!("guest{number}"));
        for key in 0..KEYS {
            client.send(&format!("METADATA * SET key{key} :{value}"));
        }
        client.until(&format!(":parlor 761 * key{} * :*", KEYS - 1));
        clients.push(client);
    }
    let mut requester = server.connect("requester");
    requester.request("batch draft/metadata-3");
    for first in [0, KEYS / 2] {
        let keys: Vec<String> = (first..first + KEYS / 2).map(|key| format!("key{key}")).collect();
        requester.send(&format!("METADATA * SUB {}", keys.join(" ")));
    }
    requester.be_guest("requester");
    for target in ["#lobby", "*ALL"] {
        requester.send(&format!("METADATA {target} SYNC"));
        let (mut bytes, mut lines) = (0, 0);
        let told = loop {
            let line = requester.next().expect("the connection stays");
            bytes += line.len() + 2;
            lines += usize::from(line.contains(" 761 "));
            if line.contains(" WARN ") {
                break line;
            }
        };
        assert!(bytes < 300 * 1024 && lines > 100 && lines < USERS * KEYS, "{bytes} in {lines}");
        let expected = format!(" :parlor WARN METADATA LIMIT_REACHED SYNC {target} 262144 :");
        assert!(told.contains(&expected), "{told}");
        requester.expect(":parlor BATCH -*");
        requester.expect_quiet();
    }
}

/// Who comes into many rooms at once is told when to ask, instead of being told more than its
/// outbox holds.
#[test]
fn joining_many_rooms_shows_no_more_metadata_than_the_outbox_holds() {
    const ROOMS: usize = 16;
    let server = Server::start("limits.outbox_bytes = 65536\n");
    let (value, keys) = ("v".repeat(300), KEYS / 2);
    let mut clients: Vec<Client> = Vec::new();
    for number in 0..ROOMS {
        let mut client = server.log_in(&format!("user{number}"));
        client.send(&format!("JOIN #room{number}"));
        for key in 0..keys {
            client.send(&format!("METADATA #room{number} SET key{key} :{value}"));
            client.send(&format!("METADATA * SET key{key} :{value}"));
        }
        client.until(&format!(":parlor 761 * user{number} key{} * :*", keys - 1));
        clients.push(client);
    }
    let mut ann = server.connect("ann");
    ann.request("batch draft/metadata-3");
    let subscribed: Vec<String> = (0..keys).map(|key| format!("key{key}")).collect();
    ann.send(&format!("METADATA * SUB {}", subscribed.join(" ")));
    ann.log_in("ann");
    let rooms: Vec<String> = (0..ROOMS).map(|number| format!("#room{number}")).collect();
    ann.send(&format!("JOIN {}", rooms.join(",")));
    let told = ann.until_answered();
    let later = |room: &String| told.iter().any(|line| line.contains(&format!(" 774 ann {room} ")));
    let whole = |room: &String| told.iter().any(|line| line.contains(&format!(" {room} key0 ")));
    assert!(whole(&rooms[0]) && later(&rooms[ROOMS - 1]), "{told:#?}");
    assert!(rooms.iter().all(|room| whole(room) != later(room)), "{told:#?}");
}
