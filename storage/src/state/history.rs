//! The recent past: the transactions of the last half minute or more, to check commits against.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::Snapshot;
use crate::log::{LoggedTransaction, Timestamp};

/// How much of the past commits are checked against: one that read before that is to be run again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// How far back, unless `max_bytes` is reached.
    pub window: Duration,
    /// About how much memory recent transactions may take with their documents. Beyond it, the window shrinks.
    pub max_bytes: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Retention { window: Duration::from_secs(35), max_bytes: 128 << 20 }
    }
}

/// Transactions in the order of their timestamps.
pub(crate) struct History {
    retention: Retention,
    /// Every accepted transaction after `floor`; the newest ones may not be durable yet.
    recent: VecDeque<Kept>,
    /// Transactions up to here are no longer known one by one.
    floor: Timestamp,
    bytes: usize,
}

struct Kept {
    transaction: Arc<LoggedTransaction>,
    bytes: usize,
}

/// What the history no longer needs.
#[derive(Default)]
#[must_use = "it is to be dropped outside of any lock"]
pub(crate) struct Forgotten {
    _transactions: Vec<Arc<LoggedTransaction>>,
}

impl History {
    /// Nothing is known of what came before `oldest`.
    pub fn new(retention: Retention, oldest: &Snapshot) -> Self {
        History { retention, recent: VecDeque::new(), floor: oldest.ts(), bytes: 0 }
    }

    /// Adds an accepted transaction, the newest.
    pub fn push(&mut self, transaction: Arc<LoggedTransaction>) {
        let bytes = cost(&transaction);
        self.bytes += bytes;
        self.recent.push_back(Kept { transaction, bytes });
    }

    /// Forgets the transactions after `ts`, which were taken back.
    pub fn take_back(&mut self, ts: Timestamp) {
        while let Some(last) = self.recent.back()
            && last.transaction.ts > ts
        {
            self.bytes -= last.bytes;
            self.recent.pop_back();
        }
    }

    /// The accepted transactions after `ts`; `None` if they are not all known any more.
    pub fn after(&self, ts: Timestamp) -> Option<impl DoubleEndedIterator<Item = &Arc<LoggedTransaction>>> {
        if ts < self.floor {
            return None;
        }
        let first = self.recent.partition_point(|kept| kept.transaction.ts <= ts);
        Some(self.recent.range(first..).map(|kept| &kept.transaction))
    }

    /// Takes note that `latest` is durable, and forgets what is old. The result is to be dropped outside of any lock: to free
    /// the memory takes a while.
    pub fn advance(&mut self, latest: &Snapshot) -> Forgotten {
        let window = u64::try_from(self.retention.window.as_nanos()).unwrap_or(u64::MAX);
        let needed = latest.ts().saturating_sub(window);
        let mut transactions = Vec::new();
        while let Some(oldest) = self.recent.front()
            // What is not durable may be taken back.
            && oldest.transaction.ts <= latest.ts()
            && (oldest.transaction.ts <= needed || self.bytes > self.retention.max_bytes)
            && let Some(oldest) = self.recent.pop_front()
        {
            self.bytes -= oldest.bytes;
            self.floor = oldest.transaction.ts;
            transactions.push(oldest.transaction);
        }
        Forgotten { _transactions: transactions }
    }
}

/// About the memory in bytes that a kept transaction takes. Its keys are shared with the tail, and its documents too, at first.
fn cost(transaction: &LoggedTransaction) -> usize {
    let writes = transaction.writes.iter().map(|write| {
        let document = write.document.as_ref().map_or(0, |document| document.json.len());
        size_of_val(write) + write.keys.len() * 48 + document
    });
    size_of::<LoggedTransaction>() + transaction.source.len() + writes.sum::<usize>()
}
