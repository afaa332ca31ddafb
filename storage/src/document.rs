//! Stored documents.

use std::sync::Arc;

use crate::id::DocumentId;
use crate::value::{Value, ValueError};

/// One version of a document. Immutable; every index and snapshot shares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its id.
    pub id: DocumentId,
    /// Its `_creationTime`: milliseconds since the Unix epoch, with fractions.
    pub creation_time: f64,
    /// The whole document in encoded JSON, with `_id` and `_creationTime`, keys sorted: what functions are given as it
    /// is.
    pub json: Arc<str>,
    /// Its size in bytes as limits count it, with the system fields.
    pub size: u32,
}

impl Document {
    /// The document as a value, parsed anew each time.
    ///
    /// # Errors
    /// [`ValueError`] if `json` is not encoded JSON; what a transaction stored always is.
    pub fn value(&self) -> Result<Value, ValueError> {
        Value::from_json(&self.json)
    }
}
