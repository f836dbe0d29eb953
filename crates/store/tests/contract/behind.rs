//! The history of a conversation is indexed behind the commits: nobody may ever see that.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use parlor_store::{
    Conversation, Kinds, Query, Reader, Scope,
    Select::{self, After, Around, Before, Latest},
    Store, Write, check,
};
use rusqlite::Connection;
use tempfile::tempdir;

use crate::support::{commit, id, open, say, try_commit};

const ROOMS: u64 = 7;
/// More than two runs, in commits that each move less than a run.
const EVENTS: u64 = 36_000;
const GROUP: u64 = 1000;

/// Events `first..end`, over the rooms in turn.
fn turns(first: u64, end: u64) -> Vec<Write> {
    (first..end).map(|n| say(n, Conversation::room(1 + (n % ROOMS) as u32))).collect()
}

/// The ids of a page of a room, as `turns` stored them up to `last`.
fn expected(room: u64, select: Select, limit: usize, last: u64) -> Vec<u64> {
    let all = |range: std::ops::Range<u64>| range.filter(|n| n % ROOMS == room % ROOMS);
    let newest = |end: u64, limit: usize| {
        let mut ids: Vec<u64> = all(1..end.min(last + 1)).rev().take(limit).collect();
        ids.reverse();
        ids
    };
    let oldest = |first: u64, limit| all(first.max(1)..last + 1).take(limit).collect::<Vec<u64>>();
    match select {
        Latest => newest(last + 1, limit),
        Before(parlor_store::Point::Id(at)) => newest(at, limit),
        After(parlor_store::Point::Id(at)) => oldest(at + 1, limit),
        Around(parlor_store::Point::Id(at)) => {
            [newest(at, limit / 2), oldest(at, limit - limit / 2)].concat()
        }
        _ => unreachable!("not asked here"),
    }
}

/// Asks for pages of the first `last` events and compares.
fn assert_pages(reader: &mut dyn Reader, room: u64, point: u64, last: u64) {
    for select in [Latest, Before(id(point)), After(id(point)), Around(id(point))] {
        for limit in [1, 300] {
            let of = Scope::One(Conversation::room(1 + (room % ROOMS) as u32));
            let kinds = if room.is_multiple_of(2) { Kinds::MESSAGES } else { Kinds::ALL };
            let query = Query { of, select, limit, up_to: last, kinds };
            let page = reader.page(&query).unwrap();
            let found: Vec<u64> = page.iter().map(|event| event.id).collect();
            assert_eq!(found, expected(room, select, limit, last), "{query:?}");
        }
    }
}

/// Every event of every room, once.
fn assert_whole(store: &dyn Store, last: u64) {
    let mut reader = store.reader().unwrap();
    for room in 0..ROOMS {
        assert_pages(&mut *reader, room, last / 2, last);
        let of = Scope::One(Conversation::room(1 + room as u32));
        for select in [Latest, After(id(0))] {
            let query = Query { of, select, limit: usize::MAX, up_to: last, kinds: Kinds::ALL };
            let found: Vec<u64> = reader.page(&query).unwrap().iter().map(|e| e.id).collect();
            assert_eq!(found, expected(room, Latest, usize::MAX, last));
        }
        let targets = reader.targets(1, &[1 + room as u32], 0, i64::MAX, 9).unwrap();
        let newest = expected(room, Latest, 1, last)[0] as i64;
        assert_eq!(targets, [(Conversation::room(1 + room as u32), newest * 10)]);
    }
}

/// What a process killed now leaves.
fn copy(from: &Path, to: &Path) {
    for name in ["parlor.db", "parlor.db-wal"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

/// Up to where the index is complete, and up to where it will be with the run that was begun.
pub(crate) fn marks(folder: &Path) -> (u64, u64) {
    let database = Connection::open(folder.join("parlor.db")).unwrap();
    let mark = |key| {
        let about = "SELECT coalesce((SELECT value FROM about WHERE key = ?1), 0)";
        database.query_row(about, [key], |row| row.get::<_, i64>(0)).unwrap() as u64
    };
    (mark("indexed"), mark("indexing"))
}

#[test]
fn a_kill_between_any_two_commits_loses_and_duplicates_nothing() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let (mut before, mut amid, mut after) = (0, 0, 0);
    for first in (1..EVENTS).step_by(GROUP as usize) {
        commit(&mut store, &turns(first, first + GROUP));
        let crashed = tempdir().unwrap();
        copy(folder.path(), crashed.path());
        let (indexed, indexing) = marks(crashed.path());
        let mut found = open(crashed.path());
        assert_whole(&found, first + GROUP - 1);
        match indexed < indexing {
            true => amid += 1,
            false if indexed == 0 => before += 1,
            false => after += 1,
        }
        if indexed == indexing {
            continue;
        }
        // It goes on; and is killed again, amid the run that was begun twice.
        commit(&mut found, &turns(first + GROUP, first + GROUP + 1));
        assert_whole(&found, first + GROUP);
        drop(found);
        assert_eq!(check(crashed.path()).unwrap(), Vec::<String>::new());
        let mut found = open(crashed.path());
        commit(&mut found, &turns(first + GROUP + 1, first + 20 * GROUP));
        commit(&mut found, &turns(first + 20 * GROUP, first + 24 * GROUP));
        assert_whole(&found, first + 24 * GROUP - 1);
        drop(found);
        assert_eq!(check(crashed.path()).unwrap(), Vec::<String>::new());
    }
    assert!(before > 0 && amid > 0 && after > 0, "{before} {amid} {after}");
}

#[test]
fn a_reader_sees_each_event_once_while_they_are_indexed() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let committed = AtomicU64::new(0);
    let mut reader = store.reader().unwrap();
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let (mut last, mut turn) = (0, 0_u64);
            while last < EVENTS {
                last = committed.load(Ordering::Acquire);
                turn += 1;
                // Anywhere, and more often among the newest.
                let point = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (1 + turn % 2 * 50);
                assert_pages(&mut *reader, turn, last.saturating_sub(point % (last + 1)), last);
            }
            turn
        });
        let mut first = 1;
        while first <= EVENTS && !reading.is_finished() {
            let end = (first + 1 + first * 37 % 400).min(EVENTS + 1);
            commit(&mut store, &turns(first, end));
            committed.store(end - 1, Ordering::Release);
            first = end;
        }
        assert!(reading.join().unwrap() > 10);
    });
    assert!(marks(folder.path()).0 > EVENTS / 2);
}

#[test]
fn a_commit_that_fails_during_indexing_changes_nothing() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    commit(&mut store, &turns(1, 30_000));
    let mut last = 29_999;
    while marks(folder.path()).0 == 0 {
        store.limit_pages(Some(1)).unwrap();
        let full = try_commit(&mut store, &turns(last + 1, last + 5000));
        assert!(full.is_err());
        assert_whole(&store, last);
        store.limit_pages(None).unwrap();
        commit(&mut store, &turns(last + 1, last + 2));
        last += 1;
        assert_whole(&store, last);
    }
    drop(store);
    assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new());
    for harm in [
        "UPDATE history SET other = 1 WHERE first = 1",
        "DELETE FROM history WHERE first = 1",
        "UPDATE history SET rest = x'80' WHERE first = 2",
    ] {
        let hurt = Connection::open(folder.path().join("parlor.db")).unwrap();
        assert_eq!(hurt.execute(harm, []).unwrap(), 1);
        drop(hurt);
        let problems = check(folder.path()).unwrap().concat();
        assert!(problems.contains("events are missing in the history"), "{harm}: {problems}");
    }
}
