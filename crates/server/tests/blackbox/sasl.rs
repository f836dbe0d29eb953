//! Logging in by SASL where a transcript cannot say it: SCRAM, and long answers in chunks.

use std::time::{Duration, Instant};

use proto::sasl::{Chunks, Progress, encode_chunks};
use proto::scram::ScramClient;

use crate::support::proxy::v1;
use crate::support::{Client, Server};

/// Sends an answer in chunks.
fn answer(client: &mut Client, bytes: &[u8]) {
    for chunk in encode_chunks(bytes) {
        client.send(&format!("AUTHENTICATE {chunk}"));
    }
}

/// Reads the server's challenge; `Err` is the numeric it sent in its place.
fn challenge(client: &mut Client) -> Result<Vec<u8>, String> {
    let mut chunks = Chunks::default();
    loop {
        let line = client.next().expect("the connection stays");
        let Some(chunk) = line.strip_prefix("AUTHENTICATE ") else {
            return Err(line.split(' ').nth(1).expect("a numeric").to_owned());
        };
        if let Progress::Done(bytes) = chunks.push(chunk).expect("the server's chunks are right") {
            return Ok(bytes);
        }
    }
}

/// SCRAM-SHA-256 from the mechanism's name to the numeric that ends it.
pub(crate) fn scram(client: &mut Client, user: &str, password: &str) -> String {
    scram_by(client, ScramClient::new(user, password, "r0prNGfwEbeRWgbNEkqO"))
}

/// The same, by a client of one's own.
pub(crate) fn scram_by(client: &mut Client, mut scram: ScramClient) -> String {
    client.send("AUTHENTICATE SCRAM-SHA-256");
    client.expect("AUTHENTICATE +");
    answer(client, &scram.first());
    let first = match challenge(client) {
        Ok(first) => first,
        Err(numeric) => return numeric,
    };
    answer(client, &scram.respond(&first).expect("the challenge is right"));
    match challenge(client) {
        Ok(last) => {
            scram.verify(&last).expect("the server knows the password's key, too");
            client.send("AUTHENTICATE +");
            challenge(client).expect_err("a numeric follows")
        }
        Err(numeric) => numeric,
    }
}

pub(crate) fn plain(client: &mut Client, user: &str, password: &str) -> String {
    client.send("AUTHENTICATE PLAIN");
    client.expect("AUTHENTICATE +");
    answer(client, format!("\0{user}\0{password}").as_bytes());
    challenge(client).expect_err("a numeric follows")
}

fn with_sasl(server: &Server) -> Client {
    let mut client = server.connect("ann");
    client.send("CAP REQ :sasl");
    client.expect(":parlor CAP * ACK :sasl");
    client
}

#[test]
fn scram_logs_in_and_the_server_proves_that_it_knows_the_password_too() {
    let server = Server::start("");
    server.log_in("ann");
    let mut again = with_sasl(&server);
    assert_eq!(scram(&mut again, "ann", "secret"), "900");
    again.expect(":parlor 903 * :*");
    again.send("NICK ann");
    again.send("USER ann 0 * :Ann");
    again.send("CAP END");
    again.until(":parlor 001 ann :*");
    again.until(":parlor 366 ann #lobby :*");
}

#[test]
fn stored_passwords_use_the_configured_iterations_or_owasps() {
    assert_eq!(server::config::Config::default().server.password_iterations, 600_000);
    let server = Server::start("server.password_iterations = 5000\n");
    server.log_in("ann");
    let mut again = with_sasl(&server);
    again.send("AUTHENTICATE SCRAM-SHA-256");
    again.expect("AUTHENTICATE +");
    answer(&mut again, &ScramClient::new("ann", "secret", "r0prNGfwEbeRWgbNEkqO").first());
    let challenge = challenge(&mut again).expect("a challenge");
    assert!(challenge.ends_with(b",i=5000"), "{}", String::from_utf8_lossy(&challenge));
}

#[test]
fn scram_with_a_wrong_password_fails() {
    let server = Server::start("");
    server.log_in("ann");
    let mut again = with_sasl(&server);
    assert_eq!(scram(&mut again, "ann", "wrong"), "904");
    assert_eq!(scram(&mut again, "ann", "secret"), "900");
}

#[test]
fn scram_failures_are_delayed_and_then_locked_out() {
    let server = Server::start("limits.failed_logins = 1\nserver.proxies = [\"127.0.0.1\"]\n");
    server.log_in("ann");
    // From where she has never been.
    let mut eve = server.connect("eve");
    eve.write(&v1("192.0.2.66"));
    eve.send("CAP REQ :sasl");
    eve.expect(":parlor CAP * ACK :sasl");
    assert_eq!(scram(&mut eve, "ann", "guess1"), "904");
    let begin = Instant::now();
    assert_eq!(scram(&mut eve, "ann", "guess2"), "904");
    assert!(begin.elapsed() >= Duration::from_millis(900), "{:?}", begin.elapsed());
    assert_eq!(scram(&mut eve, "ann", "guess3"), "904");
    assert_eq!(scram(&mut eve, "ann", "secret"), "904");
}

/// Whoever asks by SCRAM for a name without an account is not told in another way than by a wrong password.
#[test]
fn scram_for_an_unknown_name_fails() {
    let server = Server::start("");
    let mut ann = with_sasl(&server);
    assert_eq!(scram(&mut ann, "nobody", "secret"), "904");
    ann.expect_quiet();
}

#[test]
fn scram_with_nonsense_fails() {
    let server = Server::start("");
    let mut ann = with_sasl(&server);
    for nonsense in ["", "n", "n,,", "n,,n=ann", "p=tls-unique,,n=ann,r=abc", "\u{0}\u{0}\u{0}"] {
        ann.send("AUTHENTICATE SCRAM-SHA-256");
        ann.expect("AUTHENTICATE +");
        answer(&mut ann, nonsense.as_bytes());
        ann.expect(":parlor 904 * :*");
    }
    ann.expect_quiet();
}

#[test]
fn a_password_may_have_up_to_600_bytes() {
    let server = Server::start("");
    let mut ann = with_sasl(&server);
    assert_eq!(plain(&mut ann, "ann", &"x".repeat(601)), "904");
    assert_eq!(plain(&mut ann, "ann", &"x".repeat(600)), "900");
    ann.expect(":parlor 903 * :*");
    let mut again = with_sasl(&server);
    assert_eq!(plain(&mut again, "ann", &"x".repeat(599)), "904");
    assert_eq!(plain(&mut again, "ann", &"x".repeat(600)), "900");
}

/// An answer whose base64 has a multiple of 400 bytes ends with an empty chunk.
#[test]
fn an_answer_of_exactly_400_bytes_is_complete_with_an_empty_chunk() {
    let server = Server::start("");
    let mut ann = with_sasl(&server);
    let password = "x".repeat(300 - "\0ann\0".len());
    assert_eq!(encode_chunks(format!("\0ann\0{password}").as_bytes()).len(), 2);
    assert_eq!(plain(&mut ann, "ann", &password), "900");
}

#[test]
fn chunks_without_end_are_refused() {
    let server = Server::start("");
    let mut ann = with_sasl(&server);
    ann.send("AUTHENTICATE PLAIN");
    ann.expect("AUTHENTICATE +");
    for _ in 0..20 {
        ann.send(&format!("AUTHENTICATE {}", "A".repeat(400)));
    }
    let refusal = ann.until(":parlor 90* * :*");
    assert!([" 904 ", " 905 "].iter().any(|numeric| refusal.contains(numeric)), "{refusal}");
    ann.until_answered();
    assert_eq!(plain(&mut ann, "ann", "secret"), "900");
}
