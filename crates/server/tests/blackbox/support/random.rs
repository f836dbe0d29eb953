//! Chance that can be repeated.

use std::time::{SystemTime, UNIX_EPOCH};

/// A small generator (xorshift64*): the same seed gives the same numbers.
pub(crate) struct Random(u64);

impl Random {
    /// The seed of `PARLOR_TEST_SEED`, or a fresh one. It is printed, which a failed test shows.
    pub(crate) fn seeded() -> Random {
        let seed = match std::env::var("PARLOR_TEST_SEED") {
            Ok(text) => text.parse().expect("PARLOR_TEST_SEED is a number"),
            Err(_) => {
                SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros() as u64
            }
        };
        println!("PARLOR_TEST_SEED={seed}");
        Random::new(seed)
    }

    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number from 0 to `end - 1`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    pub(crate) fn byte(&mut self) -> u8 {
        (self.next() >> 56) as u8
    }
}
