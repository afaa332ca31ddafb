//! Taking a transaction into the head.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{CommitError, Committed, Committer, Inner, Pending, Waiter, validate};
use crate::catalog::RowError;
use crate::env::Env;
use crate::log::{LoggedTransaction, Timestamp};
use crate::sabotage::{self, Rule};
use crate::state::Snapshot;
use crate::transaction::Finished;

type Durable = oneshot::Receiver<Result<Timestamp, CommitError>>;

impl Committer {
    /// Checks a transaction, makes it part of the head, and waits until it is durable.
    pub async fn commit(&self, finished: Finished) -> Result<Committed, CommitError> {
        if finished.is_read_only() {
            let ts = finished.snapshot.ts();
            self.wait_durable(&finished.snapshot).await?;
            return Ok(Committed { ts });
        }
        self.room().await?;
        let durable = self.accept(finished)?;
        self.wake.notify_one();
        if sabotage::is(Rule::AcknowledgedBeforeDurable) {
            return Ok(Committed { ts: self.head().ts() });
        }
        // Not always the timestamp it was accepted with: another writer's commit may have come before.
        Ok(Committed { ts: wait(durable).await? })
    }

    /// Waits until everything that a snapshot has is durable.
    pub async fn wait_durable(&self, snapshot: &Snapshot) -> Result<(), CommitError> {
        let durable = {
            let mut inner = self.inner.lock();
            if !inner.is_lineage(snapshot) {
                return Err(CommitError::Conflict(validate::unknown()));
            }
            if snapshot.ts() <= inner.latest.ts() {
                return Ok(());
            }
            if let Some(stalled) = &inner.stalled {
                return Err(stalled.clone());
            }
            let at = inner.pending.partition_point(|pending| pending.transaction.ts < snapshot.ts());
            let Some(pending) = inner.pending.get_mut(at) else { return Ok(()) };
            let (waiter, durable) = oneshot::channel();
            pending.readers.push(waiter);
            durable
        };
        wait(durable).await.map(|_| ())
    }

    fn accept(&self, finished: Finished) -> Result<Durable, CommitError> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(CommitError::Unavailable("the database is closed".to_owned()));
        }
        if let Some(reason) = inner.ended.as_ref().or(inner.stalled.as_ref()) {
            return Err(reason.clone());
        }
        inner.validate(&finished).map_err(CommitError::Conflict)?;
        let transaction = Arc::new(finished.resolve(inner.next_ts(&self.env))?);
        let after = inner.after(&transaction)?;
        let (waiter, durable) = oneshot::channel();
        inner.accept(transaction, after, Some(finished), Some(waiter));
        self.publish(&inner);
        Ok(durable)
    }

    /// Accepts a transaction without writes, which claims a timestamp: none before it is ever given out again, even if the
    /// clock is set back before the next start.
    pub fn claim(&self, source: &str) {
        let mut inner = self.inner.lock();
        let ts = inner.next_ts(&self.env);
        let transaction = LoggedTransaction { ts, writes: Vec::new(), source: source.to_owned() };
        let after = Snapshot::new(ts, inner.head.epoch(), inner.head.state().clone());
        inner.accept(Arc::new(transaction), after, None, None);
        self.publish(&inner);
        self.wake.notify_one();
    }
}

impl Inner {
    /// A timestamp after all that were given out.
    pub(super) fn next_ts(&mut self, env: &Env) -> Timestamp {
        self.last_ts = env.now_ns().max(self.last_ts + 1);
        self.last_ts
    }

    /// The head with a transaction.
    pub(super) fn after(&self, transaction: &LoggedTransaction) -> Result<Snapshot, RowError> {
        let mut state = self.head.state().clone();
        state.apply(transaction)?;
        Ok(Snapshot::new(transaction.ts, self.head.epoch(), state))
    }

    /// Makes a transaction part of the head, which is `after` then.
    pub(super) fn accept(
        &mut self,
        transaction: Arc<LoggedTransaction>,
        after: Snapshot,
        finished: Option<Finished>,
        committer: Option<Waiter>,
    ) {
        self.head = after.clone();
        self.history.push(transaction.clone());
        let bytes = encoded_size(&transaction);
        self.pending.push_back(Pending { transaction, finished, after, bytes, committer, readers: Vec::new() });
    }
}

async fn wait(durable: Durable) -> Result<Timestamp, CommitError> {
    // The sender is dropped without an answer only when the database is.
    durable.await.unwrap_or_else(|_| Err(CommitError::Unavailable("the database was closed".to_owned())))
}

/// About how many bytes a transaction takes in the log, before compression.
fn encoded_size(transaction: &LoggedTransaction) -> usize {
    let writes = transaction.writes.iter().map(|write| {
        let document = write.document.as_ref().map_or(0, |document| document.json.len());
        let keys = write.touched_keys().map(|key| key.as_bytes().len() + 8);
        document + 48 + keys.sum::<usize>()
    });
    64 + transaction.source.len() + writes.sum::<usize>()
}
