//! What goes wrong with segments.

use std::sync::Arc;

/// A segment could not be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// The object is not there.
    #[error("segment `{path}` is missing")]
    Missing {
        /// The segment.
        path: String,
    },
    /// Its bytes are not what was written.
    #[error("segment `{path}` is damaged: {reason}")]
    Corrupt {
        /// The segment.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is of another version of the format.
    #[error("segment `{path}` has format version {version}, and this version of Lakewire reads version {supported}")]
    Format {
        /// The segment.
        path: String,
        /// Its version.
        version: u16,
        /// The version that can be read.
        supported: u16,
    },
    /// The store did not answer, several times.
    #[error("reading segment `{path}` failed: {source}")]
    Store {
        /// The segment.
        path: String,
        /// What the store said last.
        source: Arc<object_store::Error>,
    },
    /// The task that read it came to its end before it was done: the process is shutting down.
    #[error("reading segment `{path}` was interrupted")]
    Interrupted {
        /// The segment.
        path: String,
    },
}

impl ReadError {
    /// Whether the same read can succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, ReadError::Store { .. } | ReadError::Interrupted { .. })
    }

    /// The segment that could not be read.
    pub fn path(&self) -> &str {
        match self {
            ReadError::Missing { path }
            | ReadError::Corrupt { path, .. }
            | ReadError::Format { path, .. }
            | ReadError::Store { path, .. }
            | ReadError::Interrupted { path } => path,
        }
    }
}

/// A segment could not be written. What was written of it is to be aborted.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A row does not come after the one before it. A mistake of the caller.
    #[error("row `{key}` at {ts} does not come after the row before it")]
    Order {
        /// The row's key in hex.
        key: String,
        /// The row's timestamp.
        ts: u64,
    },
    /// `finish` without any row. A mistake of the caller.
    #[error("segment `{path}` has no rows")]
    Empty {
        /// The segment.
        path: String,
    },
    /// A row or the file is larger than the format can say.
    #[error("segment `{path}` is too large: {what}")]
    TooLarge {
        /// The segment.
        path: String,
        /// What is too large.
        what: &'static str,
    },
    /// The rows could not be encoded.
    #[error("segment `{path}` could not be encoded: {source}")]
    Encode {
        /// The segment.
        path: String,
        /// What the encoder said.
        source: parquet::errors::ParquetError,
    },
    /// The store refused it or did not answer.
    #[error("writing segment `{path}` failed: {source}")]
    Store {
        /// The segment.
        path: String,
        /// What the store said.
        source: object_store::Error,
    },
}

impl WriteError {
    /// Whether writing the same rows to a new segment can succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, WriteError::Store { .. })
    }
}
