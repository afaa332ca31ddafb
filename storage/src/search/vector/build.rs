//! Parts of vectors in memory: flushes.

use super::merge::arrange;
use super::plan::Bounds;
use super::score::Normalised;
use super::source::Source;
use super::write::write;
use crate::search::part::{MergeError, PartWriter};
use crate::segment::WriteError;

/// About the most memory that writing takes in bytes: memory is what flushes are to free.
const MEMORY: usize = 64 << 20;

/// Collects the vectors of a part.
pub(crate) struct VectorBuilder {
    dimensions: usize,
    ordinals: Vec<u32>,
    vectors: Vec<f32>,
}

impl VectorBuilder {
    /// None yet.
    pub fn new(dimensions: usize) -> Self {
        VectorBuilder { dimensions, ordinals: Vec::new(), vectors: Vec::new() }
    }

    /// Adds the vector of a document, each at most once.
    ///
    /// # Panics
    /// If it has other dimensions.
    pub fn add(&mut self, ordinal: u32, vector: &Normalised) {
        assert_eq!(vector.as_slice().len(), self.dimensions, "vectors of an index have its dimensions");
        self.ordinals.push(ordinal);
        self.vectors.extend_from_slice(vector.as_slice());
    }

    /// Writes all rows of vectors of the part; none if there are no vectors.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn write(self, writer: &mut PartWriter) -> Result<(), WriteError> {
        self.write_within(Bounds { memory: MEMORY, ..Bounds::DEFAULT }, writer).await
    }

    /// The same within other bounds.
    pub(super) async fn write_within(self, bounds: Bounds, writer: &mut PartWriter) -> Result<(), WriteError> {
        let VectorBuilder { dimensions, ordinals, vectors } = &self;
        let documents = ordinals.iter().max().map_or(0, |last| last + 1);
        let mut sources = [Source::Memory { dimensions: *dimensions, ordinals, vectors }];
        let written = async {
            let plan = arrange(bounds, &mut sources, *dimensions, documents, ordinals.len(), None).await?;
            write(&plan, &sources, bounds.memory, writer).await
        };
        written.await.map_err(|error| match error {
            MergeError::Write(error) => error,
            MergeError::Read(_) => unreachable!("memory is not read from a store"),
        })
    }
}
