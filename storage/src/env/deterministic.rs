//! Implementations for tests: a seed decides the randomness, the test decides the time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::{Clock, Entropy};

/// Where simulated wall clocks start: 2026-01-01T00:00:00Z, in nanoseconds since the Unix epoch.
pub const SIMULATED_EPOCH_NS: u64 = 1_767_225_600_000_000_000;

/// Random bytes that a seed decides. **Not for secrets.**
pub struct SeededEntropy(Mutex<ChaCha12Rng>);

impl SeededEntropy {
    /// The same `seed` gives the same bytes, on every machine.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha12Rng::seed_from_u64(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buf: &mut [u8]) {
        self.0.lock().fill_bytes(buf);
    }
}

/// A clock that moves only when told to, for tests of time itself (skew, jumps, expiry).
#[derive(Debug)]
pub struct ManualClock {
    wall: AtomicU64,
    monotonic: AtomicU64,
}

impl ManualClock {
    /// A clock whose wall time is `now_ns` and whose monotonic reading is 0.
    pub fn new(now_ns: u64) -> Self {
        Self { wall: AtomicU64::new(now_ns), monotonic: AtomicU64::new(0) }
    }

    /// Lets `duration` pass.
    pub fn advance(&self, duration: Duration) {
        let elapsed = duration.as_nanos() as u64;
        self.wall.fetch_add(elapsed, Ordering::SeqCst);
        self.monotonic.fetch_add(elapsed, Ordering::SeqCst);
    }

    /// Sets the wall clock, forwards or backwards; the monotonic reading stays.
    pub fn set_wall(&self, now_ns: u64) {
        self.wall.store(now_ns, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> u64 {
        self.wall.load(Ordering::SeqCst)
    }

    fn monotonic_ns(&self) -> u64 {
        self.monotonic.load(Ordering::SeqCst)
    }
}

/// Follows the time of the tokio runtime, which tests can pause.
pub(super) struct TokioClock {
    started: tokio::time::Instant,
}

impl TokioClock {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub(super) fn new() -> Self {
        Self { started: tokio::time::Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now_ns(&self) -> u64 {
        SIMULATED_EPOCH_NS + self.monotonic_ns()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn monotonic_ns(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }
}
