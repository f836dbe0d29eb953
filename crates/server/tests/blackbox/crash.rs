//! The first three promises of the design, under SIGKILL at any moment:
//! nobody sees a message that is not stored; what was confirmed is in the history exactly once, in the order in which it was
//! seen; and what is sent again is not doubled.
//!
//! Each round starts the server, lets three accounts send to the lobby and to one another, kills it after a random number of
//! confirmations, starts it again, and compares what was seen with the history. What was not confirmed is sent again with the
//! same id.

mod history;
mod sender;
mod verbs;

use std::collections::HashMap;
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

use crate::support::{PATIENCE, Random, Server};
use history::History;
use sender::{Sender, Session};

#[test]
fn what_was_confirmed_survives_thirty_kills() {
    crash(30);
}

#[test]
#[ignore = "takes some minutes"]
fn what_was_confirmed_survives_a_thousand_kills() {
    crash(1000);
}

/// The accounts: each sends in its own way (see [`sender::Way`]).
const NAMES: [&str; 3] = ["ann", "bob", "cid"];

fn crash(rounds: usize) {
    let mut random = Random::seeded();
    let mut server = Server::start("");
    for name in NAMES {
        server.log_in(name);
    }
    let mut senders: Vec<Sender> =
        NAMES.into_iter().enumerate().map(|(n, name)| Sender::new(name, n)).collect();
    let mut histories: HashMap<String, History> = HashMap::new();
    for round in 0..rounds {
        let sessions = one_life(&mut server, &mut senders, &mut random);
        server.restart();
        update(&server, &mut histories);
        for (sender, session) in senders.iter_mut().zip(&sessions) {
            sender.learn(session);
            check(round, sender, session, &histories);
        }
    }
    finish(&mut server, &mut senders, &mut histories);
}

/// The senders send until the server is killed; returns what each saw.
fn one_life(server: &mut Server, senders: &mut [Sender], random: &mut Random) -> Vec<Session> {
    // Some kills come while the senders still log in or send again, most while all is in full flow.
    let kill_after = if random.below(8) == 0 { 0 } else { random.below(400) };
    let pause = Duration::from_micros(random.below(3_000));
    let confirmations = Count::default();
    let address = server.address();
    thread::scope(|scope| {
        let running: Vec<_> = senders
            .iter_mut()
            .map(|sender| {
                let (confirmations, mut random) = (&confirmations, Random::new(random.next()));
                scope.spawn(move || sender.live(address, &mut random, || confirmations.add()))
            })
            .collect();
        confirmations.wait_for(kill_after);
        // Not for a condition: it moves the kill to any point of a commit.
        thread::sleep(pause);
        server.kill();
        running
            .into_iter()
            .map(|thread| thread.join().expect("a sender's expectations hold"))
            .collect()
    })
}

/// Reads on in the histories of the lobby and of each pair.
fn update(server: &Server, histories: &mut HashMap<String, History>) {
    for (name, targets) in [("ann", &["#lobby", "bob", "cid"][..]), ("bob", &["cid"])] {
        let mut client = history::reader(server, name);
        for target in targets {
            let history = histories.entry(conversation(name, target)).or_default();
            history.read_on(&mut client, target);
        }
    }
}

/// One word for a room, or for the two who talk.
fn conversation(account: &str, target: &str) -> String {
    match target {
        "#lobby" => target.to_owned(),
        _ if account < target => format!("{account} {target}"),
        _ => format!("{target} {account}"),
    }
}

/// All that `sender` saw is in the history, in that order, and all that was confirmed to it is there under its msgid.
fn check(round: usize, sender: &Sender, session: &Session, histories: &HashMap<String, History>) {
    let mut last: HashMap<String, usize> = HashMap::new();
    for seen in &session.seen {
        let key = conversation(sender.name(), &seen.other);
        let place = histories[&key].place(&seen.msgid, &seen.text).unwrap_or_else(|| {
            panic!("round {round}: {} saw {seen:?}, which is not in the history", sender.name())
        });
        // The answer to a message sent again is the first one's, which may be older.
        if session.sent_again.contains(&seen.text) {
            continue;
        }
        if let Some(before) = last.insert(key, place) {
            assert!(before < place, "round {round}: {} saw {seen:?} out of order", sender.name());
        }
    }
    for (text, _) in &session.confirmed {
        let (target, msgid) = &sender.confirmed()[text];
        let history = &histories[&conversation(sender.name(), target)];
        assert!(
            history.place(msgid, text).is_some(),
            "round {round}: {} has {msgid} confirmed for {text:?}, which is not in the history so",
            sender.name(),
        );
    }
}

/// Sends again what is left, until all is confirmed; then everything is there once, and nothing else.
fn finish(server: &mut Server, senders: &mut [Sender], histories: &mut HashMap<String, History>) {
    for sender in senders.iter_mut() {
        let session = sender.send_the_rest(server.address());
        sender.learn(&session);
    }
    server.restart();
    histories.clear();
    update(server, histories);
    let mut expected = 0;
    for sender in senders.iter() {
        assert_eq!(sender.unconfirmed(), 0);
        for (text, (target, msgid)) in sender.confirmed() {
            let history = &histories[&conversation(sender.name(), target)];
            assert!(history.place(msgid, text).is_some(), "{text:?} is not in the history");
            expected += 1;
        }
    }
    let stored: usize = histories.values().map(History::len).sum();
    assert_eq!(stored, expected, "messages stored, messages sent");
    println!("{stored} messages");
}

/// A number that one thread waits for while others raise it.
#[derive(Default)]
struct Count {
    number: Mutex<u64>,
    raised: Condvar,
}

impl Count {
    fn add(&self) {
        *self.number.lock().expect("no panic holds the count") += 1;
        self.raised.notify_all();
    }

    fn wait_for(&self, least: u64) {
        let number = self.number.lock().expect("no panic holds the count");
        // In vain only if the senders have failed, which joining them shows.
        let waited = self.raised.wait_timeout_while(number, PATIENCE, |number| *number < least);
        drop(waited.expect("no panic holds the count"));
    }
}
