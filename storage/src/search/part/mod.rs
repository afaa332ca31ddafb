//! Parts: what a run has of one search index.
//!
//! A part is a sorted map from bytes to bytes, a section of the run's *search segments*, which are segments of blobs. Its rows
//! are told apart by a [`Kind`]; `docs/format.md` has what is in them.

mod reader;
mod writer;

pub(crate) use reader::{PartReader, PartScan, SearchSegment};
pub(crate) use writer::PartWriter;

use crate::catalog::IndexId;
use crate::key::Key;
use crate::segment::{ReadError, WriteError};

/// A part could not be made of others.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    /// One of those could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The new one could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// What a row of a part is: the byte after the index id in its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    /// What the part has in all.
    Meta = 0,
    /// Documents by ordinal: keys, timestamps.
    Documents = 1,
    /// Lengths of texts by ordinal.
    Norms = 2,
    /// Terms, with short lists of postings.
    Terms = 3,
    /// Longer lists of postings.
    Postings = 4,
    /// Centroids of the lists of vectors.
    Centroids = 5,
    /// Quantised vectors by list.
    Codes = 6,
    /// Vectors by list.
    Vectors = 7,
}

/// The key of a row.
fn row_key(index: IndexId, kind: Kind, key: &[u8]) -> Key {
    let mut bytes = Vec::with_capacity(5 + key.len());
    bytes.extend_from_slice(&index.0.to_be_bytes());
    bytes.push(kind as u8);
    bytes.extend_from_slice(key);
    Key::from(bytes)
}

/// How many bytes of a key are in front of what [`row_key`] was given.
const PREFIX: usize = 5;

#[cfg(test)]
pub(crate) mod tests;
