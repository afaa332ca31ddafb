use crate::catalog::RowError;
use crate::query::QueryError;
use crate::value::ValueError;
use crate::version::ReadError;

/// Why an operation of a transaction was refused. The transaction itself stays usable; nothing was written by the operation.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TxError {
    /// The developer's code asked for something that cannot be done.
    #[error("{message}")]
    Developer {
        /// The stable short code.
        code: &'static str,
        /// What the developer sees.
        message: String,
        /// What the client sees as the error's data.
        data: Option<Box<serde_json::Value>>,
    },
    /// A row of a system table cannot be read.
    #[error(transparent)]
    Row(#[from] RowError),
    /// A stored document could not be fetched. The same read may succeed later.
    #[error("the database cannot be read at present: {0}")]
    Read(#[from] ReadError),
}

impl TxError {
    /// An error of the developer's code.
    pub fn developer(code: &'static str, message: impl Into<String>) -> Self {
        TxError::Developer { code, message: message.into(), data: None }
    }

    /// The same with data for the client.
    pub fn with_data(code: &'static str, message: impl Into<String>, data: serde_json::Value) -> Self {
        TxError::Developer { code, message: message.into(), data: Some(Box::new(data)) }
    }

    /// The stable short code.
    pub fn code(&self) -> &'static str {
        match self {
            TxError::Developer { code, .. } => code,
            TxError::Row(_) => "InternalServerError",
            TxError::Read(_) => "ServiceUnavailable",
        }
    }

    /// What the client is to see as the error's data.
    pub fn data(&self) -> Option<&serde_json::Value> {
        match self {
            TxError::Developer { data, .. } => data.as_deref(),
            TxError::Row(_) | TxError::Read(_) => None,
        }
    }

    /// Whether the developer's code is to blame, and may catch it; otherwise the storage is damaged, or out of reach.
    pub fn is_developer_error(&self) -> bool {
        matches!(self, TxError::Developer { .. })
    }
}

impl From<ValueError> for TxError {
    fn from(error: ValueError) -> Self {
        TxError::developer(error.code(), error.to_string())
    }
}

impl From<QueryError> for TxError {
    fn from(error: QueryError) -> Self {
        let data = error.data().map(Box::new);
        TxError::Developer { code: error.code(), message: error.to_string(), data }
    }
}
