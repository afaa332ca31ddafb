use std::collections::{BTreeMap, BTreeSet};

use super::{TableLookup, ValidationError, Validator};
use crate::search::analysis::TextOptions;
use crate::value::{FieldPath, Value};

/// A schema: what the default export of `schema.ts` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaDefinition {
    /// The tables by name. Tables that are not declared are not constrained.
    pub tables: BTreeMap<String, TableDefinition>,
    /// Whether documents are checked; otherwise the document types serve only TypeScript.
    pub schema_validation: bool,
}

/// What a schema says about one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableDefinition {
    /// The ordered indexes by name.
    pub indexes: BTreeMap<String, IndexDefinition>,
    /// The full-text indexes by name.
    pub search_indexes: BTreeMap<String, SearchIndexDefinition>,
    /// The vector indexes by name.
    pub vector_indexes: BTreeMap<String, VectorIndexDefinition>,
    /// What documents match, system fields left out; `None` is any.
    pub document_type: Option<Validator>,
    /// What documents are to match next: checked in the background, not enforced.
    pub staged_document_type: Option<Validator>,
}

/// An ordered index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexDefinition {
    /// The fields as declared, without the `_creationTime` and `_id` that every key ends with.
    pub fields: Vec<FieldPath>,
    /// Whether it is only to be built, not to be used yet.
    pub staged: bool,
}

/// A full-text index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchIndexDefinition {
    /// The field with the text.
    pub search_field: FieldPath,
    /// Fields that a search can ask equality of.
    pub filter_fields: BTreeSet<FieldPath>,
    /// What the words of the text are, and further fields with text.
    pub options: TextOptions,
    /// Whether it is only to be built, not to be used yet.
    pub staged: bool,
}

/// A vector index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorIndexDefinition {
    /// The field with the vector.
    pub vector_field: FieldPath,
    /// How many floats each vector has.
    pub dimensions: u32,
    /// Fields that a search can ask equality of.
    pub filter_fields: BTreeSet<FieldPath>,
    /// Whether it is only to be built, not to be used yet.
    pub staged: bool,
}

/// A document that does not match the schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Failed to insert or update a document in table \"{table}\" because it does not match the schema: {source}")]
pub struct SchemaEnforcementError {
    /// The table's name.
    pub table: String,
    /// What does not match.
    pub source: ValidationError,
}

impl SchemaEnforcementError {
    /// The short code as seen by developers.
    pub fn code(&self) -> &'static str {
        "SchemaEnforcementError"
    }
}

impl SchemaDefinition {
    /// What documents of a table must match; `None` if anything goes.
    pub fn enforced_type(&self, table: &str) -> Option<&Validator> {
        if !self.schema_validation {
            return None;
        }
        self.tables.get(table)?.document_type.as_ref()
    }

    /// Checks a document that is to be stored in `table`. Its `_id` and `_creationTime` may be there or not.
    pub fn check_document(
        &self,
        table: &str,
        document: &Value,
        tables: &dyn TableLookup,
    ) -> Result<(), SchemaEnforcementError> {
        let Some(validator) = self.enforced_type(table) else {
            return Ok(());
        };
        validator
            .check_document(document, tables)
            .map_err(|source| SchemaEnforcementError { table: table.to_owned(), source })
    }

    /// Whether the schema declares `table` or has ids of it somewhere: such a table must not be dropped.
    pub fn mentions(&self, table: &str) -> bool {
        self.tables.contains_key(table)
            || self
                .tables
                .values()
                .any(|definition| definition.validators().any(|validator| has_id_of(validator, table)))
    }
}

impl TableDefinition {
    /// Checks a document with the staged document type, if there is one.
    pub fn check_staged(&self, document: &Value, tables: &dyn TableLookup) -> Result<(), ValidationError> {
        self.staged_document_type.as_ref().map_or(Ok(()), |validator| validator.check_document(document, tables))
    }

    fn validators(&self) -> impl Iterator<Item = &Validator> {
        self.document_type.iter().chain(&self.staged_document_type)
    }
}

fn has_id_of(validator: &Validator, table: &str) -> bool {
    let mut found = false;
    validator.visit(&mut |validator| found |= matches!(validator, Validator::Id(name) if name == table));
    found
}
