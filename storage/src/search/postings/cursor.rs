//! Walks over lists of postings.

use super::{BLOCK, Damage, Impacts, Postings};

/// The ordinal behind the last one.
pub(crate) const END: u32 = u32::MAX;
/// No block.
const NONE: usize = usize::MAX;

/// A place in a list, which only moves on. There are two ways to use it, which may be mixed as long as ordinals ascend: postings
/// by [`Self::seek`] and [`Self::next`], and blocks by [`Self::shallow_seek`] and [`Self::decode`], of which those that cannot
/// matter are never decoded.
pub(crate) struct Cursor<'a> {
    postings: &'a Postings,
    /// The block that it is in.
    block: usize,
    /// Which block `ordinals` has, and which `frequencies` has.
    ordinals_of: usize,
    frequencies_of: usize,
    len: usize,
    at: usize,
    ordinals: Box<[u32; BLOCK]>,
    frequencies: Box<[u32; BLOCK]>,
}

impl<'a> Cursor<'a> {
    /// What scores are possible in the list: in each of its chunks.
    pub fn impacts(&self) -> &'a [Impacts] {
        self.postings.impacts()
    }

    /// In front of the first posting: [`Self::seek`] comes first.
    pub fn new(postings: &'a Postings) -> Self {
        Cursor {
            postings,
            block: 0,
            ordinals_of: NONE,
            frequencies_of: NONE,
            len: 0,
            at: 0,
            ordinals: Box::new([0; BLOCK]),
            frequencies: Box::new([0; BLOCK]),
        }
    }

    /// How many postings the list has, of dead documents too.
    pub fn documents(&self) -> u32 {
        self.postings.documents()
    }

    /// Moves to the first posting at or after `ordinal`, but never back; its ordinal, or [`END`].
    ///
    /// # Errors
    /// [`Damage`], also of the functions below.
    pub fn seek(&mut self, ordinal: u32) -> Result<u32, Damage> {
        loop {
            if !self.shallow_seek(ordinal) {
                return Ok(END);
            }
            self.decode()?;
            let rest = &self.ordinals[self.at..self.len];
            // Near, more often than not.
            let near = rest.iter().take(8).position(|have| *have >= ordinal);
            self.at += near.unwrap_or_else(|| rest.partition_point(|have| *have < ordinal));
            if self.at < self.len {
                return Ok(self.ordinals[self.at]);
            }
            self.block += 1;
        }
    }

    /// The next posting after the one that it is at; its ordinal, or [`END`].
    #[cfg(test)]
    pub fn next(&mut self) -> Result<u32, Damage> {
        if self.ordinals_of == self.block && self.at + 1 < self.len {
            self.at += 1;
            return Ok(self.ordinals[self.at]);
        }
        self.block += usize::from(self.block < self.postings.blocks());
        if self.block == self.postings.blocks() {
            return Ok(END);
        }
        self.decode()?;
        Ok(self.ordinals[0])
    }

    /// The frequency of the posting that it is at.
    pub fn frequency(&self) -> Result<u32, Damage> {
        if self.frequencies_of == self.block {
            return Ok(self.frequencies[self.at]);
        }
        self.postings.frequency(self.block, self.at)
    }

    /// Moves to the first block that ends at or after `ordinal`, but never back; whether there is one.
    pub fn shallow_seek(&mut self, ordinal: u32) -> bool {
        self.block = self.postings.block_of(self.block, ordinal);
        self.block < self.postings.blocks()
    }

    /// The block that it is in.
    pub fn block(&self) -> usize {
        self.block
    }

    /// Moves to the block after this one; whether there is one.
    pub fn next_block(&mut self) -> bool {
        self.block += usize::from(self.block < self.postings.blocks());
        self.block < self.postings.blocks()
    }

    /// What the first ordinal of the block is at least.
    pub fn block_base(&self) -> u32 {
        self.postings.base(self.block)
    }

    /// The last ordinal of the block.
    pub fn block_last(&self) -> u32 {
        self.postings.last(self.block)
    }

    /// What scores are possible in a block, this or a later one, and its last ordinal; `None` if there is no such block.
    pub fn impacts_of(&self, block: usize) -> Option<(Impacts, u32)> {
        let is_there = block < self.postings.blocks();
        is_there.then(|| (self.postings.block_impacts(block), self.postings.last(block)))
    }

    /// Decodes the ordinals of the block, if they are not.
    pub fn decode(&mut self) -> Result<(), Damage> {
        if self.ordinals_of != self.block {
            self.ordinals_of = NONE;
            self.len = self.postings.ordinals(self.block, &mut self.ordinals)?;
            (self.ordinals_of, self.at) = (self.block, 0);
        }
        Ok(())
    }

    /// All ordinals and frequencies of the block.
    pub fn postings(&mut self) -> Result<(&[u32], &[u32]), Damage> {
        self.decode()?;
        if self.frequencies_of != self.block {
            self.frequencies_of = NONE;
            self.postings.frequencies(self.block, &mut self.frequencies)?;
            self.frequencies_of = self.block;
        }
        Ok((&self.ordinals[..self.len], &self.frequencies[..self.len]))
    }
}
