//! Searching a real server: after kills, with a damaged index, and by many at once.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::support::{Client, Random, Server};

/// The texts of the messages in an answer, oldest first.
fn texts(client: &mut Client, command: &str) -> Vec<String> {
    client.send(command);
    let lines = client.until_answered();
    let texts = lines.iter().filter_map(|line| Some(line.split_once(" PRIVMSG #lobby :")?.1));
    texts.map(str::to_owned).collect()
}

fn comes(server: &Server, name: &str) -> Client {
    let mut client = server.connect(name);
    client.request("batch message-tags server-time draft/message-redaction");
    client.log_in(name);
    client
}

#[test]
fn after_kills_a_search_finds_what_the_history_has() {
    let mut random = Random::seeded();
    let mut server = Server::start("limits.history_page = 1000");
    let mut number = 0;
    for _ in 0..8 {
        let mut ann = comes(&server, "ann");
        let mut msgids = Vec::new();
        for _ in 0..random.below(60) {
            number += 1;
            ann.send(&format!("BM :tea number{number} lot{}", number % 7));
            let sent = ann.until("*NOTE BM SENT *");
            let msgid = sent.split(' ').nth(4).expect("a msgid").to_owned();
            if random.below(4) == 0 {
                ann.send(&format!("REDACT #lobby {msgid} :slip"));
            }
            msgids.push(msgid);
        }
        thread::sleep(Duration::from_micros(random.below(200_000)));
        server.kill();
        server.restart();
        let mut ann = comes(&server, "ann");
        let history = texts(&mut ann, "CH #lobby 1000");
        for lot in 0..7 {
            let of_lot: Vec<_> =
                history.iter().filter(|text| text.ends_with(&format!("lot{lot}"))).collect();
            let newest = of_lot[of_lot.len().saturating_sub(50)..].to_vec();
            let found = texts(&mut ann, &format!("FIND lot{lot}"));
            assert_eq!(found.iter().collect::<Vec<_>>(), newest, "lot {lot}");
        }
        for number in 1..=number {
            let word = format!("number{number}");
            let there = history.iter().any(|text| text.split(' ').any(|of| of == word));
            if !there || number % 16 == 0 {
                // So that the account's budget lasts.
                thread::sleep(Duration::from_millis(30));
                let found = texts(&mut ann, &format!("FIND {word}")).len();
                assert_eq!(found, usize::from(there), "{word}");
            }
        }
    }
}

#[test]
fn a_damaged_index_stops_nobody_and_is_built_again() {
    let mut server = Server::start("");
    let mut ann = comes(&server, "ann");
    for number in 0..20 {
        ann.send(&format!("BM :tea number{number}"));
        ann.until("*NOTE BM SENT *");
    }
    server.terminate();
    let path = server.data().join("search.db");
    let length = fs::metadata(&path).unwrap().len();
    for damage in [vec![], vec![0x55; 100], vec![0xaa; usize::try_from(length).unwrap()]] {
        fs::write(&path, damage).unwrap();
        server.restart();
        let mut ann = comes(&server, "ann");
        assert_eq!(texts(&mut ann, "FIND number7"), ["tea number7"]);
        ann.send("BM :one more cup");
        ann.until("*NOTE BM SENT *");
        assert!(!texts(&mut ann, "FIND cup").is_empty());
        server.terminate();
    }
}
