//! Values: the one data type of documents, arguments and results.
//!
//! A [`Value`] is read from and written to the *encoded JSON* of the `convex` client package (`$integer`, `$float`,
//! `$bytes` objects), has a total order (the order of index keys) and a size in bytes (the one every limit counts).

mod display;
mod error;
mod order;
mod parse;
mod path;
mod size;
mod write;

use std::collections::BTreeMap;

pub(crate) use display::{printed_field_name, quoted, separator};
pub use error::ValueError;
pub use path::{FieldPath, FieldPathError};
pub use write::write_json_string;

/// A value. Missing ("undefined") is not a value: where it can occur, the type is `Option<Value>` and `None` sorts first.
///
/// `Eq`, `Ord` and `Hash` follow the total order
/// `null < Int64 < Float64 < boolean < string < bytes < array < object`; floats compare by IEEE 754 totalOrder (so
/// `-0 != 0` and `NaN == NaN`), strings by UTF-8 bytes, objects as sorted lists of (name, value).
#[derive(Clone, Debug)]
pub enum Value {
    /// `null`.
    Null,
    /// A JavaScript `bigint`.
    Int64(i64),
    /// A JavaScript `number`, including NaN with its payload bits and -0.
    Float64(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// Well-formed Unicode text.
    String(String),
    /// A JavaScript `ArrayBuffer`.
    Bytes(Vec<u8>),
    /// At most [`MAX_ARRAY_LENGTH`](crate::limits::MAX_ARRAY_LENGTH) elements.
    Array(Vec<Value>),
    /// At most [`MAX_OBJECT_FIELDS`](crate::limits::MAX_OBJECT_FIELDS) fields.
    Object(BTreeMap<String, Value>),
    /// The commit timestamp of the running mutation, not yet known. Compares equal to, and has the size of,
    /// `Int64(i64::MAX)`; a commit replaces it. Never leaves a transaction.
    CommitTs,
}

impl Value {
    /// The name of the value's type, for messages: `"null"`, `"int64"`, `"float64"`, ...
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Int64(_) => "int64",
            Value::Float64(_) => "float64",
            Value::Boolean(_) => "boolean",
            Value::String(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            Value::CommitTs => "commitTs",
        }
    }

    /// The text of a string value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The fields of an object value.
    pub fn as_object(&self) -> Option<&BTreeMap<String, Value>> {
        match self {
            Value::Object(fields) => Some(fields),
            _ => None,
        }
    }

    /// The fields of an object value, by value.
    pub fn into_object(self) -> Option<BTreeMap<String, Value>> {
        match self {
            Value::Object(fields) => Some(fields),
            _ => None,
        }
    }

    /// The field `name` of an object value.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.as_object()?.get(name)
    }

    /// Whether a [`Value::CommitTs`] occurs anywhere in the value.
    pub fn has_commit_ts(&self) -> bool {
        match self {
            Value::CommitTs => true,
            Value::Array(elements) => elements.iter().any(Value::has_commit_ts),
            Value::Object(fields) => fields.values().any(Value::has_commit_ts),
            _ => false,
        }
    }

    /// Replaces every [`Value::CommitTs`] by `Int64(timestamp)`, where `timestamp` is in ns. Returns whether one was found.
    pub fn resolve_commit_ts(&mut self, timestamp: i64) -> bool {
        match self {
            Value::CommitTs => {
                *self = Value::Int64(timestamp);
                true
            }
            Value::Array(elements) => {
                elements.iter_mut().fold(false, |found, element| element.resolve_commit_ts(timestamp) | found)
            }
            Value::Object(fields) => {
                fields.values_mut().fold(false, |found, field| field.resolve_commit_ts(timestamp) | found)
            }
            _ => false,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text)
    }
}

impl From<bool> for Value {
    fn from(boolean: bool) -> Self {
        Value::Boolean(boolean)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Value::Int64(integer)
    }
}

impl From<f64> for Value {
    fn from(float: f64) -> Self {
        Value::Float64(float)
    }
}

impl From<Vec<Value>> for Value {
    fn from(elements: Vec<Value>) -> Self {
        Value::Array(elements)
    }
}

impl From<BTreeMap<String, Value>> for Value {
    fn from(fields: BTreeMap<String, Value>) -> Self {
        Value::Object(fields)
    }
}

#[cfg(test)]
pub(crate) mod strategy;
#[cfg(test)]
mod tests;
