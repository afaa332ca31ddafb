//! The set of keys that a function has read.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::{End, Interval, SearchRead};
use crate::key::Key;

/// A set of keys, kept as the fewest disjoint intervals: overlapping and adjacent ones are merged as they come in.
///
/// Keys begin with their index id, so intervals of different indexes never merge, except by an interval that spans
/// both.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ReadSet {
    /// Start -> end. Disjoint, not adjacent, none empty.
    intervals: BTreeMap<Key, End>,
    /// What was searched for.
    searches: BTreeSet<Arc<SearchRead>>,
}

impl ReadSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the keys of `interval`. O(log n), amortized.
    pub fn insert(&mut self, interval: Interval) {
        if interval.is_empty() {
            return;
        }
        let Interval { start, mut end } = interval;
        // At most one interval starts before and reaches `start`: extend that one, or open a new one.
        let before = self.intervals.range::<[u8], _>((Bound::Unbounded, Bound::Included(start.as_bytes()))).next_back();
        let start = match before {
            Some((_, reached)) if *reached >= end => return,
            Some((earlier, reached)) if reaches(reached, &start) => earlier.clone(),
            _ => start,
        };
        // Swallow those that start inside or just at the end.
        while let Some((next, next_end)) = self.first_after(&start)
            && reaches(&end, next)
        {
            let next = next.clone();
            end = end.max(next_end.clone());
            self.intervals.remove(&next);
        }
        self.intervals.insert(start, end);
    }

    /// Adds one key.
    pub fn insert_point(&mut self, key: Key) {
        if !self.contains(&key) {
            self.insert(Interval::point(key));
        }
    }

    /// Adds the keys that match a search.
    pub fn insert_search(&mut self, search: Arc<SearchRead>) {
        self.searches.insert(search);
    }

    /// What was searched for.
    pub fn searches(&self) -> impl ExactSizeIterator<Item = &Arc<SearchRead>> {
        self.searches.iter()
    }

    /// Adds every key of `other`.
    pub fn extend(&mut self, other: &Self) {
        self.searches.extend(other.searches.iter().cloned());
        for (start, end) in &other.intervals {
            self.insert(Interval { start: start.clone(), end: end.clone() });
        }
    }

    /// Whether `key` is in the set. O(log n).
    pub fn contains(&self, key: &[u8]) -> bool {
        self.intervals
            .range::<[u8], _>((Bound::Unbounded, Bound::Included(key)))
            .next_back()
            .is_some_and(|(_, end)| end.is_after(key))
            || self.searches.iter().any(|search| search.matches(key))
    }

    /// How many disjoint intervals and searches the set consists of.
    pub fn len(&self) -> usize {
        self.intervals.len() + self.searches.len()
    }

    /// Whether the set has no key.
    pub fn is_empty(&self) -> bool {
        self.intervals.is_empty() && self.searches.is_empty()
    }

    /// The disjoint intervals, in ascending order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Interval> + '_ {
        self.intervals.iter().map(|(start, end)| Interval { start: start.clone(), end: end.clone() })
    }

    fn first_after(&self, start: &Key) -> Option<(&Key, &End)> {
        self.intervals.range::<Key, _>((Bound::Excluded(start), Bound::Unbounded)).next()
    }
}

/// Whether an interval that ends at `end` overlaps or touches one that starts at `start`.
fn reaches(end: &End, start: &Key) -> bool {
    match end {
        End::Before(end) => end >= start,
        End::Unbounded => true,
    }
}

impl FromIterator<Interval> for ReadSet {
    fn from_iter<I: IntoIterator<Item = Interval>>(intervals: I) -> Self {
        let mut set = Self::new();
        for interval in intervals {
            set.insert(interval);
        }
        set
    }
}

impl std::fmt::Debug for ReadSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).entries(&self.searches).finish()
    }
}
