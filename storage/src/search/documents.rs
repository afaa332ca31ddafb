//! The documents of a part, by ordinal.

use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::key::{DOC_KEY, DocKey};
use super::part::{Kind, PartReader, PartWriter};
use crate::log::Timestamp;
use crate::segment::{ReadError, WriteError};

/// The version of the format of parts.
const FORMAT: u32 = 1;
/// Documents in a row of the part.
pub(crate) const CHUNK: usize = 1024;
/// A document in a chunk: key, timestamp, tokens.
const DOCUMENT: usize = DOC_KEY + 8 + 4;

/// The names of the rows of [`Kind::Meta`].
const TOTALS: &[u8] = b"";
const DEAD: &[u8] = b"dead";
const KEYS: &[u8] = b"keys";

/// A version of a document, or a tombstone of one. Its place in the order of (key, descending timestamp) is its ordinal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DocumentRow {
    pub key: DocKey,
    /// The commit that wrote it.
    pub ts: Timestamp,
    /// How many tokens the text has.
    pub tokens: u32,
    pub is_tombstone: bool,
}

/// What a part has in all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartTotals {
    format: u32,
    /// Ordinals, tombstones and old versions included.
    pub documents: u32,
    /// The newest versions that are no tombstones.
    pub live: u32,
    /// The tokens of those.
    pub tokens: u64,
    pub tombstones: u32,
    pub min_ts: Timestamp,
    pub max_ts: Timestamp,
    /// Floats of a vector; 0 in a text index.
    pub dimensions: u32,
}

/// The totals of rows in order, and the ordinals that are tombstones or old versions.
pub(crate) fn totals(rows: &[DocumentRow], dimensions: u32) -> (PartTotals, Vec<u32>) {
    let mut totals = PartTotals {
        format: FORMAT,
        documents: rows.len() as u32,
        live: 0,
        tokens: 0,
        tombstones: 0,
        min_ts: rows.iter().map(|row| row.ts).min().unwrap_or_default(),
        max_ts: rows.iter().map(|row| row.ts).max().unwrap_or_default(),
        dimensions,
    };
    let mut dead = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        totals.tombstones += u32::from(row.is_tombstone);
        if row.is_tombstone || at > 0 && rows[at - 1].key == row.key {
            dead.push(at as u32);
        } else {
            totals.live += 1;
            totals.tokens += u64::from(row.tokens);
        }
    }
    (totals, dead)
}

/// Writes the rows of a part that are about its documents: [`Kind::Meta`] and [`Kind::Documents`].
///
/// # Errors
/// [`WriteError`].
pub(crate) async fn write_documents(
    writer: &mut PartWriter,
    rows: &[DocumentRow],
    (totals, dead): &(PartTotals, Vec<u32>),
) -> Result<(), WriteError> {
    let json = serde_json::to_vec(totals).expect("numbers are written");
    writer.push(Kind::Meta, TOTALS, json).await?;
    let dead: Vec<u8> = dead.iter().flat_map(|ordinal| ordinal.to_le_bytes()).collect();
    writer.push(Kind::Meta, DEAD, dead).await?;
    let firsts = rows.iter().step_by(CHUNK).chain(rows.last());
    let keys: Vec<u8> = firsts.flat_map(|row| row.key).collect();
    writer.push(Kind::Meta, KEYS, keys).await?;
    for (number, chunk) in rows.chunks(CHUNK).enumerate() {
        let mut bytes = Vec::with_capacity(chunk.len() * (DOCUMENT + 1));
        bytes.extend(chunk.iter().flat_map(|row| row.key));
        bytes.extend(chunk.iter().flat_map(|row| row.ts.to_le_bytes()));
        bytes.extend(chunk.iter().flat_map(|row| row.tokens.to_le_bytes()));
        bytes.extend(chunk.iter().map(|row| u8::from(row.is_tombstone)));
        writer.push(Kind::Documents, &(number as u32).to_be_bytes(), bytes).await?;
    }
    Ok(())
}

/// The documents of a part.
#[derive(Clone)]
pub(crate) struct Documents {
    pub part: PartReader,
    pub totals: PartTotals,
    /// The first key of each chunk, then the last key of all.
    keys: Bytes,
}

impl Documents {
    /// Reads what they are in all.
    ///
    /// # Errors
    /// [`ReadError`], as of everything else here.
    pub async fn open(part: PartReader) -> Result<Self, ReadError> {
        let (totals, keys) = futures::try_join!(part.get(Kind::Meta, TOTALS), part.get(Kind::Meta, KEYS))?;
        let (Some(totals), Some(keys)) = (totals, keys) else { return Err(part.corrupt("a part has no totals")) };
        let totals: PartTotals =
            serde_json::from_slice(&totals).map_err(|error| part.corrupt(format!("the totals of a part: {error}")))?;
        if totals.format > FORMAT {
            return Err(part.corrupt(format!("a part has format {}; up to {FORMAT} is known", totals.format)));
        }
        let chunks = (totals.documents as usize).div_ceil(CHUNK);
        if chunks == 0 || keys.len() != (chunks + 1) * DOC_KEY {
            return Err(part.corrupt("the keys of a part contradict its totals"));
        }
        Ok(Documents { part, totals, keys })
    }

    /// The newest commit that a reader of `ts` can find in it.
    pub fn limit(&self, ts: Timestamp) -> Timestamp {
        self.part.cap_ts().map_or(ts, |cap| cap.min(ts))
    }

    /// The ordinals that are dead in the part alone, for who sees all of it.
    pub async fn dead(&self) -> Result<Vec<u32>, ReadError> {
        let bytes = self.part.get(Kind::Meta, DEAD).await?.unwrap_or_default();
        let dead: Vec<u32> =
            bytes.chunks_exact(4).map(|bytes| u32::from_le_bytes(bytes.try_into().expect("four"))).collect();
        let is_right = dead.last().is_none_or(|last| *last < self.totals.documents);
        if is_right { Ok(dead) } else { Err(self.part.corrupt("an ordinal beyond the end of a part")) }
    }

    pub fn first_key(&self) -> &DocKey {
        self.key_at(0)
    }

    pub fn last_key(&self) -> &DocKey {
        self.key_at(self.chunks())
    }

    fn key_at(&self, at: usize) -> &DocKey {
        self.keys[at * DOC_KEY..][..DOC_KEY].try_into().expect("its length")
    }

    pub fn chunks(&self) -> usize {
        self.keys.len() / DOC_KEY - 1
    }

    /// The chunk in which the first row of a key would be.
    pub fn chunk_of(&self, key: &DocKey) -> usize {
        let (mut low, mut high) = (0, self.chunks());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.key_at(middle) < key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low.saturating_sub(1)
    }

    /// A chunk by its number.
    pub async fn chunk(&self, number: usize) -> Result<DocumentChunk, ReadError> {
        let bytes = self.part.get(Kind::Documents, &(number as u32).to_be_bytes()).await?;
        let rows = (self.totals.documents as usize - number * CHUNK).min(CHUNK);
        let bytes = bytes.filter(|bytes| bytes.len() == rows * (DOCUMENT + 1));
        let bytes = bytes.ok_or_else(|| self.part.corrupt(format!("chunk {number} of the documents of a part")))?;
        Ok(DocumentChunk { bytes, rows, first: (number * CHUNK) as u32 })
    }

    /// The rows of some ordinals, in their order.
    pub async fn rows(&self, ordinals: &[u32]) -> Result<Vec<DocumentRow>, ReadError> {
        let mut numbers: Vec<usize> = ordinals.iter().map(|ordinal| *ordinal as usize / CHUNK).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let chunks = futures::future::try_join_all(numbers.iter().map(|number| self.chunk(*number))).await?;
        let row = |ordinal: &u32| {
            let at = numbers.binary_search(&(*ordinal as usize / CHUNK)).ok()?;
            chunks[at].row(*ordinal as usize % CHUNK)
        };
        let rows: Option<Vec<_>> = ordinals.iter().map(row).collect();
        rows.ok_or_else(|| self.part.corrupt("an ordinal beyond the end of a part"))
    }
}

/// Documents with consecutive ordinals.
pub(crate) struct DocumentChunk {
    bytes: Bytes,
    rows: usize,
    /// The first ordinal.
    pub first: u32,
}

impl DocumentChunk {
    pub fn len(&self) -> usize {
        self.rows
    }

    pub fn key(&self, row: usize) -> &DocKey {
        self.bytes[row * DOC_KEY..][..DOC_KEY].try_into().expect("its length")
    }

    /// A row; `None` beyond the end.
    pub fn row(&self, row: usize) -> Option<DocumentRow> {
        if row >= self.rows {
            return None;
        }
        let [ts, tokens, tombstones] = [DOC_KEY, DOC_KEY + 8, DOCUMENT].map(|column| column * self.rows);
        Some(DocumentRow {
            key: *self.key(row),
            ts: u64::from_le_bytes(self.bytes[ts + row * 8..][..8].try_into().expect("eight")),
            tokens: u32::from_le_bytes(self.bytes[tokens + row * 4..][..4].try_into().expect("four")),
            is_tombstone: self.bytes[tombstones + row] != 0,
        })
    }

    /// The rows with a key, as places in the chunk.
    pub fn find(&self, key: &DocKey) -> Range<usize> {
        let start = self.partition(|other| other < key);
        start..start + (start..self.rows).take_while(|row| self.key(*row) == key).count()
    }

    /// The first row whose key is not `before`.
    pub fn partition(&self, before: impl Fn(&DocKey) -> bool) -> usize {
        let (mut low, mut high) = (0, self.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(self.key(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}
