//! Reading the layers of the tail in order.

use std::cmp::Reverse;
use std::ops::Bound;
use std::sync::Arc;

use imbl::ordmap::RangedIter;
use imbl::shared_ptr::DefaultSharedPtr;
use smallvec::SmallVec;

use super::tail::{Place, Rows};
use crate::document::Document;
use crate::interval::{End, Interval};
use crate::key::Key;
use crate::log::Timestamp;
use crate::query::Order;

type Iter<'a> = RangedIter<'a, (Key, Reverse<Timestamp>), Option<Arc<Document>>, DefaultSharedPtr>;

/// A key and what a reader sees there; `None` is a tombstone.
type Seen<'a> = (&'a Key, &'a Option<Arc<Document>>);

/// Rows that may be stepped over before it is worth it to search for the next one of use.
const MOST_STEPS: usize = 8;

/// The keys of one layer in order, each with the version that a reader of some timestamp sees; those without are left out.
pub(super) struct Cursor<'a> {
    rows: &'a Rows,
    /// From where it is to the end of all rows, in its direction: the end of the interval is checked at each row.
    iter: Iter<'a>,
    start: Key,
    end: End,
    order: Order,
    ts: Timestamp,
    /// Ascending: the key last given out, whose older versions follow.
    passed: Option<&'a Key>,
    /// Descending: the first row of the next key.
    ahead: Option<(&'a Key, Timestamp, &'a Option<Arc<Document>>)>,
}

impl<'a> Cursor<'a> {
    pub fn new(rows: &'a Rows, interval: &Interval, order: Order, ts: Timestamp) -> Self {
        let iter = match (order, &interval.end) {
            (Order::Asc, _) => from(rows, &interval.start, Timestamp::MAX),
            (Order::Desc, End::Before(end)) => before(rows, end),
            (Order::Desc, End::Unbounded) => rows.range::<_, Place<'_>>(..),
        };
        let (start, end) = (interval.start.clone(), interval.end.clone());
        Cursor { rows, iter, start, end, order, ts, passed: None, ahead: None }
    }

    fn next_ascending(&mut self) -> Option<Seen<'a>> {
        let mut steps = 0;
        loop {
            let ((key, Reverse(ts)), document) = self.iter.next()?;
            let is_passed = self.passed.is_some_and(|passed| passed == key);
            if !is_passed && !self.end.is_after(key) {
                return None;
            }
            if !is_passed && *ts <= self.ts {
                self.passed = Some(key);
                return Some((key, document));
            }
            steps += 1;
            if steps == MOST_STEPS {
                steps = 0;
                // Older than the one that was given out, or too new.
                self.iter = if is_passed { after_versions(self.rows, key) } else { from(self.rows, key, self.ts) };
            }
        }
    }

    fn next_descending(&mut self) -> Option<Seen<'a>> {
        let mut steps = 0;
        // Versions come oldest first here: the last one that is not too new is the one.
        let mut seen: Option<Seen<'a>> = None;
        loop {
            let row = self.ahead.take().or_else(|| {
                let ((key, Reverse(ts)), document) = self.iter.next_back()?;
                Some((key, *ts, document))
            });
            let Some((key, ts, document)) = row.filter(|(key, ..)| **key >= self.start) else {
                self.ahead = row;
                return seen;
            };
            if seen.is_some_and(|(found, _)| found != key) {
                self.ahead = row;
                return seen;
            }
            if ts <= self.ts {
                seen = Some((key, document));
            }
            steps += 1;
            if steps == MOST_STEPS {
                steps = 0;
                self.iter = before(self.rows, key);
                let newest = from(self.rows, key, self.ts).next().filter(|((found, _), _)| found == key);
                if let Some(((key, _), document)) = newest {
                    return Some((key, document));
                }
            }
        }
    }
}

impl<'a> Iterator for Cursor<'a> {
    type Item = Seen<'a>;

    fn next(&mut self) -> Option<Seen<'a>> {
        match self.order {
            Order::Asc => self.next_ascending(),
            Order::Desc => self.next_descending(),
        }
    }
}

/// From the newest version of a key at `ts` on.
fn from<'a>(rows: &'a Rows, key: &[u8], ts: Timestamp) -> Iter<'a> {
    rows.range((Bound::Included(Place(key, Reverse(ts))), Bound::Unbounded))
}

/// After all versions of a key.
fn after_versions<'a>(rows: &'a Rows, key: &[u8]) -> Iter<'a> {
    rows.range((Bound::Excluded(Place(key, Reverse(0))), Bound::Unbounded))
}

/// Before all versions of a key.
fn before<'a>(rows: &'a Rows, key: &[u8]) -> Iter<'a> {
    rows.range((Bound::Unbounded, Bound::Excluded(Place(key, Reverse(Timestamp::MAX)))))
}

/// Several layers as one, the newest first: it wins.
pub(crate) struct Merged<'a> {
    cursors: SmallVec<[(Cursor<'a>, Option<Seen<'a>>); 2]>,
    order: Order,
}

impl<'a> Merged<'a> {
    pub(super) fn new(cursors: impl Iterator<Item = Cursor<'a>>, order: Order) -> Self {
        let with_head = |mut cursor: Cursor<'a>| {
            let head = cursor.next();
            (cursor, head)
        };
        Merged { cursors: cursors.map(with_head).collect(), order }
    }
}

impl<'a> Iterator for Merged<'a> {
    type Item = Seen<'a>;

    fn next(&mut self) -> Option<Seen<'a>> {
        if let [(cursor, head)] = &mut *self.cursors {
            return std::mem::replace(head, if head.is_some() { cursor.next() } else { None });
        }
        let heads = self.cursors.iter().filter_map(|(_, head)| *head);
        // The first of several equal ones, which is the newest.
        let first = heads.reduce(|first, other| match self.order {
            Order::Asc if other.0 < first.0 => other,
            Order::Desc if other.0 > first.0 => other,
            _ => first,
        })?;
        for (cursor, head) in &mut self.cursors {
            if head.is_some_and(|(key, _)| key == first.0) {
                *head = cursor.next();
            }
        }
        Some(first)
    }
}
