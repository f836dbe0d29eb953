//! How fast the store on disk is. Run by hand: `cargo test --release -p parlor-store -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use parlor_store::{Conversation, Point, Scope, Select, SqliteStore, Store, Write};
use tempfile::tempdir;

use crate::support::{INSTANCE, open, query, say};

/// How long commits took, and their processor time.
struct Commits {
    events: u64,
    processor: Duration,
    times: Vec<Duration>,
}

impl Commits {
    fn rate(&self) -> f64 {
        self.events as f64 / self.times.iter().sum::<Duration>().as_secs_f64()
    }

    fn print(mut self, what: &str) {
        self.times.sort_unstable();
        let at = |part: f64| self.times[(self.times.len() as f64 * part) as usize];
        let (p50, p99, max) = (at(0.5), at(0.99), at(0.99999));
        let each = self.processor.as_secs_f64() * 1e6 / self.events as f64;
        let rate = self.rate();
        println!(
            "{what}: {each:.2} µs of CPU, {rate:.0}/s, p50 {p50:.1?} p99 {p99:.1?} max {max:.1?}"
        );
    }
}

/// The processor time of this thread (Linux; see proc(5), `schedstat`).
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split(' ').next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// Commits events in groups of `group`, over `rooms` rooms in turn.
fn commit_many(store: &mut SqliteStore, first: u64, total: u64, group: u64, rooms: u32) -> Commits {
    let mut times = Vec::new();
    let mut processor = Duration::ZERO;
    for start in (first..first + total).step_by(group as usize) {
        let writes: Vec<Write> = (start..start + group)
            .map(|n| say(n, Conversation::room(1 + (n % u64::from(rooms)) as u32)))
            .collect();
        let (began, before) = (Instant::now(), processor_time());
        store.commit(&mut writes.iter()).unwrap();
        times.push(began.elapsed());
        processor += processor_time() - before;
    }
    Commits { events: total, processor, times }
}

#[test]
#[ignore = "measures; takes seconds and wants a release build"]
fn large_groups_commit_150_000_events_a_second() {
    for (group, rooms) in [(1, 1), (64, 1), (1600, 1), (1600, 100), (1600, 10_000), (10_000, 100)] {
        let folder = tempdir().unwrap();
        let total = if group == 1 { 20_000 } else { 6400 * group.min(64) };
        let mut store = open(folder.path());
        let commits = commit_many(&mut store, 1, total / group * group, group, rooms);
        let rate = commits.rate();
        commits.print(&format!("groups of {group} over {rooms} rooms"));
        assert!(group < 1000 || rooms > 100 || rate > 150_000.0);
    }
}

#[test]
#[ignore = "builds a database of 10 million events; takes a minute and 1.5 GB of disk"]
fn ten_million_events_open_in_under_a_second() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    commit_many(&mut store, 1, 10_000_000, 50_000, 100).print("10 million");
    Box::new(store).close().unwrap();

    let began = Instant::now();
    let mut store = SqliteStore::open(folder.path(), INSTANCE).unwrap();
    let loaded = store.load().unwrap();
    let took = began.elapsed();
    println!("opened and loaded in {took:?}");
    assert_eq!(loaded.last_event, 10_000_000);
    assert!(took < Duration::from_secs(1), "{took:?}");

    let mut reader = store.reader().unwrap();
    for (what, select) in [
        ("by id", (|at| Select::Before(Point::Id(at))) as fn(u64) -> Select),
        ("around an id", |at| Select::Around(Point::Id(at))),
        ("by time", |at| Select::After(Point::Time(at as i64 * 10))),
    ] {
        let (mut times, before) = (Vec::new(), processor_time());
        for turn in 1..=5000_u64 {
            let at = 1000 + turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 9_990_000 / 2;
            let of = Scope::One(Conversation::room(1 + (at % 100) as u32));
            let asked = query(of, select(at), 100);
            let began = Instant::now();
            let page = reader.page(&asked).unwrap();
            times.push(began.elapsed());
            assert!(page.len() == 100 || at < 10_000, "{}", page.len());
        }
        let pages = Commits { events: 5000, processor: processor_time() - before, times };
        pages.print(&format!("pages of 100 {what}"));
    }
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
