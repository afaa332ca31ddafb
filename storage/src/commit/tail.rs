//! The newest commits in memory, on their way to segments.
//!
//! A flush freezes what is durable ([`Committer::rotate`]), writes it, and has every state forget it
//! ([`Committer::install`]). While commits come faster than they can be written, those who commit wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::{CommitError, Committer, Inner};
use crate::catalog::RowError;
use crate::log::{EntryNumber, Timestamp};
use crate::sabotage::{self, Rule};
use crate::state::{Installed, Snapshot, State};
use crate::timeline::Manifest;
use crate::version::Version;
use crate::watch;

/// Beyond so many times the size at which the tail is flushed, nothing more is accepted.
const FULL: usize = 4;
/// How long a commit waits for room.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much there is in memory that is not flushed.
pub(crate) struct Pressure {
    flush_bytes: usize,
    /// Raised when there is enough for a flush.
    pub due: Notify,
    /// Changes with every flush and every manifest; holds why the last flush failed.
    flushed: watch::Sender<Option<String>>,
}

/// What is to be flushed.
pub(crate) struct Rotated {
    /// Its frozen layers are to be written.
    pub state: State,
    /// The last entry they have.
    pub entry: EntryNumber,
    /// Its timestamp.
    pub ts: Timestamp,
}

impl Pressure {
    pub fn new(flush_bytes: usize) -> Self {
        Pressure { flush_bytes, due: Notify::new(), flushed: watch::Sender::new(None) }
    }

    pub fn flush_bytes(&self) -> usize {
        self.flush_bytes
    }

    pub(super) fn look(&self, head: &Snapshot) {
        if head.state().tail_bytes() >= self.flush_bytes {
            self.due.notify_one();
        }
    }

    /// Whoever waits for room looks again.
    pub fn look_again(&self) {
        self.flushed.send_if_modified(|_| true);
    }

    /// Changes whenever there may be room where there was none.
    pub(super) fn changes(&self) -> watch::Receiver<Option<String>> {
        self.flushed.subscribe()
    }

    /// Takes note of the outcome of a flush.
    pub fn flushed(&self, failed: Option<String>) {
        self.flushed.send_replace(failed);
    }
}

impl Committer {
    pub(super) fn has_room(&self) -> bool {
        self.published.read().head.state().tail_bytes() <= FULL.saturating_mul(self.pressure.flush_bytes)
    }

    /// Waits until there is room for another commit.
    pub(super) async fn room(&self) -> Result<(), CommitError> {
        if self.has_room() {
            return Ok(());
        }
        let mut changes = self.pressure.changes();
        let room = async { while !self.has_room() && changes.changed().await.is_ok() {} };
        self.env.timeout(PATIENCE, room).await.map_err(|_| {
            let reason = self.pressure.flushed.get();
            let reason = reason.unwrap_or_else(|| format!("the store has taken nothing for {PATIENCE:?}"));
            CommitError::Unavailable(format!("there is no room for commits that are not in segments yet: {reason}"))
        })
    }

    /// The entry that made latest.
    pub fn newest_entry(&self) -> EntryNumber {
        self.entry.get()
    }

    /// The version of the manifest whose segments are read.
    pub fn manifest_version(&self) -> u64 {
        self.inner.lock().manifest
    }

    /// How much is in memory, durable and not yet flushed.
    pub fn tail_bytes(&self) -> usize {
        self.latest().state().tail_bytes()
    }

    /// Freezes what is durable.
    pub fn rotate(&self) -> Result<Rotated, RowError> {
        let mut inner = self.inner.lock();
        let mut state = inner.latest.state().clone();
        state.rotate();
        let mut kept = state.clone();
        if sabotage::is(Rule::FrozenLayerForgotten) {
            kept.forget_through(inner.log_ts);
        }
        inner.replace(kept)?;
        self.publish(&inner);
        Ok(Rotated { state, entry: inner.entry, ts: inner.log_ts })
    }

    /// Reads the segments of a manifest from now on, and forgets what they have; unless they have entries that are not part of
    /// latest yet, which is the answer `false`. A manifest as old as the current one, or older, changes nothing.
    pub fn install(&self, manifest: &Manifest, version: &Arc<Version>) -> bool {
        let mut inner = self.inner.lock();
        if inner.entry < manifest.flushed {
            return false;
        }
        if inner.manifest >= manifest.version {
            return true;
        }
        inner.manifest = manifest.version;
        inner.install(manifest, version);
        self.publish(&inner);
        drop(inner);
        self.pressure.look_again();
        true
    }
}

impl Inner {
    /// Puts another state with the same documents in the place of that of latest, and what is pending on it again.
    fn replace(&mut self, mut state: State) -> Result<(), RowError> {
        let latest = Snapshot::new(self.latest.ts(), self.latest.epoch(), state.clone());
        let mut afters = Vec::with_capacity(self.pending.len());
        for pending in &self.pending {
            state.apply(&pending.transaction)?;
            afters.push(Snapshot::new(pending.after.ts(), pending.after.epoch(), state.clone()));
        }
        self.latest = latest;
        for (pending, after) in self.pending.iter_mut().zip(afters) {
            pending.after = after;
        }
        self.head = Snapshot::new(self.head.ts(), self.head.epoch(), state);
        Ok(())
    }

    fn install(&mut self, manifest: &Manifest, version: &Arc<Version>) {
        let install = |snapshot: &mut Snapshot| {
            let mut state = snapshot.state().clone();
            state.install(Installed::new(manifest, version.clone()));
            *snapshot = Snapshot::new(snapshot.ts(), snapshot.epoch(), state);
        };
        install(&mut self.latest);
        install(&mut self.head);
        self.pending.iter_mut().for_each(|pending| install(&mut pending.after));
    }
}
