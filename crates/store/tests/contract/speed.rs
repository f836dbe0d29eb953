//! How fast the store on disk is. Run by hand: `cargo test --release -p parlor-store -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use parlor_store::{Conversation, Scope, Select, SqliteStore, Store, Write};
use tempfile::tempdir;

use crate::support::{INSTANCE, ids, open, query, say};

/// Commits events in groups of `group`, over `rooms` rooms; returns events a second.
fn commit_many(store: &mut SqliteStore, first: u64, total: u64, group: u64, rooms: u32) -> f64 {
    let mut spent = Duration::ZERO;
    for start in (first..first + total).step_by(group as usize) {
        let writes: Vec<Write> = (start..start + group)
            .map(|n| say(n, Conversation::room(1 + (n % u64::from(rooms)) as u32)))
            .collect();
        let began = Instant::now();
        store.commit(&mut writes.iter()).unwrap();
        spent += began.elapsed();
    }
    total as f64 / spent.as_secs_f64()
}

#[test]
#[ignore = "measures; takes seconds and wants a release build"]
fn commits_150_000_events_a_second_in_large_groups() {
    for (group, rooms) in [(64, 1), (1000, 1), (10_000, 1), (10_000, 100), (100_000, 1)] {
        let folder = tempdir().unwrap();
        let total = if group < 1000 { 20_000 } else { 300_000 };
        let rate = commit_many(&mut open(folder.path()), 1, total / group * group, group, rooms);
        println!("groups of {group} over {rooms} rooms: {rate:.0} events/s");
        assert!(group < 10_000 || rate > 150_000.0);
    }
}

#[test]
#[ignore = "builds a database of 10 million events; takes a minute and 1.5 GB of disk"]
fn ten_million_events_open_in_under_a_second() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let rate = commit_many(&mut store, 1, 10_000_000, 50_000, 100);
    println!("built at {rate:.0} events/s");
    Box::new(store).close().unwrap();

    let began = Instant::now();
    let mut store = SqliteStore::open(folder.path(), INSTANCE).unwrap();
    let loaded = store.load().unwrap();
    let took = began.elapsed();
    println!("opened and loaded in {took:?}");
    assert_eq!(loaded.last_event, 10_000_000);
    assert!(took < Duration::from_secs(1), "{took:?}");

    let began = Instant::now();
    let room = Scope::One(Conversation::room(7));
    let point = parlor_store::Point::Time(50_000_000);
    let found = ids(&store, &query(room, Select::Before(point), 100));
    println!("a page of 100 from the middle, by time, in {:?}", began.elapsed());
    assert_eq!(found.len(), 100);
}

#[test]
#[ignore = "measures; the largest database that is looked at whole when it is opened"]
fn a_database_near_the_quick_checks_bound_opens_in_under_a_second() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let path = folder.path().join("parlor.db");
    let mut next = 1;
    while std::fs::metadata(&path).unwrap().len() < 58 << 20 {
        commit_many(&mut store, next, 10_000, 10_000, 100);
        next += 10_000;
    }
    Box::new(store).close().unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len();
    assert!(bytes < 64 << 20, "{bytes}");

    let began = Instant::now();
    open(folder.path());
    let took = began.elapsed();
    println!("{next} events in {bytes} bytes opened in {took:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
}
