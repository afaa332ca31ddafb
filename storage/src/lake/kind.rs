//! Kinds: what the values of a column have in common, without the ids that Iceberg gives to columns.

use std::collections::BTreeMap;

use crate::schema::Validator;
use crate::value::Value;

/// Arrays and objects nested deeper than this are kept as JSON text.
const MAX_DEPTH: usize = 8;
/// An object with more known fields than this is a map: its field names are data.
const MAX_STRUCT_FIELDS: usize = 200;

/// A type that holds all of a set of values. `null`, like a missing field, is in every kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing but `null` was seen.
    #[default]
    Unknown,
    Boolean,
    Long,
    Double,
    String,
    Binary,
    /// Values of several types, as encoded JSON text.
    Json,
    List(Box<Kind>),
    /// An object whose field names are identifiers. Without any field it is kept as JSON text.
    Struct(BTreeMap<String, Kind>),
    /// An object whose field names are data.
    Map(Box<Kind>),
}

impl Kind {
    /// The narrowest kind that holds a value.
    pub(super) fn of(value: &Value) -> Kind {
        Self::of_nested(value, 0)
    }

    fn of_nested(value: &Value, depth: usize) -> Kind {
        match value {
            Value::Null => Kind::Unknown,
            Value::Boolean(_) => Kind::Boolean,
            Value::Int64(_) | Value::CommitTs => Kind::Long,
            Value::Float64(_) => Kind::Double,
            Value::String(_) => Kind::String,
            Value::Bytes(_) => Kind::Binary,
            Value::Array(_) | Value::Object(_) if depth == MAX_DEPTH => Kind::Json,
            Value::Array(elements) => {
                Kind::List(Box::new(Self::all(elements.iter().map(|element| Self::of_nested(element, depth + 1)))))
            }
            Value::Object(fields) => Self::object(
                fields.iter().map(|(name, field)| (name.clone(), Self::of_nested(field, depth + 1))).collect(),
            ),
        }
    }

    /// The kind of everything that a validator lets through.
    pub(super) fn of_validator(validator: &Validator) -> Kind {
        Self::of_nested_validator(validator, 0)
    }

    fn of_nested_validator(validator: &Validator, depth: usize) -> Kind {
        match validator {
            // Anything: the documents have to tell.
            Validator::Any | Validator::Null => Kind::Unknown,
            Validator::Float64 => Kind::Double,
            Validator::Int64 | Validator::CommitTs => Kind::Long,
            Validator::Boolean => Kind::Boolean,
            Validator::String | Validator::Id(_) => Kind::String,
            Validator::Bytes => Kind::Binary,
            Validator::Literal(value) => Self::of_nested(value, depth),
            Validator::Union(members) => {
                Self::all(members.iter().map(|member| Self::of_nested_validator(member, depth)))
            }
            _ if depth == MAX_DEPTH => Kind::Json,
            Validator::Array(element) => Kind::List(Box::new(Self::of_nested_validator(element, depth + 1))),
            Validator::Object(fields) => Self::object(
                fields
                    .iter()
                    .map(|(name, field)| (name.clone(), Self::of_nested_validator(&field.validator, depth + 1)))
                    .collect(),
            ),
            Validator::Record { values, .. } => Kind::Map(Box::new(Self::of_nested_validator(values, depth + 1))),
        }
    }

    /// The kind of every document's own fields, system fields left out.
    pub(super) fn of_document_type(validator: &Validator) -> BTreeMap<String, Kind> {
        let mut fields = BTreeMap::new();
        collect_fields(validator, &mut fields);
        fields
    }

    /// The narrowest kind that holds what either holds.
    pub(super) fn join(self, other: Kind) -> Kind {
        match (self, other) {
            (Kind::Unknown, kind) | (kind, Kind::Unknown) => kind,
            (Kind::List(a), Kind::List(b)) => Kind::List(Box::new(a.join(*b))),
            (Kind::Struct(a), Kind::Struct(b)) => Self::object(join_fields(a, b)),
            (Kind::Map(a), Kind::Map(b)) => Kind::Map(Box::new(a.join(*b))),
            (Kind::Map(map), Kind::Struct(fields)) | (Kind::Struct(fields), Kind::Map(map)) => {
                Kind::Map(Box::new(map.join(Self::all(fields.into_values()))))
            }
            (a, b) if a == b => a,
            _ => Kind::Json,
        }
    }

    fn all(kinds: impl Iterator<Item = Kind>) -> Kind {
        kinds.fold(Kind::Unknown, Kind::join)
    }

    fn object(fields: BTreeMap<String, Kind>) -> Kind {
        if fields.len() > MAX_STRUCT_FIELDS || !fields.keys().all(|name| is_identifier(name)) {
            return Kind::Map(Box::new(Self::all(fields.into_values())));
        }
        Kind::Struct(fields)
    }
}

/// Joins field by field; a field that only one has stays as it is.
pub(super) fn join_fields(mut into: BTreeMap<String, Kind>, from: BTreeMap<String, Kind>) -> BTreeMap<String, Kind> {
    for (name, kind) in from {
        let slot = into.entry(name).or_default();
        *slot = std::mem::take(slot).join(kind);
    }
    into
}

fn collect_fields(validator: &Validator, into: &mut BTreeMap<String, Kind>) {
    match validator {
        Validator::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| (name.clone(), Kind::of_validator(&field.validator)));
            *into = join_fields(std::mem::take(into), fields.collect());
        }
        Validator::Union(members) => members.iter().for_each(|member| collect_fields(member, into)),
        _ => {}
    }
}

/// Whether a field name is one that every engine takes as the name of a struct's field.
fn is_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}
