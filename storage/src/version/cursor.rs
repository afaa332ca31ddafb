//! A run that a scan goes through.

use std::sync::Arc;

use super::blocks_within;
use super::open::{Open, Place};
use crate::interval::Interval;
use crate::log::Timestamp;
use crate::query::Order;
use crate::segment::{ReadError, Segment, SegmentCache};

/// A run in which a scan looks for its next key.
pub(super) struct Cursor {
    cache: Arc<SegmentCache>,
    interval: Interval,
    order: Order,
    ts: Timestamp,
    /// Those that are not open yet, the next one last.
    segments: Vec<Arc<Segment>>,
    /// Whether the next one is read ahead.
    is_next_asked: bool,
    open: Option<Open>,
    head: Head,
}

pub(super) enum Head {
    /// To be found.
    Unknown,
    /// The newest version that is seen of the next key.
    At(Place),
    /// There are no more keys.
    End,
}

impl Cursor {
    /// Goes through `segments`, which are in key order.
    pub fn new(
        cache: Arc<SegmentCache>,
        mut segments: Vec<Arc<Segment>>,
        interval: Interval,
        order: Order,
        ts: Timestamp,
    ) -> Self {
        if order == Order::Asc {
            segments.reverse();
        }
        Cursor { cache, interval, order, ts, segments, is_next_asked: false, open: None, head: Head::Unknown }
    }

    pub fn head(&self) -> &Head {
        &self.head
    }

    pub fn is_unknown(&self) -> bool {
        matches!(self.head, Head::Unknown)
    }

    /// The segment of the head.
    pub fn segment(&self) -> Option<&Arc<Segment>> {
        self.open.as_ref().map(Open::segment)
    }

    /// Finds the head. May be dropped and begun again.
    pub async fn settle(&mut self) -> Result<(), ReadError> {
        while self.is_unknown() {
            let Some(open) = &mut self.open else {
                let Some(segment) = self.segments.last() else {
                    self.head = Head::End;
                    return Ok(());
                };
                let tail = self.cache.tail(segment).await?;
                let (cache, segment, interval) = (self.cache.clone(), segment.clone(), self.interval.clone());
                self.open = Some(Open::new(cache, segment, tail, interval, self.order, self.ts));
                self.segments.pop();
                self.is_next_asked = false;
                continue;
            };
            match open.find().await? {
                Some(place) => self.head = Head::At(place),
                None => self.open = None,
            }
            self.ask_for_next();
        }
        Ok(())
    }

    /// Goes on behind the key of the head.
    pub fn pass(&mut self) {
        if let (Head::At(place), Some(open)) = (&self.head, &mut self.open) {
            open.pass(place);
            self.head = Head::Unknown;
        }
    }

    /// Has the start of the next segment read once all of this one is.
    fn ask_for_next(&mut self) {
        let Some(segment) = self.segments.last() else { return };
        if self.is_next_asked || !self.open.as_ref().is_some_and(Open::is_at_end) {
            return;
        }
        self.is_next_asked = true;
        let (cache, segment, interval, order) =
            (self.cache.clone(), segment.clone(), self.interval.clone(), self.order);
        self.cache.env().spawn("segment read ahead", async move {
            // Who needs it meets the same error.
            let Ok(tail) = cache.tail(&segment).await else { return };
            let blocks = blocks_within(&tail, &interval);
            let block = if order == Order::Asc { blocks.start } else { blocks.end - 1 };
            let _read = cache.block(&segment, &tail, block).await;
        });
    }
}
