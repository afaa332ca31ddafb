//! Writes parts into search segments.

use bytes::Bytes;

use super::{Kind, row_key};
use crate::catalog::IndexId;
use crate::segment::{SegmentRef, SegmentWriter, WriteError};

/// A segment is ended once it has more bytes than this. Large, so that a part is in few of them.
const SEGMENT_BYTES: u64 = 1 << 30;

/// Writes the search segments of a run: parts in the order of their indexes, rows in the order of kind and key.
pub(crate) struct PartWriter {
    open: Box<dyn FnMut() -> SegmentWriter + Send>,
    segment: Option<SegmentWriter>,
    finished: Vec<SegmentRef>,
    index: IndexId,
    segment_bytes: u64,
}

impl PartWriter {
    /// `open` makes the writers of its segments: [`SegmentWriter::blobs`].
    pub fn new(open: impl FnMut() -> SegmentWriter + Send + 'static) -> Self {
        let (open, segment_bytes) = (Box::new(open), SEGMENT_BYTES);
        PartWriter { open, segment: None, finished: Vec::new(), index: IndexId(0), segment_bytes }
    }

    /// The same with small segments, so that a part is in several.
    #[cfg(test)]
    pub fn with_segment_bytes(mut self, segment_bytes: u64) -> Self {
        self.segment_bytes = segment_bytes;
        self
    }

    /// Goes on with the part of an index, which comes after those before.
    pub fn start_part(&mut self, index: IndexId) {
        self.index = index;
    }

    /// The next row of the part.
    ///
    /// # Errors
    /// [`WriteError`]; the writer can only be aborted then.
    pub async fn push(&mut self, kind: Kind, key: &[u8], value: impl Into<Bytes>) -> Result<(), WriteError> {
        let segment = match &mut self.segment {
            Some(segment) if segment.bytes_written() < self.segment_bytes => segment,
            full => {
                if let Some(full) = full.take() {
                    self.finished.push(full.finish().await?);
                }
                full.insert((self.open)())
            }
        };
        segment.push_blob(row_key(self.index, kind, key), value.into()).await
    }

    /// The segments, in order; none if there were no rows. After an error the caller deletes what [`Self::finished`] has.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn finish(&mut self) -> Result<Vec<SegmentRef>, WriteError> {
        if let Some(segment) = self.segment.take() {
            self.finished.push(segment.finish().await?);
        }
        Ok(std::mem::take(&mut self.finished))
    }

    /// Gives up: the segment in the making is gone, those that were finished are handed over to be deleted.
    pub async fn abort(self) -> Vec<SegmentRef> {
        if let Some(segment) = self.segment {
            segment.abort().await;
        }
        self.finished
    }
}
