//! Files that are lost, before a start or while the store is open, and what a stop leaves.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parlor_store::{
    Failure, Loaded, Progress, Select, SqliteStore, Store, Write, backup, check, restore,
};
use rusqlite::Connection;
use tempfile::{TempDir, tempdir};

use crate::support::{INSTANCE, account, commit, lobby, open, query, redact, say, try_commit};

/// What a kill leaves of a store with so many events, the last ones in its log only.
fn killed(events: u64) -> TempDir {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    for id in 1..=events {
        commit(
            &mut store,
            &[say(id, lobby()), Write::Account(account(id as u32, &format!("name{id}")))],
        );
        if id == events / 2 {
            store.maintain(0).unwrap();
        }
    }
    store.condition(); // What is noted is as new as can be.
    let killed = tempdir().unwrap();
    for name in ["parlor.db", "parlor.db-wal", "state"] {
        fs::copy(folder.path().join(name), killed.path().join(name)).unwrap();
    }
    killed
}

fn path(folder: &TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// A start is refused with these words and changes nothing, `check` says the same, and with the loss
/// accepted it goes on. Returns what is there then.
fn refused_until_accepted(folder: &TempDir, words: &str) -> Loaded {
    let contents = || -> Vec<(String, Vec<u8>)> {
        let names = names(folder.path()).into_iter().filter(|name| name != "lock");
        let names = names.filter(|name| !name.ends_with("-shm"));
        names.map(|name| (name.clone(), fs::read(path(folder, &name)).unwrap())).collect()
    };
    let before = contents();
    for _ in 0..2 {
        let refused = SqliteStore::open(folder.path(), "zzzz").err().expect("a refusal");
        assert!(matches!(refused, Failure::Lost { .. }), "{refused:?}");
        let text = refused.to_string();
        assert!(text.contains(words) && text.contains("--accept-loss"), "{text}");
        assert!(contents() == before, "it has changed something");
    }
    if path(folder, "parlor.db").exists() {
        let problems = check(folder.path()).unwrap();
        assert!(problems[0].contains(words), "{problems:?}");
        assert!(contents() == before, "the check has changed something");
    }
    let mut store =
        SqliteStore::open_watched(folder.path(), "zzzz", true, &Progress::default()).unwrap();
    let loaded = store.load().unwrap();
    Box::new(store).close().unwrap();
    assert_eq!(open(folder.path()).load().unwrap(), loaded);
    loaded
}

#[test]
fn a_killed_store_is_opened_with_all_its_events() {
    let folder = killed(20);
    let mut store = open(folder.path());
    assert_eq!(store.load().unwrap().events, 20);
    commit(&mut store, &[say(21, lobby())]);
    Box::new(store).close().unwrap();
    // Also if what is noted is older than the log, as after a power cut.
    let folder = killed(20);
    let older = fs::read(path(&killed(10), "state")).unwrap();
    fs::write(path(&folder, "state"), older).unwrap();
    assert_eq!(open(folder.path()).load().unwrap().events, 20);
}

#[test]
fn a_deleted_log_is_noticed() {
    let folder = killed(20);
    fs::remove_file(path(&folder, "parlor.db-wal")).unwrap();
    let words =
        "events 11 to 20 are missing, the last of 1970-01-01T00:00:00.200Z; the file beside it";
    assert_eq!(refused_until_accepted(&folder, words).events, 10);
}

#[test]
fn a_log_with_one_wrong_bit_is_noticed_and_kept() {
    let folder = killed(20);
    let log = path(&folder, "parlor.db-wal");
    let mut bytes = fs::read(&log).unwrap();
    // The rest of the file is preallocated.
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let middle = used / 3;
    bytes[middle] ^= 4;
    fs::write(&log, &bytes).unwrap();
    let loaded = refused_until_accepted(&folder, " to 20 are missing");
    assert!((10..20).contains(&loaded.events), "{}", loaded.events);
    assert!(fs::read(path(&folder, "parlor.db-wal.lost-1")).unwrap() == bytes);
}

#[test]
fn a_log_checkpointed_by_another_program_is_not_missed() {
    let folder = killed(20);
    let other = Connection::open(path(&folder, "parlor.db")).unwrap();
    let count = "SELECT count(*) FROM events";
    assert_eq!(other.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), 20);
    other.close().unwrap();
    assert!(!path(&folder, "parlor.db-wal").exists());
    assert_eq!(open(folder.path()).load().unwrap().events, 20);
}

#[test]
fn a_deleted_or_emptied_database_is_noticed() {
    for log in [true, false] {
        for empty in [true, false] {
            let folder = killed(20);
            fs::remove_file(path(&folder, "parlor.db")).unwrap();
            if empty {
                fs::write(path(&folder, "parlor.db"), "").unwrap();
            }
            if !log {
                fs::remove_file(path(&folder, "parlor.db-wal")).unwrap();
            }
            let words =
                "the whole database is missing, with 20 events until 1970-01-01T00:00:00.200Z";
            assert_eq!(refused_until_accepted(&folder, words).events, 0);
        }
    }
}

#[test]
fn a_log_without_a_database_is_refused_even_without_a_mark() {
    let folder = killed(20);
    fs::remove_file(path(&folder, "state")).unwrap();
    fs::remove_file(path(&folder, "parlor.db")).unwrap();
    let words = "only its write-ahead log is there, the database itself is missing";
    assert_eq!(refused_until_accepted(&folder, words).events, 0);
    assert!(path(&folder, "parlor.db-wal.lost-1").exists());
}

#[test]
fn an_older_copy_and_another_rooms_database_are_refused() {
    let folder = tempdir().unwrap();
    drop(open(folder.path()));
    let copy = fs::read(path(&folder, "parlor.db")).unwrap();
    drop(open(folder.path()));
    fs::write(path(&folder, "parlor.db"), copy).unwrap();
    refused_until_accepted(&folder, "it is an older copy of it");

    let (folder, other) = (tempdir().unwrap(), tempdir().unwrap());
    drop(open(folder.path()));
    drop(SqliteStore::open(other.path(), "zzzz").unwrap());
    fs::copy(path(&other, "parlor.db"), path(&folder, "parlor.db")).unwrap();
    refused_until_accepted(&folder, "it is another room's");
}

#[test]
fn a_restored_backup_is_accepted_where_a_database_was() {
    let folder = killed(20);
    let copy = path(&folder, "copy");
    drop(open(folder.path()));
    backup(folder.path(), &copy, &[], &Arc::default()).unwrap();
    let mut store = open(folder.path());
    commit(&mut store, &[say(21, lobby())]);
    Box::new(store).close().unwrap();
    fs::remove_file(path(&folder, "parlor.db")).unwrap();
    restore(&copy, folder.path(), &[], &Arc::default()).unwrap();
    assert_eq!(open(folder.path()).load().unwrap().events, 20);
}

#[test]
fn a_damaged_mark_only_refuses_a_missing_database() {
    let folder = killed(20);
    fs::write(path(&folder, "state"), "parlor state 1\n").unwrap();
    assert_eq!(open(folder.path()).load().unwrap().events, 20);
    assert_eq!(open(folder.path()).load().unwrap().events, 20, "it was made anew");
    fs::write(path(&folder, "state"), "parlor state 1\n").unwrap();
    fs::remove_file(path(&folder, "parlor.db")).unwrap();
    refused_until_accepted(&folder, "the whole database is missing");
}

/// Each of the three, away and back, and another file in its place.
#[test]
fn nothing_is_stored_into_misplaced_files() {
    let folder = tempdir().unwrap();
    let away = tempdir().unwrap();
    let mut store = open(folder.path());
    let mut reader = store.reader().unwrap();
    let mut next = 1;
    for name in ["parlor.db", "parlor.db-wal", "parlor.db-shm"] {
        for other in [false, true] {
            commit(&mut store, &[say(next, lobby())]);
            next += 1;
            let moved = away.path().join(name);
            fs::rename(path(&folder, name), &moved).unwrap();
            if other {
                fs::copy(&moved, path(&folder, name)).unwrap();
            }
            for _ in 0..2 {
                let failed = try_commit(&mut store, &[say(next, lobby())]).unwrap_err();
                assert!(matches!(failed, Failure::Gone { .. }), "{failed:?}");
                let text = failed.to_string();
                let word = if other { "replaced" } else { "moved or deleted" };
                assert!(text.contains(name) && text.contains(word), "{text}");
                assert!(store.condition().gone);
            }
            assert!(store.maintain(0).is_err());
            let all = query(parlor_store::Scope::One(lobby()), Select::Latest, 99);
            let read = reader.page(&all).unwrap();
            assert_eq!(read.len() as u64, next - 1, "what is stored can be read");
            fs::rename(&moved, path(&folder, name)).unwrap();
            commit(&mut store, &[say(next, lobby())]);
            next += 1;
            assert!(!store.condition().gone);
        }
    }
    drop(reader);
    Box::new(store).close().unwrap();
    assert_eq!(open(folder.path()).load().unwrap().events, next - 1);
    assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new());
}

#[test]
fn deleting_the_log_while_running_loses_nothing() {
    for name in ["parlor.db-wal", "parlor.db-shm"] {
        let folder = tempdir().unwrap();
        let mut store = open(folder.path());
        (1..=30).for_each(|id| drop(commit(&mut store, &[say(id, lobby())])));
        fs::remove_file(path(&folder, name)).unwrap();
        let failed = try_commit(&mut store, &[say(31, lobby())]).unwrap_err().to_string();
        assert!(failed.contains("All that was acknowledged is in the database"), "{failed}");
        // A kill here.
        let killed = tempdir().unwrap();
        for name in ["parlor.db", "state"] {
            fs::copy(path(&folder, name), path(&killed, name)).unwrap();
        }
        assert_eq!(open(killed.path()).load().unwrap().events, 30);
        Box::new(store).close().unwrap();
        assert_eq!(open(folder.path()).load().unwrap().events, 30);
    }
}

#[test]
fn stopping_reports_that_the_database_is_gone() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    commit(&mut store, &[say(1, lobby())]);
    fs::remove_file(path(&folder, "parlor.db")).unwrap();
    let failed = Box::new(store).close().unwrap_err();
    assert!(matches!(failed, Failure::Gone { .. }), "{failed:?}");
    let refused = SqliteStore::open(folder.path(), INSTANCE).err().expect("a refusal");
    assert!(matches!(refused, Failure::Lost { .. }), "{refused:?}");
}

#[test]
fn after_a_stop_one_file_is_left_without_redacted_text() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let secret = b"text 1";
    let found = || {
        let files = names(folder.path());
        let read = |name: &String| fs::read(path(&folder, name)).unwrap();
        files.iter().any(|name| read(name).windows(secret.len()).any(|part| part == secret))
    };
    commit(&mut store, &[say(1, lobby()), say(22, lobby())]);
    assert!(found());
    commit(&mut store, &[redact(23, lobby(), 1)]);
    let reader = store.reader().unwrap();
    drop(reader);
    Box::new(store).close().unwrap();
    assert_eq!(names(folder.path()), ["lock", "parlor.db", "state"]);
    assert!(!found());
}

/// Also while another program keeps the log from being removed.
#[test]
fn after_a_stop_the_log_is_empty_though_another_program_has_the_database_open() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    commit(&mut store, &[say(1, lobby())]);
    let other = Connection::open(path(&folder, "parlor.db")).unwrap();
    let count = "SELECT count(*) FROM events";
    let stored: i64 = other.query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(stored, 1);
    Box::new(store).close().unwrap();
    assert_eq!(fs::metadata(path(&folder, "parlor.db-wal")).unwrap().len(), 0);
    drop(other);
    assert_eq!(names(folder.path()), ["lock", "parlor.db", "state"]);
}

#[test]
fn a_checkpoint_blocked_by_a_reader_is_reported_and_done_later() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    commit(&mut store, &[say(1, lobby())]);
    let other = Connection::open(path(&folder, "parlor.db")).unwrap();
    other.execute_batch("BEGIN; SELECT count(*) FROM events;").unwrap();
    let text = "x".repeat(8000);
    for id in 2..1500 {
        let Write::Event { event, .. } = say(id, lobby()) else { unreachable!() };
        let event = parlor_store::Event { text: text.clone().into(), ..(*event).clone() };
        commit(&mut store, &[crate::support::put(event)]);
    }
    store.maintain(0).unwrap();
    commit(&mut store, &[Write::Probe]);
    let held = store.condition();
    assert!(held.log_bytes > 1500 * 8000 && held.log_waits.as_nanos() > 0, "{held:?}");
    other.execute_batch("COMMIT").unwrap();
    store.maintain(0).unwrap();
    assert_eq!(store.condition().log_waits.as_nanos(), 0);
}
