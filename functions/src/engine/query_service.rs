//! The seam through which transports run queries, so that they can share a cache.

use std::sync::Arc;

use async_trait::async_trait;
use lakewire_storage::database::Snapshot;

use super::Engine;
use crate::udf::{Call, CallFailure, QueryResult};

/// Runs queries, or answers them from results it still knows to be right.
#[async_trait]
pub trait QueryService: Send + Sync {
    /// The result of `call` at the snapshot `at`, or at the newest one.
    ///
    /// # Errors
    /// [`CallFailure`]; a query that fails has a result.
    async fn query(&self, call: &Call, at: Option<Snapshot>) -> Result<Arc<QueryResult>, CallFailure>;
}

/// Runs every query.
#[async_trait]
impl QueryService for Engine {
    async fn query(&self, call: &Call, at: Option<Snapshot>) -> Result<Arc<QueryResult>, CallFailure> {
        let at = at.unwrap_or_else(|| self.db().latest());
        Engine::query(self, call, at, None).await.map(Arc::new)
    }
}
