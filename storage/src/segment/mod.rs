//! Segments: immutable Parquet files of rows, one row = one version of one entry of one index.
//!
//! Rows are in order of key, and of descending timestamp within a key. A row group is a *block*, the unit that is read
//! and cached: about 128 KB before compression. To the Parquet reader of anybody else it is a file like any other. In
//! front of the Parquet footer is a *tail*, which Parquet readers skip: an index of the blocks with their checksums,
//! and a bloom filter. One GET of the tail and one of a block answer a point read, and the Parquet footer is never
//! looked at.
//!
//! The bytes are described in `docs/format.md`.

mod block;
mod bloom;
mod cache;
mod disk;
mod error;
mod fetch;
mod format;
mod loading;
mod reference;
mod tail;
mod upload;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use crate::document::Document;
use crate::key::Key;
use crate::log::Timestamp;

pub(crate) use block::Block;
pub(crate) use cache::Requested;
pub use cache::{SegmentCache, Usage};
pub use disk::DiskCache;
pub use error::{ReadError, WriteError};
pub(crate) use fetch::Segment;
pub use reference::SegmentRef;
pub(crate) use tail::Tail;
pub use upload::Upload;
pub use writer::SegmentWriter;

/// One version of one entry of one index.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Which entry of which index.
    pub key: Key,
    /// The commit that wrote this version, ns since the Unix epoch.
    pub ts: Timestamp,
    /// The document, or `None` where the commit removed the entry (a tombstone).
    pub document: Option<Arc<Document>>,
}
