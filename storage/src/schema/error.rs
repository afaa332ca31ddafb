/// Why a validator or a schema is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SchemaError {
    code: &'static str,
    message: String,
}

impl SchemaError {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        SchemaError { code, message: message.into() }
    }

    /// JSON that does not have the form of a schema.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        SchemaError::new("InvalidSchema", message)
    }

    /// The short code, `IndexNotUnique` for instance.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The same error, its message starting with where it is.
    pub(super) fn at(self, place: impl std::fmt::Display) -> Self {
        SchemaError { code: self.code, message: format!("{place}: {}", self.message) }
    }
}
