//! Searching a real server: after kills, with a damaged index, and by many at once.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::support::{Client, Random, Server, chatserver};

/// The texts of the messages in an answer, oldest first.
fn texts(client: &mut Client, command: &str) -> Vec<String> {
    client.send(command);
    let lines = client.until_answered();
    let texts = lines.iter().filter_map(|line| Some(line.split_once(" PRIVMSG #lobby :")?.1));
    texts.map(str::to_owned).collect()
}

fn log_in(server: &Server, name: &str) -> Client {
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
        let mut ann = log_in(&server, "ann");
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
        let mut ann = log_in(&server, "ann");
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
fn a_damaged_search_index_stops_nobody_and_is_rebuilt() {
    let mut server = Server::start("");
    let mut ann = log_in(&server, "ann");
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
        let mut ann = log_in(&server, "ann");
        assert_eq!(texts(&mut ann, "FIND number7"), ["tea number7"]);
        ann.send("BM :one more cup");
        ann.until("*NOTE BM SENT *");
        assert!(!texts(&mut ann, "FIND cup").is_empty());
        server.terminate();
    }
}

/// More searches of one account than may wait are refused at once, and the next one is carried out.
#[test]
fn too_many_searches_at_once_are_refused() {
    let server = Server::start("limits.work_millis = 0\nlimits.commands_per_second = 0");
    let mut sessions: Vec<Client> = (0..8)
        .map(|number| {
            let mut session = server.connect(&format!("device {number}"));
            session.request("batch soju.im/search");
            session.log_in("ann");
            session
        })
        .collect();
    // Each of these messages has both words, so the search reads it; none has them side by side.
    sessions[0].send_bytes("BM :tea for two\r\n".repeat(3000).as_bytes());
    sessions[0].send("BM :tea");
    for _ in 0..3001 {
        sessions[0].until("*NOTE BM SENT *");
    }
    for session in &mut sessions {
        session.send_bytes("SEARCH text=\"tea\\stwo\"\r\n".repeat(4).as_bytes());
    }
    let answers: Vec<String> =
        sessions.iter_mut().flat_map(|session| session.until_answered()).collect();
    let refused = |line: &&String| line.contains(" FAIL SEARCH TOO_BUSY :");
    let refusals = answers.iter().filter(refused).count();
    assert!((1..32).contains(&refusals), "{refusals} of 32: {answers:?}");
    let carried_out = answers.iter().filter(|line| line.contains(" BATCH +")).count();
    assert_eq!(carried_out + refusals, 32);
    let found = texts(&mut sessions[0], "SEARCH text=tea;limit=1");
    assert!(matches!(&found[..], [text] if text.ends_with("] tea")), "{found:?}");
}

/// A backup has no index. The server that is made of it builds one, tells so, and answers meanwhile.
#[test]
fn messages_restored_from_a_backup_are_found() {
    let mut server = Server::start("");
    let mut ann = log_in(&server, "ann");
    for number in 0..100 {
        ann.send(&format!("BM :tea number{number}"));
        ann.until("*NOTE BM SENT *");
    }
    let place = tempfile::tempdir().expect("a folder");
    let (file, data) = (place.path().join("room.db"), server.data());
    let run = |verb: &str| {
        let mut command = chatserver();
        let done = command.arg(verb).arg(&file).arg("--data").arg(&data).output();
        assert!(done.expect("the program runs").status.success(), "{verb}");
    };
    run("backup");
    server.kill();
    fs::remove_dir_all(&data).expect("the folder is lost");
    run("restore");
    assert!(!data.join("search.db").exists(), "a backup has no index");
    server.restart();
    let mut ann = log_in(&server, "ann");
    assert_eq!(texts(&mut ann, "FIND number77"), ["tea number77"]);
    server.wait_for_log(|line| line.contains("[INFO] Building the search index events="));
    server.wait_for_log(|line| line.contains("[INFO] The search index is complete events="));
    assert_eq!(texts(&mut ann, "FIND number77"), ["tea number77"]);
}

/// The index is given up, messages are stored again as soon as there is space, and all are found.
#[cfg(target_os = "linux")]
#[test]
fn with_a_full_disk_under_the_index_all_is_found() {
    use crate::disk_full::limit_files;

    let mut server = Server::start_on_small_disk("");
    let mut ann = log_in(&server, "ann");
    let mut said = Vec::new();
    let given_up = "[ERROR] The search index cannot be written; searches are slow";
    while !server.log().contains(given_up) {
        assert!(said.len() < 40, "the index is written on a full disk");
        said.push(format!("tea number{}", said.len()));
        ann.send(&format!("BM :{}", said[said.len() - 1]));
        ann.until("*NOTE BM SENT *");
        // Before the index has it.
        limit_files(&server, Some(0));
        thread::sleep(Duration::from_millis(600));
        ann.send("BM :lost");
        ann.until("*FAIL BM STORE_FAILED *");
        assert_eq!(texts(&mut ann, "FIND tea"), said);
        limit_files(&server, None);
    }
    ann.send("BM :more tea");
    ann.until("*NOTE BM SENT *");
    said.push("more tea".to_owned());
    assert_eq!(texts(&mut ann, "FIND tea"), said);
    server.restart();
    assert_eq!(texts(&mut log_in(&server, "ann"), "FIND tea"), said);
}
