//! Walking an interval of one index: the snapshot's entries under the transaction's own.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

use super::{Transaction, TxError};
use crate::document::Document;
use crate::interval::{End, Interval, next_key};
use crate::key::Key;
use crate::query::Order;
use crate::state::State;

/// The fewest entries taken from the snapshot at a time, and the most: walks that go on take ever more.
const FIRST_FETCH: usize = 4;
const LAST_FETCH: usize = 256;

/// A walk through an interval. Entries of the snapshot, which cannot change, are fetched ahead; own writes are looked up at
/// each step, so those made meanwhile are seen.
pub(super) struct Walk {
    /// What is still ahead.
    ahead: Interval,
    order: Order,
    /// Entries of the snapshot ahead, in walking order, without gaps.
    fetched: VecDeque<(Key, Arc<Document>)>,
    /// What lies ahead of `fetched`; empty once the snapshot has nothing more.
    unfetched: Interval,
    next_fetch: usize,
    ended: bool,
}

impl Walk {
    pub fn new(interval: Interval, order: Order) -> Self {
        let ended = interval.is_empty();
        let unfetched = interval.clone();
        Walk { ahead: interval, order, fetched: VecDeque::new(), unfetched, next_fetch: FIRST_FETCH, ended }
    }

    fn fetch(&mut self, state: &State) {
        if !self.fetched.is_empty() || self.unfetched.is_empty() {
            return;
        }
        let entries = state.range(&self.unfetched);
        let owned = |(key, document): (&Key, &Arc<Document>)| (key.clone(), document.clone());
        match self.order {
            Order::Asc => self.fetched.extend(entries.take(self.next_fetch).map(owned)),
            Order::Desc => self.fetched.extend(entries.rev().take(self.next_fetch).map(owned)),
        }
        match self.fetched.back() {
            Some((last, _)) if self.fetched.len() == self.next_fetch => match self.order {
                Order::Asc => self.unfetched.start = next_key(last),
                Order::Desc => self.unfetched.end = End::Before(last.clone()),
            },
            _ => self.unfetched.end = End::Before(self.unfetched.start.clone()),
        }
        self.next_fetch = (self.next_fetch * 4).min(LAST_FETCH);
    }

    /// Leaves `key` and everything before it behind. Returns the interval that was walked.
    fn pass(&mut self, key: &Key) -> Interval {
        match self.order {
            Order::Asc => {
                let next = next_key(key);
                let start = std::mem::replace(&mut self.ahead.start, next.clone());
                Interval::new(start, next)
            }
            Order::Desc => {
                let end = std::mem::replace(&mut self.ahead.end, End::Before(key.clone()));
                Interval { start: key.clone(), end }
            }
        }
    }
}

impl Transaction {
    /// The next entry of a walk, `None` at its end. What was passed is recorded as read.
    ///
    /// # Errors
    /// `TooManyReads`.
    pub(super) fn step(&mut self, walk: &mut Walk) -> Result<Option<(Key, Arc<Document>)>, TxError> {
        if walk.ended {
            return Ok(None);
        }
        match self.peek(walk) {
            Some((key, document)) => {
                let passed = walk.pass(&key);
                self.record_read(passed)?;
                Ok(Some((key, document)))
            }
            None => {
                walk.ended = true;
                self.record_read(walk.ahead.clone())?;
                Ok(None)
            }
        }
    }

    /// Takes the next entry out of what was fetched, or the own write before it.
    fn peek(&mut self, walk: &mut Walk) -> Option<(Key, Arc<Document>)> {
        if self.staged.overlay.is_empty() {
            walk.fetch(self.snapshot.state());
            return walk.fetched.pop_front();
        }
        let end = match &walk.ahead.end {
            End::Before(end) => Bound::Excluded(end.clone()),
            End::Unbounded => Bound::Unbounded,
        };
        let mut own = self.staged.overlay.range((Bound::Included(walk.ahead.start.clone()), end));
        let order = walk.order;
        let mut next_own = || match order {
            Order::Asc => own.next(),
            Order::Desc => own.next_back(),
        };
        let mut staged = next_own();
        loop {
            walk.fetch(self.snapshot.state());
            let stored = walk.fetched.front();
            let own_first = match (&staged, stored) {
                (None, None) => return None,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some((own, _)), Some((stored, _))) => match order {
                    Order::Asc => *own <= stored,
                    Order::Desc => *own >= stored,
                },
            };
            if !own_first {
                return walk.fetched.pop_front();
            }
            let (key, document) = staged.expect("an own write comes first only where there is one");
            if walk.fetched.front().is_some_and(|(stored, _)| stored == key) {
                walk.fetched.pop_front();
            }
            if let Some(document) = document {
                return Some((key.clone(), document.clone()));
            }
            staged = next_own();
        }
    }
}
