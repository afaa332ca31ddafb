//! Who must hear of a write: the read sets that a key hits.

use std::collections::btree_set;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::search::SearchIndex;
use super::tree::{IntervalTree, Stab};
use super::{Interval, ReadSet, SearchRead};
use crate::key::Key;

/// A dynamic index of read sets, each with its owner, that answers which of them contain a key.
///
/// Single keys (reads by id) are kept in a hash map, longer intervals in a balanced tree that knows the furthest end of
/// every subtree. With n different intervals, adding or removing one costs O(log n). Asking costs O(log n) and the hits;
/// when the h ranges hit lie far apart in the tree, up to O(h log(n/h)).
///
/// `T` names an owner (a subscription's number, say); it is cloned once an interval.
pub struct IntervalIndex<T> {
    /// What each owner reads.
    read_sets: BTreeMap<T, Reads>,
    searches: SearchIndex<T>,
    points: HashMap<Key, BTreeSet<T>>,
    ranges: IntervalTree<T>,
}

struct Reads {
    intervals: Box<[Interval]>,
    searches: Box<[Arc<SearchRead>]>,
}

impl<T> Default for IntervalIndex<T> {
    fn default() -> Self {
        let (points, ranges) = (HashMap::new(), IntervalTree::default());
        Self { read_sets: BTreeMap::new(), searches: SearchIndex::default(), points, ranges }
    }
}

impl<T: Ord + Clone> IntervalIndex<T> {
    /// An index without owners.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `owner` with what it reads. If it is there already, `reads` replaces what it read before.
    pub fn insert(&mut self, reads: &ReadSet, owner: T) {
        self.remove(&owner);
        let intervals: Box<[Interval]> = reads.iter().collect();
        for interval in &intervals {
            if interval.is_point() {
                self.points.entry(interval.start.clone()).or_default().insert(owner.clone());
            } else {
                self.ranges.insert(interval.clone(), owner.clone());
            }
        }
        let searches: Box<[_]> = reads.searches().cloned().collect();
        searches.iter().for_each(|search| self.searches.insert(search, &owner));
        self.read_sets.insert(owner, Reads { intervals, searches });
    }

    /// Removes `owner`; says whether it was there.
    pub fn remove(&mut self, owner: &T) -> bool {
        let Some(Reads { intervals, searches }) = self.read_sets.remove(owner) else {
            return false;
        };
        searches.iter().for_each(|search| self.searches.remove(search, owner));
        for interval in &intervals {
            if !interval.is_point() {
                self.ranges.remove(interval, owner);
            } else if let Some(owners) = self.points.get_mut(&interval.start) {
                owners.remove(owner);
                if owners.is_empty() {
                    self.points.remove(&interval.start);
                }
            }
        }
        true
    }

    /// The owners whose read sets contain `key`, each at most twice, in no particular (but for the same history always the same)
    /// order.
    pub fn hits<'a>(&'a self, key: &'a [u8]) -> Hits<'a, T> {
        let point = self.points.get(key).map(BTreeSet::iter).unwrap_or_default();
        Hits { searches: self.searches.hits(key).into_iter(), owners: point, ranges: self.ranges.stab(key) }
    }

    /// The number of owners.
    pub fn len(&self) -> usize {
        self.read_sets.len()
    }

    /// Whether there is no owner.
    pub fn is_empty(&self) -> bool {
        self.read_sets.is_empty()
    }

    /// The number of different intervals, which is what memory and the cost of asking depend on.
    pub fn interval_count(&self) -> usize {
        self.points.len() + self.ranges.len()
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        self.ranges.check();
    }
}

/// The owners hit by a key; see [`IntervalIndex::hits`].
pub struct Hits<'a, T> {
    searches: btree_set::IntoIter<&'a T>,
    owners: btree_set::Iter<'a, T>,
    ranges: Stab<'a, T>,
}

impl<'a, T: Ord> Iterator for Hits<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        if let Some(owner) = self.searches.next() {
            return Some(owner);
        }
        loop {
            if let Some(owner) = self.owners.next() {
                return Some(owner);
            }
            self.owners = self.ranges.next()?.iter();
        }
    }
}
