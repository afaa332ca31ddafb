//! What goes wrong with timelines.

use super::TimelineId;
use crate::chain::ChainError;
use crate::search::part::MergeError;
use crate::segment::{ReadError, WriteError};

/// An operation on the files of a timeline failed. Nothing is lost: it can be repeated.
#[derive(Debug, thiserror::Error)]
pub enum SegmentsError {
    /// Manifests or the registry could not be read or published.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A segment could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A segment could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Objects could not be listed or deleted.
    #[error("cannot {operation} `{path}`: {error}")]
    Store {
        /// What: "list", "delete", ...
        operation: &'static str,
        /// The object or folder.
        path: String,
        /// What the store said.
        error: object_store::Error,
    },
    /// A manifest or the registry is not what was written, or of another format.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// There is no such timeline, or none any more.
    #[error("there is no timeline `{0}` in the store: its branch was deleted or restored")]
    NoTimeline(TimelineId),
    /// A new file became too old to be published, because the job that wrote it took too long.
    #[error("the job took so long that its new files may be gone; it has to be done again")]
    TooSlow,
}

/// A manifest or a registry cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It was written by a later version of Lakewire.
    #[error("`{path}` has format {format}, and this version of Lakewire reads up to {supported}")]
    Format {
        /// The object.
        path: String,
        /// Its format.
        format: u32,
        /// The highest that is known.
        supported: u32,
    },
    /// It is not what was written.
    #[error("`{path}` is damaged: {reason}")]
    Corrupt {
        /// The object.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

impl From<MergeError> for SegmentsError {
    fn from(error: MergeError) -> Self {
        match error {
            MergeError::Write(error) => error.into(),
            MergeError::Read(error) => error.into(),
        }
    }
}

impl SegmentsError {
    /// Whether the same operation can succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Chain(ChainError::Store { .. } | ChainError::Unknown { .. } | ChainError::TooLate { .. })
            | Self::Store { .. }
            | Self::TooSlow => true,
            Self::Write(error) => error.is_transient(),
            Self::Read(error) => error.is_transient(),
            Self::Chain(ChainError::Lost { .. }) | Self::Document(_) | Self::NoTimeline(_) => false,
        }
    }
}
