use std::collections::BTreeMap;
use std::fmt;

use crate::value::{Value, printed_field_name, quoted, separator};

/// A type of values, made in JavaScript by `v.string()` and its kin. `Display` prints it in that notation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validator {
    /// `null`.
    Null,
    /// Any float.
    Float64,
    /// Any int64, or an unresolved commit timestamp.
    Int64,
    /// The same as [`Validator::Int64`], but a developer sees it as a commit timestamp.
    CommitTs,
    /// Any boolean.
    Boolean,
    /// Any string.
    String,
    /// Any bytes.
    Bytes,
    /// Any value.
    Any,
    /// Exactly this value: a string, boolean, finite float or int64.
    Literal(Value),
    /// The id, as text, of a document (that need not exist) in the table with this name.
    Id(String),
    /// An array of which each element matches.
    Array(Box<Validator>),
    /// An object with these fields and no others.
    Object(BTreeMap<String, FieldValidator>),
    /// An object with any number of fields, of which each name and each value matches.
    Record {
        /// What the names match: a subset of strings.
        keys: Box<Validator>,
        /// What the values match.
        values: Box<Validator>,
    },
    /// A value that matches one of these; nothing if there are none.
    Union(Vec<Validator>),
}

/// What a field of an object may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldValidator {
    /// What its value matches.
    pub validator: Validator,
    /// Whether it may be missing.
    pub optional: bool,
}

impl Validator {
    /// An object validator.
    pub fn object<'n>(fields: impl IntoIterator<Item = (&'n str, FieldValidator)>) -> Validator {
        Validator::Object(fields.into_iter().map(|(name, field)| (name.to_owned(), field)).collect())
    }

    /// This validator for a field that must be there.
    pub fn required(self) -> FieldValidator {
        FieldValidator { validator: self, optional: false }
    }

    /// This validator for a field that may be missing.
    pub fn optional(self) -> FieldValidator {
        FieldValidator { validator: self, optional: true }
    }

    /// Calls `visit` with this validator and all inside.
    pub fn visit(&self, visit: &mut impl FnMut(&Validator)) {
        visit(self);
        match self {
            Validator::Array(element) => element.visit(visit),
            Validator::Object(fields) => fields.values().for_each(|field| field.validator.visit(visit)),
            Validator::Record { keys, values } => {
                keys.visit(visit);
                values.visit(visit);
            }
            Validator::Union(members) => members.iter().for_each(|member| member.visit(visit)),
            _ => {}
        }
    }
}

impl fmt::Display for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Validator::Null => f.write_str("v.null()"),
            Validator::Float64 => f.write_str("v.float64()"),
            Validator::Int64 => f.write_str("v.int64()"),
            Validator::CommitTs => f.write_str("v.commitTs()"),
            Validator::Boolean => f.write_str("v.boolean()"),
            Validator::String => f.write_str("v.string()"),
            Validator::Bytes => f.write_str("v.bytes()"),
            Validator::Any => f.write_str("v.any()"),
            Validator::Literal(value) => write!(f, "v.literal({value})"),
            Validator::Id(table) => write!(f, "v.id({})", quoted(table)),
            Validator::Array(element) => write!(f, "v.array({element})"),
            Validator::Object(fields) => {
                f.write_str("v.object({")?;
                for (i, (name, field)) in fields.iter().enumerate() {
                    write!(f, "{}{}: {field}", separator(i), printed_field_name(name))?;
                }
                f.write_str("})")
            }
            Validator::Record { keys, values } => write!(f, "v.record({keys}, {values})"),
            Validator::Union(members) => {
                f.write_str("v.union(")?;
                for (i, member) in members.iter().enumerate() {
                    write!(f, "{}{member}", separator(i))?;
                }
                f.write_str(")")
            }
        }
    }
}

impl fmt::Display for FieldValidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.optional { write!(f, "v.optional({})", self.validator) } else { self.validator.fmt(f) }
    }
}
