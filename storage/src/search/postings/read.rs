//! Reads dictionaries and lists of a part.

use bytes::Bytes;
use futures::future::try_join_all;

use super::impacts::{self, ANY, Impacts};
use super::list::{BlockBytes, Chunk, parse_postings};
use super::{BLOCK, CHUNK, CHUNK_BLOCKS, Damage, INLINE};
use crate::log::codec::bytes::Reader;
use crate::search::part::{Kind, PartReader};
use crate::segment::ReadError;

/// What a dictionary says of a term.
#[derive(Clone, Debug)]
pub(crate) struct DictionaryEntry {
    /// How many documents have the term, dead ones among them; not 0.
    pub documents: u32,
    place: Place,
}

/// Where postings are.
#[derive(Clone, Debug)]
enum Place {
    /// Ordinals and frequencies.
    Inline(Vec<u32>, Vec<u32>),
    Chunks(Directory),
}

/// The chunks of a list.
#[derive(Clone, Debug)]
struct Directory {
    /// The number of the first one.
    first: u32,
    /// The last ordinals, ascending.
    lasts: Vec<u32>,
    impacts: Vec<Impacts>,
}

/// How many documents a row of a dictionary says that a term has.
pub(super) fn parse_documents(row: &[u8]) -> Result<u32, Damage> {
    let documents = Reader::new(row).varint_u32()?;
    if documents == 0 { Err(Damage("a term without documents")) } else { Ok(documents) }
}

impl DictionaryEntry {
    /// `ordinals` is how many documents the part has.
    pub(super) fn parse(row: &[u8], ordinals: u32) -> Result<Self, Damage> {
        let mut reader = Reader::new(row);
        let documents = parse_documents(row)?;
        reader.varint_u32()?;
        if documents > ordinals {
            return Err(Damage("a term with more documents than there are"));
        }
        let count = documents as usize;
        let (place, last) = if count <= INLINE {
            let (mut list, mut frequencies) = (vec![0; count], vec![0; count]);
            parse_postings(reader.rest(), 0, &mut list, &mut frequencies)?;
            let last = list[count - 1];
            (Place::Inline(list, frequencies), last)
        } else {
            let directory = Directory::parse(reader, count.div_ceil(CHUNK))?;
            let last = *directory.lasts.last().ok_or(Damage("a list without chunks"))?;
            (Place::Chunks(directory), last)
        };
        if last >= ordinals {
            return Err(Damage("an ordinal of no document"));
        }
        Ok(DictionaryEntry { documents, place })
    }

    /// How many chunks the list has, and the number of the first one.
    pub(super) fn chunks(&self) -> (u32, usize) {
        match &self.place {
            Place::Inline(..) => (0, 0),
            Place::Chunks(directory) => (directory.first, directory.lasts.len()),
        }
    }

    /// The ranges of ordinals that the list's documents are in: from, to (inclusive).
    pub fn spans(&self) -> Vec<(u32, u32)> {
        match &self.place {
            Place::Inline(ordinals, _) => ordinals.iter().map(|ordinal| (*ordinal, *ordinal)).collect(),
            Place::Chunks(Directory { lasts, .. }) => {
                (0..lasts.len()).map(|at| (base_after(lasts, at), lasts[at])).collect()
            }
        }
    }

    /// Ordinals and frequencies, if the list has no chunks.
    pub(super) fn inline(&self) -> Option<(&[u32], &[u32])> {
        match &self.place {
            Place::Inline(ordinals, frequencies) => Some((ordinals, frequencies)),
            Place::Chunks(_) => None,
        }
    }

    /// One of the chunks.
    pub(super) fn chunk<'a>(&self, at: usize, bytes: &'a [u8]) -> Result<Chunk<'a>, Damage> {
        let Place::Chunks(Directory { lasts, .. }) = &self.place else { return Err(Damage("a list without chunks")) };
        let last = lasts.get(at).ok_or(Damage("a chunk too many"))?;
        let len = chunk_len(self.documents, at);
        Chunk::check(bytes, len, *last)?;
        Ok(Chunk::new(bytes, len, base_after(lasts, at)))
    }

    /// The list, with its chunks.
    pub(super) fn with_chunks(self, chunks: Vec<Bytes>) -> Result<Postings, Damage> {
        if let Place::Chunks(Directory { lasts, .. }) = &self.place {
            if chunks.len() != lasts.len() {
                return Err(Damage("a chunk is missing"));
            }
            for (at, chunk) in chunks.iter().enumerate() {
                Chunk::check(chunk, chunk_len(self.documents, at), lasts[at])?;
            }
        }
        Ok(Postings { documents: self.documents, place: self.place, chunks })
    }
}

impl Directory {
    fn parse(mut reader: Reader<'_>, chunks: usize) -> Result<Self, Damage> {
        let first = reader.varint_u32()?;
        if first.checked_add(u32::try_from(chunks).unwrap_or(u32::MAX)).is_none() {
            return Err(Damage("the number of a chunk"));
        }
        let (mut lasts, mut all_impacts) = (Vec::new(), Vec::new());
        let mut next = 0_u32;
        for _ in 0..chunks {
            let last = next.checked_add(reader.varint_u32()?).ok_or(Damage("an ordinal"))?;
            next = last.checked_add(1).ok_or(Damage("an ordinal"))?;
            lasts.push(last);
            all_impacts.push(impacts::parse(&reader.array()?));
        }
        reader.finish()?;
        Ok(Directory { first, lasts, impacts: all_impacts })
    }
}

/// What the first ordinal of a chunk is at least.
fn base_after(lasts: &[u32], chunk: usize) -> u32 {
    chunk.checked_sub(1).map_or(0, |before| lasts[before] + 1)
}

/// How many postings a chunk of a list has.
fn chunk_len(documents: u32, chunk: usize) -> usize {
    (documents as usize).saturating_sub(chunk * CHUNK).min(CHUNK)
}

/// A list of postings, read and not decoded. Its blocks are numbered over all chunks.
pub(crate) struct Postings {
    documents: u32,
    place: Place,
    chunks: Vec<Bytes>,
}

impl Postings {
    /// How many postings there are, of dead documents too; not 0.
    pub fn documents(&self) -> u32 {
        self.documents
    }

    /// What scores are possible, per chunk.
    pub fn impacts(&self) -> &[Impacts] {
        match &self.place {
            Place::Inline(..) => &[ANY],
            Place::Chunks(directory) => &directory.impacts,
        }
    }

    /// How many blocks there are.
    pub(super) fn blocks(&self) -> usize {
        (self.documents as usize).div_ceil(BLOCK)
    }

    fn chunk(&self, chunk: usize, lasts: &[u32]) -> Chunk<'_> {
        Chunk::new(&self.chunks[chunk], chunk_len(self.documents, chunk), base_after(lasts, chunk))
    }

    /// The last ordinal of a block.
    pub(super) fn last(&self, block: usize) -> u32 {
        match &self.place {
            Place::Inline(ordinals, _) => ordinals[ordinals.len() - 1],
            Place::Chunks(Directory { lasts, .. }) => {
                self.chunk(block / CHUNK_BLOCKS, lasts).last(block % CHUNK_BLOCKS)
            }
        }
    }

    /// What the first ordinal of a block is at least.
    pub(super) fn base(&self, block: usize) -> u32 {
        match &self.place {
            Place::Inline(ordinals, _) => ordinals[0],
            Place::Chunks(Directory { lasts, .. }) => {
                self.chunk(block / CHUNK_BLOCKS, lasts).base(block % CHUNK_BLOCKS)
            }
        }
    }

    /// What scores are possible in a block.
    pub(super) fn block_impacts(&self, block: usize) -> Impacts {
        match &self.place {
            Place::Inline(..) => ANY,
            Place::Chunks(Directory { lasts, .. }) => {
                self.chunk(block / CHUNK_BLOCKS, lasts).impacts(block % CHUNK_BLOCKS)
            }
        }
    }

    /// The first block from `block` on that ends at `ordinal` or after it; [`Self::blocks`] if there is none.
    pub(super) fn block_of(&self, block: usize, ordinal: u32) -> usize {
        let all = self.blocks();
        if block >= all {
            return all;
        }
        for near in block..all.min(block + 2) {
            if self.last(near) >= ordinal {
                return near;
            }
        }
        let Place::Chunks(Directory { lasts, .. }) = &self.place else { return all };
        let from = block / CHUNK_BLOCKS;
        let Some(behind) = lasts.get(from..) else { return all };
        let at = from + behind.partition_point(|last| *last < ordinal);
        if at == lasts.len() {
            return all;
        }
        let chunk = self.chunk(at, lasts);
        let (mut low, mut high) = (if at == from { block % CHUNK_BLOCKS } else { 0 }, chunk.blocks());
        while low < high {
            let middle = (low + high) / 2;
            if chunk.last(middle) < ordinal { low = middle + 1 } else { high = middle }
        }
        // Damaged tables may have no such block in the chunk; one that is decoded then says so.
        at * CHUNK_BLOCKS + low.min(chunk.blocks() - 1)
    }

    fn block(&self, block: usize, lasts: &[u32]) -> Result<BlockBytes<'_>, Damage> {
        let at = block / CHUNK_BLOCKS;
        let bytes = self.chunk(at, lasts).block(block % CHUNK_BLOCKS)?;
        if bytes.last > lasts[at] {
            return Err(Damage("blocks do not ascend"));
        }
        Ok(bytes)
    }

    /// Decodes the ordinals of a block; how many there are.
    pub(super) fn ordinals(&self, block: usize, out: &mut [u32; BLOCK]) -> Result<usize, Damage> {
        match &self.place {
            Place::Inline(ordinals, _) => {
                out[..ordinals.len()].copy_from_slice(ordinals);
                Ok(ordinals.len())
            }
            Place::Chunks(Directory { lasts, .. }) => {
                let bytes = self.block(block, lasts)?;
                bytes.ordinals(out)?;
                Ok(bytes.len)
            }
        }
    }

    /// Decodes the frequencies of a block.
    pub(super) fn frequencies(&self, block: usize, out: &mut [u32; BLOCK]) -> Result<(), Damage> {
        match &self.place {
            Place::Inline(_, frequencies) => {
                out[..frequencies.len()].copy_from_slice(frequencies);
                Ok(())
            }
            Place::Chunks(Directory { lasts, .. }) => self.block(block, lasts)?.frequencies(out),
        }
    }

    /// The frequency of one posting of a block.
    pub(super) fn frequency(&self, block: usize, at: usize) -> Result<u32, Damage> {
        match &self.place {
            Place::Inline(_, frequencies) => Ok(frequencies[at]),
            Place::Chunks(Directory { lasts, .. }) => self.block(block, lasts)?.frequency(at),
        }
    }
}

/// What the dictionary says of terms, read at the same time. `documents` is how many documents the part has.
///
/// # Errors
/// [`ReadError`], also of the functions below.
pub(crate) async fn entries(
    part: &PartReader,
    documents: u32,
    terms: &[Vec<u8>],
) -> Result<Vec<Option<DictionaryEntry>>, ReadError> {
    let rows = part.get_many(Kind::Terms, terms).await?;
    let parse = |row: Option<Bytes>| row.map(|row| DictionaryEntry::parse(&row, documents)).transpose();
    rows.into_iter().map(|row| parse(row).map_err(|damage| part.corrupt(damage.to_string()))).collect()
}

/// The lists of dictionary entries, all of their chunks read at the same time.
pub(crate) async fn load(part: &PartReader, entries: Vec<DictionaryEntry>) -> Result<Vec<Postings>, ReadError> {
    try_join_all(entries.into_iter().map(|entry| load_one(part, entry))).await
}

async fn load_one(part: &PartReader, entry: DictionaryEntry) -> Result<Postings, ReadError> {
    let (first, count) = entry.chunks();
    let mut chunks = Vec::new();
    if count > 0 {
        let to = first + count as u32;
        let rows = part.range(Kind::Postings, &first.to_be_bytes(), Some(&to.to_be_bytes())).await?;
        chunks.extend(rows.into_iter().map(|(_, chunk)| chunk));
    }
    entry.with_chunks(chunks).map_err(|damage| part.corrupt(damage.to_string()))
}

/// The list of a term; `None` if no document has it.
#[cfg(test)]
pub(crate) async fn postings(part: &PartReader, documents: u32, term: &[u8]) -> Result<Option<Postings>, ReadError> {
    match entries(part, documents, &[term.to_vec()]).await?.into_iter().flatten().next() {
        Some(entry) => Ok(Some(load_one(part, entry).await?)),
        None => Ok(None),
    }
}

/// The terms that start with `prefix`, in order, with how many documents have them (dead ones too).
pub(crate) async fn terms_with_prefix(
    part: &PartReader,
    prefix: &[u8],
    mut take: impl FnMut(&[u8], u32),
) -> Result<(), ReadError> {
    let mut damage = None;
    let end = prefix_end(prefix);
    let visit = |term: &[u8], row: Bytes| match parse_documents(&row) {
        Ok(documents) => take(term, documents),
        Err(found) => damage = Some(found),
    };
    part.visit(Kind::Terms, prefix, end.as_deref(), visit).await?;
    damage.map_or(Ok(()), |damage| Err(part.corrupt(damage.to_string())))
}

/// What comes after all that starts with `prefix`; `None`: nothing does.
pub(super) fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=kept].to_vec();
    end[kept] += 1;
    Some(end)
}
