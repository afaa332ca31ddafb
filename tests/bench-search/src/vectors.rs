//! Vectors as models of sentences give them: of length 1, in clusters within clusters that are tight or wide, with a few
//! hundred numbers of which far fewer are free. The nth vector is always the same.

use std::sync::LazyLock;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Numbers of a vector.
pub const DIMENSIONS: usize = 384;
const GROUPS: u64 = 60;
/// Directions in which members of a cluster differ from its centre; differently weighted.
const FREE: usize = 64;
/// How much of a difference is in all directions alike.
const ISOTROPIC: f32 = 0.35;
/// Vectors are rounded to this many steps of 1, so that their JSON is short.
const STEPS: f32 = 1e4;

static BASIS: LazyLock<Vec<Vec<f32>>> = LazyLock::new(|| {
    let mut random = ChaCha8Rng::seed_from_u64(0x6261_7369);
    (0..FREE).map(|_| unit(gaussian(&mut random, DIMENSIONS))).collect()
});

/// The clusters of a corpus of `vectors` vectors: one for about every 300, at least 200.
pub struct Clusters {
    centres: Vec<Vec<f32>>,
    spreads: Vec<f32>,
}

impl Clusters {
    pub fn new(vectors: u64) -> Self {
        let count = (vectors / 300).clamp(200, 4_000);
        let group = |n: u64| unit(gaussian(&mut ChaCha8Rng::seed_from_u64(0x6772_0000 + n), DIMENSIONS));
        let groups: Vec<Vec<f32>> = (0..GROUPS).map(group).collect();
        let (mut centres, mut spreads) = (Vec::new(), Vec::new());
        for n in 0..count {
            let mut random = ChaCha8Rng::seed_from_u64(0x636c_0000 + n);
            let group = &groups[random.random_range(0..GROUPS as usize)];
            let own = unit(gaussian(&mut random, DIMENSIONS));
            centres.push(unit(group.iter().zip(&own).map(|(group, own)| group + own).collect()));
            spreads.push(random.random_range(0.6..1.9));
        }
        Clusters { centres, spreads }
    }

    /// The nth vector.
    pub fn vector(&self, n: u64) -> Vec<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(0x7665_6300_0000_0000 + n);
        // Some clusters have many members, most have few.
        let cluster = (random.random::<f64>().powi(2) * self.centres.len() as f64) as usize;
        around(&self.centres[cluster], self.spreads[cluster], &mut random)
    }

    /// `count` vectors near some of the first `vectors`.
    pub fn queries(&self, vectors: u64, count: usize) -> Vec<Vec<f32>> {
        let mut random = ChaCha8Rng::seed_from_u64(0x7175_6572);
        (0..count)
            .map(|_| {
                let member = self.vector(random.random_range(0..vectors.max(1)));
                let distance = random.random_range(0.2..0.7);
                around(&member, distance, &mut random)
            })
            .collect()
    }
}

/// A vector of length 1 in about this distance of another one of length 1.
fn around(centre: &[f32], distance: f32, random: &mut ChaCha8Rng) -> Vec<f32> {
    let mut difference = gaussian(random, DIMENSIONS);
    let isotropic = ISOTROPIC / (DIMENSIONS as f32).sqrt();
    for x in &mut difference {
        *x *= isotropic;
    }
    // The first directions have more weight than the last.
    let weights = gaussian(random, FREE);
    for (n, (direction, weight)) in BASIS.iter().zip(weights).enumerate() {
        let weight = weight * 1.9 / (FREE as f32).sqrt() * (-(n as f32) / FREE as f32 * 2.0).exp();
        for (x, along) in difference.iter_mut().zip(direction) {
            *x += weight * along;
        }
    }
    let vector = unit(centre.iter().zip(&difference).map(|(centre, x)| centre + distance * x).collect());
    vector.into_iter().map(|x| (x * STEPS).round() / STEPS).collect()
}

fn unit(vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.into_iter().map(|x| x / length).collect()
}

/// Independent numbers of the standard normal distribution, by Box and Muller.
fn gaussian(random: &mut ChaCha8Rng, count: usize) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(count + 1);
    while numbers.len() < count {
        let radius = (-2.0 * (1.0 - random.random::<f32>()).ln()).sqrt();
        let (sine, cosine) = (std::f32::consts::TAU * random.random::<f32>()).sin_cos();
        numbers.extend([radius * sine, radius * cosine]);
    }
    numbers.truncate(count);
    numbers
}
