//! Text and vector search: indexes that are written, flushed, compacted and branched with the tables they belong to.
//!
//! A document that is in such an index has one key in the one key space, which carries all that the index knows of it
//! ([`key`]). So the log, the tail, conflicts and own writes are those of any other index. Only where rows are flushed, those
//! of search indexes become *parts*: [`part`].

pub(crate) mod part;
