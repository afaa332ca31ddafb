//! BM25 in numbers that add up to the same in any order.
//!
//! `boost * ln(1 + (N - n + 0.5) / (n + 0.5)) * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / average length))` with `k1` =
//! 1.2 and `b` = 0.75, where N, n and the average are those of live documents, wherever they are (Robertson, Zaragoza, "The
//! Probabilistic Relevance Framework: BM25 and Beyond", 2009; the logarithm as in Lucene, where it is never negative).
//!
//! What a term adds to a score is rounded to a multiple of 2^-37 before the boost, which is a multiple of 2^-3. So it is a multiple
//! of 2^-40, less than 64 (the logarithm of 2^33 times 2.2), and a query has 64 terms at most: sums of these are exact in an
//! `f64`. A score depends neither on the order of terms nor on where documents are, and two terms with half the boost add what one
//! adds that is as rare.

use super::norms::decode_length;
use crate::search::postings::{Impacts, UNBOUNDED};

const K1: f64 = 1.2;
const B: f64 = 0.75;
/// Adding it to a number below 2^14 rounds the number to a multiple of 2^-37: numbers from 2^15 to 2^16 have no finer ones.
const ROUND: f64 = 49_152.0;
/// More than rounding errors in one formula can amount to.
const SLACK: f64 = 1.0 + 1e-12;

/// What is known of all live documents.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statistics {
    pub documents: u64,
    /// Of all texts, in tokens.
    pub total_length: u64,
}

impl Statistics {
    /// `k1 * (1 - b + b * length / average length)` by encoded length.
    pub fn length_factors(&self) -> [f64; 256] {
        let average = (self.total_length as f64 / self.documents as f64).max(f64::MIN_POSITIVE);
        std::array::from_fn(|byte| K1 * (1.0 - B + B * f64::from(decode_length(byte as u8)) / average))
    }

    /// The weight of a term that `documents` documents have.
    pub fn weight(&self, documents: u64) -> f64 {
        let (all, n) = (self.documents.max(documents) as f64, documents as f64);
        (1.0 + (all - n + 0.5) / (n + 0.5)).ln() * (K1 + 1.0)
    }
}

/// Scores the documents that have a term.
#[derive(Clone, Copy)]
pub(super) struct Scorer<'a> {
    pub weight: f64,
    /// A multiple of 1/8 that is not more than 1.
    pub boost: f64,
    pub factors: &'a [f64; 256],
}

impl Scorer<'_> {
    /// What the term adds to the score of a document that has it `frequency` times.
    #[inline(always)]
    pub fn score(&self, frequency: u32, norm: u8) -> f64 {
        let frequency = f64::from(frequency);
        round(self.weight * (frequency / (frequency + self.factors[norm as usize]))) * self.boost
    }

    /// The most that it adds to the score of a document with one of these impacts.
    pub fn bound(&self, impacts: &Impacts) -> f64 {
        let (mut most, mut before) = (0.0_f64, None);
        for impact in impacts {
            if before == Some(impact) {
                break;
            }
            before = Some(impact);
            let frequency = f64::from(impact.frequency);
            most = most.max(match impact.frequency {
                UNBOUNDED => 1.0,
                _ => frequency / (frequency + self.factors[impact.norm as usize]),
            });
        }
        round(self.weight * most * SLACK) * self.boost
    }
}

#[inline(always)]
fn round(score: f64) -> f64 {
    (score + ROUND) - ROUND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_exact_in_any_order() {
        let statistics = Statistics { documents: u64::from(u32::MAX), total_length: 1 << 37 };
        let factors = statistics.length_factors();
        let mut scores: Vec<f64> = (0..64)
            .map(|n| {
                let (weight, boost) = (statistics.weight(n * n), [1.0, 0.5, 0.375, 0.25][n as usize % 4]);
                Scorer { weight, boost, factors: &factors }.score(1 + n as u32, n as u8)
            })
            .collect();
        let step = 2.0_f64.powi(-40);
        assert!(scores.iter().all(|score| (score / step).fract() == 0.0 && *score < 64.0));
        let forward: f64 = scores.iter().sum();
        scores.reverse();
        let (odd, even): (Vec<_>, Vec<_>) = scores.iter().enumerate().partition(|(at, _)| at % 2 == 1);
        let sum = |half: Vec<(usize, &f64)>| half.into_iter().map(|(_, score)| score).sum::<f64>();
        assert_eq!(forward.to_bits(), (sum(odd) + sum(even)).to_bits());
    }
}
