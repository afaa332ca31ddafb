//! All rows of some segments, for compaction.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use futures::future::{FutureExt, try_join_all};
use tokio::sync::oneshot;

use super::blocks_within;
use crate::interval::Interval;
use crate::log::Timestamp;
use crate::segment::{Block, ReadError, Row, Segment, SegmentCache, SegmentRef, Tail};

/// How many blocks are read at a time, of each run. Twice as many are in memory.
const BLOCKS_AT_ONCE: usize = 16;

/// Every version of every entry in order of (key, descending timestamp), each once. Bounded memory: about 4 MB a run.
/// Leaves the cache of blocks alone.
pub struct RawRows {
    /// Newest first.
    runs: Vec<RawRun>,
}

/// The rows of `files` (runs, newest first, as in [`Version::new`](super::Version::new)) with a key in `interval`; rows
/// after their segment's `cap_ts` left out.
pub fn raw(files: Vec<Vec<SegmentRef>>, cache: Arc<SegmentCache>, interval: Interval) -> RawRows {
    let run = |references: Vec<SegmentRef>| {
        let overlapping = references.into_iter().filter(|reference| reference.overlaps(&interval));
        RawRun {
            cache: cache.clone(),
            interval: interval.clone(),
            segments: overlapping.map(|reference| Arc::new(Segment::new(reference))).collect(),
            open: None,
        }
    };
    RawRows { runs: if interval.is_empty() { Vec::new() } else { files.into_iter().map(run).collect() } }
}

impl RawRows {
    /// The next row, or `None` at the end.
    ///
    /// # Errors
    /// [`ReadError`]; the rows are of no use then.
    pub async fn next(&mut self) -> Result<Option<Row>, ReadError> {
        if !self.runs.iter().all(RawRun::is_ready) {
            // Boxed and collected, or the compiler does not see that this is `Send` whatever the lifetimes.
            let waiting = self.runs.iter_mut().filter(|run| !run.is_ready());
            let waiting: Vec<_> = waiting.map(|run| run.fill().boxed()).collect();
            try_join_all(waiting).await?;
            self.runs.retain(|run| run.head().is_some());
        }
        let heads = self.runs.iter().filter_map(RawRun::head);
        let Some((block, row)) = heads.min_by_key(|(block, row)| (block.key(*row), Reverse(block.ts(*row)))) else {
            return Ok(None);
        };
        let (block, row) = (block.clone(), row);
        let is_same =
            |(other, at): (&Arc<Block>, usize)| other.key(at) == block.key(row) && other.ts(at) == block.ts(row);
        let mut read = None;
        for run in self.runs.iter_mut().filter(|run| run.head().is_some_and(is_same)) {
            // The same row in an older run is left out.
            if read.is_none() {
                read = Some(block.row(row).map_err(|reason| run.corrupt(reason))?);
            }
            run.pass();
        }
        Ok(read)
    }
}

/// One run.
struct RawRun {
    cache: Arc<SegmentCache>,
    interval: Interval,
    /// Those that are not read yet.
    segments: VecDeque<Arc<Segment>>,
    open: Option<OpenSegment>,
}

struct OpenSegment {
    segment: Arc<Segment>,
    tail: Arc<Tail>,
    /// Those that are not asked for yet.
    rest: Range<usize>,
    coming: Option<oneshot::Receiver<Result<Vec<Arc<Block>>, ReadError>>>,
    blocks: VecDeque<Arc<Block>>,
    /// In the first of `blocks`.
    row: usize,
}

impl RawRun {
    /// The row that is next, if it is known.
    fn head(&self) -> Option<(&Arc<Block>, usize)> {
        let open = self.open.as_ref()?;
        open.blocks.front().map(|block| (block, open.row))
    }

    /// Whether there is a row that counts.
    fn is_ready(&self) -> bool {
        let Some(open) = &self.open else { return false };
        let counts =
            |block: &Arc<Block>| self.interval.end.is_after(block.key(open.row)) && block.ts(open.row) <= open.limit();
        open.blocks.front().is_some_and(|block| open.row < block.rows() && counts(block))
    }

    fn pass(&mut self) {
        if let Some(open) = &mut self.open {
            open.row += 1;
        }
    }

    fn corrupt(&self, reason: String) -> ReadError {
        match &self.open {
            Some(open) => open.segment.corrupt(reason),
            None => unreachable!("a run with a row has an open segment"),
        }
    }

    /// Goes to the next row that counts, or to the end.
    async fn fill(&mut self) -> Result<(), ReadError> {
        loop {
            let Some(open) = &mut self.open else {
                let Some(segment) = self.segments.pop_front() else { return Ok(()) };
                let tail = self.cache.tail(&segment).await?;
                let rest = blocks_within(&tail, &self.interval);
                let mut open = OpenSegment { segment, tail, rest, coming: None, blocks: VecDeque::new(), row: 0 };
                open.ask(&self.cache);
                if open.read(&self.cache).await? {
                    open.row = open.blocks.front().map_or(0, |block| block.seek(&self.interval.start, Timestamp::MAX));
                }
                self.open = Some(open);
                continue;
            };
            let Some(block) = open.blocks.front() else {
                if !open.read(&self.cache).await? {
                    self.open = None;
                }
                continue;
            };
            if open.row == block.rows() {
                open.blocks.pop_front();
                open.row = 0;
            } else if !self.interval.end.is_after(block.key(open.row)) {
                self.open = None;
                self.segments.clear();
            } else if block.ts(open.row) > open.limit() {
                open.row += 1;
            } else {
                return Ok(());
            }
        }
    }
}

impl OpenSegment {
    fn limit(&self) -> Timestamp {
        self.segment.limit(Timestamp::MAX)
    }

    /// Asks for the next blocks.
    fn ask(&mut self, cache: &Arc<SegmentCache>) {
        if !self.rest.is_empty() {
            let end = SegmentCache::end_of_request(&self.tail, self.rest.start, self.rest.end, BLOCKS_AT_ONCE);
            self.coming = Some(cache.read_past(&self.segment, &self.tail, self.rest.start..end));
            self.rest.start = end;
        }
    }

    /// Takes the blocks asked for, and asks for more. Whether there were any.
    async fn read(&mut self, cache: &Arc<SegmentCache>) -> Result<bool, ReadError> {
        let Some(coming) = self.coming.take() else { return Ok(false) };
        self.blocks = coming.await.unwrap_or_else(|_| Err(self.segment.interrupted()))?.into();
        self.ask(cache);
        Ok(true)
    }
}
