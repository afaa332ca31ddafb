//! Checking the documents that were there before a schema.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::{Progress, internal};
use crate::catalog::{LoadedSchema, Namespace, SchemaState, SystemTable, TableInfo, fields, read_row};
use crate::commit::CommitError;
use crate::database::Database;
use crate::id::{DocumentId, InternalId};
use crate::schema::Validator;
use crate::state::Snapshot;
use crate::transaction::{NamespaceTables, failure_text, parse};
use crate::value::Value;

/// The source of the commits, for conflict messages.
const SOURCE: &str = "_system/validate_schema";
/// Documents checked before others get their turn.
const CHUNK: usize = 256;
/// Documents checked between two reports of progress.
const REPORT_EVERY: u64 = 16_384;

/// How the validation of a schema ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Validation {
    /// Every document fits, or nothing had to be looked at.
    Validated,
    /// A document does not fit. Texts for the developer.
    Failed {
        /// Which one, and why.
        error: String,
        /// Its table.
        table_name: Option<String>,
    },
    /// There was nothing to validate: the schema was overwritten, or is in force already.
    NotPending(Option<SchemaState>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProgressRow {
    num_docs_validated: f64,
    total_docs: f64,
}

/// Checks every document of the tables that a pending schema constrains further than the one in force, and marks the schema
/// as validated or failed. Writes that go on meanwhile are checked by their own transactions.
///
/// # Errors
/// When commits are not possible at present, or a stored document is damaged.
pub async fn validate_schema(database: &Database, schema: DocumentId) -> Result<Validation, CommitError> {
    let row = schema.internal;
    // Includes the commit that made it pending, so every write not in it is checked by its own transaction.
    let snapshot = database.head();
    let verdict = match pending(&snapshot, row) {
        Some((namespace, pending)) => walk(database, &snapshot, namespace, &pending).await?,
        None => None,
    };
    loop {
        let mut transaction = database.begin(database.head(), SOURCE);
        let current = transaction.schema_row(row).map_err(internal)?.map(|row| row.state);
        let outcome = match (current, &verdict) {
            (Some(SchemaState::Pending), None) => {
                transaction.set_schema_state(row, SchemaState::Validated).map_err(internal)?;
                Validation::Validated
            }
            (Some(SchemaState::Pending), Some((error, table_name))) => {
                let (error, table_name) = (error.clone(), Some(table_name.clone()));
                let state = SchemaState::Failed { error: error.clone(), table_name: table_name.clone() };
                transaction.set_schema_state(row, state).map_err(internal)?;
                Validation::Failed { error, table_name }
            }
            (Some(SchemaState::Validated), _) => Validation::Validated,
            (Some(SchemaState::Failed { error, table_name }), _) => Validation::Failed { error, table_name },
            (other, _) => Validation::NotPending(other),
        };
        match database.commit(transaction).await {
            Ok(_) => return Ok(outcome),
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
}

/// How far the validation of a schema is; `None` before it has begun.
pub fn validation_progress(snapshot: &Snapshot, schema: DocumentId) -> Option<Progress> {
    let key = crate::key::Key::by_id(SystemTable::SchemaValidationProgress.by_id(), schema.internal);
    let row = snapshot.get(&key)?;
    let row: ProgressRow = read_row(SystemTable::SchemaValidationProgress.name(), row).ok()?;
    Some(Progress { done: row.num_docs_validated as u64, total: row.total_docs as u64 })
}

/// The schema of a row if it is pending.
fn pending(snapshot: &Snapshot, row: InternalId) -> Option<(Namespace, Arc<LoadedSchema>)> {
    let key = crate::key::Key::by_id(SystemTable::Schemas.by_id(), row);
    let stored: crate::catalog::SchemaRow = read_row(SystemTable::Schemas.name(), snapshot.get(&key)?).ok()?;
    let loaded = snapshot.catalog().schemas(stored.namespace)?.pending.clone()?;
    (loaded.row == row && loaded.state == SchemaState::Pending).then_some((stored.namespace, loaded))
}

/// Looks for a document that does not fit. Returns what to tell the developer of it, and its table.
async fn walk(
    database: &Database,
    snapshot: &Snapshot,
    namespace: Namespace,
    schema: &LoadedSchema,
) -> Result<Option<(String, String)>, CommitError> {
    let tables = tables_to_walk(snapshot, namespace, schema);
    let total = tables.iter().map(|table| snapshot.index_len(table.by_id) as u64).sum();
    let mut progress = Progress { done: 0, total };
    report(database, schema.row, progress).await?;
    let lookup = NamespaceTables { catalog: snapshot.catalog(), namespace };
    for table in tables {
        for document in snapshot.documents(table.by_id) {
            let value = parse(&table, document)?;
            if let Err(error) = schema.definition.check_document(&table.name, &value, &lookup) {
                return Ok(Some((failure_text(document.id, &table.name, &error), table.name.clone())));
            }
            progress.done += 1;
            if progress.done.is_multiple_of(CHUNK as u64) {
                database.env().sleep(Duration::ZERO).await;
            }
            if progress.done.is_multiple_of(REPORT_EVERY) {
                report(database, schema.row, progress).await?;
            }
        }
    }
    report(database, schema.row, progress).await?;
    Ok(None)
}

/// The tables of which a document may not fit, as far as the validators tell.
fn tables_to_walk(snapshot: &Snapshot, namespace: Namespace, schema: &LoadedSchema) -> Vec<Arc<TableInfo>> {
    let active = snapshot.catalog().schemas(namespace).and_then(|schemas| schemas.active.clone());
    let needs_walk = |table: &&Arc<TableInfo>| {
        let Some(wanted) = schema.definition.enforced_type(&table.name) else { return false };
        let enforced = active.as_ref().and_then(|active| active.definition.enforced_type(&table.name));
        *wanted != Validator::Any && !enforced.is_some_and(|enforced| enforced.is_subset_of(wanted))
    };
    snapshot.catalog().tables(namespace).filter(needs_walk).cloned().collect()
}

async fn report(database: &Database, schema: InternalId, progress: Progress) -> Result<(), CommitError> {
    let id = DocumentId { table: SystemTable::Schemas.number(), internal: schema };
    let row = fields([
        ("schemaId", id.to_string().into()),
        ("numDocsValidated", Value::Float64(progress.done as f64)),
        ("totalDocs", Value::Float64(progress.total as f64)),
    ]);
    let mut transaction = database.begin(database.head(), SOURCE);
    transaction.put_system(SystemTable::SchemaValidationProgress, schema, row).map_err(internal)?;
    match database.commit(transaction).await {
        // Two that validate at a time: either's report will do.
        Ok(_) | Err(CommitError::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
