//! The seam to the engine: what the relay needs to run functions and to hear of commits.
//!
//! The relay knows snapshots only as something with a timestamp that queries can be run on, so its tests bring their own.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use lakewire_functions::auth::{AuthError, Identity, VerifiedUser};
use lakewire_functions::logs::AuditLine;
use lakewire_functions::udf::{ActionResult, Call, CallFailure, MutationResult, QueryResult, SessionRequest};
use lakewire_storage::commit::CommitStream;
use lakewire_storage::interval::{Interval, ReadSet};
use lakewire_storage::key::Key;
use lakewire_storage::log::{EntryNumber, LoggedTransaction, LoggedWrite, Timestamp};

/// One snapshot of the database.
#[async_trait]
pub trait View: Send + Sync {
    /// Which snapshot it is.
    fn ts(&self) -> Timestamp;

    /// Runs a query on it. `journal` is that of an earlier run of the same query.
    async fn query(&self, call: &Call, journal: Option<&str>) -> Result<QueryResult, CallFailure>;

    /// Whether a commit after `since`, and up to this snapshot, may touch `reads`: yes if that is not known.
    fn touched_since(&self, since: Timestamp, reads: &ReadSet) -> bool;
}

/// One transaction as subscriptions see it.
#[derive(Debug, Clone)]
pub struct Committed {
    /// When it committed.
    pub ts: Timestamp,
    /// Every index key it removed or added.
    pub keys: Vec<Key>,
    /// It stands for commits that nobody knows: any key may be among those.
    pub is_gap: bool,
}

/// Transactions that became visible together, in order. A view taken after a batch was delivered includes it.
pub type CommitBatches = BoxStream<'static, Vec<Committed>>;

/// The commits of a database as subscriptions see them.
pub fn committed(commits: CommitStream) -> CommitBatches {
    let touched = |transaction: &LoggedTransaction| {
        let keys = transaction.writes.iter().flat_map(LoggedWrite::touched_keys).cloned().collect();
        Committed { ts: transaction.ts, keys, is_gap: false }
    };
    let batches = stream::unfold(commits, move |mut commits| async move {
        let batch = commits.next().await?;
        let gap = batch.is_gap.then(|| Committed { ts: batch.ts_to, keys: Vec::new(), is_gap: true });
        let transactions = batch.transactions.iter().map(|transaction| touched(transaction));
        Some((transactions.chain(gap).collect(), commits))
    });
    batches.boxed()
}

/// Runs functions.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// The newest snapshot that is durable.
    fn latest(&self) -> Arc<dyn View>;

    /// The newest entry of the log that [`Backend::latest`] has.
    fn entry(&self) -> EntryNumber;

    /// Makes [`Backend::latest`] include whatever was acknowledged before this call, by whatever process. `None`: it does, as
    /// no other process commits.
    fn refresh(&self) -> Option<BoxFuture<'static, Result<(), CallFailure>>>;

    /// Every commit after the snapshot that [`Backend::latest`] gives at the time of this call, none lost.
    fn commits(&self) -> CommitBatches;

    /// Runs a mutation and commits it; at most once for one `session` request.
    async fn mutation(&self, call: &Call, session: Option<SessionRequest>) -> Result<MutationResult, CallFailure>;

    /// Runs an action.
    async fn action(&self, call: &Call) -> Result<ActionResult, CallFailure>;

    /// The keys of which a mutation writes one in the transaction that records it as done.
    fn record_of(&self, session: &SessionRequest) -> Interval;

    /// Emits the audit log lines of a query: the client of `call` is about to get its result.
    fn emit_audit(&self, call: &Call, lines: &[AuditLine]);

    /// Verifies an admin key, whose holder may act as a user described by attributes.
    fn admin(&self, key: &str, acting_as: Option<&serde_json::Value>) -> Result<Identity, AuthError>;

    /// Verifies the token of a user. May have to ask the provider for its keys.
    async fn user(&self, token: &str) -> Result<VerifiedUser, CallFailure>;
}
