//! Gets bytes of segments from the store.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt};
use sha2::{Digest, Sha256};

use super::block::Block;
use super::tail::{Tail, TailError};
use super::{ReadError, SegmentCache, SegmentRef, format};
use crate::log::Timestamp;
use crate::sabotage::{self, Rule};

/// How often a read is tried, and the pause after the first failure; each pause is four times the one before.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// A segment as readers hold it.
pub(crate) struct Segment {
    pub reference: SegmentRef,
    location: Path,
    /// What it is called in the cache: a digest of its path.
    pub(super) id: u128,
}

impl Segment {
    pub fn new(reference: SegmentRef) -> Self {
        let digest = Sha256::digest(reference.path.as_bytes());
        let id = u128::from_le_bytes(digest[..16].try_into().expect("a digest has 32 bytes"));
        Segment { location: Path::from(reference.path.as_str()), id, reference }
    }

    /// What it is called in the cache.
    pub fn id(&self) -> u128 {
        self.id
    }

    /// The newest timestamp that a reader at `ts` sees.
    pub fn limit(&self, ts: Timestamp) -> Timestamp {
        let cap = self.reference.cap_ts.filter(|_| !sabotage::is(Rule::CapIgnored));
        cap.map_or(ts, |cap| cap.min(ts))
    }

    /// The error that says what is wrong with it.
    pub fn corrupt(&self, reason: impl Into<String>) -> ReadError {
        ReadError::Corrupt { path: self.reference.path.clone(), reason: reason.into() }
    }

    pub fn interrupted(&self) -> ReadError {
        ReadError::Interrupted { path: self.reference.path.clone() }
    }
}

impl SegmentCache {
    /// Reads the tail, past the cache.
    pub(super) async fn fetch_tail(&self, segment: &Segment) -> Result<Tail, ReadError> {
        let SegmentRef { bytes, footer_bytes, tail_bytes, .. } = segment.reference;
        let start = bytes.saturating_sub(u64::from(footer_bytes));
        let range = start..start + u64::from(tail_bytes);
        let mut tail = Tail::decode(&self.fetch(segment, range.clone()).await?);
        if let Err(TailError::Damaged(_)) = tail {
            // It may have been damaged on the way.
            tail = Tail::decode(&self.fetch_again(segment, range).await?);
        }
        tail.map_err(|error| match error {
            TailError::Version(version) => {
                ReadError::Format { path: segment.reference.path.clone(), version, supported: format::VERSION }
            }
            TailError::Damaged(reason) => segment.corrupt(reason),
        })
    }

    /// Reads adjacent blocks in one request, past the cache, and hands each to `take` in order.
    ///
    /// # Errors
    /// [`ReadError`] if nothing could be read; what is wrong with one block goes to `take`.
    pub(super) async fn fetch_blocks(
        &self,
        segment: &Segment,
        tail: &Tail,
        blocks: Range<usize>,
        mut take: impl FnMut(Result<Arc<Block>, ReadError>),
    ) -> Result<(), ReadError> {
        let (first, last) = (tail.block(blocks.start), tail.block(blocks.end - 1));
        let start = first.range().start;
        let bytes = self.fetch(segment, start..last.range().end).await?;
        for (at, block) in blocks.enumerate() {
            if at > 0 {
                // Decoding many blocks takes a while.
                tokio::task::yield_now().await;
            }
            let record = tail.block(block);
            let range = record.range();
            let part = bytes.slice((range.start - start) as usize..(range.end - start) as usize);
            let mut decoded = Block::decode(&part, &record);
            if decoded.is_err() {
                // It may have been damaged on the way.
                match self.fetch_again(segment, range).await {
                    Ok(part) => decoded = Block::decode(&part, &record),
                    Err(error) => {
                        take(Err(error));
                        continue;
                    }
                }
            }
            take(decoded.map(Arc::new).map_err(|reason| segment.corrupt(reason)));
        }
        Ok(())
    }

    /// [`Self::fetch`], from the store: what was read before is not what it was written as.
    async fn fetch_again(&self, segment: &Segment, range: Range<u64>) -> Result<Bytes, ReadError> {
        if let Some(disk) = &self.disk {
            disk.forget(&segment.location, &range);
        }
        self.fetch(segment, range).await
    }

    /// Reads bytes of a segment, several times if the store fails.
    async fn fetch(&self, segment: &Segment, range: Range<u64>) -> Result<Bytes, ReadError> {
        let length = range.end - range.start;
        if let Some(disk) = &self.disk
            && let Some(part) = disk.get(&segment.location, &range).await
        {
            return Ok(part);
        }
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            self.counters.gets.fetch_add(1, Relaxed);
            let source = match self.store.get_range(&segment.location, range.clone()).await {
                Ok(bytes) if bytes.len() as u64 == length => {
                    self.counters.bytes_fetched.fetch_add(length, Relaxed);
                    if let Some(disk) = &self.disk {
                        disk.put(&segment.location, &range, &bytes).await;
                    }
                    return Ok(bytes);
                }
                Ok(bytes) => {
                    let source = format!("{} bytes came instead of {length}", bytes.len()).into();
                    Error::Generic { store: "segment", source }
                }
                Err(Error::NotFound { .. }) => return Err(ReadError::Missing { path: segment.reference.path.clone() }),
                Err(error) => error,
            };
            if attempt == ATTEMPTS {
                return Err(self.explain(segment, source).await);
            }
            self.env.sleep(pause).await;
            pause *= 4;
        }
        unreachable!("the last attempt returns")
    }

    /// Whether the store failed, or the object is too short to have what it was asked for.
    async fn explain(&self, segment: &Segment, source: Error) -> ReadError {
        let expected = segment.reference.bytes;
        match self.store.head(&segment.location).await {
            Ok(object) if object.size != expected => {
                segment.corrupt(format!("it has {} bytes instead of {expected}", object.size))
            }
            _ => ReadError::Store { path: segment.reference.path.clone(), source: Arc::new(source) },
        }
    }
}
