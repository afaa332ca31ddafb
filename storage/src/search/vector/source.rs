//! Where the vectors of a new part come from: memory, or older parts.

use std::ops::RangeInclusive;

use super::clusters::slice;
use super::layout::split_vectors;
use super::write::Span;
use crate::search::part::{Kind, PartReader};
use crate::segment::ReadError;

/// The new ordinal of a document that is gone.
pub(super) const GONE: u32 = u32::MAX;

/// Vectors in any order.
pub(super) enum Source<'a> {
    /// Ordinals, and vectors one after the other.
    Memory { dimensions: usize, ordinals: &'a [u32], vectors: &'a [f32] },
    /// A part, new ordinals by old ones, and the rows of its vectors.
    Part { part: &'a PartReader, dimensions: usize, ordinals: &'a [u32], rows: Vec<(Box<[u8]>, Span)> },
}

impl Source<'_> {
    /// Reads all vectors that are not gone, with new ordinals, and remembers the clusters that `cluster` puts them into.
    /// `weight` is about how many multiplications that takes for each.
    pub async fn assign(
        &mut self,
        weight: usize,
        mut cluster: impl FnMut(u32, &[f32]) -> Result<u32, String>,
    ) -> Result<(), ReadError> {
        match self {
            Source::Memory { dimensions, ordinals, vectors } => {
                let at_once = slice(weight);
                for (at, (ordinal, vector)) in ordinals.iter().zip(vectors.chunks_exact(*dimensions)).enumerate() {
                    if at % at_once == 0 {
                        tokio::task::yield_now().await;
                    }
                    // What is in memory is right.
                    let _cluster = cluster(*ordinal, vector);
                }
            }
            Source::Part { part, dimensions, ordinals, rows } => {
                rows.clear();
                let mut scan = part.scan(Kind::Vectors, &[]);
                let mut vector = Vec::new();
                let at_once = slice(weight);
                while let Some((key, bytes)) = scan.next().await? {
                    let mut span = Span::NONE;
                    for (at, (ordinal, bytes)) in vectors_of(part, &bytes, *dimensions)?.enumerate() {
                        let new =
                            *ordinals.get(ordinal as usize).ok_or_else(|| part.corrupt("an ordinal is too large"))?;
                        if new == GONE {
                            continue;
                        }
                        decode(bytes, &mut vector).ok_or_else(|| part.corrupt("a vector has no numbers"))?;
                        span.add(cluster(new, &vector).map_err(|reason| part.corrupt(reason))?);
                        if (at + 1) % at_once == 0 {
                            tokio::task::yield_now().await;
                        }
                    }
                    rows.push((key[..].into(), span));
                    tokio::task::yield_now().await;
                }
            }
        }
        Ok(())
    }

    /// Reads at least the vectors that are in these clusters, with new ordinals, after [`Self::assign`].
    pub async fn read(
        &self,
        clusters: RangeInclusive<u32>,
        mut take: impl FnMut(u32, &[f32]),
    ) -> Result<(), ReadError> {
        match self {
            Source::Memory { dimensions, ordinals, vectors } => {
                let at_once = slice(dimensions * 10);
                for (at, (ordinal, vector)) in ordinals.iter().zip(vectors.chunks_exact(*dimensions)).enumerate() {
                    if at % at_once == 0 {
                        tokio::task::yield_now().await;
                    }
                    take(*ordinal, vector);
                }
            }
            Source::Part { part, dimensions, ordinals, rows } => {
                let meets = |(_, span): &&(Box<[u8]>, Span)| span.meets(&clusters);
                let mut vector = Vec::new();
                let mut scan = None;
                for (at, row) in rows.iter().enumerate() {
                    if !meets(&row) {
                        // Reading on costs less than a request, if not for long.
                        let soon = rows[at..].iter().take(FAR).any(|row| meets(&row));
                        if !soon {
                            scan = None;
                        }
                        if scan.is_none() {
                            continue;
                        }
                    }
                    let scan = scan.get_or_insert_with(|| part.scan(Kind::Vectors, &row.0));
                    let next = scan.next().await?.filter(|(key, _)| key[..] == row.0[..]);
                    let (_, bytes) = next.ok_or_else(|| part.corrupt("vectors that were there are gone"))?;
                    if !meets(&row) {
                        continue;
                    }
                    for (ordinal, bytes) in vectors_of(part, &bytes, *dimensions)? {
                        if let Some(new) = ordinals.get(ordinal as usize).filter(|new| **new != GONE) {
                            decode(bytes, &mut vector).ok_or_else(|| part.corrupt("a vector has no numbers"))?;
                            take(*new, &vector);
                        }
                    }
                    tokio::task::yield_now().await;
                }
            }
        }
        Ok(())
    }
}

/// How many rows are read though nobody needs them, instead of a new request.
const FAR: usize = 16;

fn vectors_of<'a>(
    part: &PartReader,
    bytes: &'a [u8],
    dimensions: usize,
) -> Result<impl Iterator<Item = (u32, &'a [u8])> + use<'a>, ReadError> {
    let split = split_vectors(bytes, dimensions);
    let (ordinals, vectors) = split.ok_or_else(|| part.corrupt("a row of vectors has a wrong length"))?;
    Ok(ordinals.iter().map(|ordinal| u32::from_le_bytes(*ordinal)).zip(vectors.chunks_exact(dimensions * 4)))
}

fn decode(bytes: &[u8], vector: &mut Vec<f32>) -> Option<()> {
    vector.clear();
    vector.extend(bytes.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number)));
    vector.iter().all(|number| number.abs() <= 1.001).then_some(())
}
