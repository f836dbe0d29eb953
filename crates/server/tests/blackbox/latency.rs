//! Who waits for an answer waits for the disk, and for nothing else.

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
