//! The tail of a segment: where its blocks are, what they start with, and the bloom filter.
//!
//! It is kept in memory as it is in the file, about 100 bytes a block: records of a fixed size, then what they point
//! into.

use std::ops::Range;

use bytes::Bytes;

use super::bloom;
use super::format::{COLUMNS, VERSION};
use crate::log::Timestamp;

const MAGIC: &[u8; 4] = b"LWST";
const HEADER: usize = 32;
/// The checksum is over everything from here on.
const CHECKED_FROM: usize = 12;
/// A record: offset and first timestamp of the block, then rows, checksum, end of its first key, lengths of its column
/// chunks.
const RECORD: usize = 8 + 8 + 4 + 4 + 4 + 4 * COLUMNS;

/// Why a tail cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TailError {
    /// It is of another version.
    Version(u16),
    /// It is not what was written.
    Damaged(&'static str),
}

/// One block, as the tail has it.
pub(super) struct BlockRecord {
    /// Where it starts in the file.
    pub offset: u64,
    /// How many rows it has.
    pub rows: usize,
    /// CRC-32 of all its bytes.
    pub crc: u32,
    /// The lengths of its column chunks, which follow each other.
    pub columns: [u32; COLUMNS],
}

impl BlockRecord {
    /// Where it is in the file.
    pub fn range(&self) -> Range<u64> {
        let length: u64 = self.columns.iter().map(|length| u64::from(*length)).sum();
        self.offset..self.offset + length
    }
}

/// Makes a tail.
#[derive(Default)]
pub(super) struct TailBuilder {
    records: Vec<u8>,
    keys: Vec<u8>,
    hashes: Vec<u64>,
    rows: u64,
    blocks: u32,
}

impl TailBuilder {
    /// Adds a key to the filter, if it is one that the filter is about.
    pub fn add_key(&mut self, key: &[u8]) {
        if bloom::covers(key) {
            self.hashes.push(bloom::hash(key));
        }
    }

    /// Adds a block that starts with a row of `key` and `ts`.
    pub fn add_block(&mut self, key: &[u8], ts: Timestamp, block: &BlockRecord) {
        self.keys.extend_from_slice(key);
        let records = &mut self.records;
        records.extend_from_slice(&block.offset.to_le_bytes());
        records.extend_from_slice(&ts.to_le_bytes());
        records.extend_from_slice(&(block.rows as u32).to_le_bytes());
        records.extend_from_slice(&block.crc.to_le_bytes());
        records.extend_from_slice(&(self.keys.len() as u32).to_le_bytes());
        records.extend(block.columns.iter().flat_map(|length| length.to_le_bytes()));
        self.rows += block.rows as u64;
        self.blocks += 1;
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.blocks as usize
    }

    /// The bytes; `None` if they are too many.
    pub fn finish(self) -> Option<Vec<u8>> {
        let filter = bloom::build(&self.hashes);
        u32::try_from(HEADER + self.records.len() + self.keys.len() + filter.len()).ok()?;
        let mut tail = Vec::with_capacity(HEADER + self.records.len() + self.keys.len() + filter.len());
        tail.extend_from_slice(MAGIC);
        tail.extend_from_slice(&VERSION.to_le_bytes());
        tail.extend_from_slice(&[0; 6]);
        tail.extend_from_slice(&self.blocks.to_le_bytes());
        tail.extend_from_slice(&(self.keys.len() as u32).to_le_bytes());
        tail.extend_from_slice(&(filter.len() as u32).to_le_bytes());
        tail.extend_from_slice(&self.rows.to_le_bytes());
        tail.extend_from_slice(&self.records);
        tail.extend_from_slice(&self.keys);
        tail.extend_from_slice(&filter);
        let crc = crc32fast::hash(&tail[CHECKED_FROM..]);
        tail[8..CHECKED_FROM].copy_from_slice(&crc.to_le_bytes());
        Some(tail)
    }
}

/// The tail of a segment.
pub(crate) struct Tail {
    bytes: Bytes,
    blocks: usize,
    /// Where the keys start, and where the filter does.
    keys: usize,
    filter: usize,
}

impl Tail {
    /// Reads a tail, all of it.
    pub(super) fn decode(bytes: &[u8]) -> Result<Tail, TailError> {
        if bytes.len() < HEADER || bytes[..4] != *MAGIC {
            return Err(TailError::Damaged("it has no tail where it should be"));
        }
        let version = u16::from_le_bytes([bytes[4], bytes[5]]);
        if version != VERSION {
            return Err(TailError::Version(version));
        }
        // A copy of its own, so that it holds no more memory than it is counted for.
        let tail = Tail { bytes: Bytes::copy_from_slice(bytes), blocks: 0, keys: 0, filter: 0 };
        if tail.u32(8) != crc32fast::hash(&bytes[CHECKED_FROM..]) || bytes[6..8] != [0, 0] {
            return Err(TailError::Damaged("the checksum of its tail is wrong"));
        }
        let [blocks, keys, filter] = [12, 16, 20].map(|at| tail.u32(at) as usize);
        let tail = Tail { blocks, keys: HEADER + blocks * RECORD, filter: HEADER + blocks * RECORD + keys, ..tail };
        let is_whole = blocks > 0 && tail.filter + filter == bytes.len() && filter % bloom::BLOCK == 0;
        let are_keys_whole = is_whole && (1..blocks).all(|block| tail.key_end(block - 1) <= tail.key_end(block));
        if are_keys_whole && tail.key_end(blocks - 1) == keys {
            Ok(tail)
        } else {
            Err(TailError::Damaged("its tail contradicts itself"))
        }
    }

    /// How many blocks there are; at least one.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// The memory that it takes in bytes.
    pub fn memory(&self) -> usize {
        self.bytes.len() + size_of::<Tail>()
    }

    /// Whether the segment could have a row of this key.
    pub fn may_contain(&self, key: &[u8]) -> bool {
        !bloom::covers(key) || bloom::may_contain(&self.bytes[self.filter..], bloom::hash(key))
    }

    /// A block's record.
    pub(super) fn block(&self, block: usize) -> BlockRecord {
        let at = HEADER + block * RECORD;
        BlockRecord {
            offset: self.u64(at),
            rows: self.u32(at + 16) as usize,
            crc: self.u32(at + 20),
            columns: std::array::from_fn(|column| self.u32(at + 28 + 4 * column)),
        }
    }

    /// How many rows a block has.
    pub fn rows(&self, block: usize) -> usize {
        self.u32(HEADER + block * RECORD + 16) as usize
    }

    /// The key of a block's first row.
    pub fn first_key(&self, block: usize) -> &[u8] {
        let start = if block == 0 { 0 } else { self.key_end(block - 1) };
        &self.bytes[self.keys + start..self.keys + self.key_end(block)]
    }

    /// The block in which the first row at or after (`key`, `ts`) is or, if it is in none, the one at whose end it
    /// would be. Where the next block starts with that key, the row can be that block's first.
    pub fn block_of(&self, key: &[u8], ts: Timestamp) -> usize {
        let (mut low, mut high) = (0, self.blocks);
        // All blocks before `low` start at or before it, all from `high` on after it.
        while low < high {
            let middle = low + (high - low) / 2;
            let first = self.first_key(middle);
            if first < key || (first == key && self.first_ts(middle) >= ts) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low.saturating_sub(1)
    }

    fn first_ts(&self, block: usize) -> Timestamp {
        self.u64(HEADER + block * RECORD + 8)
    }

    fn key_end(&self, block: usize) -> usize {
        self.u32(HEADER + block * RECORD + 24) as usize
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().expect("four bytes"))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes[at..at + 8].try_into().expect("eight bytes"))
    }
}
