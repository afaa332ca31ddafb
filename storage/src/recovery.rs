//! Opening a database: what the newest manifest has, then the log after it.

mod old_files;
#[cfg(test)]
mod tests;

use crate::catalog::RowError;
use crate::checkpoint::flushed;
use crate::env::Env;
use crate::log::{CommitLog, EntryNumber, LogEntry, LogError, Seal, Timestamp};
use crate::state::{Installed, LoadError, Snapshot, State};
use crate::timeline::{Segments, SegmentsError};

/// Log entries read at a time.
const BATCH: usize = 256;

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The log cannot be read.
    #[error("cannot read the log: {0}")]
    Log(#[from] LogError),
    /// Manifests cannot be read, or segments cannot be read or written.
    #[error(transparent)]
    Segments(#[from] SegmentsError),
    /// The tables, indexes and schemas cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The snapshot files of an earlier version of Lakewire cannot be read.
    #[error("cannot read snapshot files: {0}")]
    Store(#[from] object_store::Error),
    /// There is nothing that has the commits between the segments and the log.
    #[error(
        "the log begins at entry {first}, and no usable segment or snapshot file reaches it (the newest is of entry {newest})"
    )]
    Gap {
        /// The first entry of the log.
        first: EntryNumber,
        /// The newest entry in segments or a snapshot file; 0 if there are none.
        newest: EntryNumber,
    },
    /// The log is older than the segments: they do not belong together.
    #[error("the segments have entry {flushed}, which is ahead of the log: it ends with entry {head}")]
    LogBehind {
        /// The newest entry in segments or a snapshot file.
        flushed: EntryNumber,
        /// The last entry of the log.
        head: EntryNumber,
    },
    /// The documents or commits do not make a database.
    #[error(transparent)]
    Row(#[from] RowError),
}

/// A database as found.
pub(crate) struct Found {
    pub snapshot: Snapshot,
    /// The last entry of the log.
    pub entry: EntryNumber,
    /// Its timestamp.
    pub log_ts: Timestamp,
    /// The version of the manifest whose segments the snapshot reads.
    pub manifest: u64,
    /// If the log ends for good.
    pub seal: Option<Seal>,
}

impl Found {
    /// Whether nothing was ever committed.
    pub fn is_new(&self) -> bool {
        self.log_ts == 0
    }
}

/// A state on its way to the end of the log.
struct Replay<'a> {
    log: &'a dyn CommitLog,
    segments: &'a Segments,
    flush_bytes: usize,
    state: State,
    entry: EntryNumber,
    ts: Timestamp,
    /// The version of the manifest of the state's segments.
    manifest: u64,
    seal: Option<Seal>,
}

type Batch = Vec<(EntryNumber, LogEntry)>;

/// Reads everything up to the end of the log. If that is more than `flush_bytes`, it is flushed on the way.
pub(crate) async fn recover(
    log: &dyn CommitLog,
    segments: &Segments,
    env: &Env,
    flush_bytes: usize,
) -> Result<Found, OpenError> {
    segments.refresh_unless_recent().await?;
    let mut replay = Replay::from_manifest(log, segments, flush_bytes).await?;
    let begun = replay.begin().await;
    // A shared log that goes on where the manifest ends, or has its first entry, has all there is.
    let is_whole = log.is_shared() && (!replay.is_empty() || begun.as_ref().is_ok_and(|batch| !batch.is_empty()));
    let begun = if is_whole {
        begun?
    } else {
        // Earlier versions of Lakewire had local logs only, and what they wrote is taken over before the first flush.
        let old = old_files::find(segments).await?;
        let begun = match old.newest {
            Some(contents) if replay.is_empty() => replay.adopt(contents).await?,
            _ => begun?,
        };
        old_files::remove(segments, &old.paths).await;
        begun
    };
    replay.run(begun).await?;
    let Replay { state, entry, ts, manifest, seal, .. } = replay;
    // Not before the wall clock, so that no client has seen a later timestamp even where a backup was put in place. But where
    // others commit too, one of them may be about to, with an earlier timestamp: there it is that of the log, until the start is
    // claimed.
    let at = if log.is_shared() { ts } else { env.now_ns().max(ts) };
    Ok(Found { snapshot: Snapshot::new(at, 0, state), entry, log_ts: ts, manifest, seal })
}

impl<'a> Replay<'a> {
    async fn from_manifest(
        log: &'a dyn CommitLog,
        segments: &'a Segments,
        flush_bytes: usize,
    ) -> Result<Self, OpenError> {
        let (manifest, version) = segments.current();
        let counts = manifest.counts.as_ref().map(|counts| counts.iter().map(|(id, count)| (*id, *count)).collect());
        let state = State::load(Installed::new(&manifest, version), counts).await?;
        let (entry, ts) = (manifest.flushed, manifest.flushed_ts);
        Ok(Replay { log, segments, flush_bytes, state, entry, ts, manifest: manifest.version, seal: None })
    }

    /// Whether there never was a flush, nor a parent.
    fn is_empty(&self) -> bool {
        self.entry == 0 && self.ts == 0
    }

    /// Starts with what an earlier version of Lakewire wrote. The result is as that of [`Self::begin`].
    async fn adopt(&mut self, contents: crate::state::file::Contents) -> Result<Batch, OpenError> {
        (self.entry, self.ts) = (contents.entry, contents.ts);
        let begun = self.begin().await?;
        old_files::load(&mut self.state, contents)?;
        self.flush().await?;
        Ok(begun)
    }

    /// Applies `batch`, and the log after it.
    async fn run(&mut self, mut batch: Batch) -> Result<(), OpenError> {
        // Where the log ended a moment ago. Others may append as fast as it is read here.
        let mut end = None;
        'batches: loop {
            for (number, entry) in batch {
                self.seal = entry.seal.clone().or(self.seal.take());
                if number == self.entry {
                    continue;
                }
                for transaction in &entry.transactions {
                    self.state.apply(transaction)?;
                    self.ts = transaction.ts;
                }
                self.entry = number;
                if self.state.tail_bytes() >= self.flush_bytes && self.flush().await? {
                    batch = self.begin().await?;
                    continue 'batches;
                }
            }
            let head = match end {
                Some(head) => head,
                None => *end.insert(self.log.head().await?),
            };
            if self.entry >= head {
                return Ok(());
            }
            batch = self.read(self.entry + 1).await?;
        }
    }

    /// The first entries of the log that matter. With the one before them: that it is there says that the log is not behind, and
    /// where to look for its end.
    async fn begin(&self) -> Result<Batch, OpenError> {
        if self.entry == 0 {
            return self.read(1).await;
        }
        match self.log.read(self.entry, BATCH).await {
            Ok(batch) if batch.is_empty() => {
                Err(OpenError::LogBehind { flushed: self.entry, head: self.log.head().await? })
            }
            Ok(batch) => Ok(batch),
            // It was flushed long ago.
            Err(LogError::Trimmed { .. }) => self.read(self.entry + 1).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn read(&self, from: EntryNumber) -> Result<Batch, OpenError> {
        self.log.read(from, BATCH).await.map_err(|error| match error {
            LogError::Trimmed { first, .. } => OpenError::Gap { first, newest: from - 1 },
            error => error.into(),
        })
    }

    /// Whether somebody else has flushed more: then that is where the state is now.
    async fn flush(&mut self) -> Result<bool, OpenError> {
        self.state.rotate();
        let flushed = flushed(&self.state, self.entry, self.ts);
        self.segments.flush(self.state.frozen_rows(), flushed).await?;
        let (manifest, version) = self.segments.current();
        let is_ahead = manifest.flushed > self.entry;
        if is_ahead {
            *self = Replay::from_manifest(self.log, self.segments, self.flush_bytes).await?;
        } else {
            self.state.install(Installed::new(&manifest, version));
            self.manifest = manifest.version;
        }
        Ok(is_ahead)
    }
}
