//! The segments of a manifest as one multi-version map.
//!
//! A [`Version`] is a list of *runs*, newest first. The segments of a run are in key order and do not overlap: all
//! versions of a key that a run has are in one segment. Runs may overlap each other in keys and in timestamps; of one
//! key, the newest version at or before the reader's timestamp counts, whichever run it is in. The same (key,
//! timestamp) in two runs is the same row.

mod cursor;
mod open;
mod raw;
mod readahead;
mod scan;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::catalog::IndexId;
use crate::document::Document;
use crate::interval::{End, Interval};
use crate::log::Timestamp;
use crate::query::Order;
use crate::search::part::{PartReader, SearchSegment};
use crate::segment::{Block, Segment, SegmentCache, SegmentRef, Tail};

pub use crate::segment::ReadError;
pub use raw::{RawRows, raw};
pub use scan::Scan;

/// An immutable set of segments that is read as one map from (key, timestamp) to document.
pub struct Version {
    runs: Vec<Run>,
    cache: Arc<SegmentCache>,
}

/// The segments of a run, each list in key order and without overlaps.
#[derive(Clone, Debug, Default)]
pub struct RunSegments {
    /// Of rows.
    pub rows: Vec<SegmentRef>,
    /// Of parts of search indexes: with each, which.
    pub search: Vec<(SegmentRef, Vec<IndexId>)>,
}

impl From<Vec<SegmentRef>> for RunSegments {
    fn from(rows: Vec<SegmentRef>) -> Self {
        RunSegments { rows, search: Vec::new() }
    }
}

/// Segments in key order that do not overlap.
struct Run {
    segments: Vec<Arc<Segment>>,
    search: Vec<SearchSegment>,
    /// The newest timestamp that can be found in this run and in all after it.
    newest_ts: Timestamp,
}

impl Run {
    /// The segment in which a key would be.
    fn find(&self, key: &[u8]) -> Option<&Arc<Segment>> {
        let at = self.segments.partition_point(|segment| segment.reference.last_key.as_bytes() < key);
        self.segments.get(at).filter(|segment| segment.reference.covers(key))
    }

    /// The segments that could have keys of an interval.
    fn overlapping(&self, interval: &Interval) -> &[Arc<Segment>] {
        let start = self.segments.partition_point(|segment| segment.reference.last_key < interval.start);
        let rest = &self.segments[start..];
        &rest[..rest.partition_point(|segment| interval.end.is_after(&segment.reference.first_key))]
    }
}

impl Version {
    /// The rows of `runs`, newest run first.
    pub fn new(runs: Vec<impl Into<RunSegments>>, cache: Arc<SegmentCache>) -> Arc<Version> {
        let open = |references: Vec<SegmentRef>| -> Vec<_> {
            references.into_iter().map(|reference| Arc::new(Segment::new(reference))).collect()
        };
        let to_run = |RunSegments { rows, search }: RunSegments| {
            let newest_ts = rows.iter().map(SegmentRef::newest_ts).max().unwrap_or_default();
            Run { segments: open(rows), search: search.into_iter().map(SearchSegment::from).collect(), newest_ts }
        };
        let mut runs: Vec<Run> = runs.into_iter().map(|run| to_run(run.into())).collect();
        let mut newest_ts = 0;
        for run in runs.iter_mut().rev() {
            newest_ts = run.newest_ts.max(newest_ts);
            run.newest_ts = newest_ts;
        }
        Arc::new(Version { runs, cache })
    }

    /// No rows.
    pub fn empty(cache: Arc<SegmentCache>) -> Arc<Version> {
        Version::new(Vec::<RunSegments>::new(), cache)
    }

    /// The segments that may have rows after `ts`, for [`raw()`].
    pub fn segments_after(&self, ts: Timestamp) -> Vec<Vec<SegmentRef>> {
        let newer = |run: &Run| -> Vec<SegmentRef> {
            let segments = run.segments.iter().map(|segment| &segment.reference);
            segments.filter(|reference| reference.newest_ts() > ts).cloned().collect()
        };
        self.runs.iter().map(newer).filter(|run| !run.is_empty()).collect()
    }

    /// The cache that it is read through.
    pub fn cache(&self) -> &Arc<SegmentCache> {
        &self.cache
    }

    /// The parts of a search index, newest first.
    pub(crate) fn parts(&self, index: IndexId) -> Vec<PartReader> {
        self.runs.iter().filter_map(|run| PartReader::new(&self.cache, &run.search, index)).collect()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.runs.iter().all(|run| run.segments.is_empty())
    }

    /// The newest version of an entry at `ts`; `None` if there is none or it is a tombstone.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn get(&self, key: &[u8], ts: Timestamp) -> Result<Option<Arc<Document>>, ReadError> {
        let mut newest: Option<(Timestamp, &Arc<Segment>, Arc<Block>, usize)> = None;
        for run in &self.runs {
            let is_older = |other: Timestamp| newest.as_ref().is_some_and(|(ts, ..)| *ts >= other);
            if is_older(run.newest_ts) {
                break;
            }
            let Some(segment) = run.find(key) else { continue };
            if segment.reference.min_ts > ts || is_older(segment.reference.newest_ts()) {
                continue;
            }
            let tail = self.cache.tail(segment).await?;
            if !tail.may_contain(key) {
                continue;
            }
            let found = self.newest_in(segment, &tail, key, segment.limit(ts)).await?;
            if let Some((block, row)) = found
                && newest.as_ref().is_none_or(|(ts, ..)| *ts < block.ts(row))
            {
                newest = Some((block.ts(row), segment, block, row));
            }
        }
        match newest {
            Some((_, segment, block, row)) => block.document(row).map_err(|reason| segment.corrupt(reason)),
            None => Ok(None),
        }
    }

    /// The newest row of a key in a segment, not after `limit`.
    async fn newest_in(
        &self,
        segment: &Arc<Segment>,
        tail: &Arc<Tail>,
        key: &[u8],
        limit: Timestamp,
    ) -> Result<Option<(Arc<Block>, usize)>, ReadError> {
        let at = tail.block_of(key, limit);
        if tail.first_key(at) > key {
            return Ok(None);
        }
        // The row can be the first of the next block, which is read by the same request then.
        let is_next_asked = at + 1 < tail.blocks() && tail.first_key(at + 1) == key;
        for requested in self.cache.request(segment, tail, at..at + 1 + usize::from(is_next_asked)) {
            let block = requested.block(segment).await?;
            let row = block.seek(key, limit);
            if row < block.rows() {
                return Ok((block.key(row) == key).then_some((block, row)));
            }
        }
        Ok(None)
    }

    /// The entries of `interval` as they were at `ts`, in `order`.
    pub fn scan(self: &Arc<Self>, interval: Interval, order: Order, ts: Timestamp) -> Scan {
        Scan::new(self, &interval, order, ts)
    }

    /// About how many rows are in `interval`, old versions and tombstones included. Reads nothing: of a segment that is
    /// partly inside and whose tail is not in the cache, half the rows are counted.
    pub fn rows_estimate(&self, interval: &Interval) -> u64 {
        if interval.is_empty() {
            return 0;
        }
        let segments = self.runs.iter().flat_map(|run| run.overlapping(interval));
        segments
            .map(|segment| {
                let rows = segment.reference.rows;
                match self.cache.tail_at_hand(segment) {
                    _ if segment.reference.is_within(interval) => rows,
                    Some(tail) => blocks_within(&tail, interval).map(|block| tail.rows(block) as u64).sum(),
                    None => rows.div_ceil(2),
                }
            })
            .sum()
    }
}

/// The blocks that could have keys of an interval which overlaps the segment.
fn blocks_within(tail: &Tail, interval: &Interval) -> std::ops::Range<usize> {
    let start = tail.block_of(&interval.start, Timestamp::MAX);
    let end = match &interval.end {
        End::Before(end) => tail.block_of(end, Timestamp::MAX) + 1,
        End::Unbounded => tail.blocks(),
    };
    start..end.max(start + 1)
}
