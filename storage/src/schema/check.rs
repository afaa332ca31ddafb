//! Matching values with validators, and the errors developers see.

use std::collections::BTreeMap;
use std::fmt;

use super::{FieldValidator, Validator};
use crate::id::{DocumentId, TableNumber};
use crate::names;
use crate::value::{Value, printed_field_name};

/// The tables of the namespace in which a value is checked.
pub trait TableLookup {
    /// The name of the table with a number, system tables included.
    fn table_name(&self, number: TableNumber) -> Option<&str>;
}

/// A value that does not match a validator: the first mismatch found, depth first.
///
/// `Display` gives several lines: what is wrong, then `Path:` (if it is not at the top), `Value:` or `Object:`, and
/// `Validator:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationError(Box<Mismatch>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mismatch {
    problem: Problem,
    /// The way to the value, innermost segment first.
    path: Vec<String>,
    value: String,
    validator: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    NoMatch,
    MissingField(String),
    ExtraField(String),
    OtherTable { id: DocumentId, table: String },
    SystemTable { id: DocumentId, table: String },
}

/// Longest printed value or validator in a message, in bytes.
const MAX_PRINTED: usize = 8192;

impl std::error::Error for ValidationError {}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mismatch { problem, path, value, validator } = self.0.as_ref();
        let what = match problem {
            Problem::NoMatch => {
                f.write_str("Value does not match validator.\n")?;
                "Value"
            }
            Problem::MissingField(name) => {
                write!(
                    f,
                    "Object is missing the required field `{name}`. Consider wrapping the field validator in \
                     `v.optional(...)` if this is expected.\n\n"
                )?;
                "Object"
            }
            Problem::ExtraField(name) => {
                write!(f, "Object contains extra field `{name}` that is not in the validator.\n\n")?;
                "Object"
            }
            Problem::OtherTable { id, table } => {
                writeln!(
                    f,
                    "Found ID \"{id}\" from table `{table}`, which does not match the table name in validator `{validator}`."
                )?;
                "Value"
            }
            Problem::SystemTable { id, table } => {
                writeln!(
                    f,
                    "Found ID \"{id}\" from system table `{table}`, which does not match the table name in validator \
                     `{validator}`."
                )?;
                "Value"
            }
        };
        if !path.is_empty() {
            f.write_str("Path: ")?;
            path.iter().rev().try_for_each(|segment| f.write_str(segment))?;
            f.write_str("\n")?;
        }
        write!(f, "{what}: {value}\nValidator: {validator}")
    }
}

impl ValidationError {
    fn new(problem: Problem, value: &Value, validator: &Validator) -> Self {
        ValidationError(Box::new(Mismatch {
            problem,
            path: Vec::new(),
            value: print(value),
            validator: print(validator),
        }))
    }

    /// The same error, seen from the array or object around the value.
    fn within(mut self, segment: impl FnOnce() -> String) -> Self {
        self.0.path.push(segment());
        self
    }
}

impl Validator {
    /// Checks that `value` matches.
    pub fn check(&self, value: &Value, tables: &dyn TableLookup) -> Result<(), ValidationError> {
        Checker { tables, ignore_system_fields: false }.check(self, value)
    }

    /// Checks that `document` matches, apart from its `_id` and `_creationTime`.
    pub(super) fn check_document(&self, document: &Value, tables: &dyn TableLookup) -> Result<(), ValidationError> {
        Checker { tables, ignore_system_fields: true }.check(self, document)
    }
}

#[derive(Clone, Copy)]
struct Checker<'t> {
    tables: &'t dyn TableLookup,
    /// Whether the value is a whole document, which has fields that are not in its validator.
    ignore_system_fields: bool,
}

impl Checker<'_> {
    fn check(self, validator: &Validator, value: &Value) -> Result<(), ValidationError> {
        let inner = Checker { ignore_system_fields: false, ..self };
        let mismatch = |problem| Err(ValidationError::new(problem, value, validator));
        match (validator, value) {
            (Validator::Any, _)
            | (Validator::Null, Value::Null)
            | (Validator::Float64, Value::Float64(_))
            | (Validator::Int64 | Validator::CommitTs, Value::Int64(_) | Value::CommitTs)
            | (Validator::Boolean, Value::Boolean(_))
            | (Validator::String, Value::String(_))
            | (Validator::Bytes, Value::Bytes(_)) => Ok(()),
            (Validator::Literal(literal), value) if literal == value => Ok(()),
            (Validator::Id(table), Value::String(text)) => self.check_id(table, text).or_else(mismatch),
            (Validator::Array(element), Value::Array(values)) => {
                values.iter().enumerate().try_for_each(|(i, value)| {
                    inner.check(element, value).map_err(|error| error.within(|| format!("[{i}]")))
                })
            }
            (Validator::Object(fields), Value::Object(values)) => {
                self.check_fields(fields, values, inner)?.map_or(Ok(()), mismatch)
            }
            (Validator::Record { keys, values }, Value::Object(fields)) => {
                fields.iter().try_for_each(|(name, value)| {
                    let key = Value::String(name.clone());
                    inner.check(keys, &key).map_err(|error| error.within(|| ".keys()".to_owned()))?;
                    inner.check(values, value).map_err(|error| error.within(|| ".values()".to_owned()))
                })
            }
            (Validator::Union(members), value) => match members.as_slice() {
                [only] => self.check(only, value),
                members if members.iter().any(|member| self.check(member, value).is_ok()) => Ok(()),
                _ => mismatch(Problem::NoMatch),
            },
            _ => mismatch(Problem::NoMatch),
        }
    }

    /// Checks the fields of an object: an error is inside of a field, a problem is with the object itself.
    fn check_fields(
        self,
        fields: &BTreeMap<String, FieldValidator>,
        values: &BTreeMap<String, Value>,
        inner: Checker<'_>,
    ) -> Result<Option<Problem>, ValidationError> {
        for (name, field) in fields {
            match values.get(name) {
                Some(value) => inner
                    .check(&field.validator, value)
                    .map_err(|error| error.within(|| format!(".{}", printed_field_name(name))))?,
                None if field.optional => {}
                None => return Ok(Some(Problem::MissingField(name.clone()))),
            }
        }
        let is_expected =
            |name: &str| fields.contains_key(name) || (self.ignore_system_fields && is_system_field(name));
        let extra = values.keys().find(|name| !is_expected(name));
        Ok(extra.map(|name| Problem::ExtraField(name.clone())))
    }

    fn check_id(self, table: &str, text: &str) -> Result<(), Problem> {
        let id: DocumentId = text.parse().map_err(|_| Problem::NoMatch)?;
        match self.tables.table_name(id.table) {
            Some(name) if name == table => Ok(()),
            Some(name) if names::is_system_table_name(name) => Err(Problem::SystemTable { id, table: name.to_owned() }),
            Some(name) => Err(Problem::OtherTable { id, table: name.to_owned() }),
            None => Err(Problem::NoMatch),
        }
    }
}

pub(super) fn is_system_field(name: &str) -> bool {
    matches!(name, "_id" | "_creationTime")
}

/// Prints at most [`MAX_PRINTED`] bytes.
fn print(value: &impl fmt::Display) -> String {
    struct Bounded(String);

    impl fmt::Write for Bounded {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = MAX_PRINTED - self.0.len();
            self.0.push_str(&text[..text.floor_char_boundary(room)]);
            if text.len() > room { Err(fmt::Error) } else { Ok(()) }
        }
    }

    let mut printed = Bounded(String::new());
    if fmt::write(&mut printed, format_args!("{value}")).is_err() {
        printed.0.push_str("[...truncated]");
    }
    printed.0
}
