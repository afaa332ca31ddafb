//! What wrote snapshot files.

use super::{MAGIC, VERSION};
use crate::catalog::TabletId;
use crate::document::Document;
use crate::log::{EntryNumber, Timestamp};

/// A block is compressed once it has this many bytes.
const BLOCK_BYTES: usize = 256 << 10;

/// Makes the bytes of a snapshot file, piece by piece.
pub(crate) struct Writer {
    out: Vec<u8>,
    block: Vec<u8>,
    documents: u64,
}

impl Writer {
    pub fn new(entry: EntryNumber, ts: Timestamp) -> Self {
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&entry.to_le_bytes());
        out.extend_from_slice(&ts.to_le_bytes());
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        Writer { out, block: Vec::new(), documents: 0 }
    }

    /// Adds a document.
    pub fn push(&mut self, tablet: TabletId, document: &Document) {
        let Document { id, creation_time, json, size } = document;
        let block = &mut self.block;
        block.extend_from_slice(&tablet.0.to_le_bytes());
        block.extend_from_slice(&id.table.0.to_le_bytes());
        block.extend_from_slice(&id.internal.0);
        block.extend_from_slice(&creation_time.to_le_bytes());
        block.extend_from_slice(&size.to_le_bytes());
        block.extend_from_slice(&length(json.len()));
        block.extend_from_slice(json.as_bytes());
        self.documents += 1;
        if self.block.len() >= BLOCK_BYTES {
            self.end_block();
        }
    }

    /// The rest.
    pub fn finish(mut self) -> Vec<u8> {
        if !self.block.is_empty() {
            self.end_block();
        }
        self.out.extend_from_slice(&0u32.to_le_bytes());
        let documents = self.documents.to_le_bytes();
        self.out.extend_from_slice(&documents);
        self.out.extend_from_slice(&crc32fast::hash(&documents).to_le_bytes());
        self.out
    }

    fn end_block(&mut self) {
        let bytes = lz4_flex::compress_prepend_size(&self.block);
        self.out.extend_from_slice(&length(bytes.len()));
        self.out.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        self.out.extend_from_slice(&bytes);
        self.block.clear();
    }
}

/// A document is far smaller than 4 GB, and so is a block.
fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("a block of a snapshot is below 4 GB").to_le_bytes()
}
