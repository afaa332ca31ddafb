//! What is in the place of an entry that is too large for it.

use super::bytes::{Reader, put_bytes, put_varint};
use super::{CorruptEntry, FLAG_ELSEWHERE, HEADER_BYTES, MAGIC, Nonce, open, put_header};

/// Says where an entry is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::log) struct Pointer {
    /// The entry's nonce.
    pub(in crate::log) nonce: Nonce,
    /// The object that is the entry, in its binary form, in the store of the deployment.
    pub(in crate::log) path: String,
    /// Its length in bytes.
    pub(in crate::log) bytes: u64,
    /// Its checksum.
    pub(in crate::log) checksum: u32,
}

impl Pointer {
    /// The pointer to `entry`, in its binary form, at `path`.
    pub(in crate::log) fn to(entry: &[u8], nonce: Nonce, path: String) -> Self {
        Self { nonce, path, bytes: entry.len() as u64, checksum: crc32fast::hash(entry) }
    }

    /// The binary form.
    pub(in crate::log) fn encode(&self) -> Vec<u8> {
        let mut encoded = vec![0; HEADER_BYTES];
        put_bytes(&mut encoded, self.path.as_bytes());
        put_varint(&mut encoded, self.bytes);
        encoded.extend_from_slice(&self.checksum.to_le_bytes());
        let body_bytes = (encoded.len() - HEADER_BYTES) as u32;
        put_header(&mut encoded, FLAG_ELSEWHERE, &self.nonce, body_bytes);
        encoded
    }

    /// The pointer with that binary form; `None` if it is that of an entry.
    pub(in crate::log) fn decode(encoded: &[u8]) -> Result<Option<Self>, CorruptEntry> {
        let (version, mut reader) = open(encoded)?;
        let [flags] = reader.array()?;
        if version != MAGIC[3] || flags != FLAG_ELSEWHERE {
            return Ok(None);
        }
        let nonce = reader.array()?;
        let body_bytes = u32::from_le_bytes(reader.array()?) as usize;
        if reader.rest().len() != body_bytes {
            return Err(CorruptEntry("body of another length than declared"));
        }
        let mut body: Reader<'_> = reader;
        let length = body.varint()?;
        let path = body.text(length)?.to_owned();
        let (bytes, checksum) = (body.varint()?, u32::from_le_bytes(body.array()?));
        body.finish()?;
        Ok(Some(Self { nonce, path, bytes, checksum }))
    }

    /// Whether `entry` is what it points to.
    pub(in crate::log) fn fits(&self, entry: &[u8]) -> bool {
        self.bytes == entry.len() as u64 && self.checksum == crc32fast::hash(entry)
    }
}
