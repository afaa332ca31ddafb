//! The columns of a table: kinds with the ids by which Iceberg knows each column in every file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::kind::{Kind, join_fields};
use crate::value::Value;

/// The field id of `_id`.
pub(super) const ID: i32 = 1;
/// The field id of `_creationTime`.
pub(super) const CREATION_TIME: i32 = 2;
/// The column that takes, as one JSON object, the fields beyond [`MAX_COLUMNS`].
pub(super) const OTHER: &str = "_other";
const SYSTEM_FIELDS: [&str; 2] = ["_id", "_creationTime"];
/// Fields of documents that have a column of their own, at most.
const MAX_COLUMNS: usize = 500;

/// The columns of a table, without those of the system fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Columns {
    /// The greatest field id ever given out. None is used twice.
    pub(super) last_id: i32,
    /// One for each field of the documents, in the order in which they appeared.
    pub(super) fields: Vec<Field>,
    /// The id of [`OTHER`], once there is a need for it.
    pub(super) other: Option<i32>,
}

/// A named column, or a field of a struct.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Field {
    pub(super) id: i32,
    /// The field's name in documents.
    pub(super) name: String,
    /// The column's name: differs where two names would differ only in case, which engines do not tell apart.
    pub(super) column: String,
    #[serde(rename = "type")]
    pub(super) kind: Type,
}

/// The type of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Type {
    /// Only nulls so far; a string to readers.
    Unknown,
    Boolean,
    Long,
    Double,
    String,
    Binary,
    /// Encoded JSON; a string to readers.
    Json,
    List {
        id: i32,
        element: Box<Type>,
    },
    /// Without fields it is JSON text, as Parquet has no such thing.
    Struct(Vec<Field>),
    Map {
        key_id: i32,
        value_id: i32,
        value: Box<Type>,
    },
}

/// What a change of the columns means for the data files that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// They have the same columns.
    None,
    /// They lack columns, which are null there.
    Added,
    /// They have to be written anew.
    Rewrite,
}

impl Columns {
    /// Only the system fields. Ids go on after `last_id`.
    pub(super) fn new(last_id: i32) -> Self {
        Self { last_id: last_id.max(CREATION_TIME), fields: Vec::new(), other: None }
    }

    /// Makes room for all fields of a kind of documents.
    pub(super) fn evolve(&mut self, fields: BTreeMap<String, Kind>) -> Change {
        let mut change = Change::None;
        for (name, kind) in fields {
            if SYSTEM_FIELDS.contains(&name.as_str()) {
                continue;
            }
            let known = self.fields.iter().any(|field| field.name == name);
            if known || self.fields.len() < MAX_COLUMNS {
                change = change.max(evolve_field(&mut self.fields, name, kind, &mut self.last_id));
            } else if self.other.is_none() {
                self.other = Some(next(&mut self.last_id));
                change = change.max(Change::Added);
            }
        }
        change
    }

    /// Makes room for a document.
    pub(super) fn absorb(&mut self, document: &BTreeMap<String, Value>) -> Change {
        let misfits: BTreeMap<_, _> = document
            .iter()
            .filter(|(name, value)| !self.fits(name, value))
            .map(|(name, value)| (name.clone(), Kind::of(value)))
            .collect();
        if misfits.is_empty() { Change::None } else { self.evolve(misfits) }
    }

    fn fits(&self, name: &str, value: &Value) -> bool {
        SYSTEM_FIELDS.contains(&name)
            || match self.fields.iter().find(|field| field.name == name) {
                Some(field) => field.kind.fits(value),
                None => self.other.is_some(),
            }
    }
}

impl Type {
    /// Whether a value can be stored as it is. Null can everywhere.
    pub(super) fn fits(&self, value: &Value) -> bool {
        match (self, value) {
            (_, Value::Null) | (Type::Json, _) => true,
            (Type::Boolean, Value::Boolean(_))
            | (Type::Long, Value::Int64(_))
            | (Type::Double, Value::Float64(_))
            | (Type::String, Value::String(_))
            | (Type::Binary, Value::Bytes(_)) => true,
            (Type::List { element, .. }, Value::Array(elements)) => elements.iter().all(|value| element.fits(value)),
            (Type::Map { value, .. }, Value::Object(fields)) => fields.values().all(|field| value.fits(field)),
            (Type::Struct(known), Value::Object(fields)) => fields.iter().all(|(name, value)| {
                known.iter().find(|field| field.name == *name).is_some_and(|field| field.kind.fits(value))
            }),
            _ => false,
        }
    }

    /// Whether readers see a string.
    pub(super) fn is_text(&self) -> bool {
        match self {
            Type::Unknown | Type::String | Type::Json => true,
            Type::Struct(fields) => fields.is_empty(),
            _ => false,
        }
    }

    fn new(kind: Kind, last_id: &mut i32) -> Type {
        match kind {
            Kind::Unknown => Type::Unknown,
            Kind::Boolean => Type::Boolean,
            Kind::Long => Type::Long,
            Kind::Double => Type::Double,
            Kind::String => Type::String,
            Kind::Binary => Type::Binary,
            Kind::Json => Type::Json,
            Kind::List(element) => {
                let id = next(last_id);
                Type::List { id, element: Box::new(Type::new(*element, last_id)) }
            }
            Kind::Struct(kinds) => {
                let mut fields = Vec::new();
                for (name, kind) in kinds {
                    evolve_field(&mut fields, name, kind, last_id);
                }
                Type::Struct(fields)
            }
            Kind::Map(value) => {
                let (key_id, value_id) = (next(last_id), next(last_id));
                Type::Map { key_id, value_id, value: Box::new(Type::new(*value, last_id)) }
            }
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Type::Unknown => Kind::Unknown,
            Type::Boolean => Kind::Boolean,
            Type::Long => Kind::Long,
            Type::Double => Kind::Double,
            Type::String => Kind::String,
            Type::Binary => Kind::Binary,
            Type::Json => Kind::Json,
            Type::List { element, .. } => Kind::List(Box::new(element.kind())),
            Type::Struct(fields) => {
                Kind::Struct(fields.iter().map(|field| (field.name.clone(), field.kind.kind())).collect())
            }
            Type::Map { value, .. } => Kind::Map(Box::new(value.kind())),
        }
    }
}

fn next(last_id: &mut i32) -> i32 {
    *last_id += 1;
    *last_id
}

/// Makes the field of a name hold `kind` too, adding it if there is none.
fn evolve_field(fields: &mut Vec<Field>, name: String, kind: Kind, last_id: &mut i32) -> Change {
    if let Some(field) = fields.iter_mut().find(|field| field.name == name) {
        let joined = field.kind.kind().join(kind);
        return evolve(&mut field.id, &mut field.kind, joined, Place::Field, last_id);
    }
    let id = next(last_id);
    let column = free_name(fields, &name);
    let kind = Type::new(kind, last_id);
    fields.push(Field { id, name, column, kind });
    Change::Added
}

fn free_name(fields: &[Field], name: &str) -> String {
    let taken = |column: &str| fields.iter().any(|field| field.column.eq_ignore_ascii_case(column));
    if !taken(name) {
        return name.to_owned();
    }
    (2..).map(|n| format!("{name}_{n}")).find(|column| !taken(column)).expect("there are more numbers than fields")
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// A field, which a file may lack.
    Field,
    /// An element of a list or a value of a map.
    Inside,
}

/// Turns a type into that of `kind`, which holds all that it held. What keeps its shape keeps its id.
fn evolve(id: &mut i32, kind: &mut Type, wanted: Kind, place: Place, last_id: &mut i32) -> Change {
    match (&mut *kind, wanted) {
        (Type::List { id, element }, Kind::List(wanted)) => evolve(id, element, *wanted, Place::Inside, last_id),
        (Type::Map { value_id, value, .. }, Kind::Map(wanted)) => {
            evolve(value_id, value, *wanted, Place::Inside, last_id)
        }
        (Type::Struct(fields), Kind::Struct(wanted)) if !fields.is_empty() || wanted.is_empty() => wanted
            .into_iter()
            .map(|(name, kind)| evolve_field(fields, name, kind, last_id))
            .max()
            .unwrap_or(Change::None),
        (old, wanted) => {
            if old.kind() == wanted {
                return Change::None;
            }
            let was_unknown = *old == Type::Unknown;
            *old = Type::new(wanted, last_id);
            if was_unknown && old.is_text() {
                return Change::None;
            }
            *id = next(last_id);
            if was_unknown && place == Place::Field { Change::Added } else { Change::Rewrite }
        }
    }
}

/// The columns for documents of a validator and of `columns`.
pub(super) fn with_validator(columns: &mut Columns, validator: Option<&crate::schema::Validator>) -> Change {
    let Some(validator) = validator else { return Change::None };
    columns.evolve(join_fields(BTreeMap::new(), Kind::of_document_type(validator)))
}
