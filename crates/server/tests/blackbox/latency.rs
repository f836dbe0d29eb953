//! Who waits for an answer waits for the disk, and for nothing else.

#[cfg(target_os = "linux")]
use std::fs;
use std::time::{Duration, Instant};

use crate::support::Server;

/// One message after another, each sent when the one before is confirmed: none waits for a clock of the server's.
#[test]
fn consecutive_messages_are_confirmed_at_once() {
    let server = Server::start("");
    let mut ann = server.log_in("ann");
    let mut took: Vec<Duration> = (0..20)
        .map(|number| {
            let begin = Instant::now();
            ann.send(&format!("BM :{number}"));
            ann.expect(":parlor NOTE BM SENT * :*");
            begin.elapsed()
        })
        .collect();
    took.sort();
    assert!(took[10] < Duration::from_millis(250), "{took:?}");
}

/// The niceness of each thread of a server, by name.
#[cfg(target_os = "linux")]
fn priorities(server: &Server) -> Vec<(String, i32)> {
    let tasks = format!("/proc/{}/task", server.pid().as_raw_nonzero());
    let threads = fs::read_dir(tasks).unwrap();
    let thread = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("stat")));
    let parsed = thread.map(|stat| {
        let stat = stat.unwrap();
        let (name, rest) = stat.split_once(" (").unwrap().1.rsplit_once(") ").unwrap();
        // Field 19 of proc(5), counted from the state, which is the third.
        (name.to_owned(), rest.split(' ').nth(16).unwrap().parse().unwrap())
    });
    parsed.collect()
}

#[cfg(target_os = "linux")]
#[test]
fn threads_that_carry_messages_have_a_higher_priority_than_others() {
    let server = Server::start("");
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let all = priorities(&server);
        let of = |kind: &str| {
            let some = all.iter().filter(|(name, _)| name.starts_with(kind));
            some.map(|(_, nice)| *nice).collect::<Vec<i32>>()
        };
        let carrying = [of("shard-"), of("hub"), of("journal")].concat();
        let others = [of("password-"), of("reader-"), of("search-index")].concat();
        let most = *carrying.iter().max().unwrap();
        // Two that derive keys, two that read pages, one for overviews, two that search, and the index.
        if others.len() == 8 && others.iter().all(|nice| *nice > most) {
            return;
        }
        // A thread sets its own priority after it has started.
        assert!(Instant::now() < deadline, "{all:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
