//! Scores: cosine similarity, the same bits wherever a vector is.

use super::kernels;

/// A vector of length 1, or of length 0.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Normalised(Box<[f32]>);

impl Normalised {
    /// The direction of a vector as a user gave it. A vector that has none (all zeros, or a number that is not finite) becomes
    /// zeros, and scores 0 with all others.
    pub fn new(vector: &[f64]) -> Normalised {
        let largest = vector.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let finite = vector.iter().all(|value| value.is_finite());
        if !finite || largest == 0.0 {
            return Normalised(vec![0.0; vector.len()].into());
        }
        // Divided first, so that no square is too large or too small.
        let squares: f64 = vector.iter().map(|value| (value / largest) * (value / largest)).sum();
        let length = squares.sqrt();
        Normalised(vector.iter().map(|value| ((value / largest) / length) as f32).collect())
    }

    /// A normalised vector as it is stored; `None` if the bytes are not such numbers.
    pub fn from_bytes(bytes: &[u8]) -> Option<Normalised> {
        let (numbers, rest) = bytes.as_chunks();
        let numbers: Box<[f32]> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
        (rest.is_empty() && numbers.iter().all(|number| number.is_finite())).then_some(Normalised(numbers))
    }

    /// As it is stored: little-endian numbers of 4 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    /// Its numbers.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// Whether it has no direction.
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|number| *number == 0.0)
    }
}

/// The cosine similarity of a query and a stored vector ([`Normalised::to_bytes`]) of as many dimensions: from -1 to 1, and the
/// same bits on every machine.
pub(crate) fn score(query: &Normalised, stored: &[u8]) -> f64 {
    // Not -0, which would be another number to who looks at its bits.
    kernels::exact(&query.0, stored).clamp(-1.0, 1.0) + 0.0
}
