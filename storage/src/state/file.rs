//! Snapshot files: every document at one position of the log. Earlier versions of Lakewire wrote them instead of segments; this
//! one only reads them.
//!
//! | part | layout, integers little-endian |
//! | --- | --- |
//! | header | `LWSNAP`, version (`u16`), log entry (`u64`), timestamp in ns (`u64`), CRC-32 of all before it |
//! | blocks | length (`u32`, not 0), CRC-32 of the bytes, that many bytes: lz4 with its decompressed size in front |
//! | end | length 0 (`u32`), number of documents (`u64`), CRC-32 of the number |
//!
//! A block decompresses to documents: tablet (`u32`), table number (`u32`), internal id (16 bytes), creation time (`f64`), size
//! (`u32`), length of the JSON (`u32`), the JSON. Indexes are not in the file: they are made anew from the documents.

use std::sync::Arc;

use crate::catalog::TabletId;
use crate::document::Document;
use crate::id::{DocumentId, InternalId, TableNumber};
use crate::log::{EntryNumber, Timestamp};

const MAGIC: &[u8; 6] = b"LWSNAP";
const VERSION: u16 = 1;

/// A snapshot file that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SnapshotFileError {
    /// It is of another format.
    #[error("it is not a snapshot file")]
    NotASnapshot,
    /// It is of a later version of the format.
    #[error("its format is version {0}, and this version of Lakewire reads up to {VERSION}")]
    Version(u16),
    /// It is not what was written.
    #[error("it is damaged at byte {0}")]
    Damaged(usize),
    /// It ends before its end.
    #[error("it is cut off at byte {0}")]
    CutOff(usize),
}

/// What a snapshot file holds.
pub(crate) struct Contents {
    pub entry: EntryNumber,
    pub ts: Timestamp,
    /// System tables first.
    pub documents: Vec<(TabletId, Arc<Document>)>,
}

/// Reads a snapshot file.
pub(crate) fn read(bytes: &[u8]) -> Result<Contents, SnapshotFileError> {
    let mut input = Input { bytes, at: 0 };
    if input.take::<6>()? != *MAGIC {
        return Err(SnapshotFileError::NotASnapshot);
    }
    let version = u16::from_le_bytes(input.take()?);
    if version != VERSION {
        return Err(SnapshotFileError::Version(version));
    }
    let entry = u64::from_le_bytes(input.take()?);
    let ts = u64::from_le_bytes(input.take()?);
    let crc = crc32fast::hash(&bytes[..input.at]);
    input.expect_crc(crc)?;
    let mut documents = Vec::new();
    loop {
        let length = input.length()?;
        if length == 0 {
            break;
        }
        let expected = u32::from_le_bytes(input.take()?);
        let at = input.at;
        let compressed = input.slice(length)?;
        let block = (crc32fast::hash(compressed) == expected)
            .then(|| lz4_flex::decompress_size_prepended(compressed).ok())
            .flatten()
            .ok_or(SnapshotFileError::Damaged(at))?;
        read_block(&block, &mut documents).ok_or(SnapshotFileError::Damaged(at))?;
    }
    let count: [u8; 8] = input.take()?;
    input.expect_crc(crc32fast::hash(&count))?;
    if u64::from_le_bytes(count) != documents.len() as u64 {
        return Err(SnapshotFileError::Damaged(input.at));
    }
    Ok(Contents { entry, ts, documents })
}

/// Reads the documents of a decompressed block; `None` if it does not hold whole documents.
fn read_block(block: &[u8], documents: &mut Vec<(TabletId, Arc<Document>)>) -> Option<()> {
    let mut input = Input { bytes: block, at: 0 };
    while input.at < block.len() {
        let tablet = TabletId(u32::from_le_bytes(input.take().ok()?));
        let table = TableNumber(u32::from_le_bytes(input.take().ok()?));
        let id = DocumentId { table, internal: InternalId(input.take().ok()?) };
        let creation_time = f64::from_le_bytes(input.take().ok()?);
        let size = u32::from_le_bytes(input.take().ok()?);
        let length = input.length().ok()?;
        let json = str::from_utf8(input.slice(length).ok()?).ok()?;
        documents.push((tablet, Arc::new(Document { id, creation_time, json: json.into(), size })));
    }
    Some(())
}

struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn slice(&mut self, length: usize) -> Result<&'a [u8], SnapshotFileError> {
        let rest = &self.bytes[self.at..];
        let slice = rest.get(..length).ok_or(SnapshotFileError::CutOff(self.bytes.len()))?;
        self.at += length;
        Ok(slice)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], SnapshotFileError> {
        let slice = self.slice(N)?;
        Ok(slice.try_into().expect("the slice has the length asked for"))
    }

    fn length(&mut self) -> Result<usize, SnapshotFileError> {
        Ok(u32::from_le_bytes(self.take()?) as usize)
    }

    fn expect_crc(&mut self, crc: u32) -> Result<(), SnapshotFileError> {
        let at = self.at;
        if u32::from_le_bytes(self.take()?) == crc { Ok(()) } else { Err(SnapshotFileError::Damaged(at)) }
    }
}

#[cfg(test)]
#[path = "file_writer.rs"]
pub(crate) mod writer;

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
