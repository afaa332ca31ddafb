//! The JSON of schemas, as `schema.export()` of the `convex` package makes it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::check::is_system_field;
use super::{
    IndexDefinition, SchemaDefinition, SchemaError, SearchIndexDefinition, TableDefinition, Validator,
    VectorIndexDefinition, index_rules,
};
use crate::names;
use crate::search::analysis::TextOptions;
use crate::value::FieldPath;

/// The member of a text index that `defineSchema` does not know, and passes on.
const OPTIONS: &str = "lakewire";

impl SchemaDefinition {
    /// Reads the JSON text of a schema and checks every rule but those of
    /// [`check_for_push`](SchemaDefinition::check_for_push).
    pub fn from_json(text: &str) -> Result<SchemaDefinition, SchemaError> {
        let json = serde_json::from_str(text).map_err(|error| SchemaError::malformed(error.to_string()))?;
        SchemaDefinition::from_json_value(&json)
    }

    /// Like [`SchemaDefinition::from_json`], from a JSON tree.
    pub fn from_json_value(json: &Json) -> Result<SchemaDefinition, SchemaError> {
        let schema_validation = match json.get("schemaValidation") {
            None => false,
            Some(flag) => {
                flag.as_bool().ok_or_else(|| SchemaError::malformed("`schemaValidation` is not a boolean"))?
            }
        };
        let mut tables = BTreeMap::new();
        for table in json.get("tables").and_then(Json::as_array).ok_or_else(|| missing("tables", json))? {
            let name = text(table, "tableName")?;
            index_rules::check_table_name(name)?;
            let definition = TableDefinition::from_json_value(table)
                .and_then(|definition| {
                    index_rules::check_table(&definition, schema_validation)?;
                    Ok(definition)
                })
                .map_err(|error| error.at(format_args!("table `{name}`")))?;
            if tables.insert(name.to_owned(), definition).is_some() {
                return Err(SchemaError::malformed(format!("table `{name}` is declared twice")));
            }
        }
        Ok(SchemaDefinition { tables, schema_validation })
    }

    /// The JSON of the schema; [`SchemaDefinition::from_json_value`] reads it back.
    pub fn to_json_value(&self) -> Json {
        let tables: Vec<_> = self.tables.iter().map(|(name, table)| table.to_json_value(name)).collect();
        json!({ "tables": tables, "schemaValidation": self.schema_validation })
    }
}

impl TableDefinition {
    fn from_json_value(json: &Json) -> Result<TableDefinition, SchemaError> {
        let mut table = TableDefinition {
            document_type: document_type(json, "documentType")?,
            staged_document_type: document_type(json, "stagedDocumentType")?,
            ..TableDefinition::default()
        };
        let mut names = BTreeSet::new();
        for (list, staged) in [("indexes", false), ("stagedDbIndexes", true)] {
            for (name, index) in named(json, list, &mut names)? {
                let index = IndexDefinition::from_json_value(index, staged).map_err(|error| at_index(error, &name))?;
                table.indexes.insert(name, index);
            }
        }
        for (list, staged) in [("searchIndexes", false), ("stagedSearchIndexes", true)] {
            for (name, index) in named(json, list, &mut names)? {
                let index =
                    SearchIndexDefinition::from_json_value(index, staged).map_err(|error| at_index(error, &name))?;
                table.search_indexes.insert(name, index);
            }
        }
        for (list, staged) in [("vectorIndexes", false), ("stagedVectorIndexes", true)] {
            for (name, index) in named(json, list, &mut names)? {
                let index =
                    VectorIndexDefinition::from_json_value(index, staged).map_err(|error| at_index(error, &name))?;
                table.vector_indexes.insert(name, index);
            }
        }
        Ok(table)
    }

    fn to_json_value(&self, name: &str) -> Json {
        fn list<D>(indexes: &BTreeMap<String, D>, to_json: impl Fn(&String, &D) -> Option<Json>) -> Vec<Json> {
            indexes.iter().filter_map(|(name, index)| to_json(name, index)).collect()
        }
        let database = |staged| {
            list(&self.indexes, |name, index| {
                (index.staged == staged).then(|| json!({ "indexDescriptor": name, "fields": index.fields }))
            })
        };
        let search = |staged| {
            list(&self.search_indexes, |name, index| {
                (index.staged == staged).then(|| {
                    let mut json = json!({
                        "indexDescriptor": name,
                        "searchField": index.search_field,
                        "filterFields": index.filter_fields,
                    });
                    if !index.options.is_default() {
                        json[OPTIONS] = index.options.to_json();
                    }
                    json
                })
            })
        };
        let vector = |staged| {
            list(&self.vector_indexes, |name, index| {
                (index.staged == staged).then(|| {
                    json!({
                        "indexDescriptor": name,
                        "vectorField": index.vector_field,
                        "dimensions": index.dimensions,
                        "filterFields": index.filter_fields,
                    })
                })
            })
        };
        let mut table = json!({
            "tableName": name,
            "indexes": database(false),
            "stagedDbIndexes": database(true),
            "searchIndexes": search(false),
            "stagedSearchIndexes": search(true),
            "vectorIndexes": vector(false),
            "stagedVectorIndexes": vector(true),
            "documentType": self.document_type.as_ref().map(Validator::to_json_value),
        });
        if let Some(staged) = &self.staged_document_type {
            table["stagedDocumentType"] = staged.to_json_value();
        }
        table
    }
}

impl IndexDefinition {
    fn from_json_value(json: &Json, staged: bool) -> Result<Self, SchemaError> {
        Ok(IndexDefinition { fields: field_paths(json, "fields")?, staged })
    }
}

impl SearchIndexDefinition {
    fn from_json_value(json: &Json, staged: bool) -> Result<Self, SchemaError> {
        let options = match json.get(OPTIONS) {
            None => TextOptions::default(),
            Some(options) => TextOptions::from_json(options)
                .map_err(|error| SchemaError::new("InvalidTextSearchOptions", error.to_string()))?,
        };
        for field in &options.more_fields {
            check_field_path(field)?;
        }
        Ok(SearchIndexDefinition {
            search_field: field_path(text(json, "searchField")?)?,
            filter_fields: filter_fields(json)?,
            options,
            staged,
        })
    }
}

impl VectorIndexDefinition {
    fn from_json_value(json: &Json, staged: bool) -> Result<Self, SchemaError> {
        let dimensions = json.get("dimensions").and_then(Json::as_f64).ok_or_else(|| missing("dimensions", json))?;
        if dimensions.fract() != 0.0 || !(2.0..=4096.0).contains(&dimensions) {
            return Err(SchemaError::new(
                "InvalidVectorDimensions",
                format!("dimensions of a vector must be an integer from 2 to 4096, not {dimensions}"),
            ));
        }
        Ok(VectorIndexDefinition {
            vector_field: field_path(text(json, "vectorField")?)?,
            dimensions: dimensions as u32,
            filter_fields: filter_fields(json)?,
            staged,
        })
    }
}

/// The indexes of one of a table's lists with their names, which are also put into `names`.
fn named<'j>(
    table: &'j Json,
    list: &str,
    names: &mut BTreeSet<String>,
) -> Result<Vec<(String, &'j Json)>, SchemaError> {
    let indexes = match table.get(list) {
        None | Some(Json::Null) => return Ok(Vec::new()),
        Some(list) => list.as_array().ok_or_else(|| missing("an array of indexes", list))?,
    };
    indexes
        .iter()
        .map(|index| {
            let name = text(index, "indexDescriptor")?;
            index_rules::check_index_name(name)?;
            if !names.insert(name.to_owned()) {
                return Err(SchemaError::new("IndexNamesNotUnique", format!("index name `{name}` is used twice")));
            }
            Ok((name.to_owned(), index))
        })
        .collect()
}

/// A document type: an object, a union of objects, or any. System fields are left out, since nobody can set them.
fn document_type(table: &Json, member: &str) -> Result<Option<Validator>, SchemaError> {
    fn strip(validator: Validator) -> Result<Validator, SchemaError> {
        match validator {
            Validator::Object(mut fields) => {
                fields.retain(|name, _| !is_system_field(name));
                Ok(Validator::Object(fields))
            }
            Validator::Union(members) => {
                Ok(Validator::Union(members.into_iter().map(strip).collect::<Result<_, _>>()?))
            }
            other => Err(SchemaError::new(
                "InvalidTopLevelTypeInSchemaError",
                format!("document types must be objects, unions of objects or `v.any()`: found `{other}`"),
            )),
        }
    }
    match table.get(member) {
        None | Some(Json::Null) => Ok(None),
        Some(json) => match Validator::from_json_value(json)? {
            Validator::Any => Ok(Some(Validator::Any)),
            validator => strip(validator).map(Some),
        },
    }
}

fn filter_fields(json: &Json) -> Result<BTreeSet<FieldPath>, SchemaError> {
    let paths = field_paths(json, "filterFields")?;
    let count = paths.len();
    let set: BTreeSet<_> = paths.into_iter().collect();
    if set.len() < count {
        return Err(SchemaError::new("FieldsNotUniqueWithinIndex", "a filter field is listed twice"));
    }
    Ok(set)
}

fn field_paths(json: &Json, member: &str) -> Result<Vec<FieldPath>, SchemaError> {
    let paths = json.get(member).and_then(Json::as_array).ok_or_else(|| missing(member, json))?;
    paths.iter().map(|path| field_path(path.as_str().ok_or_else(|| missing("a field path", path))?)).collect()
}

fn field_path(path: &str) -> Result<FieldPath, SchemaError> {
    let parsed: FieldPath =
        path.parse().map_err(|error: crate::value::FieldPathError| invalid_field(path, &error.source))?;
    check_field_path(&parsed)?;
    Ok(parsed)
}

fn check_field_path(path: &FieldPath) -> Result<(), SchemaError> {
    path.segments()
        .iter()
        .try_for_each(|segment| names::check_identifier(segment).map_err(|error| invalid_field(path, &error)))
}

fn invalid_field(path: impl std::fmt::Display, error: &dyn std::error::Error) -> SchemaError {
    SchemaError::new("InvalidIndexField", format!("invalid field path `{path}` in an index: {error}"))
}

fn at_index(error: SchemaError, name: &str) -> SchemaError {
    error.at(format_args!("index `{name}`"))
}

fn text<'j>(json: &'j Json, member: &str) -> Result<&'j str, SchemaError> {
    json.get(member).and_then(Json::as_str).ok_or_else(|| missing(member, json))
}

fn missing(what: &str, json: &Json) -> SchemaError {
    SchemaError::malformed(format!("`{what}` is missing or has the wrong type in `{json}`"))
}
