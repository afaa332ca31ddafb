//! Taking a transaction into the head.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{CommitError, Committed, Committer, Inner, Pending, validate};
use crate::log::{LoggedTransaction, Timestamp};
use crate::state::Snapshot;
use crate::transaction::Finished;

type Durable = oneshot::Receiver<Result<(), CommitError>>;

impl Committer {
    /// Checks a transaction, makes it part of the head, and waits until it is durable.
    pub async fn commit(&self, finished: Finished) -> Result<Committed, CommitError> {
        if finished.is_read_only() {
            let ts = finished.snapshot.ts();
            self.wait_durable(&finished.snapshot).await?;
            return Ok(Committed { ts });
        }
        let (ts, durable) = self.accept(finished)?;
        self.wake.notify_one();
        wait(durable).await?;
        Ok(Committed { ts })
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
            let at = inner.pending.partition_point(|pending| pending.transaction.ts < snapshot.ts());
            let Some(pending) = inner.pending.get_mut(at) else { return Ok(()) };
            let (waiter, durable) = oneshot::channel();
            pending.waiters.push(waiter);
            durable
        };
        wait(durable).await
    }

    fn accept(&self, finished: Finished) -> Result<(Timestamp, Durable), CommitError> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(CommitError::Unavailable("the database is closed".to_owned()));
        }
        inner.validate(&finished).map_err(CommitError::Conflict)?;
        let ts = self.env.now_ns().max(inner.last_ts + 1);
        inner.last_ts = ts;
        let replaced = finished.replaced_bytes();
        let transaction = finished.resolve(ts)?;
        let durable = inner.accept(Arc::new(transaction), replaced)?;
        inner.publish(&self.published);
        Ok((ts, durable))
    }

    /// Accepts a transaction without writes, which claims a timestamp: none before it is ever given out again, even if the
    /// clock is set back before the next start.
    pub fn claim(&self, source: &str) {
        let mut inner = self.inner.lock();
        let ts = self.env.now_ns().max(inner.last_ts + 1);
        inner.last_ts = ts;
        let transaction = LoggedTransaction { ts, writes: Vec::new(), source: source.to_owned() };
        if inner.accept(Arc::new(transaction), 0).is_ok() {
            inner.publish(&self.published);
            self.wake.notify_one();
        }
    }
}

impl Inner {
    fn accept(&mut self, transaction: Arc<LoggedTransaction>, replaced: usize) -> Result<Durable, CommitError> {
        let mut state = self.head.state().clone();
        state.apply(&transaction)?;
        let after = Snapshot::new(transaction.ts, self.head.epoch(), state);
        self.head = after.clone();
        self.history.push(transaction.clone(), replaced);
        let (waiter, durable) = oneshot::channel();
        let bytes = encoded_size(&transaction);
        self.pending.push_back(Pending { transaction, after, bytes, waiters: vec![waiter] });
        Ok(durable)
    }
}

async fn wait(durable: Durable) -> Result<(), CommitError> {
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
