//! Promise 4: live state is determined by the inputs applied, and replaying a recorded sequence
//! gives the same bytes.
//!
//! Random client actions run through the hub and the real journal, over a store whose commits fail
//! now and then. After each step the state must be consistent, and all output valid lines within
//! the limit; at the end the state must equal what a restart would load from the store.

mod checks;
pub(crate) mod lines;
pub(super) mod nonsense;
pub(crate) mod random;
mod restart;
pub(crate) mod steps;
mod world;

use super::{Hub, Stamped};
use crate::config::Config;
use crate::state::State;
use random::Random;
use std::sync::Arc;
use store::{MemoryStore, Store};
use world::World;

fn run(seed: u64, steps: usize) -> (Arc<Config>, Vec<Stamped>, Vec<String>) {
    let mut random = Random::new(seed);
    let config = steps::config(&mut random);
    let mut world = World::new(&config);
    for _ in 0..steps {
        world.step(&mut random);
    }
    let (recorded, output) = world.finish(&mut random, &config);
    (config, recorded, output)
}

#[test]
fn a_replay_gives_the_same_bytes_and_the_state_stays_consistent() {
    for seed in 0..2000 {
        // A failure names its seed after the panic's message.
        let watched = std::panic::catch_unwind(|| run(seed, 120));
        let Ok((config, recorded, output)) = watched else {
            panic!("seed {seed} failed, see above")
        };
        let loaded = MemoryStore::new("test").load().unwrap();
        let mut hub = Hub::new(config, loaded, 0).0;
        for (stamped, expected) in recorded.into_iter().zip(&output) {
            assert_eq!(format!("{:?}", hub.apply(stamped)), *expected, "seed {seed}");
        }
    }
}

#[test]
fn a_state_restored_from_a_snapshot_continues_identically() {
    for seed in 0..400 {
        let (config, recorded, output) = run(seed, 120);
        let loaded = MemoryStore::new("test").load().unwrap();
        let mut hub = Hub::new(config, loaded, 0).0;
        let mut random = Random::new(seed);
        for (stamped, expected) in recorded.into_iter().zip(&output) {
            if random.below(8) == 0 {
                let bytes = hub.state.write();
                let read = State::read(&bytes).expect("just written");
                assert!(read == hub.state, "seed {seed}: {read:#?} is not {:#?}", hub.state);
                assert_eq!(read.write(), bytes, "seed {seed}");
                // A node's own undo log is not part of the state.
                let undo = std::mem::take(&mut hub.state.undo);
                hub.state = read;
                hub.state.undo = undo;
            }
            assert_eq!(format!("{:?}", hub.apply(stamped)), *expected, "seed {seed}");
        }
    }
}
