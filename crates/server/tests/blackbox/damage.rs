//! What people and the operator are told when the disk has damaged what was stored.

use std::process::Output;

use crate::metrics::{get, numbers};
use crate::support::{Server, chatserver};

/// Changes one row behind the server's back.
fn harm(server: &Server, sql: &str) {
    let database = rusqlite::Connection::open(server.data().join("parlor.db")).expect("the store");
    assert_eq!(database.execute(sql, []).expect("a change"), 1, "{sql}");
}

fn check(server: &Server) -> Output {
    chatserver().arg("check").arg("--data").arg(server.data()).output().expect("it runs")
}

#[test]
fn a_damaged_message_is_marked_and_the_operator_is_told() {
    let mut server = Server::start("");
    let mut ann = server.log_in("ann");
    for text in ["one", "two", "three"] {
        ann.send(&format!("BM :{text}"));
        ann.until(":parlor NOTE BM SENT *");
    }
    let (_, _, body) = get(&server, "/healthz", "");
    assert!(body.contains("\"status\":\"ok\""), "{body}");
    harm(&server, "UPDATE events SET text = CAST(x'ff' AS TEXT) WHERE text = 'two'");

    ann.send("CH #lobby 3");
    ann.until(":ann!* PRIVMSG #lobby :*one");
    ann.expect(":parlor NOTICE #lobby :*a message of * UTC is damaged*");
    ann.expect(":ann!* PRIVMSG #lobby :*three");
    ann.expect(":parlor NOTE CH END #lobby 3 * :End of history");
    let (status, _, body) = get(&server, "/healthz", "");
    assert!(status == 200 && body.contains("\"status\":\"degraded\""), "{status} {body}");
    assert!(body.contains("stored data is damaged"), "{body}");
    assert_eq!(numbers(&server)["parlor_damaged"], 1.0);
    // Once, however often it is read.
    ann.send("CH #lobby 3");
    ann.until(":parlor NOTE CH END *");
    server.terminate();
    let log = server.log();
    assert_eq!(log.matches("The stored data is damaged").count(), 1, "{log}");
    let checked = check(&server);
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(!checked.status.success() && said.contains("1 events are not as they were"), "{said}");
}

/// What `chatserver salvage` says: what it leaves out on standard error, a line each.
#[test]
fn intact_data_can_be_salvaged() {
    let mut server = Server::start("");
    let mut ann = server.log_in("ann");
    for text in ["one", "two"] {
        ann.send(&format!("BM :{text}"));
        ann.until(":parlor NOTE BM SENT *");
    }
    server.terminate();
    harm(&server, "UPDATE events SET text = 'other' WHERE text = 'two'");
    let place = tempfile::tempdir().expect("a folder");
    let new = place.path().join("new");
    let made = chatserver().arg("salvage").arg(server.data()).arg(&new).output().expect("it runs");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");
    assert!(said.starts_with("Lost: of events, entry ") && said.lines().count() == 1, "{said}");
    let output = chatserver().arg("check").arg("--data").arg(&new).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(new.join("tls-key.pem").exists());
}
