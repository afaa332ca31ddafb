//! Ranges of one index.

use std::ops::Bound;
use std::sync::Arc;

use super::{Snapshot, State, index_of};
use crate::document::Document;
use crate::interval::{End, Interval};
use crate::key::Key;
use crate::query::Order;

impl State {
    /// The entries of an interval that lies within one index: the one of its start.
    pub(crate) fn range(
        &self,
        interval: &Interval,
    ) -> impl DoubleEndedIterator<Item = (&Key, &Arc<Document>)> + use<'_> {
        // The map's `range` panics where the end is before the start.
        let tree = self.tree(index_of(&interval.start)).filter(|_| !interval.is_empty());
        let start = Bound::Included(interval.start.clone());
        let end = match &interval.end {
            End::Before(end) => Bound::Excluded(end.clone()),
            End::Unbounded => Bound::Unbounded,
        };
        tree.into_iter().flat_map(move |tree| tree.range((start.clone(), end.clone())))
    }
}

impl Snapshot {
    /// The entries of an interval that lies within one index, in `order`, without a trace.
    pub fn range(&self, interval: &Interval, order: Order) -> Box<dyn Iterator<Item = (&Key, &Arc<Document>)> + '_> {
        let range = self.state().range(interval);
        match order {
            Order::Asc => Box::new(range),
            Order::Desc => Box::new(range.rev()),
        }
    }
}
