//! The database: a log, what it amounts to in memory, and the way in between.

use std::sync::Arc;

use object_store::ObjectStore;

use crate::checkpoint::{CheckpointError, Checkpointer};
use crate::commit::{Committer, Recovered};
use crate::env::{Env, TaskHandle};
use crate::housekeeping;
use crate::limits::Limits;
use crate::log::{CommitLog, Timestamp};
use crate::recovery;
use crate::transaction::Transaction;

pub use crate::commit::{CommitBatch, CommitError, CommitStream, Committed, Conflict, SnapshotError};
pub use crate::recovery::OpenError;
pub use crate::state::Snapshot;
pub use crate::state::history::Retention;

/// What a database is made of.
pub struct DatabaseOptions {
    /// The commits.
    pub log: Arc<dyn CommitLog>,
    /// Where snapshot files go, under `snapshots/`.
    pub store: Arc<dyn ObjectStore>,
    /// Clock, randomness and tasks.
    pub env: Env,
    /// What transactions may use.
    pub limits: Limits,
    /// How much of the recent past can be read.
    pub retention: Retention,
    /// A snapshot file is written when this many entries were appended since the last one, or `checkpoint_bytes`.
    pub checkpoint_entries: u64,
    /// See `checkpoint_entries`; bytes of log, about.
    pub checkpoint_bytes: usize,
}

impl DatabaseOptions {
    /// Default limits and retention.
    pub fn new(log: Arc<dyn CommitLog>, store: Arc<dyn ObjectStore>, env: Env) -> Self {
        DatabaseOptions {
            log,
            store,
            env,
            limits: Limits::default(),
            retention: Retention::default(),
            checkpoint_entries: 100_000,
            checkpoint_bytes: 256 << 20,
        }
    }
}

/// An open database. Everything is reached through it, by any number of tasks at a time.
///
/// Dropping it without [`Database::close`] is safe, as is a crash: what was acknowledged is in the log.
pub struct Database {
    committer: Arc<Committer>,
    checkpointer: Arc<Checkpointer>,
    env: Env,
    limits: Arc<Limits>,
    flusher: parking_lot::Mutex<Option<TaskHandle>>,
}

impl Database {
    /// Reads the newest snapshot file and the log after it.
    ///
    /// # Errors
    /// When the log or the snapshot files cannot be read, are damaged, or do not fit together.
    pub async fn open(options: DatabaseOptions) -> Result<Arc<Database>, OpenError> {
        let DatabaseOptions { log, store, env, limits, retention, checkpoint_entries, checkpoint_bytes } = options;
        let found = recovery::recover(&*log, &*store, &env).await?;
        let recovered = Recovered { snapshot: found.snapshot, entry: found.entry, last_ts: found.last_ts };
        let is_new = recovered.entry == 0;
        let committer = Arc::new(Committer::new(env.clone(), log, retention, recovered));
        let checkpointer =
            Checkpointer::new(committer.clone(), store, found.checkpoints, checkpoint_entries, checkpoint_bytes);
        let flusher = env.spawn("commit", Committer::run(Arc::downgrade(&committer)));
        env.spawn("checkpoint", Checkpointer::run(Arc::downgrade(&checkpointer)));
        if !is_new {
            committer.claim("_start");
        }
        let database = Arc::new(Database {
            committer,
            checkpointer,
            env: env.clone(),
            limits: Arc::new(limits),
            flusher: parking_lot::Mutex::new(Some(flusher)),
        });
        env.spawn("housekeeping", housekeeping::run(Arc::downgrade(&database)));
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

    /// The snapshot as of a timestamp, in ns. Those of the last 30 seconds are kept (see [`Retention`]).
    ///
    /// # Errors
    /// If it is too old, or newer than [`Self::latest`].
    pub fn snapshot_at(&self, ts: Timestamp) -> Result<Snapshot, SnapshotError> {
        self.committer.snapshot_at(ts)
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

    /// Writes a snapshot file of [`Self::latest`], so that the next start does not have to replay the log, and lets the log
    /// forget what two snapshot files hold. Also happens by itself from time to time.
    ///
    /// # Errors
    /// When the object store or the log fails. Nothing is lost then.
    pub async fn checkpoint(&self) -> Result<(), CheckpointError> {
        self.checkpointer.checkpoint().await
    }

    /// Refuses further commits, waits for the accepted ones, and writes a snapshot file if there is something new.
    ///
    /// # Errors
    /// When the snapshot file cannot be written. The next start then replays more of the log.
    pub async fn close(&self) -> Result<(), CheckpointError> {
        self.committer.close();
        let flusher = self.flusher.lock().take();
        if let Some(flusher) = flusher {
            flusher.join().await;
        }
        self.checkpointer.checkpoint().await
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("latest", &self.latest()).finish_non_exhaustive()
    }
}
