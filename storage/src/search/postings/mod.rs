//! Postings: which documents of a part have a term, and how often.
//!
//! A part's dictionary ([`Kind::Terms`](super::part::Kind)) has a row for every term, of texts and of filters alike: how many
//! documents have it, and which, where they are few. Longer lists are in *chunks* ([`Kind::Postings`](super::part::Kind)) of
//! 8,192 postings, and a chunk in *blocks* of 128, the unit that is decoded. Dictionary, chunks and blocks say what scores are
//! possible in them ([`Impacts`]), so that searches pass over most of a long list. [`list`] has the bytes.

mod bits;
mod build;
mod cursor;
mod filter;
mod impacts;
mod list;
mod merge;
mod output;
mod read;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use build::PostingsBuilder;
pub(crate) use cursor::{Cursor, END};
pub(crate) use filter::{Match, filter, intersection};
pub(crate) use impacts::{Impacts, UNBOUNDED};
pub(crate) use merge::{GONE, merge_postings};
pub(crate) use read::{DictionaryEntry, Postings, entries, load, terms_with_prefix};

/// Postings in a block, the unit that is decoded.
pub(crate) const BLOCK: usize = 128;
/// Blocks in a chunk, the unit that is a row.
const CHUNK_BLOCKS: usize = 64;
/// Postings in a chunk.
const CHUNK: usize = CHUNK_BLOCKS * BLOCK;
/// As many postings are in the dictionary itself.
const INLINE: usize = 16;

/// What is wrong with bytes of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("postings: {0}")]
pub(crate) struct Damage(pub &'static str);

impl From<crate::log::codec::CorruptEntry> for Damage {
    fn from(_: crate::log::codec::CorruptEntry) -> Self {
        Damage("a row cannot be parsed")
    }
}
