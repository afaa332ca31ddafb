//! What an earlier life of a session knew of a result.

use std::sync::Arc;

use lakewire_storage::interval::ReadSet;
use lakewire_storage::log::Timestamp;

use crate::backend::Backend;
use crate::cache::{CommitProbe, Tracker};

/// A result that the client has and this process does not: the snapshots at which it is right.
pub(super) struct Kept {
    reads: Arc<ReadSet>,
    from: Timestamp,
    /// Known to be stale, or not known not to be.
    touched: bool,
    probe: CommitProbe,
}

impl Kept {
    /// A result that is right at `from`, and until a commit touches `reads`.
    pub(super) fn new(tracker: &Arc<Tracker>, backend: &dyn Backend, reads: Arc<ReadSet>, from: Timestamp) -> Self {
        // In this order: no commit is in between.
        let probe = tracker.probe_reads(&reads, from);
        let touched = backend.latest().touched_since(from, &reads);
        Self { reads, from, touched, probe }
    }

    /// The first snapshot at which it is known to be right.
    pub(super) fn from(&self) -> Timestamp {
        self.from
    }

    /// What was read.
    pub(super) fn reads(&self) -> &Arc<ReadSet> {
        &self.reads
    }

    /// The newest snapshot at which it is known to be right, all commits up to `processed` having been looked at.
    pub(super) fn last(&self, processed: Timestamp) -> Timestamp {
        match self.probe.committed() {
            _ if self.touched => self.from,
            Some(committed) => committed - 1,
            None => processed.max(self.from),
        }
    }

    /// Whether it is right at `ts`.
    pub(super) fn holds_at(&self, ts: Timestamp, processed: Timestamp) -> bool {
        self.from <= ts && ts <= self.last(processed)
    }
}
