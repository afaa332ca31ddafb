//! Writes parts into search segments.

use bytes::Bytes;

use super::{Kind, row_key};
use crate::catalog::IndexId;
use crate::search::documents::PartTotals;
use crate::segment::{SegmentWriter, WriteError};
use crate::timeline::RunFile;

/// A segment is ended once it has more bytes than this. Large, so that a part is in few of them.
const SEGMENT_BYTES: u64 = 1 << 30;
/// A segment with more bytes than this is ended before the next part, so that a compaction can leave one of them as it is.
const PARTS_BYTES: u64 = 1 << 20;

/// Writes the search segments of a run: parts in the order of their indexes, rows in the order of kind and key.
pub(crate) struct PartWriter {
    open: Box<dyn FnMut() -> SegmentWriter + Send>,
    segment: Option<(SegmentWriter, Totals)>,
    files: Vec<RunFile>,
    index: IndexId,
    part: Totals,
    segment_bytes: u64,
}

/// What the parts of a segment have in all.
#[derive(Clone, Default)]
struct Totals {
    indexes: Vec<IndexId>,
    documents: u64,
    dead: u64,
    tombstones: u64,
    min_ts: u64,
    max_ts: u64,
}

impl Totals {
    fn and(&self, other: &Totals) -> Totals {
        if self.documents == 0 {
            return other.clone();
        }
        Totals {
            indexes: self.indexes.iter().chain(&other.indexes).copied().collect(),
            documents: self.documents + other.documents,
            dead: self.dead + other.dead,
            tombstones: self.tombstones + other.tombstones,
            min_ts: self.min_ts.min(other.min_ts),
            max_ts: self.max_ts.max(other.max_ts),
        }
    }
}

impl PartWriter {
    /// `open` makes the writers of its segments: [`SegmentWriter::blobs`].
    pub fn new(open: impl FnMut() -> SegmentWriter + Send + 'static) -> Self {
        PartWriter {
            open: Box::new(open),
            segment: None,
            files: Vec::new(),
            index: IndexId(0),
            part: Totals::default(),
            segment_bytes: SEGMENT_BYTES,
        }
    }

    /// The same with small segments, so that a part is in several.
    #[cfg(test)]
    pub fn with_segment_bytes(mut self, segment_bytes: u64) -> Self {
        self.segment_bytes = segment_bytes;
        self
    }

    /// Goes on with the part of an index, which comes after those before.
    ///
    /// # Errors
    /// [`WriteError`]; the writer can only be aborted then, as after all other errors.
    pub async fn begin_part(&mut self, index: IndexId, totals: &PartTotals) -> Result<(), WriteError> {
        self.index = index;
        self.part = Totals {
            indexes: vec![index],
            documents: u64::from(totals.documents),
            dead: u64::from(totals.documents - totals.live),
            tombstones: u64::from(totals.tombstones),
            min_ts: totals.min_ts,
            max_ts: totals.max_ts,
        };
        if self.segment.as_ref().is_some_and(|(segment, _)| segment.bytes_written() > PARTS_BYTES) {
            self.end_segment().await?;
        }
        if let Some((_, totals)) = &mut self.segment {
            *totals = totals.and(&self.part);
        }
        Ok(())
    }

    /// The same where nobody asks what the part has in all.
    #[cfg(test)]
    pub fn start_part(&mut self, index: IndexId) {
        self.index = index;
    }

    /// The next row of the part.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn push(&mut self, kind: Kind, key: &[u8], value: impl Into<Bytes>) -> Result<(), WriteError> {
        if self.segment.as_ref().is_some_and(|(segment, _)| segment.bytes_written() >= self.segment_bytes) {
            self.end_segment().await?;
        }
        let (segment, _) = self.segment.get_or_insert_with(|| ((self.open)(), self.part.clone()));
        segment.push_blob(row_key(self.index, kind, key), value.into()).await
    }

    /// Adds a segment that is there already; its parts come after all so far.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn move_in(&mut self, file: RunFile) -> Result<(), WriteError> {
        self.end_segment().await?;
        self.files.push(file);
        Ok(())
    }

    async fn end_segment(&mut self) -> Result<(), WriteError> {
        let Some((segment, totals)) = self.segment.take() else { return Ok(()) };
        let mut segment = segment.finish().await?;
        (segment.rows, segment.tombstones) = (totals.documents, totals.tombstones);
        (segment.min_ts, segment.max_ts) = (totals.min_ts, totals.max_ts);
        let garbage_bytes = segment.bytes * totals.dead / totals.documents.max(1);
        let garbage_ts = if garbage_bytes > 0 { totals.max_ts } else { 0 };
        let (raw_bytes, indexes) = (segment.bytes, totals.indexes);
        self.files.push(RunFile { segment, raw_bytes, garbage_bytes, garbage_ts, indexes });
        Ok(())
    }

    /// The segments, in order; none if there were no rows. The error is with those that were finished, to be deleted.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn finish(mut self) -> Result<Vec<RunFile>, (WriteError, Vec<RunFile>)> {
        match self.end_segment().await {
            Ok(()) => Ok(self.files),
            Err(error) => Err((error, self.files)),
        }
    }

    /// Gives up: the segment in the making is gone, those that were finished are handed over to be deleted.
    pub async fn abort(self) -> Vec<RunFile> {
        if let Some((segment, _)) = self.segment {
            segment.abort().await;
        }
        self.files
    }
}
