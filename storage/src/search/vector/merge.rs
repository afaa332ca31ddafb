//! Parts made of older parts: compactions.

use super::clusters::{Clusters, Scratch};
use super::layout::Head;
use super::plan::{self, Bounds, NO_CLUSTER, Plan};
use super::quantise::Coded;
use super::source::{GONE, Source};
use super::spreads::Spreads;
use super::write::write;
use crate::search::part::{MergeError, PartReader, PartWriter};

/// The most memory that a sample takes in bytes, and how many vectors of it a cluster has if they fit.
const SAMPLE: usize = 64 << 20;
const SAMPLE_OF_CLUSTER: usize = 40;

/// Writes the rows of vectors of a part made of `inputs`: older parts, each with the new ordinals of its documents
/// (`u32::MAX`: left out), which are below `documents`.
///
/// # Errors
/// [`MergeError`].
pub(crate) async fn merge_vectors(
    inputs: &[(PartReader, &[u32])],
    dimensions: usize,
    documents: u32,
    writer: &mut PartWriter,
) -> Result<(), MergeError> {
    merge_within(Bounds::DEFAULT, inputs, dimensions, documents, writer).await
}

/// The same within other bounds.
pub(super) async fn merge_within(
    bounds: Bounds,
    inputs: &[(PartReader, &[u32])],
    dimensions: usize,
    documents: u32,
    writer: &mut PartWriter,
) -> Result<(), MergeError> {
    let (mut sources, mut all) = (Vec::new(), 0);
    let mut largest: Option<(usize, Head)> = None;
    for (part, ordinals) in inputs {
        let Some(head) = Head::read(part, ordinals.len() as u32).await? else { continue };
        if head.directory.dimensions != dimensions {
            return Err(part.corrupt("its vectors have other dimensions than its index").into());
        }
        let there = ordinals.iter().filter(|ordinal| **ordinal != GONE).count();
        let vectors = there.min(head.directory.vectors());
        all += vectors;
        if largest.as_ref().is_none_or(|(most, _)| vectors > *most) {
            largest = Some((vectors, head));
        }
        sources.push(Source::Part { part, dimensions, ordinals, rows: Vec::new() });
    }
    let count = plan::clusters_for(all);
    let fits = |(vectors, head): &(usize, Head)| {
        let directory = &head.directory;
        !directory.flat && vectors * 2 >= all && (count / 2..=count * 2).contains(&directory.lists())
    };
    let kept = largest.filter(fits).map(|(_, head)| head.clusters());
    let plan = arrange(bounds, &mut sources, dimensions, documents, all, kept).await?;
    write(&plan, &sources, bounds.memory, writer).await
}

/// Puts vectors into clusters: those that are given, or new ones. `about`: how many vectors there are, at least.
pub(super) async fn arrange(
    bounds: Bounds,
    sources: &mut [Source<'_>],
    dimensions: usize,
    documents: u32,
    about: usize,
    kept: Option<Clusters>,
) -> Result<Plan, MergeError> {
    let mut cluster_of = vec![NO_CLUSTER; documents as usize];
    let clusters = match kept {
        _ if bounds.is_flat(about, dimensions) => None,
        Some(kept) => Some(kept),
        None => {
            let count = plan::clusters_for(about);
            let sample = sample(sources, dimensions, about, count * SAMPLE_OF_CLUSTER).await?;
            Some(Clusters::train(&sample, count).await)
        }
    };
    let (mut scratch, mut spreads) = (Scratch::default(), Spreads::new(clusters.as_ref()));
    let weight = clusters.as_ref().map_or(dimensions, |clusters| clusters.centroids.codes.len());
    for source in sources.iter_mut() {
        let put = |ordinal: u32, vector: &[f32]| {
            let (cluster, product) = clusters.as_ref().map_or((0, 1.0), |all| all.nearest(vector, &mut scratch));
            spreads.add(cluster, product);
            match cluster_of.get_mut(ordinal as usize) {
                Some(place @ &mut NO_CLUSTER) => *place = cluster,
                Some(_) => return Err("two vectors have one ordinal".to_owned()),
                None => return Err("an ordinal is beyond the last document".to_owned()),
            }
            Ok(cluster)
        };
        source.assign(weight, put).await?;
    }
    Ok(Plan::new(dimensions, clusters.map(|clusters| (clusters, spreads)), cluster_of).await)
}

/// About `wanted` of the vectors, in an order that has nothing to do with where they are.
async fn sample(
    sources: &mut [Source<'_>],
    dimensions: usize,
    about: usize,
    wanted: usize,
) -> Result<Coded, MergeError> {
    let most = wanted.min(SAMPLE / (dimensions + 16)).max(1);
    let limit = ((most as u128) << 64).div_ceil(about.max(most) as u128).min(u128::from(u64::MAX)) as u64;
    let mut coded = Coded::new(dimensions);
    let mut hashes = Vec::new();
    for source in sources {
        let take = |ordinal: u32, vector: &[f32]| {
            let hash = mix(u64::from(ordinal));
            // There could be more than were announced.
            if hash <= limit && hashes.len() < most * 2 {
                hashes.push((hash, coded.len()));
                coded.push(vector);
            }
            Ok(0)
        };
        source.assign(dimensions, take).await?;
    }
    hashes.sort_unstable();
    let mut sorted = Coded::new(dimensions);
    for (_, row) in hashes {
        sorted.scales.push(coded.scales[row]);
        sorted.codes.extend_from_slice(coded.row(row));
    }
    Ok(sorted)
}

/// The finalizer of splitmix64.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
