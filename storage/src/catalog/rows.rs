//! The rows of the system tables the catalog is derived from, between their typed form and documents.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::{IndexConfig, IndexId, IndexState, Namespace, TableState, TabletId};
use crate::document::Document;
use crate::id::TableNumber;
use crate::search::analysis::{TextOptions, TextOptionsError};
use crate::value::{FieldPath, Value};

/// The fields of a document.
pub type Fields = BTreeMap<String, Value>;

/// A stored document that cannot be read: the storage is from another version, or damaged.
#[derive(Clone, Debug, thiserror::Error)]
#[error("document `{id}` of `{table}` cannot be read: {problem}")]
pub struct RowError {
    /// The table.
    pub table: String,
    /// The document's id.
    pub id: String,
    /// What is wrong.
    pub problem: String,
}

/// A row of `_tables`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableRow {
    /// The name apps use.
    pub name: String,
    /// The permanent name.
    #[serde(deserialize_with = "tablet")]
    pub tablet: TabletId,
    /// The number in document ids.
    #[serde(deserialize_with = "number")]
    pub number: TableNumber,
    /// Whose table it is.
    #[serde(deserialize_with = "namespace")]
    pub namespace: Namespace,
    /// The state.
    pub state: TableState,
    /// The index `by_id`.
    #[serde(deserialize_with = "index")]
    pub by_id: IndexId,
    /// The index `by_creation_time`.
    #[serde(deserialize_with = "index")]
    pub by_creation_time: IndexId,
}

/// A row of `_indexes`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexRow {
    /// The permanent name.
    #[serde(deserialize_with = "index")]
    pub index_id: IndexId,
    /// The table.
    #[serde(deserialize_with = "tablet")]
    pub tablet: TabletId,
    /// The name in the schema.
    pub name: String,
    /// How far it is built.
    pub state: IndexState,
    /// Whether the schema declares it staged.
    pub staged: bool,
    /// What it indexes.
    pub config: IndexConfigRow,
}

/// [`IndexConfig`] as stored.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum IndexConfigRow {
    /// See [`IndexConfig::Database`].
    Database { fields: Vec<String> },
    /// See [`IndexConfig::Search`].
    Search {
        search_field: String,
        filter_fields: Vec<String>,
        /// Only if they are not the default.
        #[serde(default)]
        options: Option<serde_json::Value>,
    },
    /// See [`IndexConfig::Vector`].
    Vector { vector_field: String, dimensions: f64, filter_fields: Vec<String> },
}

/// A row of `_schemas`.
#[derive(Clone, Debug, Deserialize)]
pub struct SchemaRow {
    /// Whose schema it is.
    #[serde(deserialize_with = "namespace")]
    pub namespace: Namespace,
    /// Its state.
    pub state: SchemaState,
    /// The schema's JSON, as a text because validators hold encoded values.
    pub schema: String,
}

/// The life of a schema.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum SchemaState {
    /// Documents are being checked.
    Pending,
    /// Every document fits.
    Validated,
    /// In force.
    Active,
    /// A document does not fit.
    Failed {
        /// Which one and why, for the developer.
        error: String,
        /// Its table.
        table_name: Option<String>,
    },
    /// Replaced by another one.
    Overwritten,
}

/// The row of `_sequences`: the next ids that were never given out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sequences {
    /// The next tablet, which is also the next table number.
    #[serde(deserialize_with = "whole")]
    pub next_tablet: u32,
    /// The next index.
    #[serde(deserialize_with = "whole")]
    pub next_index: u32,
}

impl Default for Sequences {
    fn default() -> Self {
        Sequences { next_tablet: super::FIRST_USER_TABLE, next_index: super::FIRST_USER_INDEX }
    }
}

/// Reads a row from its document.
pub(crate) fn read<'d, T: Deserialize<'d>>(table: &str, document: &'d Document) -> Result<T, RowError> {
    serde_json::from_str(&document.json).map_err(|error| RowError {
        table: table.to_owned(),
        id: document.id.to_string(),
        problem: error.to_string(),
    })
}

impl TableRow {
    /// The row's fields.
    pub fn fields(&self) -> Fields {
        fields([
            ("name", self.name.as_str().into()),
            ("tablet", float(self.tablet.0)),
            ("number", float(self.number.0)),
            ("namespace", float(self.namespace.0)),
            ("state", state_name(&self.state).into()),
            ("byId", float(self.by_id.0)),
            ("byCreationTime", float(self.by_creation_time.0)),
        ])
    }
}

impl IndexRow {
    /// The row's fields.
    pub fn fields(&self) -> Fields {
        fields([
            ("indexId", float(self.index_id.0)),
            ("tablet", float(self.tablet.0)),
            ("name", self.name.as_str().into()),
            ("state", state_name(&self.state).into()),
            ("staged", self.staged.into()),
            ("config", Value::Object(self.config.fields())),
        ])
    }
}

impl IndexConfigRow {
    pub(super) fn fields(&self) -> Fields {
        let names = |names: &[String]| Value::Array(names.iter().map(|name| name.as_str().into()).collect());
        match self {
            IndexConfigRow::Database { fields: paths } => {
                fields([("type", "database".into()), ("fields", names(paths))])
            }
            IndexConfigRow::Search { search_field, filter_fields, options } => {
                let mut fields = fields([
                    ("type", "search".into()),
                    ("searchField", search_field.as_str().into()),
                    ("filterFields", names(filter_fields)),
                ]);
                // These are strings, small numbers and arrays of strings, which are the same in every JSON.
                if let Some(options) = options.as_ref().and_then(|json| Value::from_json_value(json).ok()) {
                    fields.insert("options".to_owned(), options);
                }
                fields
            }
            IndexConfigRow::Vector { vector_field, dimensions, filter_fields } => fields([
                ("type", "vector".into()),
                ("vectorField", vector_field.as_str().into()),
                ("dimensions", (*dimensions).into()),
                ("filterFields", names(filter_fields)),
            ]),
        }
    }

    /// The configuration, its field paths parsed.
    pub(crate) fn parse(&self) -> Result<IndexConfig, TextOptionsError> {
        let path = |path: &String| path.parse::<FieldPath>();
        let paths = |paths: &[String]| paths.iter().map(path).collect::<Result<Vec<_>, _>>();
        Ok(match self {
            IndexConfigRow::Database { fields } => IndexConfig::Database { fields: paths(fields)? },
            IndexConfigRow::Search { search_field, filter_fields, options } => IndexConfig::Search {
                search_field: path(search_field)?,
                filter_fields: paths(filter_fields)?,
                options: options.as_ref().map(TextOptions::from_json).transpose()?.unwrap_or_default(),
            },
            IndexConfigRow::Vector { vector_field, dimensions, filter_fields } => IndexConfig::Vector {
                vector_field: path(vector_field)?,
                dimensions: whole_number(*dimensions).unwrap_or(0),
                filter_fields: paths(filter_fields)?,
            },
        })
    }
}

impl From<&IndexConfig> for IndexConfigRow {
    fn from(config: &IndexConfig) -> Self {
        let texts = |paths: &[FieldPath]| paths.iter().map(FieldPath::to_string).collect();
        match config {
            IndexConfig::Database { fields } => IndexConfigRow::Database { fields: texts(fields) },
            IndexConfig::Search { search_field, filter_fields, options } => IndexConfigRow::Search {
                search_field: search_field.to_string(),
                filter_fields: texts(filter_fields),
                options: (!options.is_default()).then(|| options.to_json()),
            },
            IndexConfig::Vector { vector_field, dimensions, filter_fields } => IndexConfigRow::Vector {
                vector_field: vector_field.to_string(),
                dimensions: f64::from(*dimensions),
                filter_fields: texts(filter_fields),
            },
        }
    }
}

impl SchemaRow {
    /// The row's fields.
    pub fn fields(&self) -> Fields {
        let mut state = fields([("type", self.state.name().into())]);
        if let SchemaState::Failed { error, table_name } = &self.state {
            state.insert("error".to_owned(), error.as_str().into());
            state.insert("tableName".to_owned(), table_name.as_deref().map_or(Value::Null, Value::from));
        }
        fields([
            ("namespace", float(self.namespace.0)),
            ("state", Value::Object(state)),
            ("schema", self.schema.as_str().into()),
        ])
    }
}

impl SchemaState {
    /// The state's name: `pending`, `validated`, `active`, `failed` or `overwritten`.
    pub fn name(&self) -> &'static str {
        match self {
            SchemaState::Pending => "pending",
            SchemaState::Validated => "validated",
            SchemaState::Active => "active",
            SchemaState::Failed { .. } => "failed",
            SchemaState::Overwritten => "overwritten",
        }
    }
}

impl Sequences {
    /// The row's fields.
    pub fn fields(&self) -> Fields {
        fields([("nextTablet", float(self.next_tablet)), ("nextIndex", float(self.next_index))])
    }
}

/// Fields from names and values.
pub fn fields<const N: usize>(fields: [(&str, Value); N]) -> Fields {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn float(number: u32) -> Value {
    Value::Float64(f64::from(number))
}

/// The serialized name of an enum without data.
fn state_name(state: &impl serde::Serialize) -> String {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(name)) => name,
        _ => unreachable!("an enum without data serializes as its name"),
    }
}

fn whole_number(number: f64) -> Option<u32> {
    let whole = number as u32;
    (f64::from(whole) == number).then_some(whole)
}

fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = f64::deserialize(deserializer)?;
    whole_number(number).ok_or_else(|| serde::de::Error::custom(format!("`{number}` is not a whole number")))
}

fn tablet<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TabletId, D::Error> {
    whole(deserializer).map(TabletId)
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TableNumber, D::Error> {
    whole(deserializer).map(TableNumber)
}

fn namespace<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Namespace, D::Error> {
    whole(deserializer).map(Namespace)
}

fn index<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IndexId, D::Error> {
    whole(deserializer).map(IndexId)
}
