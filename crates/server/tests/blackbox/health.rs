//! What `/healthz` says of a server that is well, and of one that is not.

use std::time::Instant;

use crate::metrics::{get, numbers};
use crate::support::{PATIENCE, Server, Start};

fn health(server: &Server) -> (u16, String) {
    let (status, head, body) = get(server, "/healthz", "");
    assert!(head.contains("content-type: application/json"), "{head}");
    (status, body)
}

/// Asks until the answer has this status, and returns its body: answers are as old as a second.
pub(crate) fn until(server: &Server, wanted: u16) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (status, body) = health(server);
        if status == wanted {
            return body;
        }
        assert!(Instant::now() < deadline, "it stays at {status}: {body}");
    }
}

#[test]
fn a_server_that_can_store_is_healthy() {
    let server = Server::start("");
    let (status, body) = health(&server);
    assert_eq!(status, 200, "{body}");
    let start = "{\"status\":\"ok\",\"store\":\"writable\",\"disk_free_bytes\":";
    let bytes = body.strip_prefix(start).and_then(|rest| rest.trim_end().strip_suffix('}'));
    assert!(bytes.is_some_and(|bytes| bytes.parse::<u64>().is_ok()), "{body}");

    let server = Server::start_as(Start::InMemory, "");
    let expected = "{\"status\":\"ok\",\"store\":\"writable\"}\n".to_owned();
    assert_eq!(health(&server), (200, expected), "no disk, nothing of a disk");
}

#[cfg(target_os = "linux")]
#[test]
fn health_reports_a_full_disk_and_its_end() {
    let server = Server::start_on_small_disk("");
    until(&server, 200);
    crate::disk_full::limit_files(&server, Some(0));
    let body = until(&server, 503);
    let expected = "{\"status\":\"failing\",\"store\":\"not_writable\"";
    assert!(body.starts_with(expected), "{body}");
    assert!(body.contains("\"problems\":[\"nothing can be stored"), "{body}");
    crate::disk_full::limit_files(&server, None);
    until(&server, 200);
    server.log_in("ann");
}

/// Somebody else's transaction holds the store up, as a disk that hangs would.
#[test]
fn health_does_not_wait_forever_for_the_store() {
    let server = Server::start("");
    let other = rusqlite::Connection::open(server.data().join("parlor.db")).expect("the store");
    other.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
    let begun = Instant::now();
    let (status, body) = health(&server);
    assert_eq!(status, 503, "{body}");
    let held_up = ["\"store\":\"no_answer\"", "\"store\":\"not_writable\""];
    assert!(held_up.iter().any(|found| body.contains(found)), "{body}");
    assert!(begun.elapsed() < PATIENCE);
    other.execute_batch("ROLLBACK").expect("its end");
    until(&server, 200);
}

#[test]
fn frequent_health_checks_cause_no_extra_writes() {
    let server = Server::start("");
    let before = numbers(&server);
    let begun = Instant::now();
    for _ in 0..100 {
        assert_eq!(health(&server).0, 200);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let after = numbers(&server);
    let shards = after.keys().filter(|name| name.starts_with("parlor_deliveries_total")).count();
    let commits = after["parlor_commit_seconds_count"] - before["parlor_commit_seconds_count"];
    assert!(commits >= 1.0, "nothing was written at all");
    let most = shards as f64 * (seconds + 1.0);
    assert!(commits <= most, "{commits} commits in {seconds} s by {shards} shards");
}
