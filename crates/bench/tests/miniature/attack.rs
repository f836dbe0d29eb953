//! The attacks, small: none takes the server from the others.

use clap::ValueEnum;

use parlor_bench::attack::{Attack, Kind};

use crate::parlor::bench;

/// Seconds within which somebody is answered also on a machine that does much else.
const TIMEOUT_SECONDS: u64 = 10;

fn attack(only: &[Kind]) {
    let attack = Attack {
        only: only.to_vec(),
        seconds: 1.0,
        percent: 5,
        rate: 10.0,
        pairs: 2,
        // Accounts are made here, and the program is not optimised.
        config: "password_iterations = 4096\n".to_owned(),
    };
    let rows = attack.run(&bench()).unwrap();
    assert_eq!(rows.len(), 1 + only.len());
    for row in &rows {
        let seen = row.seen.as_ref().unwrap();
        assert!(seen.slowest.as_secs() < TIMEOUT_SECONDS, "{row:?}");
        assert!(seen.login.as_secs() < TIMEOUT_SECONDS, "{row:?}");
        assert!(seen.memory < 512 << 20 && seen.memory > 0, "{row:?}");
        assert!(seen.target_intact, "{row:?}");
    }
}

#[test]
fn attacks_on_cpu_time_deny_service_to_nobody() {
    attack(&[Kind::Rooms, Kind::Masks, Kind::Bans, Kind::Targets, Kind::History]);
}

#[test]
fn attacks_on_memory_and_disk_deny_service_to_nobody() {
    attack(&[Kind::Unread, Kind::Tags, Kind::Addresses]);
}

#[test]
fn attacks_on_logins_deny_service_to_nobody() {
    attack(&[Kind::Register, Kind::Guesses, Kind::Challenges]);
}

#[test]
fn attacks_on_one_person_reach_nobody() {
    attack(&[Kind::Outbox, Kind::Kept]);
}

#[test]
fn every_attack_is_tried_here() {
    assert_eq!(Kind::value_variants().len(), 5 + 3 + 3 + 2);
}
