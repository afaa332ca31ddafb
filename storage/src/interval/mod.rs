//! Intervals of the key space: what a transaction read, and who must hear of a write.

mod codec;
mod index;
mod read_set;
mod search;
mod tree;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::key::Key;

pub use codec::DecodeError;
pub use index::{Hits, IntervalIndex};
pub use read_set::ReadSet;
pub use search::{SearchRead, TermRead};

/// Where an interval ends.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// Just before this key.
    Before(Key),
    /// After every key.
    Unbounded,
}

impl End {
    /// Whether `key` lies before this end.
    pub fn is_after(&self, key: &[u8]) -> bool {
        match self {
            Self::Before(end) => key < end.as_bytes(),
            Self::Unbounded => true,
        }
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before(key) => key.fmt(f),
            Self::Unbounded => f.write_str("unbounded"),
        }
    }
}

/// The keys from `start` (inclusive) to `end` (exclusive). Empty when `end` is not after `start`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Interval {
    /// The first key inside.
    pub start: Key,
    /// The end, itself outside.
    pub end: End,
}

impl Interval {
    /// The keys from `start` (inclusive) to `end` (exclusive).
    pub fn new(start: Key, end: Key) -> Self {
        Self { start, end: End::Before(end) }
    }

    /// The keys from `start` (inclusive) on.
    pub fn from(start: Key) -> Self {
        Self { start, end: End::Unbounded }
    }

    /// Every key.
    pub fn all() -> Self {
        Self::from(Key::from(&[][..]))
    }

    /// `key` alone.
    pub fn point(key: Key) -> Self {
        let end = End::Before(next_key(&key));
        Self { start: key, end }
    }

    /// Every key that starts with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        Self { start: Key::from(prefix), end: end_of_prefix(prefix) }
    }

    /// Whether no key is inside.
    pub fn is_empty(&self) -> bool {
        !self.end.is_after(&self.start)
    }

    /// Whether exactly one key is inside.
    pub fn is_point(&self) -> bool {
        match &self.end {
            End::Before(end) => {
                end.as_bytes().split_last().is_some_and(|(last, rest)| *last == 0 && *rest == self.start[..])
            }
            End::Unbounded => false,
        }
    }

    /// Whether `key` is inside.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.start.as_bytes() <= key && self.end.is_after(key)
    }

    /// Whether a key is inside both.
    pub fn overlaps(&self, other: &Self) -> bool {
        !self.is_empty() && !other.is_empty() && self.end.is_after(&other.start) && other.end.is_after(&self.start)
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:?}, {:?})", self.start, self.end)
    }
}

/// The smallest key after `key`.
pub fn next_key(key: &[u8]) -> Key {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    Key::from(next)
}

/// The end of the keys that start with `prefix`: the smallest key after all of them.
pub fn end_of_prefix(prefix: &[u8]) -> End {
    match prefix.iter().rposition(|byte| *byte != 0xff) {
        Some(last) => {
            let mut end = prefix[..=last].to_vec();
            end[last] += 1;
            End::Before(Key::from(end))
        }
        None => End::Unbounded,
    }
}
