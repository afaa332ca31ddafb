//! Reads parts.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::try_join_all;

use super::{Kind, PREFIX, row_key};
use crate::catalog::IndexId;
use crate::key::Key;
use crate::log::Timestamp;
use crate::segment::{Block, ReadError, Requested, Segment, SegmentCache, SegmentRef, Tail};

/// The blocks that one request of a scan asks for, at most.
const SCAN_BLOCKS: usize = 16;

/// A search segment, and the indexes that it has parts of.
pub(crate) struct SearchSegment {
    segment: Arc<Segment>,
    indexes: Vec<IndexId>,
}

impl From<(SegmentRef, Vec<IndexId>)> for SearchSegment {
    fn from((reference, indexes): (SegmentRef, Vec<IndexId>)) -> Self {
        SearchSegment { segment: Arc::new(Segment::new(reference)), indexes }
    }
}

/// A part of one index, read through the cache. A clone costs little.
#[derive(Clone)]
pub(crate) struct PartReader {
    cache: Arc<SegmentCache>,
    /// In order of keys; never empty.
    segments: Arc<[Arc<Segment>]>,
    index: IndexId,
}

/// Where rows are: a range of blocks of a segment.
struct Place<'a> {
    segment: &'a Arc<Segment>,
    tail: Arc<Tail>,
    blocks: Range<usize>,
}

impl PartReader {
    /// The part of `index` in the search segments of a run, in order; `None` if there is none.
    pub fn new(cache: &Arc<SegmentCache>, segments: &[SearchSegment], index: IndexId) -> Option<Self> {
        let with_part = segments.iter().filter(|segment| segment.indexes.contains(&index));
        let segments: Arc<[_]> = with_part.map(|segment| segment.segment.clone()).collect();
        (!segments.is_empty()).then(|| PartReader { cache: cache.clone(), segments, index })
    }

    /// What it is called among all parts: a digest of where it is.
    pub fn id(&self) -> u128 {
        self.segments[0].id() ^ (u128::from(self.index.0) << 96)
    }

    /// Commits after this timestamp do not exist for who reads the part.
    pub fn cap_ts(&self) -> Option<Timestamp> {
        self.segments.iter().filter_map(|segment| segment.reference.cap_ts).min()
    }

    /// An error that says what is wrong with the part.
    pub fn corrupt(&self, reason: impl Into<String>) -> ReadError {
        self.segments[0].corrupt(reason)
    }

    /// The bytes under a key, if there are any.
    ///
    /// # Errors
    /// [`ReadError`], also of all other reads.
    pub async fn get(&self, kind: Kind, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        let key = row_key(self.index, kind, key);
        let Some(segment) = self.segment_of(&key) else { return Ok(None) };
        let tail = self.cache.tail(segment).await?;
        let at = tail.block_of(&key, Timestamp::MAX);
        // A block that starts with the key is the next one, by how `block_of` counts.
        let at = if at + 1 < tail.blocks() && tail.first_key(at + 1) == &*key { at + 1 } else { at };
        let block = self.cache.block(segment, &tail, at).await?;
        let row = block.seek(&key, Timestamp::MAX);
        Ok((row < block.rows() && block.key(row) == &*key).then(|| block.blob(row)))
    }

    /// The bytes under each of several keys, read at the same time.
    pub async fn get_many(&self, kind: Kind, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>, ReadError> {
        try_join_all(keys.iter().map(|key| self.get(kind, key))).await
    }

    /// The rows of a kind with keys from `from` on and before `to` (`None`: to the end), read at the same time. Keys are as
    /// they were written, without index and kind.
    pub async fn range(&self, kind: Kind, from: &[u8], to: Option<&[u8]>) -> Result<Vec<(Bytes, Bytes)>, ReadError> {
        let mut rows = Vec::new();
        self.visit(kind, from, to, |key, value| rows.push((Bytes::copy_from_slice(key), value))).await?;
        Ok(rows)
    }

    /// The same without a copy of the keys: `take` is called with each row.
    pub async fn visit(
        &self,
        kind: Kind,
        from: &[u8],
        to: Option<&[u8]>,
        mut take: impl FnMut(&[u8], Bytes),
    ) -> Result<(), ReadError> {
        let (from, to) = self.bounds(kind, from, to);
        let mut requested: Vec<(&Arc<Segment>, VecDeque<Requested>)> = Vec::new();
        for place in self.places(&from, &to).await? {
            requested.push((place.segment, self.cache.request(place.segment, &place.tail, place.blocks)));
        }
        for (segment, blocks) in requested {
            for block in blocks {
                let block = block.block(segment).await?;
                take_rows(&block, &from, &to, &mut take);
            }
        }
        Ok(())
    }

    /// All rows of a kind with keys from `from` on, one after the other, past the cache: for merges.
    pub fn scan(&self, kind: Kind, from: &[u8]) -> PartScan {
        let (from, to) = self.bounds(kind, from, None);
        PartScan { part: self.clone(), from, to, segment: 0, block: None, rows: VecDeque::new() }
    }

    fn bounds(&self, kind: Kind, from: &[u8], to: Option<&[u8]>) -> (Key, Key) {
        let end = match to {
            Some(to) => row_key(self.index, kind, to),
            None => {
                let mut end = row_key(self.index, kind, &[]).to_vec();
                end[PREFIX - 1] += 1;
                Key::from(end)
            }
        };
        (row_key(self.index, kind, from), end)
    }

    fn segment_of(&self, key: &[u8]) -> Option<&Arc<Segment>> {
        let at = self.segments.partition_point(|segment| segment.reference.last_key.as_bytes() < key);
        self.segments.get(at).filter(|segment| segment.reference.covers(key))
    }

    /// The blocks that could have rows from `from` on and before `to`.
    async fn places(&self, from: &Key, to: &Key) -> Result<Vec<Place<'_>>, ReadError> {
        let has = |segment: &&Arc<Segment>| segment.reference.last_key >= *from && segment.reference.first_key < *to;
        let segments: Vec<_> = self.segments.iter().filter(has).collect();
        let tails = try_join_all(segments.iter().map(|segment| self.cache.tail(segment))).await?;
        let place = |(segment, tail): (_, Arc<Tail>)| {
            let blocks = blocks_of(&tail, from, to);
            Place { segment, tail, blocks }
        };
        Ok(segments.into_iter().zip(tails).map(place).collect())
    }
}

/// The blocks that could have rows from `from` on and before `to`.
fn blocks_of(tail: &Tail, from: &[u8], to: &[u8]) -> Range<usize> {
    let start = tail.block_of(from, Timestamp::MAX);
    let last = tail.block_of(to, Timestamp::MAX);
    start..(last + 1).max(start + 1).min(tail.blocks())
}

fn take_rows(block: &Block, from: &[u8], to: &[u8], mut take: impl FnMut(&[u8], Bytes)) {
    for row in block.seek(from, Timestamp::MAX)..block.rows() {
        let key = block.key(row);
        if key >= to {
            break;
        }
        take(&key[PREFIX..], block.blob(row));
    }
}

/// The rows of a kind, one after the other. Holds a few blocks.
pub(crate) struct PartScan {
    part: PartReader,
    from: Key,
    to: Key,
    /// Which segment is next, and in it, which block; `None`: the first one.
    segment: usize,
    block: Option<usize>,
    rows: VecDeque<(Bytes, Bytes)>,
}

impl PartScan {
    /// The next row.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn next(&mut self) -> Result<Option<(Bytes, Bytes)>, ReadError> {
        while self.rows.is_empty() {
            let Some(segment) = self.part.segments.get(self.segment) else { return Ok(None) };
            let reference = &segment.reference;
            if reference.last_key < self.from || reference.first_key >= self.to {
                self.segment += 1;
                continue;
            }
            let cache = &self.part.cache;
            let tail = cache.tail(segment).await?;
            let all = blocks_of(&tail, &self.from, &self.to);
            let start = self.block.unwrap_or(all.start);
            if start >= all.end {
                (self.segment, self.block) = (self.segment + 1, None);
                continue;
            }
            let end = SegmentCache::end_of_request(&tail, start, all.end, SCAN_BLOCKS);
            let blocks = cache.read_past(segment, &tail, start..end).await;
            for block in blocks.map_err(|_| segment.interrupted())?? {
                take_rows(&block, &self.from, &self.to, |key, value| {
                    self.rows.push_back((Bytes::copy_from_slice(key), value));
                });
            }
            self.block = Some(end);
        }
        Ok(self.rows.pop_front())
    }
}
