//! What only the store on disk can show: restarts, locks, versions, damage, a full disk.

use std::fs;
use std::path::{Path, PathBuf};

use parlor_store::{
    Conversation, Failure, ListEntry, Outcome, Room, Select::Latest, SqliteStore, Store, Write,
    check,
};
use rusqlite::Connection;
use tempfile::{TempDir, tempdir};

use crate::support::{
    INSTANCE, account, commit, keep_for, lobby, member, message, open, page, pending, resend, room,
    say, try_commit,
};

fn database(folder: &TempDir) -> PathBuf {
    folder.path().join("parlor.db")
}

/// Every file of a folder with its contents.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

fn fill(store: &mut dyn Store) {
    let ban = ListEntry { mode: 'b', mask: "z!*@*".into(), by: "ann".into(), time: 9 };
    commit(
        store,
        &[
            Write::Account(account(1, "ann")),
            Write::Room(Room { lists: vec![ban], ..room(1, "#lobby") }),
            Write::Member(member(1, 1)),
            Write::Certificate { fingerprint: [7; 32], account: Some(1), proved: true },
            say(1, lobby()),
            resend(message(2, lobby()), "x"),
            keep_for(message(3, Conversation::direct(1, 2)), 2),
        ],
    );
}

#[test]
fn everything_survives_a_restart_and_the_first_instance_stays() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    fill(&mut store);
    commit(&mut store, &[Write::RoomEnded(1)]);
    let before = store.load().unwrap();
    Box::new(store).close().unwrap();

    let mut store = SqliteStore::open(folder.path(), "zzzz").unwrap();
    assert_eq!(store.load().unwrap(), before);
    assert_eq!((before.instance.as_str(), before.last_room, before.last_account), (INSTANCE, 1, 2));
    assert_eq!(page(&store, lobby(), Latest, 9), [1, 2]);
    assert_eq!(pending(&store, 2, 9, 9), [3]);
    let again = commit(&mut store, &[resend(message(4, lobby()), "x")]);
    assert_eq!(again, [Outcome::Duplicate { id: 2, time: 20 }]);
    assert_eq!(check_after(store, &folder), Vec::<String>::new());
}

#[test]
fn committed_data_survives_without_a_close() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    fill(&mut store);
    // What a killed process leaves: the files as they are, with the log not moved into the database.
    let crashed = tempdir().unwrap();
    for name in ["parlor.db", "parlor.db-wal"] {
        fs::copy(folder.path().join(name), crashed.path().join(name)).unwrap();
    }
    let mut found = open(crashed.path());
    assert_eq!(found.load().unwrap(), store.load().unwrap());
    assert_eq!(page(&found, lobby(), Latest, 9), [1, 2]);
}

#[test]
fn a_folder_in_use_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    fill(&mut store);
    let before = files(folder.path());
    let refused = SqliteStore::open(folder.path(), "zzzz").err().unwrap();
    assert!(matches!(refused, Failure::InUse { .. }), "{refused:?}");
    assert!(matches!(check(folder.path()), Err(Failure::InUse { .. })));
    assert_eq!(files(folder.path()), before);
    drop(store);
    open(folder.path());
}

#[test]
fn a_newer_database_is_refused_by_name_and_left_alone() {
    let folder = tempdir().unwrap();
    drop(open(folder.path()));
    let newer = Connection::open(database(&folder)).unwrap();
    newer.execute_batch("PRAGMA user_version = 999").unwrap();
    newer.execute("UPDATE about SET value = '7.8.9' WHERE key = 'program'", []).unwrap();
    newer.close().unwrap();
    let before = files(folder.path());
    let refused = SqliteStore::open(folder.path(), "zzzz").err().unwrap();
    assert!(matches!(refused, Failure::TooNew { .. }), "{refused:?}");
    assert!(refused.to_string().ends_with("use chatserver 7.8.9 or later"), "{refused}");
    assert_eq!(files(folder.path()), before);
}

#[test]
fn a_newer_version_only_in_the_log_is_refused_too() {
    let folder = tempdir().unwrap();
    drop(open(folder.path()));
    let newer = Connection::open(database(&folder)).unwrap();
    newer.execute_batch("PRAGMA user_version = 999").unwrap();
    let killed = tempdir().unwrap();
    for name in ["parlor.db", "parlor.db-wal"] {
        fs::copy(folder.path().join(name), killed.path().join(name)).unwrap();
    }
    let kept = |name: &str| fs::read(killed.path().join(name)).unwrap();
    let before = (kept("parlor.db"), kept("parlor.db-wal"));
    let refused = SqliteStore::open(killed.path(), "zzzz").err().unwrap();
    assert!(matches!(refused, Failure::TooNew { .. }), "{refused:?}");
    assert!((kept("parlor.db"), kept("parlor.db-wal")) == before);
}

#[test]
fn an_unwritable_folder_is_reported_by_name() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = SqliteStore::open(&file.join("data"), INSTANCE).err().unwrap();
    assert!(matches!(&refused, Failure::NotWritable { path, .. } if path.starts_with(&file)));
    assert!(refused.to_string().contains("cannot be written"), "{refused}");
}

#[cfg(unix)]
#[test]
fn a_new_folder_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    let data = folder.path().join("deep/data");
    drop(open(&data));
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
}

#[cfg(unix)]
#[test]
fn files_are_private_even_in_a_readable_folder() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut store = open(folder.path());
    commit(&mut store, &[say(1, lobby())]);
    for file in ["parlor.db", "parlor.db-wal", "parlor.db-shm"] {
        let mode = fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_file_that_is_not_a_database_is_refused() {
    let folder = tempdir().unwrap();
    fs::write(database(&folder), [b'x'; 4096]).unwrap();
    let refused = SqliteStore::open(folder.path(), INSTANCE).err().unwrap();
    assert!(matches!(refused, Failure::Corrupt { .. }), "{refused:?}");
    assert_eq!(check(folder.path()).unwrap(), ["it is not an SQLite database"]);
}

#[test]
fn damage_is_found_when_the_store_is_opened() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    commit(&mut store, &(1..=2000).map(|n| say(n, lobby())).collect::<Vec<_>>());
    Box::new(store).close().unwrap();
    let whole = fs::read(database(&folder)).unwrap();

    let mut hurt = whole.clone();
    // Among the events; before them are the first pages of all tables, most of them empty.
    let middle = whole.len() / 4 * 3 / 8192 * 8192;
    hurt[middle..middle + 4096].fill(0xa5);
    fs::write(database(&folder), hurt).unwrap();
    let refused = SqliteStore::open(folder.path(), INSTANCE).err().unwrap();
    assert!(matches!(refused, Failure::Corrupt { .. }), "{refused:?}");
    assert!(!check(folder.path()).unwrap().is_empty());

    fs::write(database(&folder), &whole[..middle]).unwrap();
    let refused = SqliteStore::open(folder.path(), INSTANCE).err().unwrap();
    assert!(matches!(refused, Failure::Corrupt { .. }), "{refused:?}");
    assert!(!check(folder.path()).unwrap().is_empty());
}

#[test]
fn the_full_check_finds_what_sqlite_cannot_know() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    fill(&mut store);
    commit(&mut store, &[say(4, lobby())]);
    drop(store);
    assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new());
    let cases = [
        (
            "UPDATE events SET kind = 10, text = '' WHERE id = 4",
            "1 messages that were taken back still count",
        ),
        ("UPDATE events SET kind = 99 WHERE id = 3", "1 events are of an unknown kind"),
        ("UPDATE events SET kind = 10 WHERE id = 2", "1 messages that were taken back still have"),
        ("UPDATE events SET kind = 11, about = 1 WHERE id = 4", "1 events take back a message"),
        ("DELETE FROM talks", "1 direct messages are in nobody's list"),
        ("INSERT INTO pending VALUES (2, 77, 0)", "1 pending deliveries are of events"),
        (
            "INSERT INTO accounts SELECT 9, 'ANN', salt, 1, stored_key, server_key, 1, 0 FROM accounts",
            "1 accounts have the name",
        ),
        ("INSERT INTO unheard VALUES (8, 1, 0)", "1 silent accounts do not exist"),
        ("INSERT INTO members VALUES (8, 1, 0, 0, 0, 0, 0)", "1 members are in rooms"),
        ("INSERT INTO lists VALUES (8, 0, 'b', 'm', 'x', 1, 0)", "1 list entries are of rooms"),
        (
            "INSERT INTO read_markers VALUES (1, 8, 1, 0, 0), (1, 1 << 32, 1, 0, 0)",
            "1 read markers are in rooms",
        ),
        (
            "INSERT INTO metadata VALUES (1, 8, 'k', 'v', 0), (0, 8, 'k', 'v', 0)",
            "1 metadata keys are of",
        ),
        (
            "INSERT INTO certificates VALUES (x'01', 1, 0, 0), (x'02', 8, 0, 0)",
            "1 certificates are of accounts",
        ),
        ("INSERT INTO records VALUES (0, 8, 'k', 'v', 0)", "1 records are of accounts"),
        (
            "INSERT INTO records VALUES (64, 8, 'k', 'v', 0), (128, 0, 'k', 'v', 0)",
            "1 records are of rooms",
        ),
        ("INSERT INTO mentions VALUES (2, 1, 77, 1, 0)", "1 mentions are in events"),
        ("INSERT INTO taken_back VALUES (1, 77, 1, 0)", "1 notes of what was taken back"),
    ];
    for (harm, expected) in cases {
        assert!(!check(folder.path()).unwrap().iter().any(|found| found.starts_with(expected)));
        Connection::open(database(&folder)).unwrap().execute(harm, []).unwrap();
        let problems = check(folder.path()).unwrap();
        assert!(problems.iter().any(|found| found.starts_with(expected)), "{harm}: {problems:?}");
    }
}

#[test]
fn checking_a_folder_without_a_database_creates_nothing() {
    let folder = tempdir().unwrap();
    assert!(matches!(check(folder.path()), Err(Failure::Io { .. })));
    assert_eq!(files(folder.path()), []);
}

#[test]
fn a_full_disk_fails_the_whole_batch_and_nothing_else() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    fill(&mut store);
    let before = store.load().unwrap();
    // Small things first, so that there is something to undo.
    let talk = Conversation::direct(1, 9);
    let mut batch = vec![
        Write::Account(account(5, "eva")),
        Write::Room(room(2, "#new")),
        resend(message(10, lobby()), "again"),
        keep_for(message(11, talk), 9),
    ];
    batch.extend((12..60_000).map(|n| say(n, talk)));
    // At once, again, and after the cache of the writer has overflowed into the log.
    for pages in [1, 1, 240] {
        store.limit_pages(Some(pages)).unwrap();
        let failed = try_commit(&mut store, &batch).map(|done| done.len()).unwrap_err();
        assert!(matches!(failed, Failure::Sqlite { .. }), "{failed:?}");
        assert_eq!(store.load().unwrap(), before);
        assert_eq!(page(&store, lobby(), Latest, 9), [1, 2]);
        assert_eq!(page(&store, talk, Latest, 9), Vec::<u64>::new());
        assert_eq!(pending(&store, 9, 9000, 9), Vec::<u64>::new());
        let log = fs::read(folder.path().join("parlor.db-wal")).unwrap();
        assert_eq!(log[512 * 1024..].iter().any(|byte| *byte != 0), pages > 1, "it has overflowed");
    }
    store.limit_pages(None).unwrap();
    assert_eq!(commit(&mut store, &batch), vec![Outcome::Stored; batch.len()]);
    let after = store.load().unwrap();
    Box::new(store).close().unwrap();
    let mut store = open(folder.path());
    assert_eq!(store.load().unwrap(), after);
    assert_eq!(page(&store, talk, Latest, 2), [59_998, 59_999]);
    let everything = parlor_store::Scope::Everything { account: 9, room: None };
    let asked = crate::support::query(everything, Latest, 2);
    assert_eq!(crate::support::ids(&store, &asked), [59_998, 59_999]);
    assert_eq!(pending(&store, 9, 9000, 9), [11]);
    assert_eq!(check_after(store, &folder), Vec::<String>::new());
}

fn check_after(store: SqliteStore, folder: &TempDir) -> Vec<String> {
    Box::new(store).close().unwrap();
    check(folder.path()).unwrap()
}

#[test]
fn maintenance_catches_up_with_any_backlog() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let many: Vec<Write> =
        (1..=25_000).map(|n| resend(message(n, lobby()), &n.to_string())).collect();
    commit(&mut store, &many);
    let left = || -> i64 {
        let other = Connection::open(database(&folder)).unwrap();
        other.query_row("SELECT count(*) FROM resends", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(left(), 25_000);
    store.maintain(i64::MAX).unwrap();
    assert_eq!(left(), 0);
}

/// Each probe is a transaction that reaches the disk: the used part of the log grows by it.
#[test]
fn each_probe_is_written_to_the_disk() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let written = || {
        let log = fs::read(folder.path().join("parlor.db-wal")).unwrap();
        log.iter().rposition(|byte| *byte != 0).unwrap()
    };
    let mut before = 0;
    for _ in 0..3 {
        assert_eq!(commit(&mut store, &[Write::Probe]), [Outcome::Stored]);
        assert!(written() > before, "nothing was written");
        before = written();
    }
    assert_eq!(check_after(store, &folder), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn a_folder_writable_by_others_is_refused_and_the_lock_is_private() {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    let mode =
        |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let place = tempdir().unwrap();
    let folder = place.path().join("data");
    drop(open(&folder));
    let lock = folder.join("lock");
    let mode_of = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode_of(&lock), 0o600);
    // As an older version made it.
    mode(&lock, 0o644);
    mode(&folder, 0o755);
    drop(open(&folder));
    assert_eq!(mode_of(&lock), 0o600);

    for others in [0o775, 0o757, 0o1777] {
        mode(&folder, others);
        let refused = SqliteStore::open(&folder, INSTANCE).map(drop).unwrap_err();
        assert!(matches!(&refused, Failure::NotPrivate { .. }), "{others:o}: {refused}");
        assert!(refused.to_string().contains("chmod go-w"), "{refused}");
    }
    mode(&folder, 0o700);
    let precious = place.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    fs::remove_file(&lock).unwrap();
    symlink(&precious, &lock).unwrap();
    assert!(SqliteStore::open(&folder, INSTANCE).is_err(), "a link is no lock");
    fs::remove_file(&lock).unwrap();
    drop(open(&folder));

    // Only an administrator can give a folder away.
    if chown(&folder, Some(12345), None).is_ok() {
        let refused = SqliteStore::open(&folder, INSTANCE).map(drop).unwrap_err();
        assert!(refused.to_string().contains("belongs to another user (uid 12345)"), "{refused}");
    }
}
