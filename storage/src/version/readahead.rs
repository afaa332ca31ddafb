//! Reads the blocks of a segment, more and more of them ahead as long as they are read one after the other.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::query::Order;
use crate::segment::{Block, ReadError, Requested, Segment, SegmentCache, Tail};

/// The most blocks that are held ahead.
const MAX_WINDOW: usize = 16;

/// The blocks of a segment that have keys of an interval.
pub(super) struct Readahead {
    pub cache: Arc<SegmentCache>,
    pub segment: Arc<Segment>,
    pub tail: Arc<Tail>,
    /// Those that may be read ahead.
    pub blocks: Range<usize>,
    order: Order,
    /// How many blocks to have asked for, the one in need included. 0 until a block was followed by its neighbour.
    window: usize,
    /// Asked for, in `order` and without gaps.
    ahead: VecDeque<(usize, Requested)>,
}

impl Readahead {
    pub fn new(
        cache: Arc<SegmentCache>,
        segment: Arc<Segment>,
        tail: Arc<Tail>,
        blocks: Range<usize>,
        order: Order,
    ) -> Self {
        Readahead { cache, segment, tail, blocks, order, window: 0, ahead: VecDeque::new() }
    }

    /// Whether reading ahead has come to the last block.
    pub fn is_at_end(&self) -> bool {
        let last = match self.order {
            Order::Asc => self.blocks.end - 1,
            Order::Desc => self.blocks.start,
        };
        self.window > 0 && self.ahead.back().is_none_or(|(block, _)| *block == last)
    }

    /// A block anywhere.
    pub async fn jump(&mut self, block: usize) -> Result<Arc<Block>, ReadError> {
        self.window = 0;
        self.ahead.clear();
        self.cache.block(&self.segment, &self.tail, block).await
    }

    /// The block that follows, in the order, the one asked for before.
    pub async fn next(&mut self, block: usize) -> Result<Arc<Block>, ReadError> {
        while self.ahead.front().is_some_and(|(front, _)| *front != block) {
            self.ahead.pop_front();
        }
        // Not more at a time than half of what is wanted, so that the next request is under way while these are used.
        self.window = (self.window * 2).clamp(2, MAX_WINDOW);
        if self.ahead.len() <= self.window / 2 {
            self.ask(block);
        }
        let Some((_, requested)) = self.ahead.front() else { return self.jump(block).await };
        let read = requested.block(&self.segment).await;
        self.ahead.pop_front();
        read
    }

    /// Asks for what is missing to the window that starts with `block`.
    fn ask(&mut self, block: usize) {
        match self.order {
            Order::Asc => {
                let start = self.ahead.back().map_or(block, |(last, _)| last + 1);
                let blocks = start..(block + self.window).min(self.blocks.end).max(start);
                let requested = self.cache.request(&self.segment, &self.tail, blocks.clone());
                self.ahead.extend(blocks.zip(requested));
            }
            Order::Desc => {
                let end = self.ahead.back().map_or(block + 1, |(last, _)| *last);
                let blocks = (block + 1).saturating_sub(self.window).max(self.blocks.start).min(end)..end;
                let requested = self.cache.request(&self.segment, &self.tail, blocks.clone());
                self.ahead.extend(blocks.zip(requested).rev());
            }
        }
    }
}
