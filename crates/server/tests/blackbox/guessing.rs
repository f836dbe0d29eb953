//! Guessing passwords: failures make an address wait, and then its door is closed, by whatever way
//! and under whatever name.

use std::time::{Duration, Instant};

use crate::support::{Client, Server};

/// The first failure makes the next login wait a second, the third closes the door.
const CONFIG: &str = "limits.failed_logins = 1\n";
/// A second, less what a clock may round away.
const A_SECOND: Duration = Duration::from_millis(900);

#[test]
fn failures_are_slowed_down_and_then_the_door_closes() {
    let server = Server::start(CONFIG);
    server.log_in("ann");
    let mut eve = server.connect("eve");
    eve.send("LOGIN ann :guess1");
    eve.expect(":parlor FAIL LOGIN WRONG_PASSWORD ann :*");
    let begin = Instant::now();
    eve.send("LOGIN ann :guess2");
    eve.expect(":parlor FAIL LOGIN WRONG_PASSWORD ann :*");
    assert!(begin.elapsed() >= A_SECOND, "{:?}", begin.elapsed());
    eve.send("LOGIN ann :guess3");
    eve.expect(":parlor FAIL LOGIN WRONG_PASSWORD ann :*");
    eve.send("LOGIN ann :guess4");
    eve.until(":parlor FAIL LOGIN TOO_MANY_ATTEMPTS ann :*");
    let mut other = server.connect("other");
    other.send("LOGIN ann :secret");
    other.until(":parlor FAIL LOGIN TOO_MANY_ATTEMPTS ann :*");
}

#[test]
fn a_login_to_ones_own_account_does_not_forgive_guesses_at_anothers() {
    let server = Server::start(CONFIG);
    server.log_in("ann");
    server.log_in("eve");
    guess(&server, 1).expect(":parlor FAIL LOGIN WRONG_PASSWORD ann :*");
    server.log_in("eve");
    let begin = Instant::now();
    guess(&server, 2).expect(":parlor FAIL LOGIN WRONG_PASSWORD ann :*");
    assert!(begin.elapsed() >= A_SECOND, "{:?}", begin.elapsed());
}

/// Who mistypes and then logs in is as welcome as before.
#[test]
fn a_login_forgives_its_own_failures() {
    let server = Server::start(CONFIG);
    server.log_in("ann");
    for _ in 0..3 {
        let mut ann = guess(&server, 1);
        ann.expect(":parlor FAIL LOGIN WRONG_PASSWORD ann :*");
        ann.log_in("ann");
    }
}

/// All are under way before the first has failed; still no more of them are answered than one after
/// another would be.
#[test]
fn many_sessions_at_once_get_no_more_guesses_than_one() {
    let server = Server::start(CONFIG);
    server.log_in("ann");
    let mut guessing: Vec<Client> = (0..12).map(|number| guess(&server, number)).collect();
    let answers: Vec<String> =
        guessing.iter_mut().map(|client| client.expect(":parlor FAIL LOGIN * ann :*")).collect();
    let count = |code: &str| answers.iter().filter(|answer| answer.contains(code)).count();
    assert_eq!(count(" WRONG_PASSWORD "), 3, "{answers:#?}");
    assert_eq!(count(" TOO_MANY_ATTEMPTS "), 9, "{answers:#?}");
}

fn guess(server: &Server, number: usize) -> Client {
    let mut client = server.connect("eve");
    client.send(&format!("LOGIN ann :guess{number}"));
    client
}

#[test]
fn wrong_passwords_of_the_server_count() {
    let server = Server::start("limits.failed_logins = 1\nserver.password = \"sesame\"\n");
    let mut eve = server.connect("eve");
    for number in 0..3 {
        eve.send(&format!("PASS guess{number}"));
    }
    eve.send("PASS sesame");
    eve.send("LOGIN eve :secret");
    eve.until(":parlor FAIL LOGIN TOO_MANY_ATTEMPTS eve :*");
}
