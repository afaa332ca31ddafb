//! Committing: check, accept, make durable, publish.
//!
//! A transaction is *accepted* under one short lock: it is checked against what was accepted since its snapshot, gets its
//! timestamp, and becomes part of the *head*, on which the next mutations run. Accepted transactions are appended to the log in
//! groups, one append in flight at a time; when a group is durable it becomes part of *latest*, which queries see, and those who
//! wait for it are answered. If the log refuses a group, everything accepted since latest is taken back: the head falls back to
//! latest, all waiters get an error, and transactions that ran on the lost head conflict (each snapshot carries the *epoch*,
//! the number of such falls, to tell).
//!
//! If another writer was faster, its entries become part of latest, and what was accepted is checked against them and accepted
//! again where it still holds ([`rebase`]). While nothing is to be appended, the end of a shared log is followed ([`follow`]).
//! If the log does not say for long what became of a group, waiters and new commits are refused until it does ([`stall`]).
//!
//! What is durable goes from memory to segments in the background ([`tail`]).

mod accept;
mod append;
mod end;
mod error;
mod follow;
#[cfg(test)]
mod follow_tests;
mod fresh;
mod rebase;
#[cfg(test)]
mod rebase_tests;
#[cfg(test)]
mod serializability_tests;
mod stall;
#[cfg(test)]
mod stall_tests;
mod stream;
mod tail;
#[cfg(test)]
mod tests;
mod turns;
mod validate;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, oneshot};

pub use error::{CommitError, Conflict, SnapshotError};
pub use stream::{CommitBatch, CommitStream};

use crate::env::{Env, Moment};
use crate::log::{CommitLog, EntryNumber, LogError, LoggedTransaction, Timestamp};
use crate::recovery::Found;
use crate::state::Snapshot;
use crate::state::history::{History, Retention};
use crate::timeline::Segments;
use crate::transaction::Finished;
use crate::watch;
use end::Ending;
use follow::Refreshes;
use fresh::FreshLog;
use stream::Subscribers;
use tail::Pressure;
pub(crate) use tail::Rotated;

/// The outcome of a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committed {
    /// The commit timestamp; of a transaction that wrote nothing, its snapshot's.
    pub ts: Timestamp,
}

/// Answers those who wait for a transaction to become durable, with the timestamp it has.
type Waiter = oneshot::Sender<Result<Timestamp, CommitError>>;

/// The state of the pipeline, shared by those who commit and the task that appends.
pub(crate) struct Committer {
    pub(crate) env: Env,
    pub(crate) log: Arc<FreshLog>,
    pub(crate) segments: Arc<Segments>,
    inner: Mutex<Inner>,
    /// Copies of what `inner` has, so that readers do not wait for commits being checked.
    published: RwLock<Published>,
    /// There is something to append, or the pipeline is to end. Outlives the committer, so that the task can wait for it
    /// without keeping the committer alive.
    wake: Arc<Notify>,
    /// The entry that made `latest`.
    entry: watch::Sender<EntryNumber>,
    /// The newest entry that was appended here.
    appended: AtomicU64,
    /// Whether the end of the log is followed although nobody asks.
    follows: bool,
    refreshes: Refreshes,
    /// When others last had appended something.
    disturbed: Mutex<Moment>,
    ending: Ending,
    pub(crate) pressure: Arc<Pressure>,
}

#[derive(Clone)]
struct Published {
    latest: Snapshot,
    head: Snapshot,
}

struct Inner {
    latest: Snapshot,
    head: Snapshot,
    /// The greatest timestamp given out so far, of commits that were taken back as well.
    last_ts: Timestamp,
    /// The newest entry known to be in the log.
    entry: EntryNumber,
    /// The timestamp that the log has for the newest commit. That of `latest` may be later: see [`CommitBatch`].
    log_ts: Timestamp,
    /// The front of `pending` is being appended.
    in_flight: bool,
    /// Accepted and not yet durable, in order. The front ones may be in flight.
    pending: VecDeque<Pending>,
    /// When commits were taken back: the epoch that ended, and the timestamp of the last commit that stayed. In order, one for
    /// each epoch.
    falls: VecDeque<(u64, Timestamp)>,
    history: History,
    retention: Retention,
    subscribers: Subscribers,
    closed: bool,
    /// Why nothing is accepted at present: the group at the front of `pending` is undecided for long.
    stalled: Option<CommitError>,
    /// The version of the manifest whose segments are read.
    manifest: u64,
    /// Why nothing will ever be accepted again: the log is sealed.
    ended: Option<CommitError>,
}

struct Pending {
    transaction: Arc<LoggedTransaction>,
    /// What it was made from, to check it again and to give it another timestamp; `None` if it read and wrote nothing.
    finished: Option<Finished>,
    /// The head just after it.
    after: Snapshot,
    bytes: usize,
    /// Who commits it; `None` once that is answered.
    committer: Option<Waiter>,
    /// Who waits for `after` to be durable.
    readers: Vec<Waiter>,
}

impl Committer {
    pub fn new(
        env: Env,
        log: Arc<dyn CommitLog>,
        segments: Arc<Segments>,
        retention: Retention,
        flush_bytes: usize,
        follows: bool,
        found: Found,
    ) -> Self {
        let Found { snapshot, entry, log_ts, manifest, seal } = found;
        let inner = Inner {
            latest: snapshot.clone(),
            head: snapshot.clone(),
            last_ts: log_ts.max(snapshot.ts()),
            entry,
            log_ts,
            in_flight: false,
            pending: VecDeque::new(),
            falls: VecDeque::new(),
            history: History::new(retention, &snapshot),
            retention,
            subscribers: Subscribers::default(),
            closed: false,
            stalled: None,
            manifest,
            ended: None,
        };
        let committer = Committer {
            log: Arc::new(FreshLog::new(log, env.clone())),
            disturbed: Mutex::new(Moment::now(&env)),
            env,
            segments,
            inner: Mutex::new(inner),
            published: RwLock::new(Published { latest: snapshot.clone(), head: snapshot }),
            wake: Arc::new(Notify::new()),
            entry: watch::Sender::new(entry),
            appended: AtomicU64::new(0),
            follows,
            refreshes: Refreshes::default(),
            ending: Ending::default(),
            pressure: Arc::new(Pressure::new(flush_bytes)),
        };
        if let Some(seal) = seal {
            committer.end(&seal);
        }
        committer
    }

    pub fn latest(&self) -> Snapshot {
        self.published.read().latest.clone()
    }

    pub fn head(&self) -> Snapshot {
        self.published.read().head.clone()
    }

    pub async fn snapshot_at(&self, ts: Timestamp) -> Result<Snapshot, SnapshotError> {
        let latest = self.latest();
        // The data may still be there for longer, until a compaction.
        let window = self.segments.options().history.as_nanos() as u64;
        let oldest = latest.state().horizon().max(latest.ts().saturating_sub(window));
        if ts > latest.ts() {
            return Err(SnapshotError::InFuture { requested: ts, latest: latest.ts() });
        }
        if ts < oldest {
            return Err(SnapshotError::TooOld { requested: ts, oldest });
        }
        Ok(latest.at(ts).await?)
    }

    pub fn subscribe(&self) -> CommitStream {
        let mut inner = self.inner.lock();
        let from = inner.latest.ts();
        inner.subscribers.add(from)
    }

    pub fn is_closed(&self) -> bool {
        self.inner.lock().closed
    }

    /// The newest entry that was appended here; 0 if none was.
    pub fn appended_entry(&self) -> EntryNumber {
        self.appended.load(Ordering::Relaxed)
    }

    /// Refuses further commits. Accepted ones are still appended.
    pub fn close(&self) {
        self.inner.lock().closed = true;
        self.wake.notify_one();
    }

    /// Lets everybody see what `inner` has now. To be called with its lock held.
    fn publish(&self, inner: &Inner) {
        *self.published.write() = Published { latest: inner.latest.clone(), head: inner.head.clone() };
        self.entry.send_if_modified(|entry| std::mem::replace(entry, inner.entry) != inner.entry);
        self.pressure.look(&inner.head);
    }
}

impl Inner {
    /// Takes back what is accepted and not durable, except for the first `kept`. The result is in order.
    fn take_back(&mut self, kept: usize) -> Vec<Pending> {
        const REMEMBERED: usize = 1024;
        if kept == self.pending.len() {
            return Vec::new();
        }
        let base = match kept {
            0 => self.latest.clone(),
            _ => self.pending[kept - 1].after.clone(),
        };
        let epoch = self.head.epoch();
        self.falls.push_back((epoch, base.ts()));
        if self.falls.len() > REMEMBERED {
            self.falls.pop_front();
        }
        self.history.take_back(base.ts());
        self.head = Snapshot::new(base.ts(), epoch + 1, base.state().clone());
        if kept == 0 {
            self.latest = self.head.clone();
        }
        self.pending.drain(kept..).collect()
    }

    /// Takes back what is accepted and not durable, except for the first `kept`, and answers with `error` whoever waits for it.
    fn fall_back(&mut self, kept: usize, error: &CommitError) {
        for pending in self.take_back(kept) {
            pending.answer(&Err(error.clone()));
        }
    }

    /// Whether everything that a snapshot has is still part of the head.
    fn is_lineage(&self, snapshot: &Snapshot) -> bool {
        if snapshot.epoch() == self.head.epoch() {
            return true;
        }
        // Each fall since then took back what came after its timestamp. The first one must still be known.
        let first = self.falls.partition_point(|(epoch, _)| *epoch < snapshot.epoch());
        let mut falls = self.falls.range(first..);
        falls.clone().next().is_some_and(|(epoch, _)| *epoch == snapshot.epoch())
            && falls.all(|(_, kept)| snapshot.ts() <= *kept)
    }
}

impl Pending {
    fn answer(self, outcome: &Result<Timestamp, CommitError>) {
        for waiter in self.committer.into_iter().chain(self.readers) {
            let _gone = waiter.send(outcome.clone());
        }
    }
}

/// For errors of the log that end up in many hands.
fn unavailable(error: &LogError) -> CommitError {
    CommitError::Unavailable(error.to_string())
}
