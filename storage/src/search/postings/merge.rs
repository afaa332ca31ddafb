//! Lists of several parts become those of one.

use bytes::Bytes;

use super::list::Chunk;
use super::output::{Output, SPOOL_BYTES};
use super::read::DictionaryEntry;
use super::{BLOCK, Damage};
use crate::search::part::{Kind, MergeError, PartReader, PartScan, PartWriter};
use crate::segment::ReadError;

/// The new ordinal of documents that are not in the new part.
pub(crate) const GONE: u32 = u32::MAX;
/// Other tasks have their turn after this many postings.
const POSTINGS_A_TURN: usize = 1 << 16;

/// Writes the dictionary and the chunks of a part that has the documents of `inputs`: each a part, and the new ordinal of each of
/// its documents, or [`GONE`]. New ordinals are in the order of the old ones, and no two are the same. Terms that no document
/// has any more are dropped. `norms` are as in [`super::PostingsBuilder::write`], by new ordinals.
///
/// Memory: a chunk and what a scan holds per input, the dictionary's block in the making, and up to 64 MiB of new chunks, which
/// come after the dictionary; inputs with more than that are read twice from there on.
///
/// # Errors
/// [`MergeError`].
pub(crate) async fn merge_postings(
    inputs: &[(PartReader, &[u32])],
    writer: &mut PartWriter,
    norms: &[u8],
) -> Result<(), MergeError> {
    merge_with(inputs, writer, norms, SPOOL_BYTES).await
}

pub(super) async fn merge_with(
    inputs: &[(PartReader, &[u32])],
    writer: &mut PartWriter,
    norms: &[u8],
    spool_bytes: usize,
) -> Result<(), MergeError> {
    let mut output = Output::new(writer, spool_bytes);
    merge_from(inputs, &[], &mut output, norms).await?;
    if let Some(from) = output.start_chunks().await? {
        merge_from(inputs, &from, &mut output, norms).await?;
    }
    Ok(())
}

/// Merges the lists of the terms from `from` on.
async fn merge_from(
    parts: &[(PartReader, &[u32])],
    from: &[u8],
    output: &mut Output<'_>,
    norms: &[u8],
) -> Result<(), MergeError> {
    let mut inputs = Vec::new();
    for (part, new_ordinals) in parts {
        let mut input = Input {
            part,
            new_ordinals,
            terms: part.scan(Kind::Terms, from),
            chunks: None,
            head: None,
            list: None,
            postings: Vec::new(),
            at: 0,
        };
        input.head = input.terms.next().await?;
        inputs.push(input);
    }
    let mut turn = 0;
    while let Some(term) = inputs.iter().filter_map(|input| Some(&input.head.as_ref()?.0)).min().cloned() {
        for input in &mut inputs {
            input.start(&term).await?;
        }
        while let Some((at, until)) = next_input(&inputs) {
            let input = &mut inputs[at];
            while let Some((ordinal, frequency)) = input.postings.get(input.at).filter(|(new, _)| *new < until) {
                let norm = norms.get(*ordinal as usize).copied().unwrap_or_default();
                if let Some(chunk) = output.add(*ordinal, *frequency, norm) {
                    output.put_chunk(&term, chunk).await?;
                }
                input.at += 1;
                turn += 1;
            }
            if input.at == input.postings.len() {
                input.fill().await?;
            }
            if turn >= POSTINGS_A_TURN {
                turn = 0;
                tokio::task::yield_now().await;
            }
        }
        output.end_list(&term).await?;
        turn += 1;
    }
    Ok(())
}

/// The input whose next posting is first, and what the next posting of the others is at least.
fn next_input(inputs: &[Input<'_>]) -> Option<(usize, u32)> {
    let (mut first, mut first_at, mut second) = (GONE, None, GONE);
    for (at, input) in inputs.iter().enumerate() {
        match input.postings.get(input.at) {
            Some((ordinal, _)) if *ordinal < first => (first, first_at, second) = (*ordinal, Some(at), first),
            Some((ordinal, _)) => second = second.min(*ordinal),
            None => {}
        }
    }
    first_at.map(|at| (at, second))
}

/// A part that is merged.
struct Input<'a> {
    part: &'a PartReader,
    new_ordinals: &'a [u32],
    terms: PartScan,
    /// From the first list that has chunks on.
    chunks: Option<PartScan>,
    /// The next row of the dictionary.
    head: Option<(Bytes, Bytes)>,
    /// The list of the term that is merged, and which of its chunks is next.
    list: Option<(DictionaryEntry, usize)>,
    /// Postings of that list by new ordinals: those of one chunk, and how many of them are done.
    postings: Vec<(u32, u32)>,
    at: usize,
}

impl Input<'_> {
    /// Goes to a term, which is the next or does not occur.
    async fn start(&mut self, term: &Bytes) -> Result<(), ReadError> {
        let Some((_, row)) = self.head.take_if(|(head, _)| head == term) else { return Ok(()) };
        let entry = DictionaryEntry::parse(&row, self.documents()).map_err(|damage| self.corrupt(damage))?;
        self.head = self.terms.next().await?;
        if self.head.as_ref().is_some_and(|(next, _)| next <= term) {
            return Err(self.corrupt(Damage("terms do not ascend")));
        }
        self.list = Some((entry, 0));
        self.fill().await
    }

    fn documents(&self) -> u32 {
        u32::try_from(self.new_ordinals.len()).unwrap_or(u32::MAX)
    }

    fn corrupt(&self, damage: Damage) -> ReadError {
        self.part.corrupt(damage.to_string())
    }

    /// Gets the next postings of the list that are not gone; leaves none at its end.
    async fn fill(&mut self) -> Result<(), ReadError> {
        self.postings.clear();
        self.at = 0;
        while self.postings.is_empty()
            && let Some((entry, next)) = &mut self.list
        {
            let (first, count) = entry.chunks();
            let at = *next;
            if at >= count.max(1) {
                self.list = None;
                break;
            }
            *next += 1;
            let chunk = match count {
                0 => Bytes::new(),
                _ => {
                    let number = (first + at as u32).to_be_bytes();
                    let scan = self.chunks.get_or_insert_with(|| self.part.scan(Kind::Postings, &number));
                    match scan.next().await? {
                        Some((key, chunk)) if *key == number => chunk,
                        _ => return Err(self.part.corrupt("postings: a chunk is missing")),
                    }
                }
            };
            let decoded = decode(entry, at, &chunk, self.new_ordinals, &mut self.postings);
            decoded.map_err(|damage| self.part.corrupt(damage.to_string()))?;
        }
        Ok(())
    }
}

/// Appends the postings of a chunk, or of a list without chunks, by new ordinals.
fn decode(
    entry: &DictionaryEntry,
    at: usize,
    chunk: &Bytes,
    new_ordinals: &[u32],
    out: &mut Vec<(u32, u32)>,
) -> Result<(), Damage> {
    let (mut ordinals, mut frequencies) = ([0; BLOCK], [0; BLOCK]);
    let mut take = |ordinals: &[u32], frequencies: &[u32]| {
        let new = |ordinal: &u32| new_ordinals.get(*ordinal as usize).copied().unwrap_or(GONE);
        let postings = ordinals.iter().map(new).zip(frequencies.iter().copied());
        out.extend(postings.filter(|(new, _)| *new != GONE));
    };
    if let Some((ordinals, frequencies)) = entry.inline() {
        take(ordinals, frequencies);
        return Ok(());
    }
    let chunk: Chunk<'_> = entry.chunk(at, chunk)?;
    for block in 0..chunk.blocks() {
        let bytes = chunk.block(block)?;
        bytes.ordinals(&mut ordinals)?;
        bytes.frequencies(&mut frequencies)?;
        take(&ordinals[..bytes.len], &frequencies[..bytes.len]);
    }
    Ok(())
}
