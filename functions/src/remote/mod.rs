//! Queries and mutations that run in another process than the one that answers for them: relays have Lambda run what they have
//! no room for.
//!
//! How: a function needs the snapshot that it is to see, and leaves what it read and wrote. The worker opens the same snapshot
//! (it has the same log and segments; the newest entries come with the request), runs the function and sends back reads, writes
//! and result. The process that asked goes on as if the function had run there: it commits the transaction in a group with
//! others, or caches the result with its read set.
//!
//! How it fails: a worker that is lost, throttled or late has committed nothing, so the function is run here instead. A snapshot
//! that the worker cannot have (its history is gone, the log does not answer) is an error, and the same.

mod lambda;
mod runs;
mod spill;
mod wire;

use async_trait::async_trait;
pub use lambda::{LambdaRunner, LambdaRunnerOptions};
pub use runs::Runs;
pub use spill::Spill;
pub use wire::{RunAnswer, RunRequest};

/// Runs functions elsewhere.
#[async_trait]
pub trait FunctionRunner: Send + Sync {
    /// Whether it takes another call now, while `waiting` calls wait for a thread here.
    fn takes(&self, waiting: usize) -> bool;

    /// Runs one. Nothing is committed.
    ///
    /// # Errors
    /// [`RunnerError`]; running it here instead is right.
    async fn run(&self, request: RunRequest) -> Result<RunAnswer, RunnerError>;
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The other process did not take it, or is lost.
    #[error("{0}")]
    Lost(String),
    /// What it answers is not valid.
    #[error("the answer is not valid: {0}")]
    Invalid(String),
}
