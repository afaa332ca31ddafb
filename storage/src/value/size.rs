use super::{Value, ValueError};
use crate::limits;

impl Value {
    /// The size in bytes that limits count (not the length of any encoding): null and boolean 1, numbers 9, string and
    /// bytes 2 + length, array 2 + elements, object 2 + (name length + 1 + value) of each field.
    pub fn size(&self) -> usize {
        match self {
            Value::Null | Value::Boolean(_) => 1,
            Value::Int64(_) | Value::Float64(_) | Value::CommitTs => 9,
            Value::String(text) => 2 + text.len(),
            Value::Bytes(bytes) => 2 + bytes.len(),
            Value::Array(elements) => 2 + elements.iter().map(Value::size).sum::<usize>(),
            Value::Object(fields) => {
                2 + fields.iter().map(|(name, value)| name.len() + 1 + value.size()).sum::<usize>()
            }
        }
    }

    /// How deeply arrays and objects are nested: 0 for a scalar, 1 for `{}`.
    pub fn nesting(&self) -> usize {
        match self {
            Value::Array(elements) => 1 + elements.iter().map(Value::nesting).max().unwrap_or(0),
            Value::Object(fields) => 1 + fields.values().map(Value::nesting).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// Checks that the value can be stored as a document: an object, at most 1 MiB, nested at most 16 deep, with no
    /// top-level field that starts with `_` but `_id` and `_creationTime`.
    ///
    /// Pass the whole document, system fields included, since they count towards its size.
    pub fn check_document(&self) -> Result<(), ValueError> {
        let Value::Object(fields) = self else {
            return Err(ValueError::Document(format!("a document must be an object, not {}", self.type_name())));
        };
        let reserved = |name: &&String| name.starts_with('_') && !matches!(name.as_str(), "_id" | "_creationTime");
        if let Some(name) = fields.keys().find(reserved) {
            return Err(ValueError::Document(format!(
                "field `{name}` starts with an underscore, which is reserved for system fields like `_id`"
            )));
        }
        let nesting = self.nesting();
        if nesting > limits::MAX_DOCUMENT_NESTING {
            return Err(ValueError::Document(format!(
                "document is nested too deeply: {nesting} levels, the maximum is {}",
                limits::MAX_DOCUMENT_NESTING
            )));
        }
        let size = self.size();
        if size > limits::MAX_DOCUMENT_SIZE {
            return Err(ValueError::TooLarge { what: "document", actual: size, maximum: limits::MAX_DOCUMENT_SIZE });
        }
        Ok(())
    }
}
