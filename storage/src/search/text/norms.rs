//! Lengths of texts, a byte each.
//!
//! A length is kept exactly below 40, and with four significant bits above (as Lucene's `SmallFloat.intToByte4` does): scores use
//! what is kept, in the tail too, so that they do not change when a document moves into a part.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::future::try_join_all;

use crate::search::part::{Kind, PartReader, PartWriter};
use crate::search::postings::Damage;
use crate::segment::{ReadError, WriteError};

/// Lengths below this are their own byte.
const FREE: u32 = 24;
/// Lengths in a row of a part.
const CHUNK: u32 = 1 << 16;

/// The byte of a length in tokens.
pub(crate) fn encode_length(length: u32) -> u8 {
    if length < FREE {
        return length as u8;
    }
    let rest = length.min(i32::MAX as u32) - FREE;
    let bits = u32::BITS - rest.leading_zeros();
    let float = match bits.checked_sub(4) {
        None => rest,
        Some(shift) => rest >> shift & 7 | (shift + 1) << 3,
    };
    (FREE + float) as u8
}

/// The length that a byte stands for: the smallest of those that it is the byte of.
pub(crate) fn decode_length(byte: u8) -> u32 {
    let Some(float) = u32::from(byte).checked_sub(FREE) else { return u32::from(byte) };
    let (bits, shift) = (float & 7, float >> 3);
    FREE + shift.checked_sub(1).map_or(bits, |shift| (bits | 8) << shift)
}

/// Writes the encoded lengths of a part's texts, by ordinal.
///
/// # Errors
/// [`WriteError`].
pub(crate) async fn write_norms(writer: &mut PartWriter, norms: &[u8]) -> Result<(), WriteError> {
    for (number, chunk) in (0_u32..).zip(norms.chunks(CHUNK as usize)) {
        writer.push(Kind::Norms, &number.to_be_bytes(), Bytes::copy_from_slice(chunk)).await?;
    }
    Ok(())
}

fn chunk_len(documents: u32, number: u32) -> usize {
    (documents - number * CHUNK).min(CHUNK) as usize
}

/// Encoded lengths of texts of a part: those that are needed.
#[derive(Default)]
pub(super) struct Norms(Vec<Bytes>);

impl Norms {
    /// Reads the lengths of the texts in `spans`: from, to (inclusive).
    pub async fn load(
        part: &PartReader,
        documents: u32,
        spans: impl IntoIterator<Item = (u32, u32)>,
    ) -> Result<Norms, ReadError> {
        let mut numbers = BTreeSet::new();
        for (from, to) in spans {
            numbers.extend(from / CHUNK..=to / CHUNK);
        }
        let read = numbers.into_iter().map(|number| async move {
            match part.get(Kind::Norms, &number.to_be_bytes()).await? {
                Some(chunk) if number * CHUNK < documents && chunk.len() == chunk_len(documents, number) => {
                    Ok((number as usize, chunk))
                }
                _ => Err(part.corrupt(format!("lengths of texts, chunk {number}"))),
            }
        });
        let mut chunks = vec![Bytes::new(); documents.div_ceil(CHUNK) as usize];
        for (number, chunk) in try_join_all(read).await? {
            chunks[number] = chunk;
        }
        Ok(Norms(chunks))
    }

    /// The encoded length of one text.
    pub fn get(&self, ordinal: u32) -> Result<u8, Damage> {
        let chunk = self.0.get((ordinal / CHUNK) as usize).map_or(&[][..], |chunk| chunk);
        chunk.get((ordinal % CHUNK) as usize).copied().ok_or(Damage("an ordinal without a length"))
    }

    /// Calls `take` with the place of each of some ascending ordinals, and its encoded length.
    #[inline]
    pub fn each(&self, ordinals: &[u32], mut take: impl FnMut(usize, u8)) -> Result<(), Damage> {
        let (Some(first), Some(last)) = (ordinals.first(), ordinals.last()) else { return Ok(()) };
        if first / CHUNK != last / CHUNK {
            return ordinals.iter().enumerate().try_for_each(|(at, ordinal)| {
                take(at, self.get(*ordinal)?);
                Ok(())
            });
        }
        self.get(*last)?;
        let chunk = &self.0[(first / CHUNK) as usize][..=(last % CHUNK) as usize];
        for (at, ordinal) in ordinals.iter().enumerate() {
            take(at, chunk[(ordinal % CHUNK) as usize]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_kept_as_precisely_as_a_byte_can() {
        assert!((0..40).all(|length| decode_length(encode_length(length)) == length));
        // From Lucene's table.
        assert_eq!([40, 41, 48, 56, 57, 72, 255].map(decode_length), [40, 42, 56, 88, 96, 280, 2_013_265_944]);
        for byte in 0..=u8::MAX {
            assert_eq!(encode_length(decode_length(byte)), byte);
            assert!(byte == 0 || encode_length(decode_length(byte) - 1) == byte - 1);
        }
        assert_eq!(encode_length(u32::MAX), u8::MAX);
    }
}
