//! SnapStart: a process that was copied, perhaps many times, and goes on in each copy.
//!
//! Random bytes always come from the operating system, which is told of the copy by its hypervisor; nothing here keeps a state
//! of its own that copies would share. What does not survive are connections and what was known of the log.

use std::sync::Arc;

use lambda_runtime::{BoxFuture, Error, SnapStartResource};

use crate::engine::Engine;

/// Makes an engine fit for another life.
pub struct Restored(pub Arc<Engine>);

impl SnapStartResource for Restored {
    /// Runs what every invocation needs once, so that it is part of the copy.
    fn before_snapshot(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            self.0.warm_up().await;
            Ok(())
        })
    }

    /// Reads the log: the first request to each service also finds that its old connections are gone, and makes new ones.
    fn after_restore(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            // If it fails now, the first invocation tries again, and says so.
            if let Err(error) = self.0.refresh().await {
                tracing::warn!(%error, "the log cannot be read after a restore");
            }
            Ok(())
        })
    }
}
