//! The bytes of lists of postings.
//!
//! ```text
//! row of a term:   varint documents | postings, if there are at most 16 | else directory
//! postings:        per posting: varint ordinal, less the one before and 1 | varint frequency - 1
//! directory:       varint number of the first chunk | per chunk: varint last ordinal, less the one before and 1 | impacts (8)
//! row of a chunk, its key the number of the chunk (u32, big endian; chunks are numbered in order of terms):
//!                  per block: last ordinal (4) | where its data are, in units of 16 bytes (2) | bits of ordinals (1)
//!                             | bits of frequencies (1) | impacts (8)
//!                  then per block of 128: ordinals, less the one before and 1, packed | frequencies - 1, packed
//!                  at last, if fewer than 128 are left: postings
//! impacts:         4 times: frequency (1) | norm (1), in descending order
//! ```
//! Integers are little endian. Chunks have 8,192 postings, but for a list's last one.

use bytes::Bytes;

use super::impacts::{self, Frontier, Impacts};
use super::{BLOCK, CHUNK_BLOCKS, Damage, INLINE, bits};
use crate::log::codec::bytes::{Reader, put_varint};

/// The bytes that the table of a chunk has for each block.
const RECORD: usize = 4 + 2 + 1 + 1 + impacts::BYTES;
/// The unit of places in a chunk.
const UNIT: usize = 16;

/// Makes the rows of lists, one list after the other. Holds a block and a chunk.
pub(super) struct ListEncoder {
    documents: u32,
    /// What the next ordinal is at least.
    next: u32,
    /// The block in the making: ordinals (less the one before and 1) and frequencies (less 1).
    deltas: [u32; BLOCK],
    frequencies: [u32; BLOCK],
    block: usize,
    block_frontier: Frontier,
    /// The chunk in the making.
    chunk_base: u32,
    table: Vec<u8>,
    data: Vec<u8>,
    chunk_frontier: Frontier,
    directory: Vec<u8>,
}

impl ListEncoder {
    pub fn new() -> Self {
        ListEncoder {
            documents: 0,
            next: 0,
            deltas: [0; BLOCK],
            frequencies: [0; BLOCK],
            block: 0,
            block_frontier: Frontier::default(),
            chunk_base: 0,
            table: Vec::new(),
            data: Vec::new(),
            chunk_frontier: Frontier::default(),
            directory: Vec::new(),
        }
    }

    /// The next posting, in ascending order; and the chunk that it completes, if it does.
    pub fn add(&mut self, ordinal: u32, frequency: u32, norm: u8) -> Option<Bytes> {
        debug_assert!(ordinal >= self.next && ordinal < u32::MAX && frequency > 0, "postings ascend");
        self.documents += 1;
        self.deltas[self.block] = ordinal - self.next;
        self.frequencies[self.block] = frequency - 1;
        self.next = ordinal + 1;
        self.block += 1;
        self.block_frontier.add_posting(frequency, norm);
        if self.block < BLOCK {
            return None;
        }
        self.end_block();
        (self.table.len() == CHUNK_BLOCKS * RECORD).then(|| self.end_chunk())
    }

    /// Ends the list: the row of the term, and the last chunk, if there is one that is not complete. `None` without postings.
    pub fn finish(&mut self, first_chunk: u32) -> Option<(Vec<u8>, Option<Bytes>)> {
        let mut row = Vec::new();
        put_varint(&mut row, u64::from(self.documents));
        let mut chunk = None;
        if self.documents as usize <= INLINE {
            self.put_postings(&mut row);
            self.block_frontier.take();
        } else {
            if self.block > 0 {
                self.end_block();
            }
            chunk = (!self.table.is_empty()).then(|| self.end_chunk());
            put_varint(&mut row, u64::from(first_chunk));
            row.append(&mut self.directory);
        }
        let some = self.documents > 0;
        (self.documents, self.next, self.block, self.chunk_base) = (0, 0, 0, 0);
        some.then_some((row, chunk))
    }

    fn put_postings(&self, out: &mut Vec<u8>) {
        for at in 0..self.block {
            put_varint(out, u64::from(self.deltas[at]));
            put_varint(out, u64::from(self.frequencies[at]));
        }
    }

    fn end_block(&mut self) {
        let impacts = self.block_frontier.take();
        let full = self.block == BLOCK;
        let width = |values| if full { bits::width(values) } else { 0 };
        let (ordinals, frequencies) = (width(&self.deltas), width(&self.frequencies));
        self.table.extend_from_slice(&(self.next - 1).to_le_bytes());
        self.table.extend_from_slice(&((self.data.len() / UNIT) as u16).to_le_bytes());
        self.table.extend_from_slice(&[ordinals, frequencies]);
        impacts::put(&impacts, &mut self.table);
        if full {
            bits::pack(&self.deltas, ordinals, &mut self.data);
            bits::pack(&self.frequencies, frequencies, &mut self.data);
        } else {
            let mut data = std::mem::take(&mut self.data);
            self.put_postings(&mut data);
            self.data = data;
        }
        impacts.into_iter().for_each(|impact| self.chunk_frontier.add(impact));
        self.block = 0;
    }

    fn end_chunk(&mut self) -> Bytes {
        put_varint(&mut self.directory, u64::from(self.next - 1 - self.chunk_base));
        impacts::put(&self.chunk_frontier.take(), &mut self.directory);
        self.chunk_base = self.next;
        self.table.append(&mut self.data);
        Bytes::from(std::mem::take(&mut self.table))
    }
}

/// Reads postings as they are in dictionaries and in incomplete blocks. `ordinals` and `frequencies` are as long as there should
/// be; `base` is what the first ordinal is at least.
pub(super) fn parse_postings(
    bytes: &[u8],
    base: u32,
    ordinals: &mut [u32],
    frequencies: &mut [u32],
) -> Result<(), Damage> {
    let mut reader = Reader::new(bytes);
    let mut next = u64::from(base);
    for (ordinal, frequency) in ordinals.iter_mut().zip(frequencies) {
        next += u64::from(reader.varint_u32()?);
        *ordinal = u32::try_from(next).ok().filter(|ordinal| *ordinal < u32::MAX).ok_or(Damage("an ordinal"))?;
        *frequency = reader.varint_u32()?.checked_add(1).ok_or(Damage("a frequency"))?;
        next += 1;
    }
    Ok(reader.finish()?)
}

/// A block of a chunk, not decoded yet.
#[derive(Clone, Copy)]
pub(super) struct BlockBytes<'a> {
    /// How many postings it has.
    pub len: usize,
    /// What its first ordinal is at least.
    pub base: u32,
    /// Its last ordinal.
    pub last: u32,
    ordinal_bits: u8,
    frequency_bits: u8,
    /// Its data and what follows.
    data: &'a [u8],
}

/// A chunk with `count` postings.
#[derive(Clone, Copy)]
pub(super) struct Chunk<'a> {
    bytes: &'a [u8],
    count: usize,
    /// What its first ordinal is at least.
    base: u32,
}

impl<'a> Chunk<'a> {
    /// Checks that the chunk is as long as its table and that it ends at `last`.
    pub fn check(bytes: &[u8], count: usize, last: u32) -> Result<(), Damage> {
        let blocks = count.div_ceil(BLOCK);
        if blocks == 0 || bytes.len() < blocks * RECORD {
            return Err(Damage("a chunk is cut off"));
        }
        if (Chunk { bytes, count, base: 0 }).last(blocks - 1) != last {
            return Err(Damage("a chunk ends elsewhere than the dictionary says"));
        }
        Ok(())
    }

    /// A chunk that was checked.
    pub fn new(bytes: &'a [u8], count: usize, base: u32) -> Self {
        Chunk { bytes, count, base }
    }

    pub fn blocks(&self) -> usize {
        self.count.div_ceil(BLOCK)
    }

    fn record(&self, block: usize) -> &'a [u8; RECORD] {
        self.bytes[block * RECORD..].first_chunk().expect("the table was checked")
    }

    /// The last ordinal of a block.
    pub fn last(&self, block: usize) -> u32 {
        let record = self.record(block);
        u32::from_le_bytes([record[0], record[1], record[2], record[3]])
    }

    pub fn impacts(&self, block: usize) -> Impacts {
        impacts::parse(self.record(block)[RECORD - impacts::BYTES..].first_chunk().expect("of the record"))
    }

    /// What the first ordinal of a block is at least.
    pub fn base(&self, block: usize) -> u32 {
        block.checked_sub(1).map_or(self.base, |before| self.last(before).saturating_add(1))
    }

    pub fn block(&self, block: usize) -> Result<BlockBytes<'a>, Damage> {
        let record = self.record(block);
        let (base, last) = (self.base(block), self.last(block));
        if last < base {
            return Err(Damage("blocks do not ascend"));
        }
        let at = usize::from(u16::from_le_bytes([record[4], record[5]])) * UNIT;
        let data = self.bytes[self.blocks() * RECORD..].get(at..).ok_or(Damage("a block is not there"))?;
        let len = (self.count - block * BLOCK).min(BLOCK);
        Ok(BlockBytes { len, base, last, ordinal_bits: record[6], frequency_bits: record[7], data })
    }
}

impl BlockBytes<'_> {
    /// Decodes a complete block's packed integers.
    fn packed(&self) -> Result<(&[u8], &[u8]), Damage> {
        if self.ordinal_bits > 32 || self.frequency_bits > 32 {
            return Err(Damage("a width in bits"));
        }
        let (ordinals, frequencies) = (bits::packed_bytes(self.ordinal_bits), bits::packed_bytes(self.frequency_bits));
        let data = self.data.get(..ordinals + frequencies).ok_or(Damage("a block is cut off"))?;
        Ok(data.split_at(ordinals))
    }

    /// The ordinals. All are between `base` and `last`.
    pub fn ordinals(&self, out: &mut [u32; BLOCK]) -> Result<(), Damage> {
        if self.len < BLOCK {
            let mut frequencies = [0; BLOCK];
            parse_postings(self.data, self.base, &mut out[..self.len], &mut frequencies[..self.len])?;
            return if out[self.len - 1] == self.last { Ok(()) } else { Err(Damage("a block's last ordinal")) };
        }
        bits::unpack(self.packed()?.0, self.ordinal_bits, out);
        let span: u64 = out.iter().map(|delta| u64::from(*delta)).sum::<u64>() + (BLOCK as u64 - 1);
        if u64::from(self.base) + span != u64::from(self.last) {
            return Err(Damage("a block's last ordinal"));
        }
        let mut next = self.base;
        for value in out {
            next = next.wrapping_add(*value);
            *value = next;
            next = next.wrapping_add(1);
        }
        Ok(())
    }

    /// The frequencies.
    pub fn frequencies(&self, out: &mut [u32; BLOCK]) -> Result<(), Damage> {
        if self.len < BLOCK {
            let mut ordinals = [0; BLOCK];
            return parse_postings(self.data, self.base, &mut ordinals[..self.len], &mut out[..self.len]);
        }
        bits::unpack(self.packed()?.1, self.frequency_bits, out);
        out.iter_mut().for_each(|value| *value = value.saturating_add(1));
        Ok(())
    }

    /// The frequency of one posting.
    pub fn frequency(&self, at: usize) -> Result<u32, Damage> {
        if self.len < BLOCK {
            let mut all = [0; BLOCK];
            self.frequencies(&mut all)?;
            return Ok(all[at]);
        }
        Ok(bits::extract(self.packed()?.1, self.frequency_bits, at).saturating_add(1))
    }
}
