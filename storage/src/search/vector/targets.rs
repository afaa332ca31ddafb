//! Which places of a part a query may find.

use bytes::Bytes;

use super::VectorPart;
use super::layout::{Directory, NO_PLACE, PLACES_IN_ROW};

/// A set of places.
pub(super) struct Targets {
    words: Vec<u64>,
    count: usize,
}

impl Targets {
    /// The places of the documents that may be found.
    pub async fn new(part: &VectorPart<'_>, directory: &Directory, places: &[Bytes]) -> Targets {
        let mut targets = Targets { words: vec![0; directory.vectors().div_ceil(64)], count: 0 };
        let mut add = |ordinal: u32| {
            let row = places.get(ordinal as usize / PLACES_IN_ROW);
            let place = row.and_then(|row| row.as_chunks().0.get(ordinal as usize % PLACES_IN_ROW));
            if let Some(place) = place.map(|place| u32::from_le_bytes(*place)).filter(|place| *place != NO_PLACE) {
                targets.insert(place as usize);
            }
        };
        match part.allowed {
            Some(allowed) => {
                for (at, ordinal) in allowed.iter().enumerate() {
                    if at % AT_ONCE == 0 {
                        tokio::task::yield_now().await;
                    }
                    if !part.dead.contains(ordinal) {
                        add(ordinal);
                    }
                }
            }
            None => {
                for ordinal in 0..part.documents {
                    if (ordinal as usize).is_multiple_of(AT_ONCE) {
                        tokio::task::yield_now().await;
                    }
                    if !part.dead.contains(ordinal) {
                        add(ordinal);
                    }
                }
            }
        }
        targets
    }

    fn insert(&mut self, place: usize) {
        let (word, bit) = (place / 64, 1 << (place % 64));
        self.count += usize::from(self.words[word] & bit == 0);
        self.words[word] |= bit;
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether a place is one of them.
    pub fn contains(&self, place: usize) -> bool {
        self.words[place / 64] & (1 << (place % 64)) != 0
    }

    /// How many there are from `start` on and before `end`.
    pub fn count_in(&self, places: std::ops::Range<usize>) -> usize {
        let (mut count, mut at) = (0, places.start);
        while at < places.end {
            let end = (at / 64 * 64 + 64).min(places.end);
            let mask = (u64::MAX >> (64 - (end - at))) << (at % 64);
            count += (self.words[at / 64] & mask).count_ones() as usize;
            at = end;
        }
        count
    }

    /// All of them, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(at * 64 + bit as usize)
            })
        })
    }
}

const AT_ONCE: usize = 500_000;
