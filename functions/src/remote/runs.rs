//! The end that runs: in a worker.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::future::join_all;
use lakewire_storage::log::LogEntry;

use super::wire::{Answers, Batch, RunAnswer, RunRequest};
use super::{RunnerError, Spill};
use crate::engine::Engine;
use crate::udf::{Call, CallFailure};

/// Runs functions for other processes.
pub struct Runs {
    engine: Arc<Engine>,
    spill: Spill,
}

impl Runs {
    /// On `engine`, whose store is also `spill`'s.
    pub fn new(engine: Arc<Engine>, spill: Spill) -> Self {
        Self { engine, spill }
    }

    /// Answers an event of a [`LambdaRunner`](super::LambdaRunner).
    ///
    /// # Errors
    /// [`RunnerError`] if it is none, or the bucket does not answer. What fails for one call is its answer.
    pub async fn answer(&self, event: Bytes) -> Result<Bytes, RunnerError> {
        let lost = |error: object_store::Error| RunnerError::Lost(error.to_string());
        let invalid = |error: serde_json::Error| RunnerError::Invalid(error.to_string());
        let event = self.spill.get(event).await.map_err(lost)?;
        let batch: Batch = serde_json::from_slice(&event).map_err(invalid)?;
        let db = self.engine.db();
        let entry = |encoded: &str| LogEntry::decode(&STANDARD.decode(encoded).ok()?).ok();
        // One that is damaged is read from the log.
        let tail = batch.tail.iter().map_while(|(n, encoded)| Some((*n, entry(encoded)?)));
        db.learn(tail.collect()).await;
        let answers = batch
            .calls
            .into_iter()
            .map(|request| async { self.run(request).await.map_err(|failure| failure.to_string()) });
        let answers = Answers { answers: join_all(answers).await };
        let text = serde_json::to_vec(&answers).map_err(invalid)?;
        self.spill.put(text).await.map_err(lost)
    }

    async fn run(&self, request: RunRequest) -> Result<RunAnswer, CallFailure> {
        let RunRequest { kind, call, at, journal } = request;
        let call = Call::try_from(call).map_err(|error| CallFailure::Internal(error.to_string()))?;
        if self.engine.db().latest().ts() < at {
            self.engine.refresh().await?;
        }
        let snapshot = self.engine.db().snapshot_at(at).await?;
        self.engine.run_for_another(&call, kind, snapshot, journal).await
    }
}
