//! Small numeric names of tables, indexes and namespaces. They are allocated once and never reused.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A table, over all namespaces and for ever: a table that is dropped and made again gets another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TabletId(pub u32);

/// An index, over all tables: the first four bytes (big-endian) of each of its keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IndexId(pub u32);

/// A set of table names and table numbers: the app's, or one component's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Namespace(pub u32);

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
