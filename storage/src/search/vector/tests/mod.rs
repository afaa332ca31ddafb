//! Against comparing all vectors.

mod damage;
mod merging;
mod searching;

use super::plan::Bounds;
use super::{Normalised, VectorBuilder, VectorPart, nearest, score};
use crate::catalog::IndexId;
use crate::search::ordinals::OrdinalSet;
use crate::search::part::PartReader;
use crate::search::part::tests::Parts;

const INDEX: IndexId = IndexId(7);

/// So that few vectors have lists.
const SMALL: Bounds = Bounds { flat_numbers: 1 << 15, ..Bounds::DEFAULT };

/// Numbers from a seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) ^ (self.0 >> 50)
    }

    /// About normal, of mean 0 and deviation 1.
    fn normal(&mut self) -> f64 {
        let sum: u64 = (0..4).map(|_| self.next() & 0xffff).sum();
        (sum as f64 / 65_536.0 - 2.0) * 1.732
    }
}

/// Vectors in clusters of different widths.
fn clustered(count: usize, dimensions: usize, seed: u64) -> Vec<Normalised> {
    let mut random = Random(seed);
    let centres: Vec<Vec<f64>> =
        (0..count / 100 + 1).map(|_| (0..dimensions).map(|_| random.normal()).collect()).collect();
    let mut vectors = Vec::with_capacity(count);
    for _ in 0..count {
        let centre = random.next() as usize % centres.len();
        let width = 0.2 + (centre % 8) as f64 * 0.1;
        let vector: Vec<f64> = centres[centre].iter().map(|number| number + random.normal() * width).collect();
        vectors.push(Normalised::new(&vector));
    }
    vectors
}

/// A vector near another one.
fn near(vector: &Normalised, random: &mut Random) -> Normalised {
    let width = 0.3 / (vector.as_slice().len() as f64).sqrt();
    let moved: Vec<f64> = vector.as_slice().iter().map(|number| f64::from(*number) + random.normal() * width).collect();
    Normalised::new(&moved)
}

/// A part of vectors with these ordinals.
async fn part(parts: &Parts, vectors: impl IntoIterator<Item = (u32, &Normalised)>, dimensions: usize) -> PartReader {
    let mut builder = VectorBuilder::new(dimensions);
    vectors.into_iter().for_each(|(ordinal, vector)| builder.add(ordinal, vector));
    let mut writer = parts.writer("part");
    writer.start_part(INDEX);
    builder.write_within(SMALL, &mut writer).await.expect("written");
    parts.finish(writer, INDEX).await
}

fn numbered(vectors: &[Normalised]) -> impl Iterator<Item = (u32, &Normalised)> {
    (0..).zip(vectors)
}

/// What [`nearest`] should find.
fn truth(query: &Normalised, limit: usize, vectors: &[Normalised], allowed: impl Fn(u32) -> bool) -> Vec<(f64, u32)> {
    let mut all: Vec<_> = numbered(vectors)
        .filter(|(ordinal, _)| allowed(*ordinal))
        .map(|(ordinal, vector)| (score(query, &vector.to_bytes()), ordinal))
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    all.truncate(limit);
    all
}

/// How many of the truth were found, of 1, over some queries of `limit` each. What is found must be allowed, in order, and have
/// the right scores.
async fn recall(
    reader: &PartReader,
    vectors: &[Normalised],
    limit: usize,
    dead: &OrdinalSet,
    allowed: Option<&OrdinalSet>,
) -> f64 {
    let mut random = Random(5);
    let (mut found_all, mut all) = (0, 0);
    let part = VectorPart { reader, documents: vectors.len() as u32, dead, allowed };
    for _ in 0..10 {
        let query = near(&vectors[random.next() as usize % vectors.len()], &mut random);
        let may = |ordinal| !dead.contains(ordinal) && allowed.is_none_or(|allowed| allowed.contains(ordinal));
        let truth = truth(&query, limit, vectors, may);
        let found = nearest(&query, limit, &part).await.expect("found");
        assert_eq!(found.len(), truth.len());
        assert!(found.windows(2).all(|pair| (-pair[0].0, pair[0].1) < (-pair[1].0, pair[1].1)));
        for (value, ordinal) in &found {
            assert!(may(*ordinal));
            assert_eq!(*value, score(&query, &vectors[*ordinal as usize].to_bytes()));
        }
        found_all += truth.iter().filter(|one| found.contains(one)).count();
        all += truth.len();
    }
    found_all as f64 / all.max(1) as f64
}

/// The ordinals for which a condition holds.
fn set(documents: usize, is_in: impl Fn(u32) -> bool) -> OrdinalSet {
    let mut set = OrdinalSet::default();
    (0..documents as u32).filter(|ordinal| is_in(*ordinal)).for_each(|ordinal| set.insert(ordinal));
    set
}
