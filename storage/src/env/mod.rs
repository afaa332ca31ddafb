//! The doors to the outside world: time, randomness and concurrency.
//!
//! Nothing else in Lakewire reads a clock, draws a random number or starts a task (`clippy.toml` at the root forbids
//! it), so that the same code runs on a real machine and in a simulation that a seed decides.

mod deterministic;
mod moment;
mod system;
mod task;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, Either, select};

pub use deterministic::{ManualClock, SIMULATED_EPOCH_NS, SeededEntropy};
pub use moment::Moment;
pub use system::{SystemClock, SystemEntropy, TokioSpawner};
pub use task::TaskHandle;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Wall clock: nanoseconds since the Unix epoch. May go backwards.
    fn now_ns(&self) -> u64;

    /// Nanoseconds since an arbitrary fixed moment. Never goes backwards; for measuring durations only.
    fn monotonic_ns(&self) -> u64;
}

/// A source of random bytes.
pub trait Entropy: Send + Sync + 'static {
    /// Overwrites all of `buf` with random bytes, fit for secrets when the source is the real one.
    fn fill(&self, buf: &mut [u8]);
}

/// Starts concurrent work and waits for time to pass.
pub trait Spawner: Send + Sync + 'static {
    /// Runs `future` concurrently and to its end. `name` is for logs. A panic ends that task alone, and is logged.
    fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>);

    /// Runs `body` on an operating system thread of its own, for work that blocks. `name` is the thread's name.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    fn spawn_thread(&self, name: &str, body: Box<dyn FnOnce() + Send>) -> std::io::Result<()>;

    /// Completes once `duration` has passed.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The three doors together, cheap to clone.
#[derive(Clone)]
pub struct Env {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Tasks, threads and sleeping.
    pub spawner: Arc<dyn Spawner>,
}

/// The future of [`Env::timeout`] did not complete in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("timed out after {0:?}")]
pub struct TimedOut(pub Duration);

impl Env {
    /// The real clock, the operating system's randomness, and the tokio runtime that the caller is in.
    ///
    /// Tasks and sleeps need that runtime (with its time driver); the clock, randomness and threads work without.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock::new()), entropy: Arc::new(SystemEntropy), spawner: Arc::new(TokioSpawner) }
    }

    /// An environment for tests: randomness that `seed` decides, a clock that starts at [`SIMULATED_EPOCH_NS`].
    ///
    /// Time is tokio's: in a `current_thread` runtime with paused time (`#[tokio::test(start_paused = true)]`) sleeping
    /// takes no time, the clock jumps with it, and tasks take turns in one order, so a run is a function of the seed.
    /// In any other runtime it works too, with time passing at its usual pace. For a clock set by hand, replace `clock`
    /// by a [`ManualClock`].
    pub fn deterministic(seed: u64) -> Self {
        Self {
            clock: Arc::new(deterministic::TokioClock::new()),
            entropy: Arc::new(SeededEntropy::new(seed)),
            spawner: Arc::new(TokioSpawner),
        }
    }

    /// Wall clock: nanoseconds since the Unix epoch.
    pub fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    /// Nanoseconds since an arbitrary fixed moment; never goes backwards.
    pub fn monotonic_ns(&self) -> u64 {
        self.clock.monotonic_ns()
    }

    /// `N` random bytes.
    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// A random integer, every one equally likely.
    pub fn random_u64(&self) -> u64 {
        u64::from_le_bytes(self.random_bytes())
    }

    /// Runs `future` concurrently. Dropping the handle leaves the task running.
    pub fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) -> TaskHandle {
        let (future, handle) = task::abortable(future);
        self.spawner.spawn(name, Box::pin(future));
        handle
    }

    /// Runs `body` on a thread of its own.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn spawn_thread(&self, name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        self.spawner.spawn_thread(name, Box::new(body))
    }

    /// Completes once `duration` has passed.
    pub async fn sleep(&self, duration: Duration) {
        self.spawner.sleep(duration).await;
    }

    /// What `future` gives, if it completes within `duration`; otherwise it is dropped.
    ///
    /// # Errors
    /// [`TimedOut`] when it does not.
    pub async fn timeout<F: Future>(&self, duration: Duration, future: F) -> Result<F::Output, TimedOut> {
        match select(pin!(future), self.spawner.sleep(duration)).await {
            Either::Left((output, _)) => Ok(output),
            Either::Right(_) => Err(TimedOut(duration)),
        }
    }
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Env")
    }
}
