//! Copies: whole although the store is written all the time, and never laid over anything.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use parlor_store::{Failure, Progress, Select, Stage, Store, Write, backup, check, restore};
use rusqlite::Connection;
use tempfile::tempdir;

use crate::old::OLD;
use crate::support::{
    INSTANCE, account, commit, lobby, make_pipe, message, open, page, put, room, say,
};

const BESIDE: &[&str] = &["key.pem", "certificate.pem"];

fn copy(folder: &Path, file: &Path) -> Result<(), Failure> {
    backup(folder, file, BESIDE, &Arc::default())
}

fn lay(file: &Path, folder: &Path) -> Result<(), Failure> {
    restore(file, folder, BESIDE, &Arc::default())
}

/// A store with so many messages in the lobby, closed.
fn filled(folder: &Path, messages: u64) {
    let mut store = open(folder);
    commit(&mut store, &[Write::Account(account(1, "ann")), Write::Room(room(1, "#lobby"))]);
    for id in 1..=messages {
        commit(&mut store, &[say(id, lobby())]);
    }
    Box::new(store).close().unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Each step is a step forward: SQLite by itself would begin again with each commit of another
/// connection.
#[test]
fn a_backup_during_writes_finishes_and_is_a_consistent_snapshot() {
    let (folder, place) = (tempdir().unwrap(), tempdir().unwrap());
    let file = place.path().join("copy");
    let mut store = open(folder.path());
    let text: Box<str> = "x".repeat(8000).into();
    let large = |id| {
        let mut event = message(id, lobby());
        event.text = text.clone();
        put(event)
    };
    commit(&mut store, &[Write::Account(account(1, "ann")), Write::Room(room(1, "#lobby"))]);
    commit(&mut store, &(1..=1000).map(large).collect::<Vec<_>>());

    let (committed, over) = (AtomicU64::new(1000), AtomicBool::new(false));
    let progress = Arc::<Progress>::default();
    let (before, after, steps) = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut steps = Vec::new();
            while !over.load(Ordering::Acquire) {
                let id = committed.load(Ordering::Acquire) + 1;
                commit(&mut store, &[large(id)]);
                committed.store(id, Ordering::Release);
                if progress.stage() == Stage::Copying {
                    steps.push(progress.bytes());
                }
            }
            steps
        });
        while committed.load(Ordering::Acquire) < 1010 {
            thread::yield_now();
        }
        let before = committed.load(Ordering::Acquire);
        let made = backup(folder.path(), &file, BESIDE, &progress);
        over.store(true, Ordering::Release);
        made.unwrap();
        (before, committed.load(Ordering::Acquire), writer.join().unwrap())
    });
    // What was committed meanwhile neither added to what is copied nor made it begin again.
    assert!(steps.len() > 3, "{steps:?}");
    assert!(steps.windows(2).all(|two| two[0].0 <= two[1].0 && two[0].1 == two[1].1), "{steps:?}");

    let restored = place.path().join("data");
    lay(&file, &restored).unwrap();
    assert_eq!(check(&restored).unwrap(), Vec::<String>::new());
    let store = open(&restored);
    let last = page(&store, lobby(), Select::Latest, 5000);
    let newest = *last.last().unwrap();
    assert!((before..=after).contains(&newest), "{before} {newest} {after}");
    assert_eq!(last, (1..=newest).collect::<Vec<_>>());
}

#[test]
fn a_backup_includes_the_extra_files_and_restores_them_for_the_owner_only() {
    let (folder, place) = (tempdir().unwrap(), tempdir().unwrap());
    filled(folder.path(), 3);
    fs::write(folder.path().join("key.pem"), "the key").unwrap();
    fs::write(folder.path().join("certificate.pem"), "the certificate").unwrap();
    fs::write(folder.path().join("other"), "not asked for").unwrap();
    let before = names(folder.path());
    let file = place.path().join("copy");
    copy(folder.path(), &file).unwrap();
    assert_eq!(names(folder.path()), before, "the copy left something in the folder");
    assert_eq!(names(place.path()), ["copy"]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);

    let restored = place.path().join("data");
    lay(&file, &restored).unwrap();
    assert_eq!(names(&restored), ["certificate.pem", "key.pem", "lock", "parlor.db"]);
    assert_eq!(fs::read_to_string(restored.join("key.pem")).unwrap(), "the key");
    for name in ["", "key.pem", "certificate.pem", "parlor.db"] {
        assert_eq!(mode(&restored.join(name)) & 0o077, 0, "{name}");
    }
    // The key is nowhere else, not even in a page that is free.
    let bytes = fs::read(restored.join("parlor.db")).unwrap();
    assert!(!bytes.windows(7).any(|part| part == b"the key"));
    let mut store = open(&restored);
    assert_eq!(page(&store, lobby(), Select::Latest, 9), [1, 2, 3]);
    assert_eq!(store.load().unwrap().instance, INSTANCE);
}

#[test]
fn existing_files_are_never_overwritten() {
    let (folder, place) = (tempdir().unwrap(), tempdir().unwrap());
    filled(folder.path(), 1);
    fs::write(folder.path().join("key.pem"), "the key").unwrap();
    let (file, taken) = (place.path().join("copy"), place.path().join("taken"));
    fs::write(&taken, "precious").unwrap();
    assert!(matches!(copy(folder.path(), &taken), Err(Failure::Exists { .. })));
    assert_eq!(fs::read_to_string(&taken).unwrap(), "precious");
    copy(folder.path(), &file).unwrap();
    assert!(matches!(copy(folder.path(), &file), Err(Failure::Exists { .. })));

    let database = fs::read(folder.path().join("parlor.db")).unwrap();
    let found = lay(&file, folder.path());
    assert!(matches!(found, Err(Failure::Occupied { .. })));
    assert!(fs::read(folder.path().join("parlor.db")).unwrap() == database);

    // A log without its database would be taken for the new one's.
    let orphan = place.path().join("orphan");
    fs::create_dir(&orphan).unwrap();
    fs::write(orphan.join("parlor.db-wal"), "").unwrap();
    assert!(matches!(lay(&file, &orphan), Err(Failure::Occupied { .. })));

    // Another server's key.
    let other = place.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("key.pem"), "another key").unwrap();
    assert!(matches!(lay(&file, &other), Err(Failure::Exists { .. })));
    assert_eq!(names(&other), ["key.pem", "lock"]);
    // The same one is no hindrance: a restore that was broken off is done again.
    fs::write(other.join("key.pem"), "the key").unwrap();
    fs::write(other.join("parlor.db.partial"), "half").unwrap();
    lay(&file, &other).unwrap();
    assert_eq!(names(&other), ["key.pem", "lock", "parlor.db"]);
}

#[test]
fn an_interrupted_backup_is_reused_and_one_in_progress_is_left_alone() {
    let (folder, place) = (tempdir().unwrap(), tempdir().unwrap());
    filled(folder.path(), 1);
    let (file, partial) = (place.path().join("copy"), place.path().join("copy.partial"));
    for name in ["copy.partial", "copy.partial-wal", "copy.partial-journal"] {
        fs::write(place.path().join(name), "left over").unwrap();
    }
    let other = fs::File::open(&partial).unwrap();
    other.lock().unwrap();
    assert!(matches!(copy(folder.path(), &file), Err(Failure::Exists { .. })));
    drop(other);
    copy(folder.path(), &file).unwrap();
    assert_eq!(names(place.path()), ["copy"]);
}

#[test]
fn an_invalid_backup_is_not_restored() {
    let (folder, place) = (tempdir().unwrap(), tempdir().unwrap());
    filled(folder.path(), 300);
    let good = place.path().join("good");
    copy(folder.path(), &good).unwrap();
    let bytes = fs::read(&good).unwrap();
    let bad = place.path().join("bad");
    let data = place.path().join("data");
    let refused = |words: &str| {
        let error = lay(&bad, &data).unwrap_err().to_string();
        assert!(error.contains("bad") && error.contains(words), "{words}: {error}");
        assert!(!data.exists(), "{words}");
    };

    // Where nothing else would notice it.
    let mut flipped = bytes.clone();
    let text = bytes.windows(8).position(|part| part == b"text 250").unwrap();
    flipped[text] ^= 1;
    fs::write(&bad, flipped).unwrap();
    refused("its hash differs");
    fs::write(&bad, &bytes[..bytes.len() - 1]).unwrap();
    refused("its hash is missing");
    let mut broken = bytes.clone();
    let middle = broken.len() / 2;
    broken[middle..middle + 9000].fill(0x5a);
    fs::write(&bad, broken).unwrap();
    refused("");
    fs::write(&bad, &bytes[..bytes.len() / 2]).unwrap();
    refused("");
    fs::write(&bad, "somebody's diary. ".repeat(50)).unwrap();
    refused("not an SQLite database");
    fs::remove_file(&bad).unwrap();
    let others = Connection::open(&bad).unwrap();
    others.execute_batch("CREATE TABLE songs(name)").unwrap();
    drop(others);
    refused("does not belong to a Parlor server");
    fs::write(&bad, &bytes).unwrap();
    let newer = Connection::open(&bad).unwrap();
    newer.pragma_update(None, "user_version", 9999).unwrap();
    drop(newer);
    refused("newer");
    // A database that a server has open is not all in its one file.
    let store = open(folder.path());
    for name in ["", "-wal"] {
        let from = folder.path().join(format!("parlor.db{name}"));
        fs::copy(from, place.path().join(format!("bad{name}"))).unwrap();
    }
    fs::write(place.path().join("bad-wal"), "something").unwrap();
    refused("-wal");
    drop(store);
}

#[test]
fn older_databases_are_backed_up_and_newer_ones_refused() {
    let (folder, place) = (tempdir().unwrap(), tempdir().unwrap());
    // Before a new program takes it forward is when a backup is wanted most.
    for (number, old) in OLD {
        let [file, data] = ["old", "data"].map(|name| place.path().join(format!("{name}{number}")));
        fs::write(folder.path().join("parlor.db"), old).unwrap();
        copy(folder.path(), &file).unwrap();
        lay(&file, &data).unwrap();
        assert_eq!(open(&data).load().unwrap().last_account, 3);
    }
    let database = Connection::open(folder.path().join("parlor.db")).unwrap();
    database.pragma_update(None, "user_version", 9999).unwrap();
    drop(database);
    let newer = place.path().join("new");
    assert!(matches!(copy(folder.path(), &newer), Err(Failure::TooNew { .. })));
    assert!(!newer.exists());
}

#[test]
fn a_damaged_database_is_not_backed_up() {
    let (folder, place) = (tempdir().unwrap(), tempdir().unwrap());
    filled(folder.path(), 300);
    let database = folder.path().join("parlor.db");
    let mut bytes = fs::read(&database).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 9000].fill(0x5a);
    fs::write(&database, bytes).unwrap();
    copy(folder.path(), &place.path().join("copy")).unwrap_err();
    assert_eq!(names(place.path()), Vec::<String>::new());
}

#[test]
fn a_stopped_backup_leaves_nothing_behind() {
    let (folder, place) = (tempdir().unwrap(), tempdir().unwrap());
    filled(folder.path(), 3);
    let progress = Arc::<Progress>::default();
    progress.stop();
    let stopped = backup(folder.path(), &place.path().join("copy"), BESIDE, &progress);
    assert!(matches!(stopped, Err(Failure::Stopped)), "{stopped:?}");
    assert_eq!(names(place.path()), Vec::<String>::new());
    copy(folder.path(), &place.path().join("copy")).unwrap();
    let data = place.path().join("data");
    let stopped = restore(&place.path().join("copy"), &data, BESIDE, &progress);
    assert!(matches!(stopped, Err(Failure::Stopped)), "{stopped:?}");
    assert!(!data.join("parlor.db").exists());
}

/// A database that was copied by hand after a clean stop has no hash; it is checked all the same.
#[test]
fn a_database_copied_by_hand_can_be_restored() {
    let (folder, place) = (tempdir().unwrap(), tempdir().unwrap());
    filled(folder.path(), 3);
    fs::copy(folder.path().join("parlor.db"), place.path().join("copy")).unwrap();
    lay(&place.path().join("copy"), &place.path().join("data")).unwrap();
    let store = open(&place.path().join("data"));
    assert_eq!(page(&store, lobby(), Select::Latest, 9), [1, 2, 3]);
}

#[cfg(unix)]
#[test]
fn a_link_or_file_placed_in_the_way_is_neither_followed_nor_used() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let (folder, place) = (tempdir().unwrap(), tempdir().unwrap());
    filled(folder.path(), 1);
    let (file, partial) = (place.path().join("copy"), place.path().join("copy.partial"));
    let precious = folder.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    symlink(&precious, &partial).unwrap();
    copy(folder.path(), &file).unwrap();
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    assert!(file.symlink_metadata().unwrap().is_file());
    fs::remove_file(&file).unwrap();

    // A file that is open for somebody else.
    fs::write(&partial, "").unwrap();
    fs::set_permissions(&partial, PermissionsExt::from_mode(0o666)).unwrap();
    let mut open = fs::File::open(&partial).unwrap();
    copy(folder.path(), &file).unwrap();
    let mut seen = Vec::new();
    std::io::Read::read_to_end(&mut open, &mut seen).unwrap();
    assert_eq!(seen, b"", "the copy can be read by who made the file");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    fs::remove_file(&file).unwrap();

    // A pipe, which would never end.
    make_pipe(&partial);
    copy(folder.path(), &file).unwrap();
    assert_eq!(names(place.path()), ["copy"]);
    fs::remove_file(&file).unwrap();

    fs::set_permissions(place.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let found = copy(folder.path(), &file).unwrap_err();
    assert!(matches!(found, Failure::NotPrivate { .. }), "{found}");
    fs::set_permissions(place.path(), PermissionsExt::from_mode(0o1777)).unwrap();
    copy(folder.path(), &file).unwrap();
}

#[test]
fn a_backup_with_foreign_objects_is_refused_before_anything_in_it_runs() {
    let (folder, place) = (tempdir().unwrap(), tempdir().unwrap());
    filled(folder.path(), 3);
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)";
    let cases = [
        (
            "CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM accounts; END",
            "trigger \"t\"",
        ),
        ("CREATE VIEW v AS SELECT 1", "view \"v\""),
        ("CREATE TABLE more(x)", "table \"more\""),
        ("CREATE INDEX i ON events(nick)", "index \"i\""),
        ("ALTER TABLE rooms ADD COLUMN x INTEGER", "table \"rooms\""),
        ("DROP TABLE certificates", "lacks the table \"certificates\""),
        (
            &format!(
                "ALTER TABLE talks RENAME TO old; CREATE VIEW talks AS {endless} SELECT i AS account, i AS peer, i AS sum FROM n"
            ),
            "table \"old\" does not belong to a Parlor server",
        ),
        (
            &format!(
                "DROP TABLE about; CREATE VIEW about AS {endless} SELECT 'key' AS key, i AS value, i AS sum FROM n"
            ),
            "does not belong to a Parlor server",
        ),
    ];
    for (number, (change, told)) in cases.iter().enumerate() {
        // As somebody would make one by hand: no hash, which only our own copies need to have.
        let file = place.path().join(format!("copy{number}"));
        fs::copy(folder.path().join("parlor.db"), &file).unwrap();
        let changed = rusqlite::Connection::open(&file).unwrap();
        changed.execute_batch("PRAGMA journal_mode = delete").unwrap();
        changed.execute_batch(change).unwrap();
        changed.close().unwrap();
        let new = place.path().join(format!("new{number}"));
        match lay(&file, &new) {
            Err(Failure::BadCopy { problem, .. }) => {
                assert!(problem.contains(told), "{change}: {problem}");
            }
            other => panic!("{change}: {other:?}"),
        }
        assert!(!new.join("parlor.db").exists());
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_without_waiting() {
    let place = tempdir().unwrap();
    let pipe = place.path().join("pipe");
    make_pipe(&pipe);
    let found = lay(&pipe, &place.path().join("new")).unwrap_err();
    assert!(found.to_string().contains("not a regular file"), "{found}");
}
