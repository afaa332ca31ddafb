//! What can go wrong with files.

use crate::model::ModelError;
use crate::udf::CallFailure;

/// A file that cannot be stored or loaded.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The bytes are not those that were announced.
    #[error("the digest of the file is sha-256={actual}, and sha-256={expected} was given")]
    Sha256Mismatch {
        /// Base64.
        expected: String,
        /// Base64.
        actual: String,
    },
    /// Whoever sent the bytes stopped.
    #[error("the file did not arrive: {0}")]
    Interrupted(String),
    #[error("cannot store or load the bytes of a file: {0}")]
    Store(#[from] object_store::Error),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("cannot commit a file: {0}")]
    Commit(#[from] lakewire_storage::commit::CommitError),
}

impl From<FileError> for CallFailure {
    fn from(error: FileError) -> Self {
        let message = error.to_string();
        match error {
            FileError::Sha256Mismatch { .. } => Self::BadRequest { code: "Sha256Mismatch", message },
            FileError::Interrupted(_) => Self::BadRequest { code: "BadBody", message },
            FileError::Store(_) | FileError::Commit(_) => Self::Unavailable(message),
            FileError::Model(error) => error.into(),
        }
    }
}
