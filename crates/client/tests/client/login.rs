//! Who comes in, and who does not.

use std::io::Write;
use std::thread;
use std::time::Duration;

use crate::process::{Client, Computer};
use crate::server::{PASSWORD, Server, keys};

#[test]
fn a_new_user_registers_with_name_and_password_from_the_script() {
    let server = Server::start();
    let client = Client::at(&server, &["--register"], "zoe\nsecret\n");
    let mut peer = server.accept();
    peer.does_not_know("zoe");
    let mut peer = server.accept_registered(peer, "zoe");
    peer.welcome("zoe");
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
    assert!(outcome.stderr.ends_with("the input ended before login was complete\n"), "{outcome:?}");
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
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("* This server requires a server password.\n"), "{outcome:?}");
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
fn who_logs_in_by_a_one_time_code_chooses_a_new_password_first() {
    let server = Server::start();
    let client = Client::ann(&server, "no\nbetter one\nbetter one\nEX\n");
    let comes_by_the_code = || {
        let mut peer = server.accept();
        peer.negotiate();
        peer.demand_password("ann");
        assert!(peer.scram());
        let why = "ann * :Your password is a one-time code";
        peer.send(&format!(":parlor WARN ACCOUNT NEW_PASSWORD_REQUIRED {why}"));
        peer.welcome("ann");
        for line in ["ACCOUNT PASSWORD", "better one", ""] {
            peer.expect(line);
        }
        peer.send(":parlor NOTE ACCOUNT NEW_PASSWORD_REQUIRED :Enter your new password:");
        peer
    };
    // What is not confirmed has not become the password: the next login is by the code again.
    comes_by_the_code().break_off();
    let mut peer = comes_by_the_code();
    peer.send(":bob!bob@parlor PRIVMSG ann :welcome back");
    peer.send(":parlor NOTE ACCOUNT PASSWORD_CHANGED ann :You have a new password");
    peer.nothing_missed();
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("* Your password is a one-time code.\n"), "{outcome:?}");
    assert!(outcome.stderr.contains("* A password needs 4 to "), "{outcome:?}");
    assert_eq!(outcome.stderr.matches("* You have a new password.\n").count(), 1, "{outcome:?}");
    assert!(outcome.stdout.contains("welcome back"), "{outcome:?}");
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
    assert_eq!(outcome.code, Some(5));
    assert!(
        outcome.stderr.ends_with("chatclient: ann could not log in: Wrong password\n"),
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
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
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
    assert!(outcome.stderr.contains("* Asking again: Too many logins at once.\n"), "{outcome:?}");
    assert_eq!(outcome.code, Some(0));
}

#[test]
fn a_mistyped_name_is_not_registered_by_a_script() {
    let server = Server::start();
    let client = Client::at(&server, &["-u", "robto"], "secret\nBM hello\n");
    let mut peer = server.accept();
    peer.does_not_know("robto");
    peer.expect_end();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    let sentence =
        "there is no account robto; use --register to register the name with this password";
    assert_eq!(outcome.stderr, format!("chatclient: {sentence}\n"));
}

#[test]
fn a_server_that_wants_a_weaker_proof_than_before_gets_none() {
    let server = Server::start();
    let computer = Computer::that_knows(&server);
    let log_in = |iterations: u32, args: &[&str]| {
        let client = computer.ann(server.port, args, "EX\n");
        let mut peer = server.accept();
        peer.negotiate();
        peer.demand_password("ann");
        (client, peer, keys(iterations))
    };
    let (client, mut peer, keys) = log_in(100_001, &[]);
    assert!(peer.scram_with(&keys));
    peer.welcome("ann");
    peer.goodbye();
    assert_eq!(client.finish().code, Some(0));
    let remembered = format!("ann@localhost:{} iterations=100001\n", server.port);
    assert_eq!(computer.remembered_accounts(), remembered);

    for (iterations, why) in [(100_000, "used 100001 before"), (4096, "used 100001 before")] {
        let (client, peer, keys) = log_in(iterations, &[]);
        peer.challenge_in_vain(&keys);
        let outcome = client.finish();
        assert_eq!(outcome.code, Some(5), "{outcome:?}");
        assert!(outcome.stderr.contains(why), "{outcome:?}");
    }

    let (client, mut peer, keys) = log_in(4096, &["--allow-weak-scram"]);
    assert!(peer.scram_with(&keys));
    peer.welcome("ann");
    peer.goodbye();
    assert_eq!(client.finish().code, Some(0));
    assert_eq!(computer.remembered_accounts(), remembered, "the highest counts");
}

#[test]
fn a_server_that_had_scram_and_has_it_no_longer_does_not_get_the_password() {
    let server = Server::start();
    let computer = Computer::that_knows(&server);
    let password = computer.state().join("password");
    std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
    let script = || {
        let mut command = computer.chatclient();
        command.args(["status", "-hn", "localhost", "-p", &server.port.to_string(), "-u", "ann"]);
        command.env("PARLOR_PASSWORD_FILE", &password);
        Client::run(command, "")
    };
    let client = script();
    server.accept_ann().drain();
    assert_eq!(client.finish().code, Some(0));

    let client = script();
    let mut peer = server.accept();
    peer.expect("CAP LS 302");
    peer.send(":irc.example 421 * CAP :Unknown command");
    peer.expect_end();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    assert!(
        outcome.stderr.contains("it may be an impostor, so the password was not sent"),
        "{outcome:?}"
    );
}

#[test]
fn a_server_that_accepts_and_says_nothing_does_not_answer() {
    let server = Server::start_plain();
    let client = Computer::new().ann(server.port, &["--plaintext"], "EX\n");
    let mut peer = server.accept();
    peer.expect("CAP LS 302");
    let outcome = client.finish();
    let told = format!("chatclient: localhost:{} does not answer\n", server.port);
    assert_eq!((outcome.code, outcome.stderr), (Some(4), told));
}

/// It takes a minute, which is the bound.
#[test]
#[ignore = "takes a minute"]
fn a_server_that_always_has_something_to_say_but_never_logs_in_is_given_up() {
    let server = Server::start();
    let client = Client::ann(&server, "EX\n");
    let mut peer = server.accept();
    peer.negotiate();
    peer.expect("LOGIN ann");
    let notice = || peer.try_send(":parlor NOTICE ann :just a moment");
    let notices = std::iter::repeat_with(notice).inspect(|_| thread::sleep(Duration::from_secs(1)));
    let count = notices.take_while(|sent| *sent).count();
    assert!((55..=65).contains(&count), "{count} seconds");
    server.accept_ann().goodbye();
    let outcome = client.finish();
    assert!(outcome.stderr.contains("the server's answer never ends"), "{outcome:?}");
    assert_eq!(outcome.code, Some(0));
}

#[test]
fn a_login_is_bounded_in_memory() {
    for endless in [&b":parlor CAP * LS * :some capabilities "[..], b":parlor NOTICE * :"] {
        let server = Server::start_plain();
        let client = Computer::new().ann(server.port, &["--plaintext"], "EX\n");
        let mut peer = server.accept();
        peer.expect("CAP LS 302");
        let line = [endless, &[b'x'; 300]].concat();
        let is_list = endless.ends_with(b"capabilities ");
        let end: &[u8] = if is_list { b"\r\n" } else { b"" };
        while peer.try_send_raw(&[&*line, end].concat()) {}
        let outcome = client.finish();
        assert_eq!(outcome.code, Some(4), "{outcome:?}");
        assert!(
            outcome.stderr.starts_with("chatclient: this is not a Parlor server ("),
            "{outcome:?}"
        );
    }
}
