//! The seam to the engine: what the relay needs to run functions and to hear of commits.
//!
//! The relay knows snapshots only as something with a timestamp that queries can be run on, so its tests bring their own.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use lakewire_functions::auth::{AuthError, Identity};
use lakewire_functions::udf::{ActionResult, Call, CallFailure, MutationResult, QueryResult, SessionRequest};
use lakewire_storage::interval::Interval;
use lakewire_storage::key::Key;
use lakewire_storage::log::Timestamp;

/// One snapshot of the database.
#[async_trait]
pub(crate) trait View: Send + Sync {
    /// Which snapshot it is.
    fn ts(&self) -> Timestamp;

    /// Runs a query on it. `journal` is that of an earlier run of the same query.
    async fn query(&self, call: &Call, journal: Option<&str>) -> Result<QueryResult, CallFailure>;
}

/// One transaction as subscriptions see it.
#[derive(Debug, Clone)]
pub(crate) struct Committed {
    /// When it committed.
    pub(crate) ts: Timestamp,
    /// Every index key it removed or added.
    pub(crate) keys: Vec<Key>,
}

/// Transactions that became visible together, in order. A view taken after a batch was delivered includes it.
pub(crate) type CommitBatches = BoxStream<'static, Vec<Committed>>;

/// Runs functions.
#[async_trait]
pub(crate) trait Backend: Send + Sync + 'static {
    /// The newest snapshot that is durable.
    fn latest(&self) -> Arc<dyn View>;

    /// Every commit after the snapshot that [`Backend::latest`] gives at the time of this call, none lost.
    fn commits(&self) -> CommitBatches;

    /// Runs a mutation and commits it; at most once for one `session` request.
    async fn mutation(&self, call: &Call, session: Option<SessionRequest>) -> Result<MutationResult, CallFailure>;

    /// Runs an action.
    async fn action(&self, call: &Call) -> Result<ActionResult, CallFailure>;

    /// The keys of which a mutation writes one in the transaction that records it as done.
    fn record_of(&self, session: &SessionRequest) -> Interval;

    /// Verifies an admin key, whose holder may act as a user described by attributes.
    fn admin(&self, key: &str, acting_as: Option<&serde_json::Value>) -> Result<Identity, AuthError>;

    /// Verifies the token of a user.
    fn user(&self, token: &str) -> Result<Identity, AuthError>;
}
