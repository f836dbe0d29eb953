//! Guessing passwords: parallel attempts gain nothing over sequential ones, and no action resets
//! the count.

use super::*;
use proto::sasl::{Chunks, Progress, encode_chunks};
use proto::scram::ScramClient;

/// Requests a SCRAM challenge for ann's account; returns the client, if there was one.
fn challenged(hub: &mut World, slot: u32, password: &str) -> Option<(ScramClient, Vec<u8>)> {
    hub.opens(slot, ELSEWHERE);
    hub.encrypts(slot, None);
    let mut client = ScramClient::new("ann", password, "r0prNGfwEbeRWgbNEkqO");
    hub.says(slot, "CAP REQ :sasl");
    hub.says(slot, "AUTHENTICATE SCRAM-SHA-256");
    for chunk in encode_chunks(&client.first()) {
        hub.says(slot, &format!("AUTHENTICATE {chunk}"));
    }
    let mut chunks = Chunks::default();
    for line in hub.hears(slot) {
        let chunk = line.strip_prefix("AUTHENTICATE ")?;
        if let Progress::Done(challenge) = chunks.push(chunk).expect("it is right") {
            let proof = client.respond(&challenge).expect("it is right");
            return Some((client, proof));
        }
    }
    None
}

/// The answer to a proof, after any delay.
fn answer(hub: &mut World, slot: u32, proof: &[u8]) -> String {
    for chunk in encode_chunks(proof) {
        hub.says(slot, &format!("AUTHENTICATE {chunk}"));
    }
    hub.hears_all(slot)
}

fn with_ann(config: &str) -> World {
    let mut hub = hub(config);
    hub.opens(1, HERE);
    hub.says(1, "LOGIN ann :secret");
    hub.is_derived(1, Outcome::Made(Keys::derive("secret", [7; 16], 4096)));
    assert!(hub.hub.state.online("ann").is_some());
    hub
}

#[test]
fn challenges_taken_before_a_lockout_cannot_be_answered_during_it() {
    let mut hub = with_ann("");
    let mut proofs = Vec::new();
    for slot in 2..197 {
        // One per second: as many as one name may have.
        hub.now += 1000;
        let (_, proof) = challenged(&mut hub, slot, "guess").expect("a challenge");
        proofs.push((slot, proof));
    }
    let mut answers = Vec::new();
    let mut waiting = Vec::new();
    for (slot, proof) in &proofs {
        let before = hub.derived;
        let told = answer(&mut hub, *slot, proof);
        match hub.derived > before {
            true => waiting.push(*slot),
            false => answers.push(told),
        }
    }
    for slot in waiting {
        hub.is_derived(slot, Outcome::Waited);
        answers.push(hub.hears_all(slot));
    }
    assert_eq!(answers.len(), 195);
    let count = |text: &str| answers.iter().filter(|told| told.contains(text)).count();
    let wrong = count("failed: wrong password");
    assert!((5..=15).contains(&wrong), "{wrong}");
    assert_eq!(count("failed: too many failed logins") + wrong, 195);
}

#[test]
fn a_right_proof_is_refused_during_a_lockout() {
    let mut hub = with_ann("limits.failed_logins = 1");
    let (_, right) = challenged(&mut hub, 2, "secret").expect("a challenge");
    for slot in 3..6 {
        hub.now += 20_000;
        let (_, wrong) = challenged(&mut hub, slot, "guess").expect("a challenge");
        let told = answer(&mut hub, slot, &wrong);
        if told.is_empty() {
            hub.is_derived(slot, Outcome::Waited);
        }
        assert!(hub.hears_all(slot).contains("wrong password"), "{:?}", hub.told);
    }
    let told = answer(&mut hub, 2, &right);
    assert!(told.contains("too many failed logins"), "{told}");
    // Where ann has logged in before, she gets in.
    hub.opens(9, HERE);
    hub.says(9, "LOGIN ann :secret");
    hub.is_derived(9, Outcome::Compared(true));
    assert!(hub.hears_all(9).contains(" LOGGED_IN "), "{:?}", hub.told);
}

#[test]
fn challenges_per_name_are_limited() {
    let mut hub = with_ann("");
    hub.now += 60_000;
    let given = (2..197).filter(|slot| challenged(&mut hub, *slot, "guess").is_some()).count();
    assert_eq!(given as i64, crate::limits::LOGINS_OF_NAME);
}

/// The answer to `OPER`, and its delay.
fn oper(hub: &mut World, slot: u32, password: &str) -> (String, u64) {
    hub.says(slot, &format!("OPER boss {password}"));
    let held = hub.held;
    if held > 0 {
        assert_eq!(hub.hears(slot), [""; 0]);
        hub.is_derived(slot, Outcome::Waited);
    }
    (hub.hears_all(slot), held)
}

#[test]
fn failed_oper_attempts_are_never_forgiven_and_answered_late() {
    let mut hub = hub("operator = [{ name = \"boss\", password = \"up\" }]");
    hub.registers(1, "boss");
    let (mut wrong, mut held) = (0, Vec::new());
    for number in 0..201 {
        hub.now += 70;
        let (told, for_millis) = oper(&mut hub, 1, &format!("guess{number}"));
        match told.contains(" 464 boss :Wrong password") {
            true => {
                wrong += 1;
                held.push(for_millis);
            }
            false => assert!(told.contains(" 464 boss :Too many failed logins"), "{told}"),
        }
        // Logging in to an account with an operator's name resets nothing.
        hub.opens(2, HERE);
        hub.says(2, "LOGIN boss :secret");
        hub.is_derived(2, Outcome::Compared(true));
        assert!(hub.hears_all(2).contains(" LOGGED_IN "), "{:?}", hub.told);
        hub.says(2, "QUIT");
    }
    assert!((5..=15).contains(&wrong), "{wrong}");
    assert_eq!(held[..5], [0; 5]);
    assert!(held[5..].iter().all(|held| *held > 0), "{held:?}");
    let (told, _) = oper(&mut hub, 1, "up");
    assert!(told.contains("Too many failed logins"), "{told}");
    hub.now += 600_000;
    let (told, _) = oper(&mut hub, 1, "up");
    assert!(told.contains(" 381 boss "), "{told}");
}

#[test]
fn an_operator_gets_in_from_a_known_network_despite_guessing() {
    let mut hub = hub("operator = [{ name = \"boss\", password = \"up\" }]\nserver.guests = true");
    hub.registers(1, "ann");
    assert!(oper(&mut hub, 1, "up").0.contains(" 381 ann "));
    for slot in 2..42 {
        hub.opens(slot, &format!("192.0.2.{slot}"));
        hub.encrypts(slot, None);
        hub.says(slot, &format!("NICK guest{slot}"));
        hub.says(slot, "USER u 0 * :Guest");
        oper(&mut hub, slot, "guess");
    }
    let (told, held) = oper(&mut hub, 1, "up");
    assert!(told.contains(" 381 ann ") && held == 0, "{held} {told}");
    let (told, _) = oper(&mut hub, 41, "up");
    assert!(told.contains("Too many failed logins"), "a stranger waits: {told}");
}

#[test]
fn the_server_password_is_not_checked_during_a_lockout() {
    let mut hub =
        hub("server.password = \"sesame\"\nserver.guests = true\nlimits.failed_logins = 1");
    hub.opens(1, HERE);
    for _ in 0..3 {
        hub.says(1, "PASS guess");
    }
    for (slot, password) in [(2, "sesame"), (3, "guess")] {
        hub.opens(slot, HERE);
        hub.says(slot, &format!("PASS {password}"));
        hub.says(slot, &format!("NICK guest{slot}"));
        hub.says(slot, "USER u 0 * :Guest");
        assert!(hub.hears_all(slot).contains("Too many failed logins"), "{:?}", hub.told);
    }
    hub.now += 600_000;
    hub.opens(4, HERE);
    for line in ["PASS sesame", "NICK guest", "USER u 0 * :Guest"] {
        hub.says(4, line);
    }
    assert!(hub.hears_all(4).contains(" 001 guest "), "{:?}", hub.told);
}

#[test]
fn a_flood_of_refused_connections_does_not_flood_the_log() {
    let mut hub = hub("limits.connections_per_address = 1");
    hub.opens(1, ELSEWHERE);
    let mut refused = 0;
    for slot in 2..102 {
        hub.opens(slot, ELSEWHERE);
        refused += hub.logged.iter().filter(|line| line.starts_with("Refused {")).count();
    }
    assert_eq!(refused, crate::limits::REFUSALS_LOGGED as usize);
    hub.now += 10_000;
    hub.says(1, "PING :x");
    assert_eq!(hub.logged, ["RefusedMore { count: 90 }"]);
    hub.says(1, "PING :x");
    assert_eq!(hub.logged, [""; 0]);
}
