//! The binary form of an entry. `docs/format.md` has the layout; version 1 is frozen by the files in `golden/`.

pub(crate) mod bytes;
mod keys;
mod pointer;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use smallvec::SmallVec;

use self::bytes::{Reader, put_bytes, put_varint};
use self::keys::{KeyReader, KeyWriter};
pub(super) use self::pointer::Pointer;
use super::{LogEntry, LoggedTransaction, LoggedWrite, Nonce, Seal};
use crate::catalog::TabletId;
use crate::document::Document;
use crate::id::{DocumentId, InternalId, TableNumber};

/// The largest body that an entry may have before compression, in bytes.
pub const MAX_ENTRY_BYTES: usize = 256 << 20;

/// The first four bytes of every entry; the last of them is the version.
const MAGIC: [u8; 4] = *b"LWE\x01";
/// Magic, checksum, flags, nonce, length of the body.
const HEADER_BYTES: usize = 4 + 4 + 1 + 16 + 4;
/// Where the checksummed bytes begin.
const CHECKED_FROM: usize = 8;

/// The body is one LZ4 block.
const FLAG_LZ4: u8 = 1;
/// The body says where the whole entry is stored.
const FLAG_ELSEWHERE: u8 = 2;
/// The body ends with a seal, and has no transactions.
const FLAG_SEAL: u8 = 4;

/// Bodies below this length, in bytes, are stored as they are: compressing them gains nothing.
const COMPRESS_FROM: usize = 512;

/// An entry that is larger than an entry may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a log entry of {bytes} bytes is larger than the {MAX_ENTRY_BYTES} bytes that fit into one")]
pub struct EntryTooLarge {
    /// The size of its body.
    pub bytes: usize,
}

/// Bytes that are not an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CorruptEntry(&'static str);

impl LogEntry {
    /// The binary form: versioned, checksummed, complete in itself.
    ///
    /// # Errors
    /// [`EntryTooLarge`] if the body has more than [`MAX_ENTRY_BYTES`].
    pub fn encode(&self) -> Result<Vec<u8>, EntryTooLarge> {
        let mut encoded = vec![0; HEADER_BYTES];
        put_body(&mut encoded, self);
        let body_bytes = encoded.len() - HEADER_BYTES;
        let declared = u32::try_from(body_bytes).ok().filter(|_| body_bytes <= MAX_ENTRY_BYTES);
        let Some(declared) = declared else {
            return Err(EntryTooLarge { bytes: body_bytes });
        };

        let mut flags = if self.seal.is_some() { FLAG_SEAL } else { 0 };
        if body_bytes >= COMPRESS_FROM {
            let compressed = lz4_flex::block::compress(&encoded[HEADER_BYTES..]);
            if compressed.len() < body_bytes {
                flags |= FLAG_LZ4;
                encoded.truncate(HEADER_BYTES);
                encoded.extend_from_slice(&compressed);
            }
        }
        put_header(&mut encoded, flags, &self.nonce, declared);
        Ok(encoded)
    }

    /// The entry with that binary form.
    ///
    /// # Errors
    /// [`CorruptEntry`] if it is not one, is damaged, or is of a version that this program does not know.
    pub fn decode(encoded: &[u8]) -> Result<Self, CorruptEntry> {
        let (version, mut header) = open(encoded)?;
        if version != MAGIC[3] {
            return Err(CorruptEntry("a log entry of an unknown version"));
        }
        let [flags] = header.array()?;
        let nonce: Nonce = header.array()?;
        let body_bytes = u32::from_le_bytes(header.array()?) as usize;
        let body = header.rest();
        let decompressed;
        let body = match flags & !FLAG_SEAL {
            0 => body,
            FLAG_LZ4 if body_bytes <= MAX_ENTRY_BYTES => {
                decompressed =
                    lz4_flex::block::decompress(body, body_bytes).map_err(|_| CorruptEntry("damaged lz4 block"))?;
                &decompressed[..]
            }
            FLAG_ELSEWHERE => return Err(CorruptEntry("only a pointer to where the entry is stored")),
            _ => return Err(CorruptEntry("unknown flags")),
        };
        if body.len() != body_bytes {
            return Err(CorruptEntry("body of another length than declared"));
        }
        let mut body = Reader::new(body);
        let transactions = take_transactions(&mut body)?;
        let seal = if flags & FLAG_SEAL == 0 { None } else { Some(take_seal(&mut body)?) };
        body.finish()?;
        if seal.is_some() && !transactions.is_empty() {
            return Err(CorruptEntry("a seal with transactions"));
        }
        Ok(Self { nonce, transactions, seal })
    }
}

/// Fills in the header of `encoded`, which the body follows.
fn put_header(encoded: &mut [u8], flags: u8, nonce: &Nonce, body_bytes: u32) {
    encoded[..4].copy_from_slice(&MAGIC);
    encoded[8] = flags;
    encoded[9..25].copy_from_slice(nonce);
    encoded[25..29].copy_from_slice(&body_bytes.to_le_bytes());
    let checksum = crc32fast::hash(&encoded[CHECKED_FROM..]);
    encoded[4..8].copy_from_slice(&checksum.to_le_bytes());
}

/// Whether `encoded` is an undamaged entry, of whatever version.
pub(super) fn is_intact(encoded: &[u8]) -> bool {
    open(encoded).is_ok()
}

/// The nonce of `encoded`, if it is undamaged.
pub(super) fn nonce_of(encoded: &[u8]) -> Option<Nonce> {
    let (_, mut header) = open(encoded).ok()?;
    let [_flags] = header.array().ok()?;
    header.array().ok()
}

/// Whether `bytes` begin as an entry does.
pub(super) fn begins_entry(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC[..3])
}

/// Checks magic and checksum of `encoded`: its version, and what the checksum guards.
fn open(encoded: &[u8]) -> Result<(u8, Reader<'_>), CorruptEntry> {
    let mut header = Reader::new(encoded);
    let magic: [u8; 4] = header.array()?;
    if !begins_entry(&magic) {
        return Err(CorruptEntry("not a log entry"));
    }
    let checksum = u32::from_le_bytes(header.array()?);
    if checksum != crc32fast::hash(header.rest()) {
        return Err(CorruptEntry("wrong checksum"));
    }
    Ok((magic[3], header))
}

fn put_body(out: &mut Vec<u8>, entry: &LogEntry) {
    put_varint(out, entry.transactions.len() as u64);
    let mut previous_ts = 0;
    let mut previous_source: Option<&str> = None;
    let mut keys = KeyWriter::default();
    for transaction in &entry.transactions {
        // Wrapping, so that any timestamps survive, even ones that do not ascend.
        put_varint(out, transaction.ts.wrapping_sub(previous_ts));
        previous_ts = transaction.ts;
        if previous_source == Some(&transaction.source) {
            put_varint(out, 0);
        } else {
            put_varint(out, transaction.source.len() as u64 + 1);
            out.extend_from_slice(transaction.source.as_bytes());
            previous_source = Some(&transaction.source);
        }
        put_varint(out, transaction.writes.len() as u64);
        for write in &transaction.writes {
            put_write(out, write, &mut keys);
        }
    }
    if let Some(seal) = &entry.seal {
        debug_assert!(entry.transactions.is_empty(), "a seal comes alone");
        put_bytes(out, seal.successor.as_bytes());
    }
}

fn take_seal(body: &mut Reader<'_>) -> Result<Seal, CorruptEntry> {
    let length = body.varint()?;
    Ok(Seal { successor: body.text(length)?.to_owned() })
}

fn take_transactions(body: &mut Reader<'_>) -> Result<Vec<Arc<LoggedTransaction>>, CorruptEntry> {
    let count = body.count()?;
    let mut transactions = Vec::with_capacity(count);
    let mut previous_ts: u64 = 0;
    let mut previous_source = "";
    let mut keys = KeyReader::default();
    for _ in 0..count {
        let ts = previous_ts.wrapping_add(body.varint()?);
        previous_ts = ts;
        if let Some(length) = body.varint()?.checked_sub(1) {
            previous_source = body.text(length)?;
        }
        let writes = body.count()?;
        let writes = (0..writes).map(|_| take_write(body, &mut keys)).collect::<Result<_, _>>()?;
        transactions.push(Arc::new(LoggedTransaction { ts, writes, source: previous_source.to_owned() }));
    }
    Ok(transactions)
}

fn put_write<'a>(out: &mut Vec<u8>, write: &'a LoggedWrite, keys: &mut KeyWriter<'a>) {
    put_varint(out, u64::from(write.table.0));
    out.extend_from_slice(&write.id.0);
    match &write.document {
        None => out.push(0),
        Some(document) => {
            debug_assert_eq!(document.id.internal, write.id, "a write and its document have one id");
            out.push(1);
            put_varint(out, u64::from(document.id.table.0));
            out.extend_from_slice(&document.creation_time.to_bits().to_le_bytes());
            put_varint(out, u64::from(document.size));
            put_bytes(out, document.json.as_bytes());
        }
    }
    keys.put(out, &write.id, &write.keys);
}

fn take_write(body: &mut Reader<'_>, keys: &mut KeyReader) -> Result<LoggedWrite, CorruptEntry> {
    let table = TabletId(body.varint_u32()?);
    let id = InternalId(body.array()?);
    let document = match body.array()? {
        [0] => None,
        [1] => {
            let table = TableNumber(body.varint_u32()?);
            let creation_time = f64::from_bits(u64::from_le_bytes(body.array()?));
            let size = body.varint_u32()?;
            let length = body.varint()?;
            let json = Arc::from(body.text(length)?);
            Some(Arc::new(Document { id: DocumentId { table, internal: id }, creation_time, json, size }))
        }
        _ => return Err(CorruptEntry("unknown kind of write")),
    };
    let keys: SmallVec<_> = keys.take(body, &id)?;
    Ok(LoggedWrite { table, id, document, keys })
}
