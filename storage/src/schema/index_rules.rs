//! The rules that the names, fields and number of a table's indexes follow.

use std::collections::BTreeSet;

use super::{SchemaDefinition, SchemaError, TableDefinition, Validator};
use crate::limits;
use crate::names::{self, NameError};
use crate::search::analysis::TextOptions;
use crate::value::FieldPath;

impl SchemaDefinition {
    /// Checks what only a new schema must follow: no index names a field that starts with an underscore, not even
    /// `_creationTime`, which every index has at its end already.
    pub fn check_for_push(&self) -> Result<(), SchemaError> {
        for (table, definition) in &self.tables {
            for (name, index) in &definition.indexes {
                let place = format!("table `{table}`: index `{name}`");
                for field in &index.fields {
                    check_field_for_push(field).map_err(|error| error.at(&place))?;
                }
            }
        }
        Ok(())
    }
}

fn check_field_for_push(field: &FieldPath) -> Result<(), SchemaError> {
    if field.is("_creationTime") {
        return Err(SchemaError::new(
            "IndexFieldsContainCreationTime",
            "`_creationTime` is automatically added to the end of each index and cannot be named in its fields",
        ));
    }
    if field.segments().iter().any(|segment| segment.starts_with('_')) {
        return Err(SchemaError::new(
            "IndexFieldNameReserved",
            format!("field `{field}` starts with an underscore, which is reserved"),
        ));
    }
    Ok(())
}

pub(super) fn check_table_name(name: &str) -> Result<(), SchemaError> {
    names::check_table_name(name).map_err(|error| match error {
        NameError::Underscore(_) => SchemaError::new(
            "TableNameReserved",
            format!("table name `{name}` is reserved: it starts with an underscore"),
        ),
        error => SchemaError::new("InvalidTableName", format!("invalid table name: {error}")),
    })
}

pub(super) fn check_index_name(name: &str) -> Result<(), SchemaError> {
    names::check_index_name(name).map_err(|error| match error {
        NameError::Underscore(_) | NameError::BuiltInIndex(_) => {
            SchemaError::new("IndexNameReserved", format!("index name `{name}` is reserved"))
        }
        error => SchemaError::new("InvalidIndexName", format!("invalid index name: {error}")),
    })
}

/// Checks the indexes of a table with each other and with the document type.
pub(super) fn check_table(table: &TableDefinition, schema_validation: bool) -> Result<(), SchemaError> {
    let count = table.indexes.len() + table.search_indexes.len() + table.vector_indexes.len();
    if count > limits::MAX_INDEXES_PER_TABLE {
        return Err(SchemaError::new(
            "TooManyIndexes",
            format!("has {count} indexes: the maximum is {}", limits::MAX_INDEXES_PER_TABLE),
        ));
    }
    check_database_indexes(table)?;
    check_search_indexes(table)?;
    check_vector_indexes(table)?;
    if let Some(document_type) = &table.document_type
        && schema_validation
    {
        check_fields_exist(table, document_type)?;
    }
    Ok(())
}

fn check_database_indexes(table: &TableDefinition) -> Result<(), SchemaError> {
    let mut field_lists = BTreeSet::new();
    for (name, index) in &table.indexes {
        let fail = |code, message: String| Err(SchemaError::new(code, format!("index `{name}` {message}")));
        let fields = &index.fields;
        if fields.is_empty() {
            return fail("EmptyIndex", "must have at least one field".to_owned());
        }
        if fields.len() > limits::MAX_INDEX_FIELDS {
            let message = format!("has {} fields: the maximum is {}", fields.len(), limits::MAX_INDEX_FIELDS);
            return fail("IndexTooManyFields", message);
        }
        if fields.iter().any(|field| field.is("_id")) {
            return fail("IndexFieldsContainId", "must not have `_id` among its fields".to_owned());
        }
        let mut seen = BTreeSet::new();
        if let Some(field) = fields.iter().find(|field| !seen.insert(*field)) {
            return fail("FieldsNotUniqueWithinIndex", format!("has the field `{field}` twice"));
        }
        if !field_lists.insert(fields) {
            return fail("IndexNotUnique", "has the same fields as another index".to_owned());
        }
    }
    Ok(())
}

fn check_search_indexes(table: &TableDefinition) -> Result<(), SchemaError> {
    let mut seen = BTreeSet::new();
    for (name, index) in &table.search_indexes {
        check_filter_fields(name, &index.filter_fields)?;
        let TextOptions { tokenizer, typos, more_fields } = &index.options;
        if !seen.insert((&index.search_field, &index.filter_fields, tokenizer.name(), typos, more_fields)) {
            return Err(SchemaError::new(
                "SearchIndexFieldNotUnique",
                format!("search index `{name}` has the same search field and filter fields as another"),
            ));
        }
        let mut fields = BTreeSet::from([&index.search_field]);
        if let Some(field) = more_fields.iter().find(|field| !fields.insert(field)) {
            return Err(SchemaError::new(
                "FieldsNotUniqueWithinIndex",
                format!("search index `{name}` has the field `{field}` twice"),
            ));
        }
    }
    Ok(())
}

fn check_vector_indexes(table: &TableDefinition) -> Result<(), SchemaError> {
    let mut seen = BTreeSet::new();
    for (name, index) in &table.vector_indexes {
        check_filter_fields(name, &index.filter_fields)?;
        if !seen.insert((&index.vector_field, index.dimensions)) {
            return Err(SchemaError::new(
                "VectorIndexFieldNotUnique",
                format!("vector index `{name}` has the same vector field and dimensions as another"),
            ));
        }
    }
    Ok(())
}

fn check_filter_fields(index: &str, fields: &BTreeSet<FieldPath>) -> Result<(), SchemaError> {
    if fields.len() > limits::MAX_INDEX_FIELDS {
        return Err(SchemaError::new(
            "IndexTooManyFilterFields",
            format!("index `{index}` has {} filter fields: the maximum is {}", fields.len(), limits::MAX_INDEX_FIELDS),
        ));
    }
    Ok(())
}

/// Checks that documents can have the indexed fields.
fn check_fields_exist(table: &TableDefinition, document_type: &Validator) -> Result<(), SchemaError> {
    let check = |index: &str, field: &FieldPath, kind: &dyn Fn(&Validator) -> bool, wanted: &str| {
        let is_system_field = field.segments().first().is_some_and(|first| super::check::is_system_field(first));
        if is_system_field || can_have(document_type, field.segments(), kind) {
            return Ok(());
        }
        let message = format!("index `{index}` is on field `{field}`, which cannot {wanted} in `{document_type}`");
        Err(SchemaError::new("SchemaDefinitionError", message))
    };
    let exists = |index: &str, field: &FieldPath| check(index, field, &|_| true, "occur");
    for (name, index) in &table.indexes {
        index.fields.iter().try_for_each(|field| exists(name, field))?;
    }
    for (name, index) in &table.search_indexes {
        exists(name, &index.search_field)?;
        index.options.more_fields.iter().try_for_each(|field| exists(name, field))?;
        index.filter_fields.iter().try_for_each(|field| exists(name, field))?;
    }
    for (name, index) in &table.vector_indexes {
        check(name, &index.vector_field, &can_be_vector, "be an array of float64")?;
        index.filter_fields.iter().try_for_each(|field| exists(name, field))?;
    }
    Ok(())
}

/// Whether a value that matches `validator` can have something of a `kind` at `path`.
fn can_have(validator: &Validator, path: &[String], kind: &dyn Fn(&Validator) -> bool) -> bool {
    let Some((name, rest)) = path.split_first() else {
        return kind(validator);
    };
    match validator {
        Validator::Any => true,
        Validator::Object(fields) => fields.get(name).is_some_and(|field| can_have(&field.validator, rest, kind)),
        Validator::Record { values, .. } => can_have(values, rest, kind),
        Validator::Union(members) => members.iter().any(|member| can_have(member, path, kind)),
        _ => false,
    }
}

fn can_be_vector(validator: &Validator) -> bool {
    match validator {
        Validator::Any => true,
        Validator::Array(element) => can_be_float(element),
        Validator::Union(members) => members.iter().any(can_be_vector),
        _ => false,
    }
}

fn can_be_float(validator: &Validator) -> bool {
    match validator {
        Validator::Any | Validator::Float64 => true,
        Validator::Union(members) => members.iter().any(can_be_float),
        _ => false,
    }
}
