//! Databases that older programs have made: each by the last commit before the next version, with
//! what that program could store. They are taken forward, and every row gets its checksum.

use std::fs;
use std::path::Path;

use parlor_store::{
    Conversation, EventKind, Kinds, Loaded, Outcome, Query, Scope, Select, SqliteStore, Store,
    Subject, Unreads, check,
};
use rusqlite::Connection;
use tempfile::{TempDir, tempdir};

use crate::support::{commit, events, lobby, message, page, pending, query, resend};

/// Versions, and a database of each.
pub(crate) const OLD: [(usize, &[u8]); 4] = [
    (1, include_bytes!("old/version_1.db")),
    (2, include_bytes!("old/version_2.db")),
    (3, include_bytes!("old/version_3.db")),
    (10, include_bytes!("old/version_10.db")),
];

fn laid(version: usize) -> TempDir {
    let folder = tempdir().unwrap();
    let (_, old) = OLD.into_iter().find(|(found, _)| *found == version).unwrap();
    fs::write(folder.path().join("parlor.db"), old).unwrap();
    folder
}

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder, "zzzz").unwrap()
}

fn assert_has_everything(version: usize, store: &mut SqliteStore) {
    let loaded: Loaded = store.load().unwrap();
    assert_eq!((loaded.instance.as_str(), loaded.last_account, loaded.last_room), ("k3f9", 3, 1));
    assert_eq!(loaded.last_event, if version == 1 { 5 } else { 7 });
    let names: Vec<&str> = loaded.accounts.iter().map(|account| &*account.name).collect();
    assert_eq!(names, ["ann", "bob"]);
    assert_eq!((loaded.accounts[1].keys.salt, loaded.accounts[1].created), ([2; 16], 1002));
    let room = &loaded.rooms[0];
    let topic = room.topic.as_ref().unwrap();
    assert_eq!((&*topic.text, topic.time, room.limit), ("the topic", 7, Some(40)));
    assert_eq!((room.lists.len(), &*room.lists[0].mask), (1, "z!*@*"));
    let ops: Vec<_> = loaded.members.iter().map(|member| (member.account, member.op)).collect();
    assert_eq!(ops, [(1, true), (2, false)]);
    let pair = Conversation::direct(1, 2);
    let metadata: Vec<_> = loaded.metadata.iter().map(|(of, key, _)| (*of, &**key)).collect();
    if version == 1 {
        assert_eq!((metadata, loaded.read_markers), (vec![], vec![]));
    } else {
        assert_eq!(metadata, [(Subject::Account(1), "url"), (Subject::Room(1), "avatar")]);
        let lobbys = (version == 10).then_some((2, lobby(), 1_700_000_001_000));
        let all: Vec<_> = [(1, pair, 1_700_000_003_000)].into_iter().chain(lobbys).collect();
        assert_eq!(loaded.read_markers, all);
    }
    let certificates = if version < 3 { vec![] } else { vec![([7; 32], 1, version == 10)] };
    assert_eq!(loaded.certificates, certificates);
    // Of a guest and of another account; what is taken back does not count.
    let of = Unreads { account: 2, rooms: vec![(1, 0)], ..Unreads::default() };
    let unread = store.reader().unwrap().unread(&of).unwrap();
    let (first, messages) = if version == 10 { (2, 2) } else { (1, 3) };
    assert_eq!((unread[0].first, unread[0].messages, unread[1].first), (first, messages, 3));

    let all = query(Scope::One(lobby()), Select::Latest, 9);
    let said = events(store, &Query { kinds: Kinds::MESSAGES, ..all.clone() });
    let texts: Vec<&str> = said.iter().map(|event| &*event.text).collect();
    assert_eq!(texts, ["hello", "gr\u{fc}\u{df}e", "a guest"]);
    assert_eq!((said[2].guest, &*said[2].tags, said[2].time), (true, "+x=1", 1_700_000_005_000));
    let kinds: Vec<EventKind> = events(store, &all).iter().map(|event| event.kind).collect();
    let (message, join) = (EventKind::Message, EventKind::Join);
    match version {
        1 => assert_eq!(kinds, [message, message, join, message]),
        _ => assert_eq!(kinds, [message, message, join, message, EventKind::Redact]),
    }
    assert_eq!((page(store, pair, Select::Latest, 9), pending(store, 2, 9, 9)), (vec![3], vec![3]));
    assert_eq!(store.damage().total(), 0);
}

#[test]
fn every_older_version_migrates_and_gets_checksums() {
    for (version, _) in OLD {
        let folder = laid(version);
        let mut store = open(folder.path());
        assert_has_everything(version, &mut store);
        Box::new(store).close().unwrap();
        assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new());

        // And once more; a resend id counts still.
        let mut store = open(folder.path());
        assert_has_everything(version, &mut store);
        let again =
            resend(parlor_store::Event { time: 1_700_000_009_000, ..message(9, lobby()) }, "again");
        let first = Outcome::Duplicate { id: 2, time: 1_700_000_002_000 };
        assert_eq!(commit(&mut store, &[again]), [first]);
        Box::new(store).close().unwrap();

        let database = Connection::open(folder.path().join("parlor.db")).unwrap();
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table'";
        let mut statement = database.prepare(tables).unwrap();
        let tables = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        for table in tables {
            let without = format!("SELECT count(*) FROM {} WHERE sum IS NULL", table.unwrap());
            let count: i64 = database.query_row(&without, [], |row| row.get(0)).unwrap();
            assert_eq!(count, 0, "{without}");
        }
    }
}

/// A program that is stopped while it takes a database forward leaves the old one.
#[test]
fn a_migration_that_is_stopped_changes_nothing() {
    let folder = laid(3);
    let database = folder.path().join("parlor.db");
    // More events than get their sums at once.
    let old = Connection::open(&database).unwrap();
    old.execute_batch(
        "WITH RECURSIVE n(id) AS (SELECT 100 UNION ALL SELECT id + 1 FROM n WHERE id < 50000)
        INSERT INTO events SELECT id, 1, 0, 1, 0, 'ann', '', 1700000008000, 'hi', '', NULL FROM n",
    )
    .unwrap();
    old.close().unwrap();
    let progress = parlor_store::Progress::default();
    progress.stop();
    let stopped = SqliteStore::open_watched(folder.path(), "zzzz", false, &progress).err().unwrap();
    assert!(matches!(stopped, parlor_store::Failure::Stopped), "{stopped:?}");
    let old = Connection::open(&database).unwrap();
    let version: u32 = old.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 3);
    drop(old);
    let store = open(folder.path());
    assert_eq!(page(&store, lobby(), Select::Latest, 1), [50_000]);
    assert_eq!(store.damage().total(), 0);
}

/// A row that nobody can read gets no sum that would make it sound.
#[test]
fn damaged_rows_stay_damaged_after_a_migration() {
    let folder = laid(3);
    let old = Connection::open(folder.path().join("parlor.db")).unwrap();
    old.execute("UPDATE events SET text = CAST(x'ff' AS TEXT) WHERE id = 1", []).unwrap();
    old.close().unwrap();
    let store = open(folder.path());
    let all = events(&store, &query(Scope::One(lobby()), Select::Latest, 9));
    assert_eq!((all[0].id, all[0].kind, all[1].id), (1, EventKind::Damaged, 2));
    Box::new(store).close().unwrap();
    assert_eq!(check(folder.path()).unwrap(), ["1 events are not as they were written: 1"]);
}
