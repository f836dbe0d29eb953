//! Who comes in, and who does not.

use std::io::Write;

use crate::process::Client;
use crate::server::{PASSWORD, Server};

#[test]
fn a_new_user_registers_with_name_and_password_from_the_script() {
    let server = Server::start();
    let client = Client::at(&server, &[], "zoe\nopen sesame\n");
    let mut peer = server.accept();
    peer.negotiate();
    peer.expect("LOGIN zoe");
    peer.send(":parlor NOTE LOGIN NEW_USER zoe :Enter Password:");
    peer.expect("open sesame");
    peer.send(":parlor NOTE LOGIN ACCOUNT_CREATED zoe :Welcome");
    peer.expect("CAP END");
    peer.send(":zoe!zoe@parlor JOIN #lobby");
    peer.baseline();
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{outcome:?}");
    assert!(outcome.stderr.starts_with("Enter username:\nEnter Password:\n"), "{outcome:?}");
}

#[test]
fn a_script_that_ends_before_the_password_is_told_so() {
    let server = Server::start();
    let client = Client::at(&server, &[], "ann\n");
    let mut peer = server.accept();
    peer.negotiate();
    peer.demand_password("ann");
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.ends_with("it ended before the login was done\n"), "{outcome:?}");
}

#[test]
fn the_servers_own_password_comes_between_name_and_password() {
    let server = Server::start();
    let client = Client::at(&server, &[], "ann\neverybodys\nsecret\n");
    let mut peer = server.accept();
    peer.negotiate();
    peer.expect("LOGIN ann");
    peer.send(":parlor FAIL LOGIN SERVER_PASSWORD_REQUIRED :Send PASS and that password first");
    peer.expect("PASS :everybodys");
    peer.demand_password("ann");
    assert!(peer.scram());
    peer.welcome("ann");
    peer.baseline();
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(
        outcome.stderr.contains("* This server has a password for everybody.\n"),
        "{outcome:?}"
    );
    assert!(!outcome.stderr.contains("PASS"), "{outcome:?}");
}

#[test]
fn an_existing_user_comes_in_by_scram_and_the_password_never_crosses_the_wire() {
    let server = Server::start();
    let client = Client::ann(&server, "EX\n");
    server.accept_ann().goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.starts_with("Enter user's password:\n"), "{outcome:?}");
}

#[test]
fn the_password_can_come_from_a_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{PASSWORD}").unwrap();
    let path = file.path().to_str().unwrap();
    let server = Server::start();
    let client = Client::at(&server, &["-u", "ann", "--password-file", path], "EX\n");
    server.accept_ann().goodbye();
    assert_eq!(client.finish().code, Some(0));
}

#[test]
fn a_wrong_password_ends_a_script() {
    let server = Server::start();
    let client = Client::at(&server, &["-u", "ann"], "wrong\nBM hello\n");
    let mut peer = server.accept();
    peer.negotiate();
    peer.demand_password("ann");
    assert!(!peer.scram());
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.ends_with("chatclient: ann was not let in: Wrong password\n"),
        "{outcome:?}"
    );
}

#[test]
fn a_server_that_does_not_know_the_password_either_is_refused() {
    let server = Server::start();
    let client = Client::ann(&server, "BM hello\n");
    let mut peer = server.accept();
    peer.negotiate();
    peer.demand_password("ann");
    peer.expect("AUTHENTICATE SCRAM-SHA-256");
    // Success without the exchange that would have proved it.
    peer.send("AUTHENTICATE +");
    peer.line();
    peer.send(":parlor 903 * :Success");
    peer.send(":parlor 001 ann :Welcome");
    // It may still challenge; the client has no use for a false proof.
    peer.send_sasl(b"v=AAAA");
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(!outcome.stderr.contains("Sent"), "{outcome:?}");
}

#[test]
fn a_connection_that_breaks_during_the_login_is_made_again() {
    let server = Server::start();
    let client = Client::ann(&server, "EX\n");
    let mut peer = server.accept();
    peer.negotiate();
    peer.expect("LOGIN ann");
    peer.break_off();
    // The server is one of Parlor's, whatever happens now.
    server.accept().break_off();
    server.accept_ann().goodbye();
    assert_eq!(client.finish().code, Some(0));
}

#[test]
fn a_busy_server_is_tried_again() {
    let server = Server::start();
    let client = Client::ann(&server, "EX\n");
    let mut peer = server.accept();
    peer.negotiate();
    peer.expect("LOGIN ann");
    peer.send(":parlor FAIL LOGIN BUSY ann :Too many logins at once");
    server.accept_ann().goodbye();
    let outcome = client.finish();
    assert!(
        outcome.stderr.contains("* Once more, since: Too many logins at once.\n"),
        "{outcome:?}"
    );
    assert_eq!(outcome.code, Some(0));
}
