//! Where vectors go in a part that is written.

use super::clusters::{Clusters, slice};
use super::layout::{self, Directory, NO_PLACE, PLACES_IN_ROW};
use super::spreads::Spreads;
use crate::search::part::{Kind, PartWriter};
use crate::segment::WriteError;

/// How many vectors a list has on average.
const LIST: usize = 512;
/// No list has more: those that would are several with one centroid.
const MAX_LIST: usize = 4 * LIST;
/// The most vectors of a part that is flat.
const FLAT_VECTORS: usize = 1 << 16;
/// Not in a cluster.
pub(super) const NO_CLUSTER: u32 = u32::MAX;

/// How parts are made.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// About the most memory that it takes in bytes, beside the sources and 12 bytes a document.
    pub memory: usize,
    /// The most numbers that the vectors of a flat part have.
    pub flat_numbers: usize,
}

impl Bounds {
    /// What flushes and compactions take.
    pub const DEFAULT: Bounds = Bounds { memory: 192 << 20, flat_numbers: 2 << 20 };

    /// Whether so many vectors are to be searched without lists.
    pub fn is_flat(self, vectors: usize, dimensions: usize) -> bool {
        vectors <= FLAT_VECTORS && vectors * dimensions <= self.flat_numbers
    }
}

/// How many clusters so many vectors should have.
pub(super) fn clusters_for(vectors: usize) -> usize {
    (vectors / LIST).clamp(1, 4 * vectors.isqrt() + 1)
}

/// Lists and places of all vectors.
pub(super) struct Plan {
    pub directory: Directory,
    /// `None`: flat.
    pub clusters: Option<Clusters>,
    spreads: Spreads,
    /// The cluster of each list. A cluster with many vectors has several lists.
    pub cluster_of_list: Vec<u32>,
    /// By ordinal.
    pub places: Vec<u32>,
}

impl Plan {
    /// Of the clusters of ordinals.
    pub async fn new(dimensions: usize, clusters: Option<(Clusters, Spreads)>, mut cluster_of: Vec<u32>) -> Plan {
        let (clusters, spreads) =
            clusters.map_or((None, Spreads::default()), |(clusters, spreads)| (Some(clusters), spreads));
        let count = clusters.as_ref().map_or(1, |clusters| clusters.centroids.len());
        let mut sizes = vec![0_usize; count];
        let at_once = slice(10);
        for some in cluster_of.chunks(at_once) {
            some.iter().filter(|cluster| **cluster != NO_CLUSTER).for_each(|cluster| sizes[*cluster as usize] += 1);
            tokio::task::yield_now().await;
        }
        let (mut starts, mut cluster_of_list, mut next) = (vec![0], Vec::new(), Vec::with_capacity(count));
        let mut all = 0;
        for (cluster, size) in sizes.into_iter().enumerate() {
            next.push(all as u32);
            let lists = if clusters.is_none() { size.min(1) } else { size.div_ceil(MAX_LIST) };
            for list in 1..=lists {
                starts.push((all + size * list / lists) as u32);
                cluster_of_list.push(cluster as u32);
            }
            all += size;
        }
        // Each ordinal takes the next place of its cluster.
        for some in cluster_of.chunks_mut(at_once) {
            for cluster in some {
                let next = next.get_mut(*cluster as usize);
                *cluster = next.map_or(NO_PLACE, |next| std::mem::replace(next, *next + 1));
            }
            tokio::task::yield_now().await;
        }
        let directory = Directory { dimensions, starts, flat: clusters.is_none() };
        Plan { directory, clusters, spreads, cluster_of_list, places: cluster_of }
    }

    /// Writes directory, centroids and places.
    pub async fn write_head(&self, writer: &mut PartWriter) -> Result<(), WriteError> {
        writer.push(Kind::Centroids, &layout::DIRECTORY, self.directory.encode()).await?;
        let Some(Clusters { centroids }) = &self.clusters else { return Ok(()) };
        let in_row = layout::codes_in_row(self.directory.dimensions);
        for (chunk, lists) in self.cluster_of_list.chunks(in_row).enumerate() {
            let mut row = Vec::with_capacity(lists.len() * (centroids.dimensions + 8));
            lists.iter().for_each(|cluster| row.extend(self.spreads.of(*cluster).to_le_bytes()));
            lists.iter().for_each(|cluster| row.extend(centroids.scales[*cluster as usize].to_le_bytes()));
            lists.iter().for_each(|cluster| row.extend(centroids.row(*cluster as usize)));
            writer.push(Kind::Centroids, &layout::centroids_key(chunk), row).await?;
        }
        for (chunk, places) in self.places.chunks(PLACES_IN_ROW).enumerate() {
            let row: Vec<u8> = places.iter().flat_map(|place| place.to_le_bytes()).collect();
            writer.push(Kind::Centroids, &layout::places_key(chunk), row).await?;
        }
        Ok(())
    }
}
