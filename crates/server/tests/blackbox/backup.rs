//! Backups of a server that runs, and what becomes of them elsewhere.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::support::{PATIENCE, Server, chatserver};

fn backup(data: &Path, file: &Path) -> Output {
    let mut command = chatserver();
    command.arg("backup").arg(file).arg("--data").arg(data).output().expect("the program runs")
}

fn restore(file: &Path, data: &Path) -> Output {
    let mut command = chatserver();
    command.arg("restore").arg(file).arg("--data").arg(data).output().expect("the program runs")
}

fn well(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "progress is for terminals");
}

/// One sentence on stderr, and exit code 1.
fn refused(output: &Output, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("chatserver: ") && said.contains(words), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
}

/// Texts of the messages in a database, in their order.
fn texts(data: &Path) -> Vec<String> {
    let database = rusqlite::Connection::open(data.join("parlor.db")).expect("it opens");
    let mut statement =
        database.prepare("SELECT text FROM events WHERE kind = 0 ORDER BY id").expect("a question");
    let texts = statement.query_map([], |row| row.get(0)).expect("it is asked");
    texts.map(|text| text.expect("a text")).collect()
}

/// Three people talk without a pause. What each was told is stored when the backup began is in it, and
/// of what came later a part without gaps. The server that is made of it is the same one to clients.
#[test]
fn a_backup_under_load_contains_everything_confirmed_before_it() {
    const NAMES: [&str; 3] = ["ann", "bob", "cid"];
    let mut server = Server::start("");
    let place = tempfile::tempdir().expect("a folder");
    let file = place.path().join("room.db");
    let confirmed = NAMES.map(|_| AtomicUsize::new(0));
    let over = AtomicBool::new(false);
    let before = thread::scope(|scope| {
        for (name, confirmed) in NAMES.iter().zip(&confirmed) {
            let mut client = server.log_in(name);
            let over = &over;
            scope.spawn(move || {
                for number in 0.. {
                    if over.load(Ordering::Acquire) {
                        break;
                    }
                    client.send(&format!("BM :{name} {number}"));
                    client.until(":parlor NOTE BM SENT *");
                    confirmed.store(number + 1, Ordering::Release);
                }
            });
        }
        let begin = std::time::Instant::now();
        while confirmed.iter().any(|count| count.load(Ordering::Acquire) < 50) {
            assert!(begin.elapsed() < PATIENCE, "nobody gets on");
            thread::yield_now();
        }
        let before = confirmed.each_ref().map(|count| count.load(Ordering::Acquire));
        let made = backup(&server.data(), &file);
        over.store(true, Ordering::Release);
        well(&made);
        before
    });
    let data = place.path().join("data");
    well(&restore(&file, &data));
    let check = chatserver().arg("check").arg("--data").arg(&data).output().expect("it runs");
    well(&check);
    let texts = texts(&data);
    for (name, before) in NAMES.iter().zip(before) {
        let own = texts.iter().filter_map(|text| text.strip_prefix(&format!("{name} ")));
        let own: Vec<usize> = own.map(|number| number.parse().expect("a number")).collect();
        assert!(own.len() >= before, "{name}: {} of {before}", own.len());
        assert!(own.iter().copied().eq(0..own.len()), "{name}: {own:?}");
    }
    for name in ["tls-key.pem", "tls-certificate.pem"] {
        let read = |folder: &Path| fs::read(folder.join(name)).expect(name);
        assert!(read(&data) == read(&server.data()), "{name} is another one");
    }

    server.kill();
    fs::remove_dir_all(server.data()).expect("the folder is lost");
    well(&restore(&file, &server.data()));
    server.restart();
    let mut ann = server.log_in("ann");
    ann.send("CH #lobby 1");
    ann.until(&format!(":* PRIVMSG #lobby :*{}", texts.last().expect("there are some")));
}

#[test]
fn invalid_backups_and_restores_are_refused() {
    let mut server = Server::start("");
    server.log_in("ann");
    let place = tempfile::tempdir().expect("a folder");
    let file = place.path().join("room.db");
    refused(&backup(&place.path().join("nowhere"), &file), "no Parlor database");
    assert!(!place.path().join("nowhere").exists(), "a folder was made");
    refused(&backup(&server.data(), &place.path().join("no/such/folder.db")), "folder.db");
    well(&backup(&server.data(), &file));
    refused(&backup(&server.data(), &file), "exists already");
    refused(&restore(&file, &server.data()), "in use");
    server.kill();
    refused(&restore(&file, &server.data()), "has a database already");
    let wrong = place.path().join("wrong.db");
    refused(&restore(&wrong, &place.path().join("data")), "wrong.db");
    fs::write(&wrong, "no backup").expect("written");
    refused(&restore(&wrong, &place.path().join("data")), "wrong.db");
    assert!(!place.path().join("data").exists(), "a folder was made");
}

/// Three backups' time has passed, as far as the server can tell by what is in the folder.
#[test]
fn the_server_makes_backups_by_itself_and_keeps_the_newest() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("copies");
    fs::create_dir(&folder).expect("a folder");
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    for name in ["parlor-20200101-000000.db", "parlor-20200102-000000.db", "mine.db"] {
        let file = fs::File::create(folder.join(name)).expect("a file");
        file.set_modified(long_ago).expect("a time");
    }
    let config = format!("backup.folder = {folder:?}\nbackup.every_hours = 1\nbackup.keep = 2\n");
    let mut server = Server::start(&config);
    server.log_in("ann");
    server.wait_for_log(|line| line.contains("Made and verified a backup"));
    let names = || {
        let names = fs::read_dir(&folder).expect("a folder");
        let mut names: Vec<_> =
            names.map(|name| name.expect("a name").file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let begin = std::time::Instant::now();
    while names().len() != 3 {
        assert!(begin.elapsed() < PATIENCE, "{:?}", names());
        thread::yield_now();
    }
    let all = names();
    assert_eq!((&*all[0], &*all[1]), ("mine.db", "parlor-20200102-000000.db"));
    assert!(crate::metrics::numbers(&server)["parlor_backup_timestamp_seconds"] > 1.7e9);
    let data = place.path().join("data");
    well(&restore(&folder.join(&all[2]), &data));
    server.terminate();
}
