//! Which data files have to be written anew, and which ranges of documents go into new ones.

use std::collections::BTreeSet;
use std::ops::{Bound, Range};

use futures::TryStreamExt;

use super::LakeError;
use super::source::{Items, Position};
use super::state::DataFile;

/// Data files next to each other that are replaced by files with the documents of a range.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    /// Which data files; none to only append.
    pub(super) files: Range<usize>,
    /// The range of the documents.
    pub(super) range: (Bound<Position>, Bound<Position>),
    /// Where the first new file starts; `None`: at its first document.
    pub(super) start: Option<Position>,
}

/// All files, all documents.
pub(super) fn everything(files: &[DataFile]) -> Vec<Group> {
    vec![Group { files: 0..files.len(), range: (Bound::Unbounded, Bound::Unbounded), start: Some(Position::new()) }]
}

/// What changes of documents at `changed` positions mean. The groups come in order and do not overlap.
///
/// New documents at the end become a file of their own, or one with those of the last files if these are not larger:
/// each document is rewritten O(log n) times before its file has `target` bytes.
pub(super) async fn plan(
    files: &[DataFile],
    mut changed: Items<'_, Position>,
    target: u64,
) -> Result<Vec<Group>, LakeError> {
    let mut touched = BTreeSet::new();
    let mut appended = 0;
    while let Some(position) = changed.try_next().await.map_err(LakeError::Source)? {
        match files.partition_point(|file| file.start <= position).checked_sub(1) {
            Some(at) if at + 1 < files.len() || position <= files[at].last => _ = touched.insert(at),
            _ => appended += 1,
        }
    }
    let mut ranges = runs(&touched);
    if appended > 0 {
        let last = ranges.last().filter(|run| run.end == files.len()).cloned().unwrap_or(files.len()..files.len());
        if last.start < last.end {
            ranges.pop();
        }
        ranges.push(tail(files, last, appended, target));
    }
    ranges.iter_mut().for_each(|range| take_in_small(files, range, target));
    ranges.sort_by_key(|range| range.start);
    Ok(joined(ranges).into_iter().map(|range| group(files, range)).collect())
}

/// Numbers that follow each other, as ranges.
fn runs(numbers: &BTreeSet<usize>) -> Vec<Range<usize>> {
    joined(numbers.iter().map(|number| *number..number + 1).collect())
}

/// Ranges in order that touch or overlap, as one; empty ones at the end of another are part of it.
fn joined(ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start <= last.end => {
                last.start = last.start.min(range.start);
                last.end = last.end.max(range.end);
            }
            _ => out.push(range),
        }
    }
    out
}

/// The last files that are rewritten with `appended` new documents, besides those of `range`.
fn tail(files: &[DataFile], mut range: Range<usize>, appended: u64, target: u64) -> Range<usize> {
    let row_bytes = files.last().map_or(100, |last| last.bytes / last.rows.max(1));
    let mut bytes = appended * row_bytes + sum(files, &range);
    while let Some(before) = range.start.checked_sub(1)
        && files[before].bytes < target
        && files[before].bytes <= bytes
    {
        bytes += files[before].bytes;
        range.start = before;
    }
    range
}

/// Extends a range by the files after it as long as all of them together are small, so that deletions leave few files.
fn take_in_small(files: &[DataFile], range: &mut Range<usize>, target: u64) {
    let mut bytes = sum(files, range);
    while range.start < range.end && range.end < files.len() && bytes + files[range.end].bytes <= target / 2 {
        bytes += files[range.end].bytes;
        range.end += 1;
    }
}

fn sum(files: &[DataFile], range: &Range<usize>) -> u64 {
    files[range.clone()].iter().map(|file| file.bytes).sum()
}

fn group(files: &[DataFile], range: Range<usize>) -> Group {
    let from = match files.get(range.start) {
        Some(first) if range.start < range.end => Bound::Included(first.start.clone()),
        _ => files.last().map_or(Bound::Unbounded, |last| Bound::Excluded(last.last.clone())),
    };
    let to = files.get(range.end).map_or(Bound::Unbounded, |next| Bound::Excluded(next.start.clone()));
    let start = (range.start < range.end).then(|| files[range.start].start.clone());
    Group { files: range, range: (from, to), start }
}
