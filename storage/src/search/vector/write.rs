//! Writes codes and vectors in the order of their places, from sources in any order.
//!
//! Each pass over the sources gathers what fits into memory: the vectors of some lists.

use std::ops::Range;

use super::clusters::slice;
use super::layout::{codes_in_row, list_key, vectors_in_row};
use super::plan::{NO_CLUSTER, Plan};
use super::quantise;
use super::source::Source;
use crate::search::part::{Kind, MergeError, PartWriter};

/// Writes all of a part's rows of vectors.
pub(super) async fn write(
    plan: &Plan,
    sources: &[Source<'_>],
    memory: usize,
    writer: &mut PartWriter,
) -> Result<(), MergeError> {
    if plan.directory.vectors() == 0 {
        return Ok(());
    }
    plan.write_head(writer).await?;
    let dimensions = plan.directory.dimensions;
    if !plan.directory.flat {
        let size = dimensions + 8;
        for lists in passes(plan, memory / size) {
            let mut gathered = Gathered::new(plan, lists, dimensions, true);
            gathered.gather(plan, sources).await?;
            gathered.write(plan, Kind::Codes, codes_in_row(dimensions), writer).await?;
        }
    }
    for lists in passes(plan, memory / (dimensions * 4 + 4)) {
        let mut gathered = Gathered::new(plan, lists, dimensions * 4, false);
        gathered.gather(plan, sources).await?;
        gathered.write(plan, Kind::Vectors, vectors_in_row(dimensions), writer).await?;
    }
    Ok(())
}

/// Lists by passes: as many as have no more than `most` vectors, at least one.
fn passes(plan: &Plan, most: usize) -> impl Iterator<Item = Range<usize>> + use<> {
    let starts = plan.directory.starts.clone();
    let mut start = 0;
    std::iter::from_fn(move || {
        let lists = starts.len() - 1;
        let fits = |end: &usize| (starts[*end] - starts[start]) as usize <= most;
        let end = (start < lists).then(|| (start + 2..=lists).take_while(fits).last().unwrap_or(start + 1))?;
        Some(std::mem::replace(&mut start, end)..end)
    })
}

/// The vectors of some lists, or their codes.
struct Gathered {
    lists: Range<usize>,
    places: Range<usize>,
    ordinals: Vec<u32>,
    /// Only of codes.
    scales: Vec<f32>,
    /// Of each, as many bytes.
    bytes: Vec<u8>,
    size: usize,
}

impl Gathered {
    fn new(plan: &Plan, lists: Range<usize>, size: usize, codes: bool) -> Gathered {
        let places = plan.directory.starts[lists.start] as usize..plan.directory.starts[lists.end] as usize;
        let count = places.len();
        let scales = vec![0.0; if codes { count } else { 0 }];
        Gathered { lists, places, ordinals: vec![0; count], scales, bytes: vec![0; count * size], size }
    }

    async fn gather(&mut self, plan: &Plan, sources: &[Source<'_>]) -> Result<(), MergeError> {
        let clusters = plan.clusters.as_ref();
        let cluster = |list: usize| plan.cluster_of_list[list];
        let wanted = cluster(self.lists.start)..=cluster(self.lists.end - 1);
        let mut residual = Vec::new();
        for source in sources {
            let take = |ordinal: u32, vector: &[f32]| {
                let place = plan.places[ordinal as usize] as usize;
                if !self.places.contains(&place) {
                    return;
                }
                let at = place - self.places.start;
                self.ordinals[at] = ordinal;
                let bytes = &mut self.bytes[at * self.size..][..self.size];
                match clusters {
                    Some(clusters) if !self.scales.is_empty() => {
                        let list = plan.directory.starts.partition_point(|start| *start as usize <= place) - 1;
                        clusters.residual(plan.cluster_of_list[list], vector, &mut residual);
                        self.scales[at] = quantise::quantise(&residual, bytes);
                    }
                    _ => {
                        let numbers = vector.iter().zip(bytes.as_chunks_mut().0);
                        numbers.for_each(|(number, bytes)| *bytes = number.to_le_bytes());
                    }
                }
            };
            source.read(wanted.clone(), take).await?;
        }
        Ok(())
    }

    async fn write(&self, plan: &Plan, kind: Kind, in_row: usize, writer: &mut PartWriter) -> Result<(), MergeError> {
        let at_once = slice(self.size * in_row * 10);
        for list in self.lists.clone() {
            let places = plan.directory.places(list);
            for (chunk, start) in places.clone().step_by(in_row).enumerate() {
                let at = start - self.places.start..(start + in_row).min(places.end) - self.places.start;
                let mut row = Vec::with_capacity(at.len() * (self.size + 8));
                self.ordinals[at.clone()].iter().for_each(|ordinal| row.extend(ordinal.to_le_bytes()));
                if !self.scales.is_empty() {
                    self.scales[at.clone()].iter().for_each(|scale| row.extend(scale.to_le_bytes()));
                }
                row.extend(&self.bytes[at.start * self.size..at.end * self.size]);
                writer.push(kind, &list_key(list as u32, chunk as u32), row).await?;
                if (chunk + 1) % at_once == 0 {
                    tokio::task::yield_now().await;
                }
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// The clusters that a source's vectors are in, as far as it has been seen.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub first: u32,
    pub last: u32,
}

impl Span {
    /// None.
    pub const NONE: Span = Span { first: NO_CLUSTER, last: 0 };

    /// Takes a cluster in.
    pub fn add(&mut self, cluster: u32) {
        (self.first, self.last) = (self.first.min(cluster), self.last.max(cluster));
    }

    /// Whether it has any of these clusters.
    pub fn meets(&self, clusters: &std::ops::RangeInclusive<u32>) -> bool {
        self.first <= *clusters.end() && self.last >= *clusters.start()
    }
}
