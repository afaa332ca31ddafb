//! A vocabulary that nobody speaks, with the lengths and frequencies of a natural language.

use std::collections::HashSet;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Words of the vocabulary.
pub const WORDS: usize = 200_000;
/// Ranks below this are what every text is full of.
pub const COMMON: usize = 300;
/// Ranks from this on are in few texts.
pub const RARE: usize = 10_000;

const ONSETS: &[&str] = &[
    "b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "br", "ch", "dr", "fl", "gr", "kl",
    "pr", "sh", "st", "tr", "th", "pl",
];
const VOWELS: &[&str] = &["a", "e", "i", "o", "u", "ai", "ea", "ou"];
const CODAS: &[&str] = &["", "", "", "", "", "", "n", "r", "s", "t", "l", "m", "nd", "st"];

/// Words by rank: the word of rank 0 is the most frequent one.
pub struct Vocabulary {
    pub words: Vec<String>,
    /// Summed weights of the ranks from 0 on.
    cumulated: Vec<f64>,
}

impl Vocabulary {
    /// Always the same. Frequencies follow the law of Zipf and Mandelbrot: proportional to `(rank + 2.7)^-1.05`.
    pub fn new() -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(0x776f_7264);
        let mut words = Vec::with_capacity(WORDS);
        let mut seen = HashSet::with_capacity(WORDS);
        while words.len() < WORDS {
            let word = word(syllables(words.len(), &mut random), &mut random);
            if seen.insert(word.clone()) {
                words.push(word);
            }
        }
        let mut sum = 0.0;
        let weight = |rank: usize| {
            sum += (rank as f64 + 1.0 + 2.7).powf(-1.05);
            sum
        };
        let cumulated = (0..WORDS).map(weight).collect();
        Vocabulary { words, cumulated }
    }

    /// A rank as texts have it.
    pub fn draw(&self, random: &mut ChaCha8Rng) -> usize {
        let at = random.random::<f64>() * self.cumulated[WORDS - 1];
        self.cumulated.partition_point(|sum| *sum < at).min(WORDS - 1)
    }
}

/// Frequent words are short.
fn syllables(rank: usize, random: &mut ChaCha8Rng) -> usize {
    let longest: usize = match rank {
        0..300 => 1,
        300..8_000 => 2,
        _ => 3,
    };
    random.random_range(longest.div_ceil(2)..=longest)
}

fn word(syllables: usize, random: &mut ChaCha8Rng) -> String {
    let mut word = String::new();
    for _ in 0..syllables {
        for part in [ONSETS, VOWELS, CODAS] {
            word.push_str(part[random.random_range(0..part.len())]);
        }
    }
    word
}
