//! Scans of a version.

use std::sync::Arc;

use futures::future::{FutureExt, try_join_all};

use super::Version;
use super::cursor::{Cursor, Head};
use crate::document::Document;
use crate::interval::Interval;
use crate::key::Key;
use crate::log::Timestamp;
use crate::query::Order;
use crate::segment::ReadError;

/// Tombstones passed in one go before others get their turn.
const TOMBSTONES_AT_ONCE: usize = 1_000;

/// The live entries of an interval at one timestamp, in order. Reads ahead once it goes on.
pub struct Scan {
    /// One for each run that has anything to say, newest run first.
    cursors: Vec<Cursor>,
    order: Order,
}

impl Scan {
    pub(super) fn new(version: &Version, interval: &Interval, order: Order, ts: Timestamp) -> Scan {
        let cursor = |segments: Vec<_>| Cursor::new(version.cache.clone(), segments, interval.clone(), order, ts);
        let segments = version.runs.iter().filter(|_| !interval.is_empty()).map(|run| {
            let overlapping = run.overlapping(interval).iter();
            overlapping.filter(|segment| segment.reference.min_ts <= segment.limit(ts)).cloned().collect::<Vec<_>>()
        });
        Scan { cursors: segments.filter(|segments| !segments.is_empty()).map(cursor).collect(), order }
    }

    /// The next entry, or `None` at the end. Dropping the future loses no entry; after an error the same entry is tried
    /// again.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn next(&mut self) -> Result<Option<(Key, Arc<Document>)>, ReadError> {
        let mut tombstones = 0;
        loop {
            self.settle().await?;
            let Some((at, place)) = self.first() else { return Ok(None) };
            let place = place.clone();
            let document = place.block.document(place.row).map_err(|reason| match self.cursors[at].segment() {
                Some(segment) => segment.corrupt(reason),
                None => unreachable!("a cursor with a head has an open segment"),
            })?;
            for cursor in &mut self.cursors {
                if matches!(cursor.head(), Head::At(head) if head.key() == place.key()) {
                    cursor.pass();
                }
            }
            if let Some(document) = document {
                return Ok(Some((Key::from(place.key()), document)));
            }
            tombstones += 1;
            if tombstones % TOMBSTONES_AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Finds the heads of all cursors, those that have to wait for blocks at the same time.
    async fn settle(&mut self) -> Result<(), ReadError> {
        let mut unknown = self.cursors.iter_mut().filter(|cursor| cursor.is_unknown());
        let (first, second) = (unknown.next(), unknown.next());
        match (first, second) {
            (None, _) => return Ok(()),
            (Some(first), None) => first.settle().await?,
            (Some(first), Some(second)) => {
                // Boxed and collected, or the compiler does not see that this is `Send` whatever the lifetimes.
                let all = [first, second].into_iter().chain(unknown);
                let all: Vec<_> = all.map(|cursor| cursor.settle().boxed()).collect();
                try_join_all(all).await?;
            }
        }
        self.cursors.retain(|cursor| !matches!(cursor.head(), Head::End));
        Ok(())
    }

    /// The head that comes first; of those with one key, the newest version's.
    fn first(&self) -> Option<(usize, &super::open::Place)> {
        let heads = self.cursors.iter().enumerate().filter_map(|(at, cursor)| match cursor.head() {
            Head::At(place) => Some((at, place)),
            Head::Unknown | Head::End => None,
        });
        heads.reduce(|best, other| {
            let by_key = match self.order {
                Order::Asc => other.1.key().cmp(best.1.key()),
                Order::Desc => best.1.key().cmp(other.1.key()),
            };
            if by_key.then_with(|| best.1.ts().cmp(&other.1.ts())).is_lt() { other } else { best }
        })
    }
}
