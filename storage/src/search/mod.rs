//! Text and vector search: indexes that are written, flushed, compacted and branched with the tables they belong to.
//!
//! A document that is in such an index has one key in the one key space, which carries all that the index knows of it
//! ([`key`]). So the log, the tail, conflicts and own writes are those of any other index. Only where rows are flushed, those
//! of search indexes become *parts*: [`part`].

pub mod analysis;
pub(crate) mod build;
mod compile;
pub(crate) mod document;
pub(crate) mod documents;
mod error;
pub(crate) mod find;
pub(crate) mod key;
mod live;
pub(crate) mod memory;
mod nearest;
mod ordinals;
pub(crate) mod part;
mod postings;
mod sources;
pub(crate) mod text;
mod vector;
mod vector_query;
mod vector_search;

pub use compile::{TextSearch, VectorSearch, compile_text, compile_vector};
pub use error::SearchError;
pub use vector_query::VectorQuery;
pub use vector_search::{VectorHit, indexed_vector};

#[cfg(test)]
mod tests;
