//! Vectors in fewer bits.

use super::kernels;

/// Quantises values to signed bytes, and gives the scale: value = code * scale. The error of a value is evenly spread over
/// half a scale to both sides.
pub(super) fn quantise(values: &[f32], codes: &mut [u8]) -> f32 {
    let scale = kernels::largest(values) / 127.0;
    // Subnormal numbers have no useful inverse.
    if scale < f32::MIN_POSITIVE * 256.0 || !scale.is_finite() {
        codes.fill(0);
        return 0.0;
    }
    kernels::round_to_bytes(values, 1.0 / scale, codes);
    scale
}

/// Rows of codes with their scales.
#[derive(Clone, Default)]
pub(super) struct Coded {
    pub dimensions: usize,
    pub scales: Vec<f32>,
    pub codes: Vec<u8>,
}

impl Coded {
    /// No rows.
    pub fn new(dimensions: usize) -> Coded {
        Coded { dimensions, scales: Vec::new(), codes: Vec::new() }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// The codes of a row.
    pub fn row(&self, row: usize) -> &[u8] {
        &self.codes[row * self.dimensions..][..self.dimensions]
    }

    /// Adds a vector.
    pub fn push(&mut self, vector: &[f32]) {
        let start = self.codes.len();
        self.codes.resize(start + self.dimensions, 0);
        let scale = quantise(vector, &mut self.codes[start..]);
        self.scales.push(scale);
    }

    /// Overwrites a row.
    pub fn set(&mut self, row: usize, vector: &[f32]) {
        self.scales[row] = quantise(vector, &mut self.codes[row * self.dimensions..][..self.dimensions]);
    }
}

/// A vector in 16 bits, to be multiplied with codes: its error is nothing beside theirs.
#[derive(Default)]
pub(super) struct Fine {
    pub numbers: Vec<i16>,
    /// What 1 stands for.
    pub unit: f32,
}

impl Fine {
    /// Makes it of a vector.
    ///
    /// By Cauchy and Schwarz no sum of products with codes, nor a part of it, is above the product of both lengths, which is
    /// held below 2^30.
    pub fn set(&mut self, vector: &[f32]) {
        let squares: f64 = vector.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
        let most = f64::from(1 << 30) / (128.0 * (vector.len() as f64).sqrt());
        // Rounding adds half a unit to each number.
        let most = most - (vector.len() as f64).sqrt();
        let factor = (32_767.0 / f64::from(kernels::largest(vector))).min(most / squares.sqrt()) as f32 * 0.999;
        self.numbers.clear();
        self.numbers.resize(vector.len(), 0);
        self.unit = 0.0;
        if factor.is_finite() {
            kernels::round_to_words(vector, factor, &mut self.numbers);
            self.unit = 1.0 / factor;
        }
    }

    /// Makes it of a row of codes.
    pub fn set_codes(&mut self, codes: &[u8], scale: f32) {
        self.numbers.clear();
        self.numbers.extend(codes.iter().map(|code| i16::from(*code as i8)));
        self.unit = scale;
    }
}
