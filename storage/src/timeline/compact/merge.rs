//! Which rows of a merge are kept.

use std::collections::BTreeSet;

use super::Plan;
use super::plan::is_dropped;
use crate::catalog::IndexId;
use crate::key::Key;
use crate::log::Timestamp;
use crate::sabotage::{self, Rule};
use crate::segment::Row;
use crate::timeline::Manifest;

/// Decides row by row, in order of key and descending timestamp.
pub(super) struct Filter {
    horizon: Timestamp,
    drop_tombstones: bool,
    keep_tombstones: BTreeSet<IndexId>,
    dropped: BTreeSet<IndexId>,
    /// The key whose newest row at the horizon was met: older rows of it are visible to nobody.
    settled: Option<Key>,
}

impl Filter {
    pub fn new(manifest: &Manifest, plan: &Plan, horizon: Timestamp) -> Self {
        let dropped = manifest.dropped_indexes.iter().map(|(index, _)| *index);
        Filter {
            horizon: if sabotage::is(Rule::VersionsDroppedEarly) { Timestamp::MAX } else { horizon },
            drop_tombstones: plan.with_oldest || sabotage::is(Rule::TombstonesDroppedEarly),
            keep_tombstones: manifest.keep_tombstones.iter().copied().collect(),
            dropped: dropped.filter(|index| is_dropped(manifest, *index, horizon)).collect(),
            settled: None,
        }
    }

    /// Whether a snapshot from the horizon on can see the row, or what it hides in older runs.
    pub fn keeps(&mut self, row: &Row) -> bool {
        self.keeps_version(&row.key, row.ts, row.document.is_none())
    }

    /// The same for a version of what is at a key.
    pub fn keeps_version(&mut self, key: &Key, ts: Timestamp, is_tombstone: bool) -> bool {
        let index = key.index();
        if index.is_some_and(|index| self.dropped.contains(&index)) {
            return false;
        }
        if ts > self.horizon {
            return true;
        }
        if self.settled.as_ref() == Some(key) {
            return false;
        }
        self.settled = Some(key.clone());
        let needed = !self.drop_tombstones || index.is_some_and(|index| self.keep_tombstones.contains(&index));
        !is_tombstone || needed
    }

    /// Whether nobody needs an index any more.
    pub fn is_dropped(&self, index: IndexId) -> bool {
        self.dropped.contains(&index)
    }
}
