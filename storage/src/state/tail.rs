//! The newest commits in memory: what the segments do not have yet, and some of what they have.
//!
//! A [`Tail`] is a few *layers*. Commits go into the active one; a flush freezes it, writes its rows to a segment, and drops it
//! once a manifest has the segment. Like segments, layers hold versions: a row says what is at a key from a timestamp on.
//!
//! The layers hold every commit after some timestamp without gaps. So where a key has a row in the tail that a reader may see,
//! no segment has a newer one that he may see.

use std::cmp::Reverse;
use std::iter::Peekable;
use std::sync::Arc;

use equivalent::{Comparable, Equivalent};
use imbl::OrdMap;

use super::cursor::{Cursor, Merged};
use crate::document::Document;
use crate::interval::Interval;
use crate::key::Key;
use crate::log::Timestamp;
use crate::query::Order;
use crate::segment::Row;

/// The rows of a layer: keys ascending, then the newest first. `None` is a tombstone.
pub(super) type Rows = OrdMap<(Key, Reverse<Timestamp>), Option<Arc<Document>>>;

/// About the bytes that a row takes beyond its key and its document.
const ROW_BYTES: usize = 96;

/// A place in [`Rows`] to search for, without a key of one's own.
#[derive(Clone, Copy)]
pub(super) struct Place<'k>(pub &'k [u8], pub Reverse<Timestamp>);

impl Comparable<(Key, Reverse<Timestamp>)> for Place<'_> {
    fn compare(&self, (key, ts): &(Key, Reverse<Timestamp>)) -> std::cmp::Ordering {
        self.0.cmp(key).then_with(|| self.1.cmp(ts))
    }
}

impl Equivalent<(Key, Reverse<Timestamp>)> for Place<'_> {
    fn equivalent(&self, (key, ts): &(Key, Reverse<Timestamp>)) -> bool {
        self.0 == &**key && self.1 == *ts
    }
}

/// A part of the tail. A clone costs nothing.
#[derive(Clone, Default)]
pub(crate) struct Layer {
    rows: Rows,
    bytes: usize,
    /// The timestamp of its newest row; 0 if it is empty.
    max_ts: Timestamp,
}

impl Layer {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// About the memory that the layer takes, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn insert(&mut self, key: Key, ts: Timestamp, document: Option<Arc<Document>>) {
        // Documents are shared by the rows of all indexes: each carries a share of it that is about right.
        let held = document.as_ref().map_or(0, |document| document.json.len() / 2);
        self.bytes += key.as_bytes().len() + held + ROW_BYTES;
        self.max_ts = self.max_ts.max(ts);
        self.rows.insert((key, Reverse(ts)), document);
    }

    /// The version of a key that a reader of `ts` sees; the inner `None` is a tombstone.
    fn get(&self, key: &[u8], ts: Timestamp) -> Option<&Option<Arc<Document>>> {
        let ((found, _), document) = self.rows.get_next(&Place(key, Reverse(ts)))?;
        (**found == *key).then_some(document)
    }

    fn cursor(&self, interval: &Interval, order: Order, ts: Timestamp) -> Cursor<'_> {
        Cursor::new(&self.rows, interval, order, ts)
    }
}

/// The layers. A clone costs nothing.
#[derive(Clone, Default)]
pub(crate) struct Tail {
    active: Layer,
    /// The newest first. None is empty.
    frozen: Arc<[Layer]>,
}

impl Tail {
    pub(super) fn active_mut(&mut self) -> &mut Layer {
        &mut self.active
    }

    /// About the memory that it takes, in bytes.
    pub fn bytes(&self) -> usize {
        self.layers().map(Layer::bytes).sum()
    }

    /// Freezes the active layer, unless it is empty.
    pub(super) fn rotate(&mut self) {
        if !self.active.is_empty() {
            let active = std::mem::take(&mut self.active);
            self.frozen = std::iter::once(active).chain(self.frozen.iter().cloned()).collect();
        }
    }

    /// Drops the layers that the segments have.
    pub(super) fn forget_through(&mut self, ts: Timestamp) {
        if self.frozen.iter().any(|layer| layer.max_ts <= ts) {
            self.frozen = self.frozen.iter().filter(|layer| layer.max_ts > ts).cloned().collect();
        }
        if self.active.max_ts <= ts {
            self.active = Layer::default();
        }
    }

    fn layers(&self) -> impl DoubleEndedIterator<Item = &Layer> {
        std::iter::once(&self.active).chain(self.frozen.iter()).filter(|layer| !layer.is_empty())
    }

    /// What a reader of `ts` sees at a key: a document, that there is none (the inner `None`), or that the segments know.
    pub fn get(&self, key: &[u8], ts: Timestamp) -> Option<&Option<Arc<Document>>> {
        self.layers().find_map(|layer| layer.get(key, ts))
    }

    /// The keys of an interval with what a reader of `ts` sees there, tombstones included.
    pub fn range(&self, interval: &Interval, order: Order, ts: Timestamp) -> Merged<'_> {
        Merged::new(self.layers().map(|layer| layer.cursor(interval, order, ts)), order)
    }

    /// The keys of an interval that have a version in `(since, ts]`, some maybe twice.
    pub fn changed(&self, interval: &Interval, since: Timestamp, ts: Timestamp) -> Vec<Key> {
        let first = (interval.start.clone(), Reverse(Timestamp::MAX));
        let is_new = |at: Timestamp| at > since && at <= ts;
        let layers = self.layers().filter(|layer| layer.max_ts > since);
        let rows = layers.flat_map(|layer| {
            let rows = layer.rows.range(first.clone()..).map(|(place, _)| place);
            rows.take_while(|(key, _)| interval.end.is_after(key))
        });
        rows.filter(|(_, Reverse(at))| is_new(*at)).map(|(key, _)| key.clone()).collect()
    }

    /// How many frozen layers there are.
    pub fn frozen_layers(&self) -> usize {
        self.frozen.len()
    }

    /// Every row of the frozen layers: keys ascending, then the newest first.
    pub fn frozen_rows(&self) -> impl Iterator<Item = Row> + Send + use<> {
        let layers = self.frozen.iter().map(|layer| layer.rows.clone().into_iter().peekable()).collect();
        FrozenRows { layers }
    }
}

type Owned = <Rows as IntoIterator>::IntoIter;

/// See [`Tail::frozen_rows`].
struct FrozenRows {
    layers: Vec<Peekable<Owned>>,
}

impl Iterator for FrozenRows {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let heads = self.layers.iter_mut().enumerate().filter_map(|(at, layer)| Some((layer.peek()?.0.clone(), at)));
        let (place, _) = heads.min()?;
        let mut row = None;
        for layer in &mut self.layers {
            if let Some((_, document)) = layer.next_if(|(other, _)| *other == place) {
                row.get_or_insert(document);
            }
        }
        let (key, Reverse(ts)) = place;
        Some(Row { key, ts, document: row? })
    }
}
