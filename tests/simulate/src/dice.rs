//! All randomness of a run, from its seed.

use std::ops::Range;
use std::time::Duration;

use parking_lot::Mutex;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// One stream of random decisions. The order in which it is asked is part of the run, which is why there is one only.
pub struct Dice(Mutex<ChaCha8Rng>);

impl Dice {
    /// The same seed decides the same.
    pub fn new(seed: u64) -> Self {
        Dice(Mutex::new(ChaCha8Rng::seed_from_u64(seed)))
    }

    /// Whether something of this probability happens.
    pub fn chance(&self, probability: f64) -> bool {
        probability > 0.0 && self.0.lock().random_bool(probability.min(1.0))
    }

    /// A number of the range, every one equally likely.
    pub fn below(&self, range: Range<u64>) -> u64 {
        self.0.lock().random_range(range)
    }

    /// An index below `len`, which must not be 0.
    pub fn index(&self, len: usize) -> usize {
        self.0.lock().random_range(0..len)
    }

    /// One of these.
    pub fn pick<'a, T>(&self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }

    /// A duration in ms: mostly the short ones, now and then the longest.
    pub fn skewed_ms(&self, most: u64) -> Duration {
        let bits = self.below(0..16);
        Duration::from_millis(self.below(0..(most >> bits).max(1)))
    }

    /// A number for other generators.
    pub fn seed(&self) -> u64 {
        self.0.lock().next_u64()
    }
}
