//! How far the vectors of clusters are from centroids.

use super::clusters::Clusters;
use super::kernels;

/// Sums over the vectors of each cluster. They are of integers, so that the order does not matter.
#[derive(Default)]
pub(super) struct Spreads {
    /// The squared length of each centroid.
    lengths: Vec<f32>,
    sums: Vec<u64>,
    counts: Vec<u32>,
}

const UNIT: f32 = 1_073_741_824.0;

impl Spreads {
    /// Of no vectors yet.
    pub fn new(clusters: Option<&Clusters>) -> Spreads {
        let Some(Clusters { centroids }) = clusters else { return Spreads::default() };
        let mut numbers = Vec::new();
        let length = |row: usize| {
            numbers.clear();
            numbers.resize(centroids.dimensions, 0.0);
            kernels::add_scaled(centroids.row(row), centroids.scales[row], &mut numbers);
            numbers.iter().map(|number| number * number).sum()
        };
        let lengths: Vec<f32> = (0..centroids.len()).map(length).collect();
        Spreads { sums: vec![0; lengths.len()], counts: vec![0; lengths.len()], lengths }
    }

    /// Adds a vector of length 1, by its product with the centroid.
    pub fn add(&mut self, cluster: u32, product: f32) {
        let cluster = cluster as usize;
        if let Some(length) = self.lengths.get(cluster) {
            self.sums[cluster] += ((1.0 - 2.0 * product + length).max(0.0) * UNIT) as u64;
            self.counts[cluster] += 1;
        }
    }

    /// The root mean square of the distances in a cluster.
    pub fn of(&self, cluster: u32) -> f32 {
        let cluster = cluster as usize;
        (self.sums[cluster] as f32 / UNIT / self.counts[cluster].max(1) as f32).sqrt().min(2.0)
    }
}
