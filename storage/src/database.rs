//! The database: a log, what it amounts to in segments and in memory, and the way in between.

use std::sync::Arc;
use std::time::Duration;

use crate::checkpoint::Flusher;
use crate::commit::Committer;
use crate::env::{Env, TaskHandle};
use crate::limits::Limits;
use crate::log::{CommitLog, EntryNumber, LogEntry, Timestamp};
use crate::timeline::{Segments, SegmentsError};
use crate::transaction::Transaction;
use crate::{housekeeping, maintenance, recovery};

pub use crate::checkpoint::CheckpointError;
pub use crate::commit::{CommitBatch, CommitError, CommitStream, Committed, Conflict, SnapshotError};
pub use crate::recovery::OpenError;
pub use crate::state::Snapshot;
pub use crate::state::history::Retention;

/// How long a few commits are kept in memory only: of a log that others follow, and of one that nobody else has.
const FLUSH_INTERVAL: Duration = Duration::from_secs(60);
const FLUSH_INTERVAL_ALONE: Duration = Duration::from_secs(300);

/// Which processes do what a database needs done now and then: flushes, compaction, collection, and removing what has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upkeep {
    /// This one, in the background.
    Here,
    /// Others do. This one follows what they commit and publish, and flushes only if the memory for commits is full.
    Elsewhere,
    /// Others do, and this one may be suspended whenever nobody waits for it. So nothing happens in the background, but for a
    /// flush as in [`Upkeep::Elsewhere`]; what others did is learned by [`Database::refresh`].
    Suspended,
    /// This one, when [`Database::checkpoint`] and [`Database::maintain`] are called. As [`Upkeep::Suspended`] otherwise.
    OnDemand,
}

impl Upkeep {
    /// Whether the process does anything while nobody asks it to.
    fn is_awake(self) -> bool {
        matches!(self, Upkeep::Here | Upkeep::Elsewhere)
    }
}

/// What a database is made of.
pub struct DatabaseOptions {
    /// The commits.
    pub log: Arc<dyn CommitLog>,
    /// Where they go after a while. Of the same timeline as the log.
    pub segments: Arc<Segments>,
    /// Clock, randomness and tasks.
    pub env: Env,
    /// What transactions may use.
    pub limits: Limits,
    /// How much of the recent past commits are checked against.
    pub retention: Retention,
    /// What was committed goes to segments after this time, even if it is little.
    pub flush_interval: Duration,
    /// Who looks after the files and the log.
    pub upkeep: Upkeep,
}

impl DatabaseOptions {
    /// Default limits, retention and interval, and upkeep here.
    pub fn new(log: Arc<dyn CommitLog>, segments: Arc<Segments>, env: Env) -> Self {
        let flush_interval = if log.is_shared() { FLUSH_INTERVAL } else { FLUSH_INTERVAL_ALONE };
        DatabaseOptions {
            log,
            segments,
            env,
            limits: Limits::default(),
            retention: Retention::default(),
            flush_interval,
            upkeep: Upkeep::Here,
        }
    }
}

/// An open database. Everything is reached through it, by any number of tasks at a time.
///
/// Dropping it without [`Database::close`] is safe, as is a crash: what was acknowledged is in the log.
pub struct Database {
    committer: Arc<Committer>,
    flusher: Arc<Flusher>,
    env: Env,
    limits: Arc<Limits>,
    upkeep: Upkeep,
    appending: parking_lot::Mutex<Option<TaskHandle>>,
    /// Flushes and the upkeep of segments.
    tasks: parking_lot::Mutex<Vec<TaskHandle>>,
}

impl Database {
    /// Reads the newest manifest and the log after it.
    ///
    /// # Errors
    /// When the log or the segments cannot be read, are damaged, or do not fit together.
    pub async fn open(options: DatabaseOptions) -> Result<Arc<Database>, OpenError> {
        let DatabaseOptions { log, segments, env, limits, retention, flush_interval, upkeep } = options;
        let flush_bytes = segments.options().flush_bytes;
        let found = recovery::recover(&*log, &segments, &env, flush_bytes).await?;
        let is_new = found.is_new();
        let is_here = upkeep == Upkeep::Here;
        let committer =
            Committer::new(env.clone(), log, segments.clone(), retention, flush_bytes, upkeep.is_awake(), found);
        let committer = Arc::new(committer);
        let appending = env.spawn("commit", Committer::run(Arc::downgrade(&committer)));
        let flusher = Flusher::new(committer.clone(), upkeep, flush_interval);
        let mut tasks = vec![env.spawn("flush", Flusher::run(Arc::downgrade(&flusher)))];
        if is_here {
            let maintenance = maintenance::run(Arc::downgrade(&flusher), Arc::downgrade(&segments), env.clone());
            tasks.push(env.spawn("maintenance", maintenance));
        }
        if upkeep == Upkeep::Elsewhere {
            tasks.push(env.spawn("manifests", maintenance::watch(Arc::downgrade(&flusher), env.clone())));
        }
        // One that comes and goes would fill the log with its starts.
        if is_here && !is_new {
            committer.claim("_start");
        }
        let database = Arc::new(Database {
            committer,
            flusher,
            env: env.clone(),
            limits: Arc::new(limits),
            appending: parking_lot::Mutex::new(Some(appending)),
            tasks: parking_lot::Mutex::new(tasks),
            upkeep,
        });
        if is_here {
            env.spawn("housekeeping", housekeeping::run(Arc::downgrade(&database)));
        }
        Ok(database)
    }

    /// The newest durable snapshot: what queries and subscriptions run on.
    pub fn latest(&self) -> Snapshot {
        self.committer.latest()
    }

    /// The newest accepted snapshot, which may not be durable yet: what mutations run on, so that those on a hot document do
    /// not wait for the log. Nothing read from it may leave the process before a commit, or [`Self::wait_durable`], succeeds.
    pub fn head(&self) -> Snapshot {
        self.committer.head()
    }

    /// The newest entry of the log that is part of [`Self::latest`], if that is asked for after this.
    pub fn entry(&self) -> EntryNumber {
        self.committer.newest_entry()
    }

    /// Whether other processes can commit too.
    pub fn is_shared(&self) -> bool {
        self.committer.is_shared()
    }

    /// Makes everything part of [`Self::latest`] that is in the log when this is called, whoever appended it. Returns at once
    /// if nobody else can. Where upkeep is elsewhere, segments that others have published are taken over too, before those they
    /// replace are deleted.
    ///
    /// # Errors
    /// [`CommitError::Unavailable`] if the log cannot be read, or the segments that were known may be gone and no newer ones
    /// can be read.
    pub async fn refresh(&self) -> Result<(), CommitError> {
        self.flusher.take_over().await.map_err(|error| CommitError::Unavailable(error.to_string()))?;
        self.committer.refresh().await
    }

    /// Whether [`Self::refresh`] would hardly find anything: the end of the log was seen within the last second, and nothing of
    /// others for five. Enough before what is compared with the log when it is committed.
    pub fn is_likely_fresh(&self) -> bool {
        self.committer.is_likely_fresh() && !self.flusher.must_look()
    }

    /// [`Self::refresh`] as far as `entry`, which somebody said is in the log: cheaper, and no look at what others published.
    ///
    /// # Errors
    /// [`CommitError::Unavailable`] if the log cannot be read.
    pub async fn refresh_through(&self, entry: EntryNumber) -> Result<(), CommitError> {
        self.committer.refresh_through(entry).await
    }

    /// Makes entries of the log part of [`Self::latest`] that another process has read, if they go on where it ends: that spares
    /// reading them here.
    pub async fn learn(&self, entries: Vec<(EntryNumber, LogEntry)>) {
        self.committer.learn(entries).await;
    }

    /// Whether what others commit is learned without being asked for.
    pub fn follows(&self) -> bool {
        self.upkeep.is_awake()
    }

    /// The newest entry that this process has appended; 0 if it has appended none.
    pub fn appended_entry(&self) -> EntryNumber {
        self.committer.appended_entry()
    }

    /// Merges segments until there is nothing to merge, and deletes those that nothing needs any more: what also happens by
    /// itself where upkeep is here. Harmless while others do the same.
    ///
    /// # Errors
    /// When the object store fails. Repeating is right.
    pub async fn maintain(&self) -> Result<(), SegmentsError> {
        maintenance::once(&self.flusher, self.segments()).await
    }

    /// Completes once the log is sealed, because the deployment was restored to an earlier time: with the timeline that it goes
    /// on as. No commit can succeed any more; reads go on.
    pub async fn sealed(&self) -> String {
        self.committer.sealed().await
    }

    /// The snapshot as of a timestamp, in ns.
    ///
    /// # Errors
    /// If it is older than what segments have, or newer than [`Self::latest`].
    pub async fn snapshot_at(&self, ts: Timestamp) -> Result<Snapshot, SnapshotError> {
        self.committer.snapshot_at(ts).await
    }

    /// Starts a transaction. `source` is the path of the function that runs.
    pub fn begin(&self, snapshot: Snapshot, source: &str) -> Transaction {
        Transaction::new(snapshot, source, self.env.clone(), self.limits.clone())
    }

    /// Commits a transaction, and returns when it is durable and part of [`Self::latest`]. A transaction that wrote nothing
    /// waits only until its snapshot is durable.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] if what it read has changed: run it again on [`Self::head`]. Otherwise the log is out of
    /// order, and later attempts may succeed.
    pub async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        self.committer.commit(transaction.finish()).await
    }

    /// Returns when everything in a snapshot is durable: needed before telling anyone what was read from [`Self::head`], in
    /// the message of a failed mutation for instance.
    ///
    /// # Errors
    /// If it will never be, or if the log does not say for seconds.
    pub async fn wait_durable(&self, snapshot: &Snapshot) -> Result<(), CommitError> {
        self.committer.wait_durable(snapshot).await
    }

    /// Every durable commit from now on: those after [`CommitStream::start`].
    pub fn commits(&self) -> CommitStream {
        self.committer.subscribe()
    }

    /// The limits of transactions.
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// The environment.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Brings everything that is durable into segments, so that the next start does not have to replay the log, and lets the log
    /// forget what was brought there long enough ago. Also happens by itself from time to time.
    ///
    /// # Errors
    /// When the object store or the log fails. Nothing is lost then.
    pub async fn checkpoint(&self) -> Result<(), CheckpointError> {
        self.flusher.flush().await
    }

    /// Where commits go after a while.
    pub fn segments(&self) -> &Arc<Segments> {
        &self.committer.segments
    }

    /// About the bytes of memory taken by commits that are not in segments yet.
    pub fn tail_bytes(&self) -> usize {
        self.committer.tail_bytes()
    }

    /// Refuses further commits, waits for the accepted ones, brings them into segments, and ends the upkeep: what is dropped
    /// after it can be opened again at once.
    ///
    /// # Errors
    /// When segments cannot be written. The next start then replays more of the log.
    pub async fn close(&self) -> Result<(), CheckpointError> {
        self.committer.close();
        let appending = self.appending.lock().take();
        if let Some(appending) = appending {
            appending.join().await;
        }
        let flushed = self.flusher.flush().await;
        let upkeep = std::mem::take(&mut *self.tasks.lock());
        for task in upkeep {
            task.abort();
            task.join().await;
        }
        flushed
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.tasks.get_mut().iter().for_each(TaskHandle::abort);
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("latest", &self.latest()).finish_non_exhaustive()
    }
}
