//! What to compact next: a pure function of a manifest.
//!
//! Sizes are in classes, each four times the one before. Four rules, the first that applies:
//!
//! 1. *Space.* When the runs on top of the oldest may have replaced more than half of what it holds, all are merged.
//! 2. *Garbage.* When more than a quarter of the oldest run is garbage that can be dropped by now, it is rewritten.
//! 3. *Order.* A run that is followed by ones of smaller classes is merged with them, so that classes ascend with age.
//! 4. *Number.* Four runs or more of one class, which are neighbours by rule 3, are merged.
//!
//! Without garbage in the window of history, 1 and 2 bound what is stored to 1.5 / 0.75 = 2 times what is live. 3 and 4 bound
//! the number of runs to three a class. A row is rewritten about once a class by 4, and by 1 when the whole has grown by half,
//! so write amplification grows with the logarithm of the size. Each compaction leaves fewer runs, or less garbage: it ends.

use std::ops::Range;

use super::super::{Manifest, Run, RunFile};
use crate::catalog::IndexId;
use crate::log::Timestamp;

/// A class has runs up to this many times as large as the class before.
const FACTOR: u64 = 4;
/// So many runs of a class are merged.
const MOST_PER_CLASS: usize = 4;

/// A compaction to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The runs to merge: positions in the manifest's list.
    pub runs: Range<usize>,
    /// Whether the oldest run is one of them, so that tombstones can go.
    pub with_oldest: bool,
}

impl Plan {
    /// Everything.
    pub(super) fn all(manifest: &Manifest) -> Plan {
        Plan { runs: 0..manifest.runs.len(), with_oldest: true }
    }
}

/// The most urgent compaction, `None` if there is nothing to do. Snapshots before `horizon` are no longer needed.
/// Runs below four times `unit` bytes are in class 0; while all together are below `unit`, space does not matter.
pub fn plan(manifest: &Manifest, horizon: Timestamp, unit: u64) -> Option<Plan> {
    let runs = &manifest.runs;
    let classes: Vec<u32> = runs.iter().map(|run| class(run.bytes(), unit)).collect();
    let chosen = space(runs, unit)
        .or_else(|| garbage(manifest, horizon, unit))
        .or_else(|| order(&classes))
        .or_else(|| number(&classes))?;
    Some(Plan { with_oldest: chosen.end == runs.len(), runs: chosen })
}

fn class(bytes: u64, unit: u64) -> u32 {
    (bytes / unit).checked_ilog(FACTOR).unwrap_or(0)
}

fn space(runs: &[Run], unit: u64) -> Option<Range<usize>> {
    let (oldest, newer) = runs.split_last()?;
    let bytes: u64 = newer.iter().map(Run::bytes).sum();
    // An overwriting row replaces one and is one; a tombstone only replaces one, which counts twice for the ratio.
    let replaced: u64 = newer.iter().map(|run| run.rows() + tombstones(run)).sum();
    let much = bytes > oldest.bytes() / 2 || replaced > oldest.rows() / 2;
    (oldest.bytes() + bytes > unit && much).then_some(0..runs.len())
}

fn tombstones(run: &Run) -> u64 {
    run.files.iter().map(|file| file.segment.tombstones).sum()
}

fn garbage(manifest: &Manifest, horizon: Timestamp, unit: u64) -> Option<Range<usize>> {
    let oldest = manifest.runs.last()?;
    let raw: u64 = oldest.all_files().map(|file| file.raw_bytes).sum();
    let garbage: u64 = oldest.all_files().map(|file| droppable(manifest, file, horizon)).sum();
    let last = manifest.runs.len() - 1;
    (raw > unit && garbage > raw / 4).then_some(last..last + 1)
}

/// How many bytes of a segment of the oldest run a compaction would drop, at least.
pub(super) fn droppable(manifest: &Manifest, file: &RunFile, horizon: Timestamp) -> u64 {
    let index = index_of(file);
    if index.is_some_and(|index| is_dropped(manifest, index, horizon)) {
        return file.raw_bytes;
    }
    // Tombstones of incomplete indexes stay, and only those of one index can be told.
    let stays = match index {
        Some(index) => manifest.keep_tombstones.contains(&index),
        None => !manifest.keep_tombstones.is_empty(),
    };
    if file.garbage_ts <= horizon && !stays { file.garbage_bytes } else { 0 }
}

/// The index that all rows of a segment belong to, if it is one.
pub(super) fn index_of(file: &RunFile) -> Option<IndexId> {
    let first = file.segment.first_key.index()?;
    (Some(first) == file.segment.last_key.index()).then_some(first)
}

/// Whether no snapshot from `horizon` on has the index.
pub(super) fn is_dropped(manifest: &Manifest, index: IndexId, horizon: Timestamp) -> bool {
    manifest.dropped_indexes.iter().any(|(dropped, ts)| *dropped == index && *ts <= horizon)
}

fn order(classes: &[u32]) -> Option<Range<usize>> {
    let start = classes.windows(2).position(|pair| pair[0] > pair[1])?;
    let smaller = classes[start + 1..].iter().take_while(|class| **class < classes[start]).count();
    Some(start..start + 1 + smaller)
}

fn number(classes: &[u32]) -> Option<Range<usize>> {
    let mut start = 0;
    for same in classes.chunk_by(|a, b| a == b) {
        if same.len() >= MOST_PER_CLASS {
            return Some(start..start + same.len());
        }
        start += same.len();
    }
    None
}
