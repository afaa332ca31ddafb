//! Clusters of directions, found by spherical k-means on a sample.

use super::kernels;
use super::quantise::{Coded, Fine};

const ITERATIONS: usize = 6;
/// A cluster with fewer members than the average over this starts anew.
const STARVING: usize = 8;

/// Centroids, as they are stored.
#[derive(Clone)]
pub(super) struct Clusters {
    pub centroids: Coded,
}

/// What finding the nearest cluster needs, kept from vector to vector.
#[derive(Default)]
pub(super) struct Scratch {
    fine: Fine,
    sums: Vec<i32>,
}

impl Clusters {
    /// The cluster that a vector belongs to, and their product: the largest one, the first of several.
    pub fn nearest(&self, vector: &[f32], scratch: &mut Scratch) -> (u32, f32) {
        scratch.fine.set(vector);
        self.nearest_fine(scratch)
    }

    fn nearest_fine(&self, Scratch { fine, sums }: &mut Scratch) -> (u32, f32) {
        sums.clear();
        kernels::products(&fine.numbers, &self.centroids.codes, sums);
        let (mut best, mut most) = (0, f32::NEG_INFINITY);
        for (at, (sum, scale)) in sums.iter().zip(&self.centroids.scales).enumerate() {
            let product = *sum as f32 * scale;
            if product > most {
                (best, most) = (at, product);
            }
        }
        (best as u32, most * fine.unit)
    }

    /// A vector less the centroid of its cluster.
    pub fn residual(&self, cluster: u32, vector: &[f32], residual: &mut Vec<f32>) {
        residual.clear();
        residual.extend_from_slice(vector);
        let scale = self.centroids.scales[cluster as usize];
        kernels::add_scaled(self.centroids.row(cluster as usize), -scale, residual);
    }

    /// Clusters of a sample in random order, at most `count` of them. The same sample gives the same clusters.
    pub async fn train(sample: &Coded, count: usize) -> Clusters {
        let dimensions = sample.dimensions;
        let count = count.clamp(1, sample.len().max(1));
        let mut training = Training {
            sample,
            clusters: Clusters { centroids: Coded::new(dimensions) },
            cluster_of: vec![0; sample.len()],
            sizes: vec![0; count],
        };
        for row in 0..count.min(sample.len()) {
            let mut centroid = vec![0.0; dimensions];
            kernels::add_scaled(sample.row(row), sample.scales[row], &mut centroid);
            training.clusters.centroids.push(&centroid);
        }
        for iteration in 0..ITERATIONS {
            training.assign().await;
            training.update().await;
            if iteration + 1 < ITERATIONS {
                training.feed();
            }
        }
        training.clusters
    }
}

struct Training<'a> {
    sample: &'a Coded,
    clusters: Clusters,
    cluster_of: Vec<u32>,
    sizes: Vec<usize>,
}

impl Training<'_> {
    async fn assign(&mut self) {
        let mut scratch = Scratch::default();
        let at_once = slice(self.clusters.centroids.codes.len());
        self.sizes.fill(0);
        for row in 0..self.sample.len() {
            if row % at_once == 0 {
                tokio::task::yield_now().await;
            }
            scratch.fine.set_codes(self.sample.row(row), self.sample.scales[row]);
            let (cluster, _) = self.clusters.nearest_fine(&mut scratch);
            self.cluster_of[row] = cluster;
            self.sizes[cluster as usize] += 1;
        }
    }

    /// Centroids become the means of their members, of length 1.
    async fn update(&mut self) {
        let dimensions = self.sample.dimensions;
        let mut sums = vec![0.0_f32; self.sizes.len() * dimensions];
        let at_once = slice(dimensions);
        for (row, cluster) in self.cluster_of.iter().enumerate() {
            if row % at_once == 0 {
                tokio::task::yield_now().await;
            }
            let sum = &mut sums[*cluster as usize * dimensions..][..dimensions];
            kernels::add_scaled(self.sample.row(row), self.sample.scales[row], sum);
        }
        for (cluster, sum) in sums.chunks_exact_mut(dimensions).enumerate() {
            if cluster % at_once == 0 {
                tokio::task::yield_now().await;
            }
            let squares: f64 = sum.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
            if squares > 0.0 {
                let length = squares.sqrt() as f32;
                sum.iter_mut().for_each(|value| *value /= length);
                self.clusters.centroids.set(cluster, sum);
            }
        }
    }

    /// Clusters with hardly any members take one from the largest, each from another.
    fn feed(&mut self) {
        let dimensions = self.sample.dimensions;
        let average = self.sample.len() / self.sizes.len();
        let mut by_size: Vec<_> = (0..self.sizes.len()).collect();
        by_size.sort_by_key(|cluster| std::cmp::Reverse(self.sizes[*cluster]));
        let starving = by_size.iter().rev().take_while(|cluster| self.sizes[**cluster] <= average / STARVING);
        let pairs = starving.zip(&by_size).take_while(|(_, rich)| self.sizes[**rich] > average);
        let mut to: Vec<_> = vec![None; self.sizes.len()];
        pairs.for_each(|(poor, rich)| to[*rich] = Some(*poor));
        for (row, cluster) in self.cluster_of.iter().enumerate() {
            // The sample has no order, so that the first member is any member.
            if let Some(poor) = to[*cluster as usize].take() {
                let mut centroid = vec![0.0; dimensions];
                kernels::add_scaled(self.sample.row(row), self.sample.scales[row], &mut centroid);
                self.clusters.centroids.set(poor, &centroid);
            }
        }
    }
}

/// How many rows are worth a pause if each takes so many multiplications: about 2 ms.
pub(super) fn slice(multiplications: usize) -> usize {
    (32_000_000 / multiplications.max(1)).clamp(1, 100_000)
}
