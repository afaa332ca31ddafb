//! Writes a run.

use std::collections::BTreeSet;
use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::{Run, RunFile, Segments, SegmentsError, TimelineId};
use crate::env::Env;
use crate::key::Key;
use crate::log::Timestamp;
use crate::search::build::{TailRow, build};
use crate::search::part::PartWriter;
use crate::segment::{Row, SegmentWriter, WriteError};

/// What a row costs besides its key and document, about, in bytes.
const ROW_BYTES: u64 = 16;
/// After this much other tasks have their turn, in bytes of keys and documents.
const YIELD_BYTES: u64 = 64 << 10;

/// Where the segments of a run are cut; always between two keys.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    /// Bytes of keys and documents.
    pub raw_bytes: u64,
    /// Bytes in the store.
    pub bytes: u64,
    /// Also between two indexes.
    pub indexes: bool,
}

/// Takes rows in order and makes segments of them.
pub(super) struct Output {
    store: Arc<dyn ObjectStore>,
    env: Env,
    timeline: TimelineId,
    cut: Cut,
    begun: u64,
    since_yield: u64,
    open: Option<Open>,
    files: Vec<RunFile>,
    /// Rows of the search index that comes now.
    searched: Vec<TailRow>,
    parts: Option<PartWriter>,
    moved: BTreeSet<String>,
}

/// A run that is complete and not published yet.
pub(super) struct Made {
    pub run: Run,
    /// The paths of segments that were there before.
    pub moved: BTreeSet<String>,
    /// When it was begun: no other segment is older. Monotonic, ns.
    pub begun: u64,
    store: Arc<dyn ObjectStore>,
}

struct Open {
    writer: SegmentWriter,
    last: (Key, Timestamp),
    raw_bytes: u64,
    garbage_bytes: u64,
    garbage_ts: Timestamp,
}

impl Output {
    pub fn new(segments: &Segments, cut: Cut) -> Self {
        Output::of(segments.store.clone(), segments.env.clone(), segments.timeline.clone(), cut)
    }

    pub fn of(store: Arc<dyn ObjectStore>, env: Env, timeline: TimelineId, cut: Cut) -> Self {
        let begun = env.monotonic_ns();
        Output {
            store,
            env,
            timeline,
            cut,
            begun,
            since_yield: 0,
            open: None,
            files: Vec::new(),
            searched: Vec::new(),
            parts: None,
            moved: BTreeSet::new(),
        }
    }

    /// The next row of what was flushed: those of search indexes become parts.
    pub async fn push_flushed(&mut self, row: Row) -> Result<(), WriteError> {
        if row.key.index().is_none_or(|index| index.search_kind().is_none()) {
            return self.push(&row).await;
        }
        if self.searched.last().is_some_and(|(last, ..)| last.index() != row.key.index()) {
            self.end_searched().await?;
        }
        self.searched.push((row.key, row.ts, row.document.is_none()));
        Ok(())
    }

    async fn end_searched(&mut self) -> Result<(), WriteError> {
        let rows = std::mem::take(&mut self.searched);
        let Some(index) = rows.first().and_then(|(key, ..)| key.index()) else { return Ok(()) };
        build(index, &rows, self.parts()).await
    }

    /// Where parts go.
    pub fn parts(&mut self) -> &mut PartWriter {
        self.parts.get_or_insert_with(|| {
            let (store, timeline, env) = (self.store.clone(), self.timeline.clone(), self.env.clone());
            PartWriter::new(move || SegmentWriter::blobs(store.clone(), timeline.new_segment(&env)))
        })
    }

    /// Adds a search segment that is there already; its parts come after all so far.
    pub async fn move_search(&mut self, file: RunFile) -> Result<(), WriteError> {
        self.moved.insert(file.segment.path.clone());
        self.parts().move_in(file).await
    }

    /// The next row.
    pub async fn push(&mut self, row: &Row) -> Result<(), WriteError> {
        let bytes =
            row.key.len() as u64 + row.document.as_ref().map_or(0, |document| document.json.len() as u64) + ROW_BYTES;
        if self.open.as_ref().is_some_and(|open| self.cut.is_before(open, row)) {
            self.close().await?;
        }
        let open = self.open.get_or_insert_with(|| Open {
            writer: SegmentWriter::new(self.store.clone(), self.timeline.new_segment(&self.env)),
            last: (Key::from(&[][..]), 0),
            raw_bytes: 0,
            garbage_bytes: 0,
            garbage_ts: 0,
        });
        open.writer.push(row).await?;
        open.raw_bytes += bytes;
        let replaced = (open.last.0 == row.key).then_some(open.last.1);
        if let Some(ts) = replaced.or_else(|| row.document.is_none().then_some(row.ts)) {
            open.garbage_bytes += bytes;
            open.garbage_ts = open.garbage_ts.max(ts);
        }
        open.last = (row.key.clone(), row.ts);
        self.since_yield += bytes;
        if self.since_yield >= YIELD_BYTES {
            self.since_yield = 0;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Ends the segment in the making.
    async fn close(&mut self) -> Result<(), WriteError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let segment = open.writer.finish().await?;
        let Open { raw_bytes, garbage_bytes, garbage_ts, .. } = open;
        self.files.push(RunFile { segment, raw_bytes, garbage_bytes, garbage_ts, indexes: Vec::new() });
        Ok(())
    }

    async fn close_all(&mut self) -> Result<(), WriteError> {
        self.close().await?;
        self.end_searched().await
    }

    /// Adds a segment that is there already; its keys come after those of all rows so far.
    pub async fn move_in(&mut self, file: RunFile) -> Result<(), WriteError> {
        self.close().await?;
        self.moved.insert(file.segment.path.clone());
        self.files.push(file);
        Ok(())
    }

    /// Ends the run, after `written` has: if that failed or this fails, nothing is left of it.
    pub async fn finish(mut self, written: Result<(), SegmentsError>) -> Result<Made, SegmentsError> {
        let mut written = match written {
            Ok(()) => self.close_all().await.map_err(SegmentsError::from),
            Err(error) => Err(error),
        };
        if let Some(open) = self.open.take() {
            open.writer.abort().await;
        }
        let search = match (self.parts.take(), &written) {
            (None, _) => Vec::new(),
            (Some(parts), Err(_)) => parts.abort().await,
            (Some(parts), Ok(())) => parts.finish().await.unwrap_or_else(|(error, files)| {
                written = Err(error.into());
                files
            }),
        };
        let Output { files, moved, begun, store, .. } = self;
        let made = Made { run: Run { files, search }, moved, begun, store };
        match written {
            Ok(()) => Ok(made),
            Err(error) => {
                made.discard().await;
                Err(error)
            }
        }
    }
}

impl Made {
    /// The segments that were written.
    pub fn written(&self) -> impl Iterator<Item = &RunFile> {
        self.run.all_files().filter(|file| !self.moved.contains(&file.segment.path))
    }

    /// Their length in the store.
    pub fn bytes(&self) -> u64 {
        self.written().map(|file| file.segment.bytes).sum()
    }

    /// Deletes the segments that were written, which nothing may refer to. Best effort: what stays is found by a later
    /// collection.
    pub async fn discard(self) {
        for file in self.written() {
            if let Err(error) = self.store.delete(&Path::from(file.segment.path.as_str())).await {
                tracing::debug!(path = file.segment.path, %error, "an unused segment was left behind");
            }
        }
    }
}

impl Cut {
    fn is_before(&self, open: &Open, row: &Row) -> bool {
        let full = open.raw_bytes >= self.raw_bytes || open.writer.bytes_written() >= self.bytes;
        open.last.0 != row.key && (full || self.indexes && open.last.0.index() != row.key.index())
    }
}
