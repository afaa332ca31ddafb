//! Walking an interval of one index: the snapshot's entries under the transaction's own.

use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

use super::{Transaction, TxError};
use crate::document::Document;
use crate::interval::{End, Interval, next_key};
use crate::key::Key;
use crate::query::Order;
use crate::state::Scan;
use crate::version::ReadError;

/// A key and the document there.
type Entry = (Key, Arc<Document>);

/// A walk through an interval. Entries of the snapshot, which cannot change, are fetched ahead; own writes are looked up at
/// each step, so those made meanwhile are seen.
pub(super) struct Walk {
    /// What is still ahead.
    ahead: Interval,
    order: Order,
    /// `None` before the first step, and after one that did not come to its end: the next one starts over from `ahead`.
    stored: Option<Box<Stored>>,
    ended: bool,
}

/// The entries of the snapshot ahead.
struct Stored {
    scan: Scan,
    /// The next one, if it was looked at and not taken yet.
    next: Option<Entry>,
    ended: bool,
}

impl Stored {
    /// Sees to it that `next` is the next entry, or that there is none.
    async fn look(&mut self) -> Result<(), ReadError> {
        if self.next.is_none() && !self.ended {
            self.next = self.scan.next().await?;
            self.ended = self.next.is_none();
        }
        Ok(())
    }
}

impl Walk {
    pub fn new(interval: Interval, order: Order) -> Self {
        Walk { ended: interval.is_empty(), ahead: interval, order, stored: None }
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
    /// The next entry of a walk, `None` at its end. What was passed is recorded as read. A walk stays where it is if the read
    /// fails or the future is dropped.
    ///
    /// # Errors
    /// `TooManyReads`, [`TxError::Read`].
    pub(super) async fn step(&mut self, walk: &mut Walk) -> Result<Option<Entry>, TxError> {
        if walk.ended {
            return Ok(None);
        }
        let mut stored = walk.stored.take().unwrap_or_else(|| {
            let scan = self.snapshot.scan(walk.ahead.clone(), walk.order);
            Box::new(Stored { scan, next: None, ended: false })
        });
        stored.look().await?;
        let next = match self.staged.overlay.is_empty() {
            true => stored.next.take(),
            false => under(&self.staged.overlay, walk, &mut stored).await?,
        };
        walk.stored = Some(stored);
        match &next {
            Some((key, _)) => {
                let passed = walk.pass(key);
                self.record_read(passed)?;
            }
            None => {
                walk.ended = true;
                self.record_read(walk.ahead.clone())?;
            }
        }
        Ok(next)
    }
}

/// The next of what was stored, or the own write in its place or before it.
async fn under(
    overlay: &OrdMap<Key, Option<Arc<Document>>>,
    walk: &Walk,
    stored: &mut Stored,
) -> Result<Option<Entry>, ReadError> {
    let mut start = Bound::Included(walk.ahead.start.clone());
    let mut end = match &walk.ahead.end {
        End::Before(end) => Bound::Excluded(end.clone()),
        End::Unbounded => Bound::Unbounded,
    };
    loop {
        let hidden = {
            let mut own = overlay.range((start.clone(), end.clone()));
            loop {
                let staged = match walk.order {
                    Order::Asc => own.next(),
                    Order::Desc => own.next_back(),
                };
                let Some((key, document)) = staged else { return Ok(stored.next.take()) };
                let is_hidden = match &stored.next {
                    Some((next, _)) if next == key => true,
                    Some((next, _)) if (next < key) == (walk.order == Order::Asc) => return Ok(stored.next.take()),
                    _ => false,
                };
                if is_hidden {
                    stored.next = None;
                }
                match document {
                    Some(document) => return Ok(Some((key.clone(), document.clone()))),
                    None if is_hidden => break key.clone(),
                    None => {}
                }
            }
        };
        stored.look().await?;
        match walk.order {
            Order::Asc => start = Bound::Excluded(hidden),
            Order::Desc => end = Bound::Excluded(hidden),
        }
    }
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
