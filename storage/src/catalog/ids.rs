//! Small numeric names of tables, indexes and namespaces. They are allocated once and never reused.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A table, over all namespaces and for ever: a table that is dropped and made again gets another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TabletId(pub u32);

/// An index, over all tables: the first four bytes (big-endian) of each of its keys. The topmost bits say of what kind it is, so
/// that whoever has a key knows what to do with it without a catalog.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IndexId(pub u32);

/// A set of table names and table numbers: the app's, or one component's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Namespace(pub u32);

/// The kinds of index that are kept in parts instead of rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SearchKind {
    /// Words of a text.
    Text,
    /// Nearness of vectors.
    Vector,
}

impl IndexId {
    /// The topmost bit has the system tables of components.
    const KIND: u32 = 0b111 << 29;
    const TEXT: u32 = 0b010 << 29;
    const VECTOR: u32 = 0b011 << 29;

    /// The id with a number that is below 2^29, of an index of a kind; `None` is an ordered one.
    pub fn of_kind(number: u32, kind: Option<SearchKind>) -> IndexId {
        IndexId(match kind {
            None => number,
            Some(SearchKind::Text) => number | Self::TEXT,
            Some(SearchKind::Vector) => number | Self::VECTOR,
        })
    }

    /// What it searches; `None` if it is an ordered index.
    pub fn search_kind(self) -> Option<SearchKind> {
        match self.0 & Self::KIND {
            Self::TEXT => Some(SearchKind::Text),
            Self::VECTOR => Some(SearchKind::Vector),
            _ => None,
        }
    }
}

impl Namespace {
    /// The app itself, and the home of the system tables.
    pub const ROOT: Namespace = Namespace(0);
    /// One that has no table and never will.
    pub const NONE: Namespace = Namespace(u32::MAX);
}

impl fmt::Display for TabletId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for IndexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
