//! A split-block bloom filter over the keys that point reads ask for: those of `by_id` indexes.
//!
//! A block has 8 words of 32 bits; a key sets one bit in each word of one block. About 10 bits a key, 1 % false
//! positives.

use crate::key::{INDEX_ID_LENGTH, INTERNAL_ID_LENGTH};

/// The length of a block of the filter.
pub(super) const BLOCK: usize = 32;
const BITS_PER_KEY: usize = 10;
/// Odd numbers that spread the low half of a hash over the words, as in Parquet's filter.
const SALTS: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// Whether the filter is about keys like this one: they have no fields.
pub(super) fn covers(key: &[u8]) -> bool {
    key.len() == INDEX_ID_LENGTH + INTERNAL_ID_LENGTH
}

/// The hash of a key: every 8 bytes (little-endian, the last padded with zeros) are mixed in by the finalizer of
/// murmur3.
pub(super) fn hash(key: &[u8]) -> u64 {
    key.chunks(8).fold(key.len() as u64, |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        let mut mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from_le_bytes(word);
        mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        mixed ^ (mixed >> 33)
    })
}

/// The bytes of a filter of these hashes; none if there are none.
pub(super) fn build(hashes: &[u64]) -> Vec<u8> {
    let blocks = (hashes.len() * BITS_PER_KEY).div_ceil(BLOCK * 8);
    let mut filter = vec![0; blocks * BLOCK];
    for hash in hashes {
        let at = block_of(filter.len(), *hash);
        for (word, bit) in bits(*hash).enumerate() {
            filter[at + word * 4 + bit / 8] |= 1 << (bit % 8);
        }
    }
    filter
}

/// Whether a key of this hash could be among those of the filter.
pub(super) fn may_contain(filter: &[u8], hash: u64) -> bool {
    if filter.is_empty() {
        return false;
    }
    let at = block_of(filter.len(), hash);
    bits(hash).enumerate().all(|(word, bit)| filter[at + word * 4 + bit / 8] & (1 << (bit % 8)) != 0)
}

/// Where the block of a hash starts.
fn block_of(length: usize, hash: u64) -> usize {
    let blocks = (length / BLOCK) as u64;
    (((hash >> 32) * blocks) >> 32) as usize * BLOCK
}

/// The bit of each word.
fn bits(hash: u64) -> impl Iterator<Item = usize> {
    SALTS.iter().map(move |salt| ((hash as u32).wrapping_mul(*salt) >> 27) as usize)
}
