//! Lists as a query sees them, and what is to be expected of them.

use super::best::Candidates;
use super::quantise::Fine;
use super::score::Normalised;

/// A list that is looked into.
#[derive(Clone, Copy)]
pub(super) struct Probe {
    pub list: usize,
    /// Of the query and the centroid.
    pub product: f32,
    /// How far its vectors are from the centroid: the root mean square.
    pub spread: f32,
}

impl Probe {
    /// How far the mean of its vectors is within the centroid, which has length 1 as all vectors have.
    fn shortfall(&self) -> f32 {
        self.spread * self.spread / 2.0
    }

    /// About the mean of the products of the query and its vectors.
    pub fn mean(&self) -> f32 {
        self.product * (1.0 - self.shortfall())
    }

    /// The mean square of the distances of its vectors from their mean.
    pub fn variance(&self) -> f32 {
        // 2 d is the mean square of the distances from the centroid, if the mean is d within it.
        self.shortfall() * (2.0 - self.shortfall())
    }
}

/// How much of a normal distribution is above so many standard deviations. Abramowitz and Stegun 26.2.19; only operations that
/// have the same result everywhere.
pub(super) fn above(deviations: f32) -> f32 {
    const COEFFICIENTS: [f32; 6] = [5.383e-6, 4.888_906e-5, 3.800_36e-5, 3.277_626_3e-3, 0.021_141_006, 0.049_867_347];
    let x = deviations.abs();
    let polynomial = COEFFICIENTS.iter().fold(0.0, |sum, coefficient| sum * x + coefficient) * x + 1.0;
    let power = |value: f32| value * value;
    let tail = 0.5 / power(power(power(power(polynomial))));
    if deviations < 0.0 { 1.0 - tail } else { tail }
}

/// What the codes that were compared add up to.
pub(super) struct Comparison {
    pub fine: Fine,
    pub candidates: Candidates,
    /// Squares of how far vectors are from the mean of their list: in the direction of the query, and in all.
    pub squares: f32,
    pub all_squares: f32,
}

impl Comparison {
    pub fn new(query: &Normalised, limit: usize) -> Self {
        let mut fine = Fine::default();
        fine.set(query.as_slice());
        Comparison { fine, candidates: Candidates::new(limit), squares: 0.0, all_squares: 0.0 }
    }

    /// The standard deviation of products with vectors from their mean, in deviations of vectors from their mean.
    pub fn deviation(&self) -> f32 {
        if self.all_squares > 0.0 { (self.squares / self.all_squares).sqrt() } else { 1.0 }
    }
}
