//! A segment that a scan goes through.

use std::sync::Arc;

use super::blocks_within;
use super::readahead::Readahead;
use crate::interval::{End, Interval, next_key};
use crate::key::Key;
use crate::log::Timestamp;
use crate::query::Order;
use crate::segment::{Block, ReadError, Segment, SegmentCache, Tail};

/// A segment in which a scan looks for the next key that has a version at its timestamp.
pub(super) struct Open {
    blocks: Readahead,
    interval: Interval,
    order: Order,
    /// Later versions are not seen.
    limit: Timestamp,
    /// Where to go before anything else.
    target: Option<Target>,
    /// Ascending: the candidate. Descending: the row after the candidate. May be behind the last row of its block.
    place: Option<Place>,
}

#[derive(Clone)]
pub(super) struct Place {
    at: usize,
    pub block: Arc<Block>,
    pub row: usize,
}

impl Place {
    pub fn key(&self) -> &[u8] {
        self.block.key(self.row)
    }

    pub fn ts(&self) -> Timestamp {
        self.block.ts(self.row)
    }
}

/// A place that is still to be read.
enum Target {
    /// The first row at or after this.
    Row(Key, Timestamp),
    /// The end of the last block.
    End,
}

impl Open {
    pub fn new(
        cache: Arc<SegmentCache>,
        segment: Arc<Segment>,
        tail: Arc<Tail>,
        interval: Interval,
        order: Order,
        ts: Timestamp,
    ) -> Self {
        let target = match (order, &interval.end) {
            (Order::Asc, _) => Target::Row(interval.start.clone(), Timestamp::MAX),
            (Order::Desc, End::Before(end)) => Target::Row(end.clone(), Timestamp::MAX),
            (Order::Desc, End::Unbounded) => Target::End,
        };
        let limit = segment.limit(ts);
        let within = blocks_within(&tail, &interval);
        let blocks = Readahead::new(cache, segment, tail, within, order);
        Open { blocks, interval, order, limit, target: Some(target), place: None }
    }

    pub fn segment(&self) -> &Arc<Segment> {
        &self.blocks.segment
    }

    /// Whether everything of this segment is read or asked for, and a next segment should be.
    pub fn is_at_end(&self) -> bool {
        self.blocks.is_at_end()
    }

    /// The next key's newest version that is seen; `None` when there are no more. Asked again without [`Open::pass`],
    /// it answers the same; dropping the future changes nothing either.
    pub async fn find(&mut self) -> Result<Option<Place>, ReadError> {
        match self.order {
            Order::Asc => self.forward().await,
            Order::Desc => self.backward().await,
        }
    }

    /// Goes on behind the key of `found`, which [`Open::find`] gave.
    pub fn pass(&mut self, found: &Place) {
        let key = found.key();
        match (self.order, &mut self.place) {
            // The usual case: the neighbour has another key.
            (Order::Asc, Some(place))
                if place.row + 1 < place.block.rows() && place.block.key(place.row + 1) != key =>
            {
                place.row += 1;
            }
            (Order::Desc, Some(place))
                if place.at == found.at && found.row > 0 && place.block.key(found.row - 1) != key =>
            {
                place.row = found.row;
            }
            (Order::Asc, _) => self.target = Some(Target::Row(next_key(key), Timestamp::MAX)),
            (Order::Desc, _) => self.target = Some(Target::Row(Key::from(key), Timestamp::MAX)),
        }
    }

    async fn forward(&mut self) -> Result<Option<Place>, ReadError> {
        loop {
            self.go_to_target().await?;
            let Some(place) = &mut self.place else { return Ok(None) };
            if place.row == place.block.rows() {
                let next = place.at + 1;
                if next >= self.blocks.blocks.end {
                    return Ok(None);
                }
                let block = self.blocks.next(next).await?;
                *place = Place { at: next, block, row: 0 };
                continue;
            }
            if !self.interval.end.is_after(place.key()) {
                return Ok(None);
            }
            if place.ts() <= self.limit {
                return Ok(Some(place.clone()));
            }
            self.target = Some(Target::Row(Key::from(place.key()), self.limit));
        }
    }

    async fn backward(&mut self) -> Result<Option<Place>, ReadError> {
        loop {
            self.go_to_target().await?;
            let Some(place) = &mut self.place else { return Ok(None) };
            if place.row == 0 {
                if place.at <= self.blocks.blocks.start {
                    return Ok(None);
                }
                let next = place.at - 1;
                let block = self.blocks.next(next).await?;
                *place = Place { at: next, row: block.rows(), block };
                continue;
            }
            // The oldest version of the greatest key that is left.
            let oldest = Place { row: place.row - 1, ..place.clone() };
            let key = oldest.key();
            if key < self.interval.start.as_bytes() {
                return Ok(None);
            }
            let is_alone = oldest.row > 0 && oldest.block.key(oldest.row - 1) != key;
            if is_alone && oldest.ts() <= self.limit {
                return Ok(Some(oldest));
            }
            if oldest.ts() <= self.limit
                && let Some(newest) = self.newest(&oldest).await?
            {
                return Ok(Some(newest));
            }
            self.target = Some(Target::Row(Key::from(key), Timestamp::MAX));
        }
    }

    /// The newest version that is seen of the key of `oldest`. Versions of one key can be in several blocks.
    async fn newest(&self, oldest: &Place) -> Result<Option<Place>, ReadError> {
        let Readahead { cache, segment, tail, .. } = &self.blocks;
        let key = oldest.key();
        let mut at = tail.block_of(key, self.limit);
        let mut block = if at == oldest.at { oldest.block.clone() } else { cache.block(segment, tail, at).await? };
        let mut row = block.seek(key, self.limit);
        if row == block.rows() && at < oldest.at {
            at += 1;
            block = if at == oldest.at { oldest.block.clone() } else { cache.block(segment, tail, at).await? };
            row = 0;
        }
        let place = Place { at, block, row };
        Ok((row < place.block.rows() && place.key() == key).then_some(place))
    }

    async fn go_to_target(&mut self) -> Result<(), ReadError> {
        let place = match &self.target {
            None => return Ok(()),
            Some(Target::Row(key, ts)) => {
                let at = self.blocks.tail.block_of(key, *ts);
                let block = match &self.place {
                    Some(place) if place.at == at => place.block.clone(),
                    // Behind the last row of a block is the next one, or before the first the one before.
                    Some(place) if self.is_next(place.at, at) => self.blocks.next(at).await?,
                    _ => self.blocks.jump(at).await?,
                };
                Place { at, row: block.seek(key, *ts), block }
            }
            Some(Target::End) => {
                let at = self.blocks.tail.blocks() - 1;
                let block = self.blocks.jump(at).await?;
                Place { at, row: block.rows(), block }
            }
        };
        self.place = Some(place);
        self.target = None;
        Ok(())
    }

    fn is_next(&self, from: usize, to: usize) -> bool {
        match self.order {
            Order::Asc => to == from + 1,
            Order::Desc => to + 1 == from,
        }
    }
}
