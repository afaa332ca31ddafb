use std::sync::Arc;

use tokio::sync::mpsc;

use crate::log::{LoggedTransaction, Timestamp};

/// Transactions that became durable together.
///
/// The timestamps here are those of the snapshots of this database: `latest()` moves on to `ts_to` with this batch, and never
/// otherwise. A commit of another writer with an earlier timestamp than `latest()` had when it was met (its clock was behind that
/// of this database at the start) got a later one, so its timestamp in the log, and in documents with the commit timestamp, is
/// another.
#[derive(Debug)]
pub struct CommitBatch {
    /// The timestamp of the first.
    pub ts_from: Timestamp,
    /// The timestamp of the last. `latest()` has this batch when it is delivered.
    pub ts_to: Timestamp,
    /// The transactions in the order of their timestamps. Not empty, unless `is_gap`.
    pub transactions: Vec<Arc<LoggedTransaction>>,
    /// Whether it is not known what was committed: this process was cut off from the log for longer than entries are kept. Any
    /// document may have changed.
    pub is_gap: bool,
}

/// Every durable commit after [`CommitStream::start`], in order and without loss: a slow receiver makes it grow.
pub struct CommitStream {
    start: Timestamp,
    batches: mpsc::UnboundedReceiver<Arc<CommitBatch>>,
}

impl CommitStream {
    /// The timestamp that was the latest when the stream began.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// The next batch; `None` once the database is closed.
    pub async fn next(&mut self) -> Option<Arc<CommitBatch>> {
        self.batches.recv().await
    }

    /// The next batch if it is there already.
    pub fn try_next(&mut self) -> Option<Arc<CommitBatch>> {
        self.batches.try_recv().ok()
    }
}

#[derive(Default)]
pub(super) struct Subscribers(Vec<mpsc::UnboundedSender<Arc<CommitBatch>>>);

impl Subscribers {
    pub fn add(&mut self, start: Timestamp) -> CommitStream {
        let (sender, batches) = mpsc::unbounded_channel();
        self.0.push(sender);
        CommitStream { start, batches }
    }

    pub fn send(&mut self, transactions: Vec<Arc<LoggedTransaction>>) {
        let (Some(first), Some(last)) = (transactions.first(), transactions.last()) else { return };
        self.deliver(CommitBatch { ts_from: first.ts, ts_to: last.ts, transactions, is_gap: false });
    }

    /// Unknown commits became durable, up to `ts`.
    pub fn skip_to(&mut self, ts: Timestamp) {
        self.deliver(CommitBatch { ts_from: ts, ts_to: ts, transactions: Vec::new(), is_gap: true });
    }

    fn deliver(&mut self, batch: CommitBatch) {
        let batch = Arc::new(batch);
        self.0.retain(|subscriber| subscriber.send(batch.clone()).is_ok());
    }

    /// Ends every stream once it is read to its end.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
