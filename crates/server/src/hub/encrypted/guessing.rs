//! Guessing passwords: parallel attempts gain nothing over sequential ones, and no action resets
//! the count.

use super::*;
use proto::sasl::{Chunks, Progress, encode_chunks};
use proto::scram::ScramClient;

/// Requests a SCRAM challenge for ann's account; returns the client, if there was one.
fn request_challenge(
    world: &mut World,
    slot: u32,
    password: &str,
) -> Option<(ScramClient, Vec<u8>)> {
    world.open(slot, REMOTE);
    world.encrypt(slot, None);
    let mut client = ScramClient::new("ann", password, "r0prNGfwEbeRWgbNEkqO");
    world.send(slot, "CAP REQ :sasl");
    world.send(slot, "AUTHENTICATE SCRAM-SHA-256");
    for chunk in encode_chunks(&client.first()) {
        world.send(slot, &format!("AUTHENTICATE {chunk}"));
    }
    let mut chunks = Chunks::default();
    for line in world.lines(slot) {
        let chunk = line.strip_prefix("AUTHENTICATE ")?;
        if let Progress::Done(challenge) = chunks.push(chunk).expect("it is right") {
            let proof = client.respond(&challenge).expect("it is right");
            return Some((client, proof));
        }
    }
    None
}

/// Sends a proof; returns the answer, unless it is delayed.
fn send_proof(world: &mut World, slot: u32, proof: &[u8]) -> String {
    for chunk in encode_chunks(proof) {
        world.send(slot, &format!("AUTHENTICATE {chunk}"));
    }
    world.output(slot)
}

fn with_ann(config: &str) -> World {
    let mut world = World::new(config);
    world.open(1, LOOPBACK);
    world.send(1, "LOGIN ann :secret");
    world.finish_derivation(1, Outcome::Made(Keys::derive("secret", [7; 16], 4096)));
    assert!(world.hub.state.online("ann").is_some());
    world
}

#[test]
fn challenges_taken_before_a_lockout_cannot_be_answered_during_it() {
    let mut world = with_ann("");
    let mut proofs = Vec::new();
    for slot in 2..197 {
        // One per second: as many as one name may have.
        world.now += 1000;
        let (_, proof) = request_challenge(&mut world, slot, "guess").expect("a challenge");
        proofs.push((slot, proof));
    }
    let mut answers = Vec::new();
    let mut waiting = Vec::new();
    for (slot, proof) in &proofs {
        let before = world.derived;
        let output = send_proof(&mut world, *slot, proof);
        match world.derived > before {
            true => waiting.push(*slot),
            false => answers.push(output),
        }
    }
    for slot in waiting {
        world.finish_derivation(slot, Outcome::Waited);
        answers.push(world.output(slot));
    }
    assert_eq!(answers.len(), 195);
    let count = |text: &str| answers.iter().filter(|answer| answer.contains(text)).count();
    let wrong = count("failed: wrong password");
    assert!((5..=15).contains(&wrong), "{wrong}");
    assert_eq!(count("failed: too many failed logins") + wrong, 195);
}

#[test]
fn a_right_proof_is_refused_during_a_lockout() {
    let mut world = with_ann("limits.failed_logins = 1");
    let (_, right) = request_challenge(&mut world, 2, "secret").expect("a challenge");
    for slot in 3..6 {
        world.now += 20_000;
        let (_, wrong) = request_challenge(&mut world, slot, "guess").expect("a challenge");
        let output = send_proof(&mut world, slot, &wrong);
        if output.is_empty() {
            world.finish_derivation(slot, Outcome::Waited);
        }
        assert!(world.output(slot).contains("wrong password"), "{:?}", world.lines);
    }
    let output = send_proof(&mut world, 2, &right);
    assert!(output.contains("too many failed logins"), "{output}");
    // Where ann has logged in before, she gets in.
    world.open(9, LOOPBACK);
    world.send(9, "LOGIN ann :secret");
    world.finish_derivation(9, Outcome::Compared(true));
    assert!(world.output(9).contains(" LOGGED_IN "), "{:?}", world.lines);
}

#[test]
fn challenges_per_name_are_limited() {
    let mut world = with_ann("");
    world.now += 60_000;
    let given =
        (2..197).filter(|slot| request_challenge(&mut world, *slot, "guess").is_some()).count();
    assert_eq!(given as i64, crate::limits::LOGINS_OF_NAME);
}

/// The answer to `OPER`, and its delay.
fn oper(world: &mut World, slot: u32, password: &str) -> (String, u64) {
    world.send(slot, &format!("OPER boss {password}"));
    let delay = world.delay;
    if delay > 0 {
        assert_eq!(world.lines(slot), [""; 0]);
        world.finish_derivation(slot, Outcome::Waited);
    }
    (world.output(slot), delay)
}

#[test]
fn failed_oper_attempts_are_never_forgiven_and_answered_late() {
    let mut world = World::new("operator = [{ name = \"boss\", password = \"up\" }]");
    world.register(1, "boss");
    let (mut wrong, mut delays) = (0, Vec::new());
    for number in 0..201 {
        world.now += 70;
        let (output, delay) = oper(&mut world, 1, &format!("guess{number}"));
        match output.contains(" 464 boss :Wrong password") {
            true => {
                wrong += 1;
                delays.push(delay);
            }
            false => assert!(output.contains(" 464 boss :Too many failed logins"), "{output}"),
        }
        // Logging in to an account with an operator's name resets nothing.
        world.open(2, LOOPBACK);
        world.send(2, "LOGIN boss :secret");
        world.finish_derivation(2, Outcome::Compared(true));
        assert!(world.output(2).contains(" LOGGED_IN "), "{:?}", world.lines);
        world.send(2, "QUIT");
    }
    assert!((5..=15).contains(&wrong), "{wrong}");
    assert_eq!(delays[..5], [0; 5]);
    assert!(delays[5..].iter().all(|delay| *delay > 0), "{delays:?}");
    let (output, _) = oper(&mut world, 1, "up");
    assert!(output.contains("Too many failed logins"), "{output}");
    world.now += 600_000;
    let (output, _) = oper(&mut world, 1, "up");
    assert!(output.contains(" 381 boss "), "{output}");
}

#[test]
fn an_operator_gets_in_from_a_known_network_despite_guessing() {
    let mut world =
        World::new("operator = [{ name = \"boss\", password = \"up\" }]\nserver.guests = true");
    world.register(1, "ann");
    assert!(oper(&mut world, 1, "up").0.contains(" 381 ann "));
    for slot in 2..42 {
        world.open(slot, &format!("192.0.2.{slot}"));
        world.encrypt(slot, None);
        world.send(slot, &format!("NICK guest{slot}"));
        world.send(slot, "USER u 0 * :Guest");
        oper(&mut world, slot, "guess");
    }
    let (output, delay) = oper(&mut world, 1, "up");
    assert!(output.contains(" 381 ann ") && delay == 0, "{delay} {output}");
    let (output, _) = oper(&mut world, 41, "up");
    assert!(output.contains("Too many failed logins"), "a stranger waits: {output}");
}

#[test]
fn the_server_password_is_not_checked_during_a_lockout() {
    let mut world =
        World::new("server.password = \"sesame\"\nserver.guests = true\nlimits.failed_logins = 1");
    world.open(1, LOOPBACK);
    for _ in 0..3 {
        world.send(1, "PASS guess");
    }
    for (slot, password) in [(2, "sesame"), (3, "guess")] {
        world.open(slot, LOOPBACK);
        world.send(slot, &format!("PASS {password}"));
        world.send(slot, &format!("NICK guest{slot}"));
        world.send(slot, "USER u 0 * :Guest");
        assert!(world.output(slot).contains("Too many failed logins"), "{:?}", world.lines);
    }
    world.now += 600_000;
    world.open(4, LOOPBACK);
    for line in ["PASS sesame", "NICK guest", "USER u 0 * :Guest"] {
        world.send(4, line);
    }
    assert!(world.output(4).contains(" 001 guest "), "{:?}", world.lines);
}

#[test]
fn a_flood_of_refused_connections_does_not_flood_the_log() {
    let mut world = World::new("limits.connections_per_address = 1");
    world.open(1, REMOTE);
    let mut refused = 0;
    for slot in 2..102 {
        world.open(slot, REMOTE);
        refused += world.logged.iter().filter(|line| line.starts_with("Refused {")).count();
    }
    assert_eq!(refused, crate::limits::REFUSALS_LOGGED as usize);
    world.now += 10_000;
    world.send(1, "PING :x");
    assert_eq!(world.logged, ["RefusedMore { count: 90 }"]);
    world.send(1, "PING :x");
    assert_eq!(world.logged, [""; 0]);
}
