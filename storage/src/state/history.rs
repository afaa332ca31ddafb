//! The recent past: the transactions of the last half minute or more, to check commits against and to read old snapshots.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::Snapshot;
use crate::commit::SnapshotError;
use crate::log::{LoggedTransaction, Timestamp};

/// How much of the past is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Every timestamp this far back can be read, unless `max_bytes` is reached.
    pub window: Duration,
    /// A snapshot is kept for each such period; reading in between replays transactions.
    pub sample_every: Duration,
    /// About how much memory recent transactions and the documents they replaced may take. Beyond it, the window shrinks.
    pub max_bytes: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Retention { window: Duration::from_secs(35), sample_every: Duration::from_secs(10), max_bytes: 128 << 20 }
    }
}

/// Transactions in the order of their timestamps, and a few of the snapshots between them.
pub(crate) struct History {
    retention: Retention,
    /// Every accepted transaction after `floor`; the newest ones may not be durable yet.
    recent: VecDeque<Kept>,
    /// Transactions up to here are no longer known one by one.
    floor: Timestamp,
    bytes: usize,
    /// Durable snapshots, oldest first; never empty, the oldest at or after `floor`.
    samples: VecDeque<Snapshot>,
    /// Old snapshots that were asked for lately.
    replayed: VecDeque<Snapshot>,
}

struct Kept {
    transaction: Arc<LoggedTransaction>,
    bytes: usize,
}

/// What the history no longer needs.
#[derive(Default)]
#[must_use = "it is to be dropped outside of any lock"]
pub(crate) struct Forgotten {
    snapshots: Vec<Snapshot>,
    transactions: Vec<Arc<LoggedTransaction>>,
}

/// How many old snapshots to remember that were asked for.
const REPLAYED: usize = 4;

impl History {
    pub fn new(retention: Retention, oldest: Snapshot) -> Self {
        History {
            retention,
            recent: VecDeque::new(),
            floor: oldest.ts(),
            bytes: 0,
            samples: VecDeque::from([oldest]),
            replayed: VecDeque::new(),
        }
    }

    /// Adds an accepted transaction, the newest. `replaced` is the size in bytes of what its writes replace.
    pub fn push(&mut self, transaction: Arc<LoggedTransaction>, replaced: usize) {
        let bytes = replaced + cost(&transaction);
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
        let retention = self.retention;
        let newest = self.samples.back().map_or(0, Snapshot::ts);
        let full = self.bytes > retention.max_bytes;
        let sample_every = if full { retention.sample_every / 10 } else { retention.sample_every };
        if latest.ts().saturating_sub(newest) >= nanoseconds(sample_every) {
            self.samples.push_back(latest.clone());
        }
        let needed = latest.ts().saturating_sub(nanoseconds(retention.window));
        let mut forgotten = Forgotten::default();
        while self.samples.len() > 1 && (self.bytes > retention.max_bytes || self.samples[1].ts() <= needed) {
            forgotten.snapshots.extend(self.samples.pop_front());
            self.forget_through(self.samples[0].ts(), &mut forgotten);
        }
        forgotten
    }

    fn forget_through(&mut self, ts: Timestamp, forgotten: &mut Forgotten) {
        self.floor = ts;
        let old = self.recent.partition_point(|kept| kept.transaction.ts <= ts);
        forgotten.transactions.extend(self.recent.drain(..old).map(|kept| {
            self.bytes -= kept.bytes;
            kept.transaction
        }));
        while self.replayed.front().is_some_and(|snapshot| snapshot.ts() < ts) {
            forgotten.snapshots.extend(self.replayed.pop_front());
        }
    }

    /// What is needed to make the snapshot of `ts`, which is not after `latest`: outside of any lock, see [`Replay::run`].
    pub fn replay(&self, ts: Timestamp, latest: &Snapshot) -> Result<Replay, SnapshotError> {
        let known = self.samples.iter().chain(&self.replayed).chain([latest]);
        let Some(base) = known.filter(|snapshot| snapshot.ts() <= ts).max_by_key(|snapshot| snapshot.ts()) else {
            let oldest = self.samples.front().map_or(latest.ts(), Snapshot::ts);
            return Err(SnapshotError::TooOld { requested: ts, oldest });
        };
        let after = self.after(base.ts()).into_iter().flatten();
        let transactions = after.take_while(|transaction| transaction.ts <= ts).cloned().collect();
        Ok(Replay { base: base.clone(), transactions, ts })
    }

    /// Remembers a snapshot that was made by replaying.
    pub fn remember(&mut self, snapshot: Snapshot) {
        if snapshot.ts() < self.floor {
            return;
        }
        if self.replayed.len() == REPLAYED {
            self.replayed.pop_front();
        }
        self.replayed.push_back(snapshot);
    }
}

/// A snapshot and the transactions from it to a later timestamp.
pub(crate) struct Replay {
    base: Snapshot,
    transactions: Vec<Arc<LoggedTransaction>>,
    ts: Timestamp,
}

impl Replay {
    /// The snapshot, and whether transactions had to be replayed for it.
    pub fn run(self) -> (Snapshot, bool) {
        let mut state = self.base.state().clone();
        for transaction in &self.transactions {
            state.apply(transaction).expect("the transaction was applied before");
        }
        (Snapshot::new(self.ts, self.base.epoch(), state), !self.transactions.is_empty())
    }
}

/// About the memory in bytes that a kept transaction takes beyond what the newest state has of it.
fn cost(transaction: &LoggedTransaction) -> usize {
    let writes = transaction.writes.iter().map(|write| size_of_val(write) + write.keys.len() * 48);
    size_of::<LoggedTransaction>() + transaction.source.len() + writes.sum::<usize>()
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
