//! Mutations that something else depends on: that happens in their transaction, or they do not happen.

use async_trait::async_trait;
use lakewire_storage::transaction::Transaction;

use super::execution::Outcome;
use crate::model::ModelError;

/// Why a mutation runs without a client that asks for it: a job, a cron job that is due.
#[async_trait]
pub(crate) trait Occasion: Send + Sync {
    /// Whether it is to run (still), as its transaction sees it.
    async fn begin(&self, tx: &mut Transaction) -> Result<bool, ModelError>;

    /// Notes what came of it. What a failed mutation wrote is rolled back by now.
    async fn end(&self, tx: &mut Transaction, outcome: &Outcome, lines: &[String]) -> Result<(), ModelError>;
}
