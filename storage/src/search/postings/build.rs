//! Lists of a new part.

use std::collections::HashMap;

use super::output::{Output, SPOOL_BYTES};
use crate::log::codec::bytes::{Reader, put_varint};
use crate::search::part::PartWriter;
use crate::segment::WriteError;

/// Collects the postings of documents that come in the order of their ordinals. Takes a few bytes a posting.
#[derive(Default)]
pub(crate) struct PostingsBuilder {
    lists: HashMap<Box<[u8]>, List>,
}

/// Postings: per posting varint ordinal, less what `next` was, and varint frequency.
#[derive(Default)]
struct List {
    next: u32,
    bytes: Vec<u8>,
}

impl PostingsBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that a document has a term `frequency` times (not 0). Ordinals ascend, and a document says it once of a term.
    pub fn add(&mut self, term: &[u8], ordinal: u32, frequency: u32) {
        if !self.lists.contains_key(term) {
            self.lists.insert(term.into(), List::default());
        }
        let Some(list) = self.lists.get_mut(term) else { return };
        put_varint(&mut list.bytes, u64::from(ordinal - list.next));
        put_varint(&mut list.bytes, u64::from(frequency));
        list.next = ordinal + 1;
    }

    /// Writes dictionary and chunks. `norms` are the encoded lengths of texts by ordinal; empty if there are none.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn write(self, writer: &mut PartWriter, norms: &[u8]) -> Result<(), WriteError> {
        self.write_with(writer, norms, SPOOL_BYTES).await
    }

    pub(super) async fn write_with(
        self,
        writer: &mut PartWriter,
        norms: &[u8],
        spool_bytes: usize,
    ) -> Result<(), WriteError> {
        let mut lists: Vec<_> = self.lists.into_iter().collect();
        lists.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut output = Output::new(writer, spool_bytes);
        write_lists(&lists, &mut output, norms).await?;
        if let Some(from) = output.start_chunks().await? {
            let at = lists.partition_point(|(term, _)| **term < *from);
            write_lists(&lists[at..], &mut output, norms).await?;
        }
        Ok(())
    }
}

async fn write_lists(lists: &[(Box<[u8]>, List)], output: &mut Output<'_>, norms: &[u8]) -> Result<(), WriteError> {
    let mut written = 0;
    for (term, list) in lists {
        let (mut reader, mut next) = (Reader::new(&list.bytes), 0_u32);
        while let (Ok(delta), Ok(frequency)) = (reader.varint_u32(), reader.varint_u32()) {
            let ordinal = next + delta;
            let norm = norms.get(ordinal as usize).copied().unwrap_or_default();
            if let Some(chunk) = output.add(ordinal, frequency, norm) {
                output.put_chunk(term, chunk).await?;
            }
            next = ordinal + 1;
        }
        output.end_list(term).await?;
        written += list.bytes.len();
        if written > SPOOL_BYTES / 64 {
            written = 0;
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}
