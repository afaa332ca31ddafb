//! Scans: the tail over the segments.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Snapshot;
use crate::document::Document;
use crate::interval::{End, Interval, next_key};
use crate::key::Key;
use crate::query::Order;
use crate::version::{self, ReadError};

/// The fewest entries taken from the tail at a time, and the most: scans that go on take ever more.
const FIRST_FETCH: usize = 4;
const LAST_FETCH: usize = 256;

/// The documents of an interval at one timestamp, in order.
pub struct Scan {
    snapshot: Snapshot,
    order: Order,
    /// The next entries of the tail, tombstones included, without gaps.
    tail: VecDeque<(Key, Option<Arc<Document>>)>,
    /// What of the tail lies ahead of those; empty once there is no more.
    rest: Interval,
    next_fetch: usize,
    /// `None` once it has ended.
    segments: Option<version::Scan>,
    /// The next entry of the segments.
    stored: Option<(Key, Arc<Document>)>,
}

impl Scan {
    pub(super) fn new(snapshot: Snapshot, interval: Interval, order: Order) -> Self {
        let version = snapshot.state().version();
        let is_stored = !version.is_empty() && !interval.is_empty();
        Scan {
            order,
            tail: VecDeque::new(),
            segments: is_stored.then(|| version.scan(interval.clone(), order, snapshot.ts())),
            snapshot,
            rest: interval,
            next_fetch: FIRST_FETCH,
            stored: None,
        }
    }

    /// The next entry, `None` at the end. If the future is dropped or the read fails, the next call tries the same entry again.
    ///
    /// # Errors
    /// If it has to be fetched, and cannot be.
    pub async fn next(&mut self) -> Result<Option<(Key, Arc<Document>)>, ReadError> {
        loop {
            self.fetch();
            if self.stored.is_none()
                && let Some(segments) = &mut self.segments
            {
                self.stored = segments.next().await?;
                if self.stored.is_none() {
                    self.segments = None;
                }
            }
            let is_in_tail = match (self.tail.front(), &self.stored) {
                (None, None) => return Ok(None),
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some((newer, _)), Some((stored, _))) => {
                    if newer == stored {
                        self.stored = None;
                        true
                    } else {
                        (newer < stored) == (self.order == Order::Asc)
                    }
                }
            };
            if !is_in_tail {
                return Ok(self.stored.take());
            }
            if let Some((key, Some(document))) = self.tail.pop_front() {
                return Ok(Some((key, document)));
            }
        }
    }

    /// Takes entries from the tail if none are there.
    fn fetch(&mut self) {
        if !self.tail.is_empty() || self.rest.is_empty() {
            return;
        }
        let entries = self.snapshot.state().tail().range(&self.rest, self.order, self.snapshot.ts());
        self.tail.extend(entries.take(self.next_fetch).map(|(key, document)| (key.clone(), document.clone())));
        match self.tail.back() {
            Some((last, _)) if self.tail.len() == self.next_fetch => match self.order {
                Order::Asc => self.rest.start = next_key(last),
                Order::Desc => self.rest.end = End::Before(last.clone()),
            },
            _ => self.rest.end = End::Before(self.rest.start.clone()),
        }
        self.next_fetch = (self.next_fetch * 4).min(LAST_FETCH);
    }
}
