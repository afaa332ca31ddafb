//! Failures that are not results of a function: the server could not, or would not, run the call.

use http::StatusCode;
use lakewire_storage::database::SnapshotError;
use lakewire_storage::state::LoadError;
use lakewire_storage::transaction::TxError;

use super::PathError;
use crate::auth::AuthError;
use crate::model::ModelError;

/// What a client is told about a fault inside the server; the details go to the server's own log.
const INTERNAL_TEXT: &str = "Your request couldn't be completed. Try again later.";

/// A call that has no result. Over HTTP it is answered by [`CallFailure::status`]; a socket is closed, or answers
/// an `AuthError`.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallFailure {
    /// The request itself is wrong.
    #[error("{message}")]
    BadRequest {
        /// Code of the error body.
        code: &'static str,
        /// Text of the error body.
        message: String,
    },
    /// The credential does not allow the call.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// Too many calls at once; sending it again later is safe.
    #[error("{0}")]
    Overloaded(String),
    /// Storage cannot read or commit now: its medium is full or out of reach. Sending it again later is safe.
    #[error("{0}")]
    Unavailable(String),
    /// The documents a mutation needs kept changing in every one of its attempts.
    #[error("{0}")]
    Conflict(ConflictFailure),
    /// The snapshot that was asked for is no longer kept.
    #[error("the requested timestamp is too old: its history is no longer kept")]
    OutOfRetention,
    /// The snapshot that was asked for does not exist yet.
    #[error("the requested timestamp is in the future")]
    InFuture,
    /// A fault of the server. The text is for its log only.
    #[error("{0}")]
    Internal(String),
}

/// The conflict that ended the last attempt of a mutation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictFailure {
    /// Name of the table of the document that changed.
    pub table: Option<String>,
    /// Id of the document that changed.
    pub document: Option<String>,
    /// The function that changed it, as far as it is known.
    pub writer: Option<String>,
    /// How often the mutation was tried.
    pub attempts: u32,
}

impl std::fmt::Display for ConflictFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Documents read from or written to the ")?;
        match &self.table {
            Some(table) => write!(f, "\"{table}\" table")?,
            None => write!(f, "database")?,
        }
        write!(
            f,
            " changed while this mutation was being run and on every subsequent retry ({} attempts).",
            self.attempts
        )?;
        if let Some(writer) = &self.writer {
            write!(f, " Another call to \"{writer}\" changed")?;
            match &self.document {
                Some(document) => write!(f, " the document with ID \"{document}\".")?,
                None => write!(f, " them.")?,
            }
        } else if let Some(document) = &self.document {
            write!(f, " The document with ID \"{document}\" was changed.")?;
        }
        write!(f, " See https://docs.convex.dev/error#1")
    }
}

impl CallFailure {
    /// The `code` of the error body.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadRequest { code, .. } => code,
            Self::Auth(error) => error.code(),
            Self::Overloaded(_) => "TooManyConcurrentRequests",
            Self::Unavailable(_) => "CommitterFullError",
            Self::Conflict(_) => "OptimisticConcurrencyControlFailure",
            Self::OutOfRetention | Self::InFuture | Self::Internal(_) => "InternalServerError",
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest { .. } => StatusCode::BAD_REQUEST,
            Self::Auth(error) => error.status(),
            Self::Overloaded(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) | Self::Conflict(_) | Self::OutOfRetention => StatusCode::SERVICE_UNAVAILABLE,
            Self::InFuture | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The text a client may see: faults of the server are not explained to it.
    pub fn public_message(&self) -> String {
        match self {
            Self::Internal(_) => INTERNAL_TEXT.to_owned(),
            other => other.to_string(),
        }
    }
}

/// The developer's errors are results of functions, and internal ones where no function of his ran.
impl From<TxError> for CallFailure {
    fn from(error: TxError) -> Self {
        match error {
            TxError::Read(_) => Self::Unavailable(error.to_string()),
            TxError::Row(_) | TxError::Developer { .. } => Self::Internal(error.to_string()),
        }
    }
}

impl From<ModelError> for CallFailure {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Transaction { source: source @ TxError::Read(_), .. } => source.into(),
            error => Self::Internal(format!("cannot load the deployed app: {error}")),
        }
    }
}

impl From<SnapshotError> for CallFailure {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::TooOld { .. } => Self::OutOfRetention,
            SnapshotError::InFuture { .. } => Self::InFuture,
            SnapshotError::Load(LoadError::Read(_)) => Self::Unavailable(error.to_string()),
            SnapshotError::Load(LoadError::Row(_)) => Self::Internal(error.to_string()),
        }
    }
}

impl From<PathError> for CallFailure {
    fn from(error: PathError) -> Self {
        Self::BadRequest { code: "BadConvexFunctionIdentifier", message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::{CallFailure, ConflictFailure};

    #[test]
    fn a_conflict_names_table_document_and_function() {
        let failure = CallFailure::Conflict(ConflictFailure {
            table: Some("counters".into()),
            document: Some("j57".into()),
            writer: Some("counters:add".into()),
            attempts: 5,
        });
        assert_eq!(failure.status(), 503);
        let text = failure.public_message();
        for part in ["\"counters\"", "\"j57\"", "\"counters:add\"", "every subsequent retry"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn faults_of_the_server_are_not_explained() {
        let failure = CallFailure::Internal("disk says no".into());
        assert_eq!((failure.status().as_u16(), failure.code()), (500, "InternalServerError"));
        assert!(!failure.public_message().contains("disk"));
    }
}
