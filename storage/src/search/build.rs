//! Makes parts of the tail's rows, and one part of several.

use std::cmp::Reverse;

use super::documents::{CHUNK, DocumentChunk, DocumentRow, Documents, totals, write_documents};
use super::key::{DocKey, Payload, TERM, split};
use super::part::{MergeError, PartReader, PartWriter};
use super::postings::{GONE, PostingsBuilder, merge_postings};
use super::text::{encode_length, write_norms};
use super::vector::{Normalised, VectorBuilder, merge_vectors};
use crate::catalog::{IndexId, SearchKind};
use crate::key::Key;
use crate::log::Timestamp;
use crate::segment::{ReadError, WriteError};

/// After so many documents other tasks have their turn.
const YIELD_DOCUMENTS: usize = 256;

/// A row of a search index, as the tail has it: whether it is a tombstone comes last.
pub(crate) type TailRow = (Key, Timestamp, bool);

/// Writes the part of an index, of rows in order of key and descending timestamp, each once. A key that is not one of a search
/// index is left out.
///
/// # Errors
/// [`WriteError`].
pub(crate) async fn build(index: IndexId, rows: &[TailRow], writer: &mut PartWriter) -> Result<(), WriteError> {
    let mut documents = Vec::with_capacity(rows.len());
    let mut postings = PostingsBuilder::new();
    let mut vectors: Option<(usize, VectorBuilder)> = None;
    let mut term_key = Vec::new();
    for (at, (key, ts, is_tombstone)) in rows.iter().enumerate() {
        if at.is_multiple_of(YIELD_DOCUMENTS) {
            tokio::task::yield_now().await;
        }
        let Some((document, payload)) = split(key) else { continue };
        let Some(payload) = Payload::parse(payload) else { continue };
        let ordinal = documents.len() as u32;
        documents.push(DocumentRow { key: *document, ts: *ts, tokens: payload.tokens, is_tombstone: *is_tombstone });
        if *is_tombstone {
            continue;
        }
        payload.filters.iter().for_each(|filter| postings.add(filter, ordinal, 1));
        match index.search_kind() {
            Some(SearchKind::Vector) => {
                let Some(vector) = Normalised::from_bytes(payload.vector()) else { continue };
                let dimensions = vector.as_slice().len();
                let (_, builder) = vectors.get_or_insert_with(|| (dimensions, VectorBuilder::new(dimensions)));
                builder.add(ordinal, &vector);
            }
            _ => {
                for (term, frequency) in payload.terms() {
                    term_key.clear();
                    term_key.push(TERM);
                    term_key.extend_from_slice(term);
                    postings.add(&term_key, ordinal, frequency);
                }
            }
        }
    }
    if documents.is_empty() {
        return Ok(());
    }
    let dimensions = vectors.as_ref().map_or(0, |(dimensions, _)| *dimensions as u32);
    let norms = start(index, &documents, dimensions, writer).await?;
    postings.write(writer, &norms).await?;
    match vectors {
        Some((_, vectors)) => vectors.write(writer).await,
        None => Ok(()),
    }
}

/// Writes what all parts begin with. Returns the lengths of the texts.
async fn start(
    index: IndexId,
    documents: &[DocumentRow],
    dimensions: u32,
    writer: &mut PartWriter,
) -> Result<Vec<u8>, WriteError> {
    let totals = totals(documents, dimensions);
    writer.begin_part(index, &totals.0).await?;
    write_documents(writer, documents, &totals).await?;
    let norms: Vec<u8> = documents.iter().map(|document| encode_length(document.tokens)).collect();
    if index.search_kind() == Some(SearchKind::Text) {
        write_norms(writer, &norms).await?;
    }
    Ok(norms)
}

/// Writes one part of the parts of an index, newest first, with those rows that `keeps` wants: it is asked with the key, the
/// timestamp and whether it is a tombstone, in order.
///
/// # Errors
/// [`MergeError`].
pub(crate) async fn merge(
    index: IndexId,
    parts: Vec<PartReader>,
    mut keeps: impl FnMut(&DocKey, Timestamp, bool) -> bool + Send,
    writer: &mut PartWriter,
) -> Result<(), MergeError> {
    let mut inputs = Vec::with_capacity(parts.len());
    for part in parts {
        let documents = Documents::open(part).await?;
        let remap = vec![GONE; documents.totals.documents as usize];
        inputs.push(Input { limit: documents.limit(Timestamp::MAX), documents, remap, next: 0, chunk: None });
    }
    let mut merged: Vec<DocumentRow> = Vec::new();
    let mut seen = 0_usize;
    loop {
        let mut first: Option<(usize, DocumentRow)> = None;
        for (at, input) in inputs.iter_mut().enumerate() {
            let Some(row) = input.head().await? else { continue };
            let is_before =
                |(_, other): &(usize, DocumentRow)| (row.key, Reverse(row.ts)) < (other.key, Reverse(other.ts));
            if first.as_ref().is_none_or(is_before) {
                first = Some((at, row));
            }
        }
        let Some((at, row)) = first else { break };
        let ordinal = inputs[at].pass();
        seen += 1;
        if seen.is_multiple_of(YIELD_DOCUMENTS) {
            tokio::task::yield_now().await;
        }
        // Two flushes may have written the same row.
        let is_twice = merged.last().is_some_and(|last| (last.key, last.ts) == (row.key, row.ts));
        if !is_twice && keeps(&row.key, row.ts, row.is_tombstone) {
            inputs[at].remap[ordinal] = merged.len() as u32;
            merged.push(row);
        }
    }
    if merged.is_empty() {
        return Ok(());
    }
    let dimensions = inputs.iter().map(|input| input.documents.totals.dimensions).max().unwrap_or_default();
    let norms = start(index, &merged, dimensions, writer).await?;
    let maps: Vec<(PartReader, &[u32])> =
        inputs.iter().map(|input| (input.documents.part.clone(), &input.remap[..])).collect();
    merge_postings(&maps, writer, &norms).await?;
    if index.search_kind() == Some(SearchKind::Vector) && dimensions > 0 {
        merge_vectors(&maps, dimensions as usize, merged.len() as u32, writer).await?;
    }
    Ok(())
}

/// A part that is merged.
struct Input {
    documents: Documents,
    /// The commits after it do not exist.
    limit: Timestamp,
    /// From its ordinals to those of the merged part.
    remap: Vec<u32>,
    next: usize,
    chunk: Option<DocumentChunk>,
}

impl Input {
    /// The next row that exists.
    async fn head(&mut self) -> Result<Option<DocumentRow>, ReadError> {
        while self.next < self.remap.len() {
            let is_loaded = self.chunk.as_ref().is_some_and(|chunk| chunk.first as usize == self.next / CHUNK * CHUNK);
            if !is_loaded {
                self.chunk = Some(self.documents.chunk(self.next / CHUNK).await?);
            }
            match self.chunk.as_ref().and_then(|chunk| chunk.row(self.next % CHUNK)) {
                Some(row) if row.ts > self.limit => self.next += 1,
                row => return Ok(row),
            }
        }
        Ok(None)
    }

    /// Leaves the row behind that [`Self::head`] gave; returns its ordinal.
    fn pass(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }
}
