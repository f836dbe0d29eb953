//! What the config, or a room, does not want kept is removed while the server runs.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use store::{
    Conversation, Event, EventKind, KEEP_DAYS, Member, Room, SqliteStore, Store, Subject, Write,
};

use crate::support::{Client, PATIENCE, Server};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// What ann said so many days ago.
fn said(id: u64, conversation: Conversation, days: i64) -> Write {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let event = Event {
        id,
        conversation,
        kind: EventKind::Message,
        account: 1,
        guest: false,
        bot: false,
        nick: "ann".into(),
        userhost: None,
        target: "bob".into(),
        time: now as i64 - days * DAY,
        text: format!("{days} days ago").into(),
        tags: "".into(),
        about: None,
    };
    Write::Event { event: Arc::new(event), resend: None, pending_for: None, mentions: [].into() }
}

/// Asks until the history is this.
fn until(client: &mut Client, target: &str, days: &[i64]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        client.send(&format!("CH {target} 50"));
        let mut found = Vec::new();
        loop {
            let line = client.until("*");
            if line.contains(" NOTE CH END ") {
                break;
            }
            let text = line.strip_suffix(" days ago").and_then(|rest| rest.rsplit(':').next());
            found.extend(text.and_then(|days| days.split(' ').next_back()?.parse::<i64>().ok()));
        }
        if found == days {
            return;
        }
        assert!(Instant::now() < deadline, "{target} has {found:?}, not {days:?}");
    }
}

#[test]
fn expired_messages_are_removed_while_the_server_runs() {
    let mut server = Server::start("");
    drop((server.log_in("ann"), server.log_in("bob")));
    server.terminate();
    let mut store = SqliteStore::open(&server.data(), "k3f9").expect("the store");
    let loaded = store.load().expect("it can be read");
    let account = |name: &str| {
        let found = loaded.accounts.iter().find(|account| &*account.name == name);
        found.expect("it has registered").id
    };
    let (ann, bob, room) = (account("ann"), account("bob"), loaded.last_room + 1);
    let settings = Room {
        id: room,
        name: "#old".into(),
        created: 1,
        topic: None,
        modes: "nt".into(),
        key: None,
        limit: None,
        lists: Vec::new(),
    };
    let member = Member { room, account: ann, op: true, halfop: false, voice: false, joined: 0 };
    let mut writes = vec![Write::Room(settings), Write::Member(member)];
    let mut id = loaded.last_event;
    for days in [90, 50, 40, 20, 5, 0] {
        for of in [Conversation::direct(ann, bob), Conversation::room(room)] {
            id += 1;
            writes.push(said(id, of, days));
        }
    }
    store.commit(&mut writes.iter()).expect("there is space");
    Box::new(store).close().expect("it can be closed");

    server.write_config("history.keep_days = 45\n");
    server.restart();
    let mut client = server.log_in("ann");
    until(&mut client, "bob", &[40, 20, 5, 0]);
    until(&mut client, "#old", &[40, 20, 5, 0]);
    // The room wants less, and so does the config in the end.
    client.request("draft/metadata-3 batch");
    client.send("METADATA #old SET parlor/keep-days :much");
    client.until(":parlor FAIL METADATA INVALID_VALUE parlor/keep-days :*");
    client.send("METADATA #old SET parlor/keep-days :10");
    client.until(":parlor 761 ann #old parlor/keep-days * :10");
    server.write_config("history.keep_days = 30\n");
    server.hang_up();
    until(&mut client, "bob", &[20, 5, 0]);
    until(&mut client, "#old", &[5, 0]);
    server.terminate();
    assert_eq!(store::check(&server.data()).expect("it can be read"), [""; 0]);
    let mut store = SqliteStore::open(&server.data(), "k3f9").expect("the store");
    let loaded = store.load().expect("it can be read");
    let says = (Subject::Room(room), KEEP_DAYS.into(), "10".into());
    assert!(loaded.metadata.contains(&says), "{:?}", loaded.metadata);
}
