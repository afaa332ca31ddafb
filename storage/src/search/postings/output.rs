//! Where rows of lists go: all rows of the dictionary come before all chunks.

use std::collections::VecDeque;

use bytes::Bytes;

use super::list::ListEncoder;
use crate::search::part::{Kind, PartWriter};
use crate::segment::WriteError;

/// Bytes of chunks that are kept until the dictionary is written. Lists behind those are encoded twice.
pub(super) const SPOOL_BYTES: usize = 64 << 20;

/// Writes lists in two passes. In the first, the dictionary is written and as many chunks as fit are kept; after
/// [`Self::start_chunks`], lists from [`Self::second_pass_from`] on are given again, and the rest of the chunks is written.
pub(super) struct Output<'a> {
    writer: &'a mut PartWriter,
    encoder: ListEncoder,
    /// Chunks from number 0 on, and how many bytes they have.
    spool: VecDeque<Bytes>,
    spooled: usize,
    spool_bytes: usize,
    /// Chunks of complete lists that are not in the spool any more, or never were.
    chunks: u32,
    /// Chunks of the list in the making.
    list: Vec<Bytes>,
    list_chunks: u32,
    /// The first term whose chunks are not in the spool.
    not_spooled: Option<Vec<u8>>,
    /// How many chunks come before those of that term.
    resume_at: u32,
    second_pass: bool,
}

impl<'a> Output<'a> {
    pub fn new(writer: &'a mut PartWriter, spool_bytes: usize) -> Self {
        Output {
            writer,
            encoder: ListEncoder::new(),
            spool: VecDeque::new(),
            spooled: 0,
            spool_bytes,
            chunks: 0,
            list: Vec::new(),
            list_chunks: 0,
            not_spooled: None,
            resume_at: 0,
            second_pass: false,
        }
    }

    /// The next posting of the term that [`Self::end_list`] is called for next, and the chunk that it completes, if it does:
    /// [`Self::put_chunk`] takes it.
    pub fn add(&mut self, ordinal: u32, frequency: u32, norm: u8) -> Option<Bytes> {
        self.encoder.add(ordinal, frequency, norm)
    }

    /// The next chunk of a term.
    pub async fn put_chunk(&mut self, term: &[u8], chunk: Bytes) -> Result<(), WriteError> {
        let number = self.chunks + self.list_chunks;
        self.list_chunks += 1;
        if self.second_pass {
            return self.writer.push(Kind::Postings, &number.to_be_bytes(), chunk).await;
        }
        if self.not_spooled.is_none() {
            self.spooled += chunk.len();
            self.list.push(chunk);
            if self.spooled > self.spool_bytes {
                self.list.clear();
                self.not_spooled = Some(term.to_vec());
                self.resume_at = self.chunks;
            }
        }
        Ok(())
    }

    /// Ends the list of a term: terms ascend.
    pub async fn end_list(&mut self, term: &[u8]) -> Result<(), WriteError> {
        if let Some((row, chunk)) = self.encoder.finish(self.chunks) {
            if let Some(chunk) = chunk {
                self.put_chunk(term, chunk).await?;
            }
            if !self.second_pass {
                self.writer.push(Kind::Terms, term, row).await?;
            }
        }
        self.chunks += self.list_chunks;
        self.list_chunks = 0;
        self.spool.extend(self.list.drain(..));
        Ok(())
    }

    /// Writes the chunks that were kept. The term from which on the lists are to be given once more, if there is one.
    pub async fn start_chunks(&mut self) -> Result<Option<Vec<u8>>, WriteError> {
        self.second_pass = true;
        let mut number = 0_u32;
        while let Some(chunk) = self.spool.pop_front() {
            self.writer.push(Kind::Postings, &number.to_be_bytes(), chunk).await?;
            number += 1;
        }
        self.chunks = self.resume_at;
        Ok(self.not_spooled.take())
    }
}
