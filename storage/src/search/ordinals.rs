//! Sets of ordinals.

/// Ordinals of a part.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct OrdinalSet {
    words: Vec<u64>,
    count: u32,
}

impl OrdinalSet {
    /// Adds an ordinal.
    pub fn insert(&mut self, ordinal: u32) {
        let (word, bit) = (ordinal as usize / 64, 1 << (ordinal % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.count += u32::from(self.words[word] & bit == 0);
        self.words[word] |= bit;
    }

    /// Whether an ordinal is in the set.
    pub fn contains(&self, ordinal: u32) -> bool {
        self.words.get(ordinal as usize / 64).is_some_and(|word| word & (1 << (ordinal % 64)) != 0)
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The ordinals, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(at as u32 * 64 + bit)
            })
        })
    }

    /// The memory that it takes in bytes.
    pub fn memory(&self) -> usize {
        self.words.len() * 8 + size_of::<OrdinalSet>()
    }
}
