//! Flushing: what is durable goes from memory to segments, and then from the log.
//!
//! A flush freezes what is durable, writes it as segments, publishes a manifest that has them, and only then forgets it. The log
//! still has everything until long after, so it does no harm to end between any two of these steps: the next start replays.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::select;
use parking_lot::Mutex;

use crate::catalog::{IndexState, RowError};
use crate::commit::{CommitError, Committer, Rotated};
use crate::database::Upkeep;
use crate::env::Moment;
use crate::log::{CommitLog, EntryNumber, LogError, Timestamp};
use crate::state::State;
use crate::timeline::{FlushOutcome, Flushed, Segments, SegmentsError};

/// How often to look whether a flush is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// So many layers are frozen before one of them is flushed, at most.
const MOST_LAYERS: usize = 4;
/// So many entries without documents are worth a manifest.
const EMPTY_ENTRIES: u64 = 256;

/// Why a flush failed. Nothing is lost: the log has it all, and the next one tries again.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Segments or a manifest cannot be written.
    #[error("cannot flush: {0}")]
    Segments(#[from] SegmentsError),
    /// Everything is in segments, but the log was not trimmed.
    #[error("cannot trim the log: {0}")]
    Log(#[from] LogError),
    /// Another writer flushed what this process has not seen yet, and cannot read.
    #[error("cannot follow the log: {0}")]
    Follow(#[from] CommitError),
    /// What was committed cannot be applied again.
    #[error(transparent)]
    Row(#[from] RowError),
}

/// What a flush of a state says of it.
pub(crate) fn flushed(state: &State, entry: EntryNumber, ts: Timestamp) -> Flushed {
    let indexes = state.catalog().all_tables().flat_map(|table| &table.indexes);
    let unfinished = indexes.filter(|index| index.state == IndexState::Backfilling);
    Flushed {
        entry,
        ts,
        counts: state.counts().map(crate::state::Counts::to_map),
        dropped_indexes: state.dropped_indexes().to_vec(),
        keep_tombstones: unfinished.map(|index| index.id).collect(),
    }
}

pub(crate) struct Flusher {
    committer: Arc<Committer>,
    segments: Arc<Segments>,
    /// Who flushes and trims the log.
    upkeep: Upkeep,
    /// How long commits are kept in memory only, if they are few, where that is done here.
    interval: Duration,
    /// When a newer manifest was looked for, on both clocks: one of them may stand still while the process is suspended.
    looked: Mutex<Moment>,
    /// Held by a flush.
    progress: tokio::sync::Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// Since when there has been something to flush, on the monotonic clock in ns.
    since: Option<u64>,
    /// What was frozen for a flush that failed.
    unfinished: Option<Rotated>,
}

impl Flusher {
    pub fn new(committer: Arc<Committer>, upkeep: Upkeep, interval: Duration) -> Arc<Self> {
        let segments = committer.segments.clone();
        let looked = Mutex::new(Moment::now(&committer.env));
        Arc::new(Flusher { committer, segments, upkeep, interval, looked, progress: tokio::sync::Mutex::default() })
    }

    /// Whether others see to the segments, and those known are about to be deleted or there is much in memory that they may have
    /// flushed.
    pub fn must_look(&self) -> bool {
        let is_old = || self.looked.lock().elapsed(&self.committer.env) >= self.segments.options().grace / 3;
        let is_much = || self.committer.tail_bytes() >= self.committer.pressure.flush_bytes() / 2;
        self.upkeep != Upkeep::Here && (is_old() || is_much())
    }

    /// Reads the newest manifest's segments from now on, if it [must](Self::must_look).
    pub async fn take_over(&self) -> Result<(), CheckpointError> {
        if !self.must_look() {
            return Ok(());
        }
        let now = Moment::now(&self.committer.env);
        self.segments.refresh().await?;
        self.install().await?;
        *self.looked.lock() = now;
        Ok(())
    }

    /// Flushes when it is due, until the flusher is dropped.
    pub async fn run(flusher: Weak<Flusher>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let Some(this) = flusher.upgrade() else { return };
            let env = this.committer.env.clone();
            if !this.is_due().await {
                let pressure = this.committer.pressure.clone();
                drop(this);
                let _either =
                    select(std::pin::pin!(pressure.due.notified()), std::pin::pin!(env.sleep(LOOK_EVERY))).await;
                continue;
            }
            match this.flush().await {
                Ok(()) => pause = FIRST_PAUSE,
                Err(error) => {
                    tracing::warn!(%error, "a flush failed");
                    drop(this);
                    env.sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn is_due(&self) -> bool {
        let mut progress = self.progress.lock().await;
        if !self.has_something(&progress) {
            progress.since = None;
            return false;
        }
        let now = self.committer.env.monotonic_ns();
        let waited = Duration::from_nanos(now.saturating_sub(*progress.since.get_or_insert(now)));
        (self.upkeep == Upkeep::Here && waited >= self.interval)
            || self.committer.tail_bytes() >= self.committer.pressure.flush_bytes()
    }

    /// Whether a flush would change anything that is worth it: here or, if others have flushed it, in memory only.
    fn has_something(&self, progress: &Progress) -> bool {
        let newest = self.segments.manifest();
        let behind = self.committer.newest_entry().saturating_sub(newest.flushed);
        let changes = behind > 0 || newest.version > self.committer.manifest_version();
        behind >= EMPTY_ENTRIES || (changes && self.committer.tail_bytes() > 0) || progress.unfinished.is_some()
    }

    /// Flushes everything that is durable now, and lets the log forget what was flushed long enough ago.
    pub async fn flush(&self) -> Result<(), CheckpointError> {
        let mut progress = self.progress.lock().await;
        // What was frozen earlier comes first, if it is a lot, or there would be more and more layers.
        let most = if progress.unfinished.is_some() { 2 } else { 1 };
        for _ in 0..most {
            if !self.has_something(&progress) {
                break;
            }
            let outcome = self.flush_once(&mut progress.unfinished).await;
            self.committer.pressure.flushed(outcome.as_ref().err().map(ToString::to_string));
            outcome?;
        }
        progress.since = None;
        if matches!(self.upkeep, Upkeep::Elsewhere | Upkeep::Suspended) {
            return Ok(());
        }
        let now = self.committer.env.now_ns();
        let trimmable = self.segments.manifest().trimmable(now, self.segments.options().log_kept);
        if trimmable > 0 {
            self.committer.log.trim(trimmable).await?;
        }
        Ok(())
    }

    async fn flush_once(&self, unfinished: &mut Option<Rotated>) -> Result<(), CheckpointError> {
        // Another writer may have been quicker.
        let base = self.segments.refresh().await?;
        let rotated = match unfinished.take() {
            Some(rotated) if rotated.state.tail().frozen_layers() >= MOST_LAYERS => rotated,
            _ => self.committer.rotate()?,
        };
        let rotated = unfinished.insert(rotated);
        if base.flushed < rotated.entry {
            let upto = flushed(&rotated.state, rotated.entry, rotated.ts);
            let rows = rotated.state.frozen_rows().filter(move |row| row.ts > base.flushed_ts);
            if let FlushOutcome::Superseded(manifest) = self.segments.flush(rows, upto).await? {
                tracing::debug!(flushed = manifest.flushed, "another writer flushed the same");
            }
        }
        self.install().await?;
        *unfinished = None;
        Ok(())
    }

    /// Reads the newest manifest's segments from now on.
    pub async fn install(&self) -> Result<(), CheckpointError> {
        let (manifest, version) = self.segments.current();
        // Once the streams of commits have ended, latest stays what it is.
        if !self.committer.install(&manifest, &version) && !self.committer.is_closed() {
            // They have commits of others that are not known here. Who follows already may have waited for room.
            self.committer.pressure.look_again();
            self.committer.follow().await?;
            self.committer.install(&manifest, &version);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
