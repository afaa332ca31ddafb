//! The best documents of a part.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The best so far of documents that come in ascending order of ordinals: the first of those with the same score is better.
pub(super) struct Top {
    limit: usize,
    /// Worse scores are of no interest.
    floor: f64,
    /// Bits of scores, which are not negative, so that bits are in their order. The worst is on top.
    heap: BinaryHeap<Reverse<(u64, Reverse<u32>)>>,
    threshold: f64,
}

impl Top {
    /// `limit` is not 0.
    pub fn new(limit: usize, floor: f64) -> Self {
        let threshold = if floor > 0.0 { floor.next_down() } else { -1.0 };
        Top { limit, floor, heap: BinaryHeap::new(), threshold }
    }

    /// Only documents with more than this are taken.
    #[inline(always)]
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Takes a document with a score above the threshold.
    pub fn push(&mut self, score: f64, ordinal: u32) {
        debug_assert!(score > self.threshold && score >= self.floor);
        let new = Reverse((score.to_bits(), Reverse(ordinal)));
        if self.heap.len() < self.limit {
            self.heap.push(new);
        } else if let Some(mut worst) = self.heap.peek_mut() {
            *worst = new;
        }
        if self.heap.len() == self.limit
            && let Some(Reverse((bits, _))) = self.heap.peek()
        {
            self.threshold = f64::from_bits(*bits);
        }
    }

    /// Scores and ordinals, best first.
    pub fn into_sorted(self) -> impl Iterator<Item = (f64, u32)> {
        let sorted = self.heap.into_sorted_vec().into_iter();
        sorted.map(|Reverse((bits, Reverse(ordinal)))| (f64::from_bits(bits), ordinal))
    }
}
