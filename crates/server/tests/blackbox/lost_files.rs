//! Files that are lost while the server runs or while it does not, and what a stop leaves.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};

use crate::health::until as until_health;
use crate::metrics::numbers;
use crate::support::{Client, Server, chatserver};

fn database(server: &Server) -> PathBuf {
    server.data().join("parlor.db")
}

fn say(client: &mut Client, text: &str) {
    client.send(&format!("BM :{text}"));
    client.expect(":parlor NOTE BM SENT *");
}

fn refused(client: &mut Client, text: &str) {
    client.send(&format!("BM :{text}"));
    client.expect(":parlor FAIL BM STORE_FAILED *");
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("the data folder").map(|entry| {
        entry.expect("a file").file_name().into_string().expect("a name of ours is UTF-8")
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn nothing_is_confirmed_into_a_database_that_was_deleted() {
    let server = Server::start("");
    let (mut ann, mut bob) = (server.log_in("ann"), server.log_in("bob"));
    ann.until(":bob!* JOIN #lobby");
    say(&mut ann, "before");
    bob.expect(":ann!* PRIVMSG #lobby :before");
    fs::remove_file(database(&server)).expect("it is deleted");
    refused(&mut ann, "lost");
    let mut cid = server.connect("cid");
    cid.send("LOGIN cid :secret");
    cid.expect(":parlor FAIL LOGIN STORE_FAILED *");
    bob.expect_quiet();
    let told = "parlor.db was moved or deleted while the server ran; nothing is stored any more";
    server.wait_for_log(|line| line.starts_with("[ERROR]") && line.contains(told));
    let body = until_health(&server, 503);
    assert!(body.contains("a file of the database was moved or deleted"), "{body}");
    // What was stored can still be read.
    bob.send("CH #lobby");
    bob.until(":ann!* PRIVMSG #lobby :*before");
}

#[test]
fn storing_resumes_when_a_moved_database_returns() {
    let mut server = Server::start("");
    let mut ann = server.log_in("ann");
    say(&mut ann, "before");
    let away = server.data().with_extension("away");
    // Also if it is the whole folder.
    for (from, to) in [(database(&server), away.clone()), (server.data(), away)] {
        fs::rename(&from, &to).expect("it is moved");
        refused(&mut ann, "lost");
        fs::rename(&to, &from).expect("it is moved back");
        say(&mut ann, "back");
    }
    server.wait_for_logs(2, |line| line.contains("The database is in its place again"));
    until_health(&server, 200);
    server.restart();
    let mut ann = server.log_in("ann");
    ann.send("CH #lobby");
    for text in ["before", "back", "back"] {
        ann.expect(&format!(":ann!* PRIVMSG #lobby :*{text}"));
    }
    ann.expect(":parlor NOTE CH END *");
}

#[test]
fn deleting_the_log_loses_nothing_confirmed() {
    let mut server = Server::start("");
    let mut ann = server.log_in("ann");
    for n in 0..50 {
        say(&mut ann, &n.to_string());
    }
    fs::remove_file(server.data().join("parlor.db-wal")).expect("it is deleted");
    refused(&mut ann, "lost");
    server.wait_for_log(|line| line.contains("All that was acknowledged is in the database"));
    server.restart();
    let mut ann = server.log_in("ann");
    ann.send("CH #lobby 99");
    for n in 0..50 {
        ann.expect(&format!(":ann!* PRIVMSG #lobby :*{n}"));
    }
    ann.expect(":parlor NOTE CH END *");
}

#[test]
fn startup_logs_the_contents_of_the_store() {
    let mut server = Server::start("");
    let log = server.log();
    let new = log.find("[INFO] A new room: nothing is stored yet").expect("it is said");
    assert!(new < log.find("Waiting for connection").expect("it waits"), "{log}");
    // Nobody has been here yet.
    assert_eq!(numbers(&server)["parlor_rooms"], 1.0);
    say(&mut server.log_in("ann"), "hello");
    server.restart();
    let log = server.log();
    let line = log.lines().find(|line| line.contains("are stored, the newest of 20"));
    assert!(line.is_some_and(|line| line.contains("accounts=1")), "{log}");
    assert_eq!(numbers(&server)["parlor_rooms"], 1.0);
}

#[test]
fn a_start_with_missing_data_is_refused_unless_accepted() {
    let mut server = Server::start("");
    let mut ann = server.log_in("ann");
    for n in 0..20 {
        say(&mut ann, &n.to_string());
    }
    server.kill();
    fs::remove_file(server.data().join("parlor.db-wal")).expect("it is deleted");
    let start = || {
        let mut command = chatserver();
        command.args(["--bind", "127.0.0.1", "-p", "0", "--data"]).arg(server.data());
        command
    };
    let output = start().output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{text}");
    for words in ["has less than was stored", "are missing", "-wal is gone", "--accept-loss"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let accepting = Server::start_by("", |_| {
        let mut command = start();
        command.arg("--accept-loss");
        command
    });
    accepting.wait_for_log(|line| line.contains("Going on with less than was stored"));
}

#[test]
fn after_a_stop_one_file_is_left_without_redacted_text() {
    let mut server = Server::start("");
    let mut ann = server.connect("ann");
    ann.request("message-tags echo-message draft/message-redaction");
    ann.log_in("ann");
    let secret = "a-word-that-nobody-else-says";
    ann.send(&format!("PRIVMSG #lobby :{secret}"));
    let line = ann.until(&format!("* PRIVMSG #lobby :{secret}"));
    let tags = line.split(' ').next().expect("tags");
    let msgid = tags.split(['@', ';']).find_map(|tag| tag.strip_prefix("msgid=")).expect("a msgid");
    ann.send(&format!("REDACT #lobby {msgid} :oops"));
    ann.until("* REDACT #lobby *");
    // Readers have the files open now.
    for _ in 0..4 {
        ann.send("CH #lobby");
        ann.until(":parlor NOTE CH END *");
    }
    let files = |server: &Server| -> Vec<Vec<u8>> {
        let paths = names(&server.data()).into_iter().map(|name| server.data().join(name));
        // The admin socket is no file to read.
        paths.filter(|path| path.is_file()).map(|path| fs::read(path).expect("a file")).collect()
    };
    let has = |server: &Server| {
        let secret = secret.as_bytes();
        files(server).iter().any(|file| file.windows(secret.len()).any(|part| part == secret))
    };
    assert!(has(&server), "the log has it as long as the server runs");
    let (status, _) = server.terminate();
    assert!(status.success());
    let names = names(&server.data());
    assert_eq!(names.iter().filter(|name| name.starts_with("parlor.db")).count(), 1, "{names:?}");
    assert!(!has(&server));
}
