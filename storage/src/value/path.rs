use std::fmt;
use std::str::FromStr;

use super::Value;
use crate::names::{self, NameError};

/// The way to a field inside a document: names of nested object fields, written with dots (`a.b`). Never empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(Vec<String>);

/// A text that is not a [`FieldPath`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid field path `{path}`: {source}")]
pub struct FieldPathError {
    /// The text.
    pub path: String,
    /// What is wrong with one of its segments.
    pub source: NameError,
}

impl FieldPath {
    /// The path `_id`.
    pub fn id() -> Self {
        FieldPath(vec!["_id".to_owned()])
    }

    /// The path `_creationTime`.
    pub fn creation_time() -> Self {
        FieldPath(vec!["_creationTime".to_owned()])
    }

    /// The names along the way, outermost first.
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// Whether this is the path with just the one segment `name`.
    pub fn is(&self, name: &str) -> bool {
        matches!(self.0.as_slice(), [only] if only == name)
    }

    /// The value at the path; `None` where a field is missing or something on the way is not an object.
    pub fn get<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |value, name| value.field(name))
    }
}

impl FromStr for FieldPath {
    type Err = FieldPathError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        path.split('.')
            .map(|segment| {
                if segment.is_empty() {
                    return Err(NameError::Empty);
                }
                names::check_field_name(segment)?;
                Ok(segment.to_owned())
            })
            .collect::<Result<_, _>>()
            .map(FieldPath)
            .map_err(|source| FieldPathError { path: path.to_owned(), source })
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            f.write_str(segment)?;
        }
        Ok(())
    }
}

impl serde::Serialize for FieldPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
