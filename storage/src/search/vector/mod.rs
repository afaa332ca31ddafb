//! Vectors: the nearest ones to a query, by cosine similarity.
//!
//! A part has its vectors in lists of near ones, each around a centroid. A query looks into the lists whose centroids are nearest
//! to it, compares codes of 8 bits a number, and computes the scores of the best of them from the vectors themselves: lists are
//! approximate, scores are exact. A part with few vectors is compared in full.

mod best;
mod build;
mod clusters;
mod kernels;
mod layout;
mod merge;
mod plan;
mod probes;
mod quantise;
mod score;
mod search;
mod source;
mod spreads;
mod targets;
mod write;

pub(crate) use build::VectorBuilder;
pub(crate) use merge::merge_vectors;
pub(crate) use score::{Normalised, score};
pub(crate) use search::{VectorPart, nearest};

#[cfg(test)]
mod tests;
