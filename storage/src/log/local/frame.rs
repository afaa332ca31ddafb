//! The layout of a log file: a header, then entries in frames, then perhaps zeros. `docs/format.md` says it in words.

use crate::log::{EntryNumber, codec};

/// The first eight bytes of a log file; the last of them is the version.
const FILE_MAGIC: [u8; 8] = *b"LWLOG\0\0\x01";

/// Magic, number of the first entry, zeros, checksum.
pub(super) const FILE_HEADER_BYTES: usize = 8 + 8 + 4 + 4;

/// Length of the entry, its number, checksum of these two.
pub(super) const FRAME_HEADER_BYTES: usize = 4 + 8 + 4;

/// What a disk writes at once: after a power failure all of a sector is there, or nothing.
const SECTOR_BYTES: usize = 512;

/// The header of a file whose first entry is `first`.
pub(super) fn file_header(first: EntryNumber) -> [u8; FILE_HEADER_BYTES] {
    let mut header = [0; FILE_HEADER_BYTES];
    header[..8].copy_from_slice(&FILE_MAGIC);
    header[8..16].copy_from_slice(&first.to_le_bytes());
    let checksum = crc32fast::hash(&header[..20]);
    header[20..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// What comes before an entry in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// The length of the entry in bytes.
    pub(super) length: u32,
    /// The number of the entry.
    pub(super) number: EntryNumber,
}

impl FrameHeader {
    pub(super) fn encode(self) -> [u8; FRAME_HEADER_BYTES] {
        let mut header = [0; FRAME_HEADER_BYTES];
        header[..4].copy_from_slice(&self.length.to_le_bytes());
        header[4..12].copy_from_slice(&self.number.to_le_bytes());
        let checksum = crc32fast::hash(&header[..12]);
        header[12..].copy_from_slice(&checksum.to_le_bytes());
        header
    }

    /// The header that `bytes` start with; `None` if they don't.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let number = rest.first_chunk()?;
        let header = Self { length: u32::from_le_bytes(*length), number: u64::from_le_bytes(*number) };
        bytes.starts_with(&header.encode()).then_some(header)
    }

    /// The length of the whole frame in bytes.
    pub(super) fn frame_bytes(self) -> u64 {
        FRAME_HEADER_BYTES as u64 + u64::from(self.length)
    }
}

/// The frame of entry `number`.
pub(super) fn frame(number: EntryNumber, entry: &[u8]) -> Vec<u8> {
    let length = u32::try_from(entry.len()).expect("an encoded entry is shorter than 4 GiB");
    let mut frame = Vec::with_capacity(FRAME_HEADER_BYTES + entry.len());
    frame.extend_from_slice(&FrameHeader { length, number }.encode());
    frame.extend_from_slice(entry);
    frame
}

/// What follows the last good frame of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing, or zeros: room for more.
    Free,
    /// The beginnings of an entry whose append was never answered, because the machine stopped before it was all
    /// written.
    Torn,
    /// Something that was written once and has changed since.
    Corrupt(String),
}

/// Whether `bytes` start with the header of a file whose first entry is `first`.
pub(super) fn has_file_header(bytes: &[u8], first: EntryNumber) -> bool {
    bytes.starts_with(&file_header(first))
}

/// The length of the good frame of entry `number` at offset `at` of the file `bytes`, if there is one.
pub(super) fn good_frame(bytes: &[u8], at: usize, number: EntryNumber) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let header = FrameHeader::decode(rest).filter(|header| header.number == number)?;
    let entry = rest[FRAME_HEADER_BYTES..].get(..header.length as usize)?;
    codec::is_intact(entry).then_some(FRAME_HEADER_BYTES + entry.len())
}

/// Judges what is at offset `at` of the file `bytes`, where there is no good frame of entry `expected`.
///
/// An append that was answered is whole on the disk; the one append that may not have been is the last. So damage is
/// taken for a torn append only if nothing comes after it, and if it looks like one: sectors that are missing, not bits
/// that differ.
pub(super) fn judge_tail(bytes: &[u8], at: usize, expected: EntryNumber) -> Tail {
    let rest = &bytes[at..];
    if rest.iter().all(|byte| *byte == 0) {
        return Tail::Free;
    }
    if let Some((number, offset)) = find_later_frame(bytes, at, expected) {
        return Tail::Corrupt(format!("entry {expected} is damaged, and entry {number} follows at byte {offset}"));
    }
    match FrameHeader::decode(rest) {
        Some(header) if header.number != expected => {
            Tail::Corrupt(format!("entry {} is where entry {expected} should be", header.number))
        }
        Some(header) => {
            let end = at + FRAME_HEADER_BYTES + header.length as usize;
            if end > bytes.len() || misses_sector(bytes, at, end) {
                Tail::Torn
            } else {
                Tail::Corrupt(format!("entry {expected} is damaged"))
            }
        }
        None => {
            let header_end = at + FRAME_HEADER_BYTES;
            let entry_follows = bytes.get(header_end..).is_some_and(codec::begins_entry);
            if entry_follows && !misses_sector(bytes, at, header_end) {
                Tail::Corrupt(format!("the frame of entry {expected} is damaged"))
            } else {
                Tail::Torn
            }
        }
    }
}

/// The first good frame after offset `at` of an entry after `expected`: its number and offset.
fn find_later_frame(bytes: &[u8], at: usize, expected: EntryNumber) -> Option<(EntryNumber, usize)> {
    let numbers = expected + 1..=expected + bytes.len() as u64;
    (at + 1..bytes.len().saturating_sub(FRAME_HEADER_BYTES)).find_map(|offset| {
        // The number first, since it rules out almost every offset without a checksum.
        let number = u64::from_le_bytes(*bytes[offset + 4..].first_chunk()?);
        let found = numbers.contains(&number) && good_frame(bytes, offset, number).is_some();
        found.then_some((number, offset))
    })
}

/// Whether the part of some sector that lies in `from..to` is all zeros.
fn misses_sector(bytes: &[u8], from: usize, to: usize) -> bool {
    let mut at = from;
    while at < to {
        let end = (at / SECTOR_BYTES + 1) * SECTOR_BYTES;
        if bytes[at..end.min(to)].iter().all(|byte| *byte == 0) {
            return true;
        }
        at = end;
    }
    false
}
