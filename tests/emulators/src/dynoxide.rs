//! DynamoDB, inside this process.

use crate::background::Background;

/// An empty DynamoDB in memory. Dropping it stops it and closes its connections.
///
/// It does not check signatures, throttles nobody, and answers at once: see `lakewire_storage::aws::faults` for a client, and
/// [`Faults`](crate::Faults) for a proxy that makes it behave worse.
pub struct Dynoxide(Background);

impl Dynoxide {
    /// Starts one, on a thread with a runtime of its own.
    ///
    /// # Panics
    /// If it cannot listen.
    pub fn start() -> Self {
        Self(Background::start("dynoxide", async |listener| {
            let database = dynoxide::Database::memory().expect("a database in memory");
            dynoxide::server::serve_on(listener, database).await;
        }))
    }

    /// Its URL, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        self.0.endpoint()
    }
}
