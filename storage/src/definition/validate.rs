//! Checking the documents that were there before a schema.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::{Progress, internal};
use crate::catalog::{LoadedSchema, Namespace, SchemaRow, SchemaState, SystemTable, TableInfo, fields, read_row};
use crate::commit::CommitError;
use crate::database::Database;
use crate::id::{DocumentId, InternalId};
use crate::interval::{End, Interval, next_key};
use crate::key::Key;
use crate::query::Order;
use crate::schema::Validator;
use crate::state::Snapshot;
use crate::transaction::{NamespaceTables, failure_text, parse};
use crate::value::Value;
use crate::version::ReadError;

/// The source of the commits, for conflict messages.
const SOURCE: &str = "_system/validate_schema";
/// Documents checked before others get their turn.
const CHUNK: u64 = 256;
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
/// When reads or commits are not possible at present, or a stored document is damaged.
pub async fn validate_schema(database: &Database, schema: DocumentId) -> Result<Validation, CommitError> {
    let row = schema.internal;
    let head = durable_head(database).await?;
    let pending = pending(&head, row).await.map_err(unreadable)?;
    let verdict = match pending {
        Some((namespace, pending)) => walk(database, namespace, &pending).await?,
        None => None,
    };
    loop {
        let mut transaction = database.begin(database.head(), SOURCE);
        let current = transaction.schema_row(row).await.map_err(internal)?.map(|row| row.state);
        let outcome = match (current, &verdict) {
            (Some(SchemaState::Pending), None) => {
                transaction.set_schema_state(row, SchemaState::Validated).await.map_err(internal)?;
                Validation::Validated
            }
            (Some(SchemaState::Pending), Some((error, table_name))) => {
                let (error, table_name) = (error.clone(), Some(table_name.clone()));
                let state = SchemaState::Failed { error: error.clone(), table_name: table_name.clone() };
                transaction.set_schema_state(row, state).await.map_err(internal)?;
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
///
/// # Errors
/// If that has to be fetched, and cannot be.
pub async fn validation_progress(snapshot: &Snapshot, schema: DocumentId) -> Result<Option<Progress>, ReadError> {
    let key = Key::by_id(SystemTable::SchemaValidationProgress.by_id(), schema.internal);
    let row = snapshot.get(&key).await?;
    let row = row.and_then(|row| read_row(SystemTable::SchemaValidationProgress.name(), &row).ok());
    Ok(row.map(|row: ProgressRow| Progress { done: row.num_docs_validated as u64, total: row.total_docs as u64 }))
}

/// The schema of a row if it is pending.
async fn pending(snapshot: &Snapshot, row: InternalId) -> Result<Option<(Namespace, Arc<LoadedSchema>)>, ReadError> {
    let key = Key::by_id(SystemTable::Schemas.by_id(), row);
    let stored = snapshot.get(&key).await?;
    let stored = stored.and_then(|stored| read_row::<SchemaRow>(SystemTable::Schemas.name(), &stored).ok());
    let Some(namespace) = stored.map(|stored| stored.namespace) else { return Ok(None) };
    let loaded = snapshot.catalog().schemas(namespace).and_then(|schemas| schemas.pending.clone());
    let loaded = loaded.filter(|loaded| loaded.row == row && loaded.state == SchemaState::Pending);
    Ok(loaded.map(|loaded| (namespace, loaded)))
}

/// Looks for a document that does not fit. Returns what to tell the developer of it, and its table.
async fn walk(
    database: &Database,
    namespace: Namespace,
    schema: &LoadedSchema,
) -> Result<Option<(String, String)>, CommitError> {
    let first = database.latest();
    let tables = tables_to_walk(&first, namespace, schema);
    let total = tables.iter().map(|table| first.estimated_count(table.by_id)).sum();
    let mut progress = Progress { done: 0, total };
    report(database, schema.row, progress).await?;
    for table in tables {
        let mut rest = Interval::prefix(&table.by_id.0.to_be_bytes());
        while !rest.is_empty() {
            let (failure, done) = check_some(database, namespace, schema, &table, &mut rest).await?;
            if failure.is_some() {
                return Ok(failure);
            }
            progress.done += done;
            report(database, schema.row, Progress { total: progress.total.max(progress.done), ..progress }).await?;
        }
    }
    Ok(None)
}

/// Checks the next documents of a table by id, and moves the start of `rest` behind them. Each call takes a snapshot of its own:
/// what changed since the schema became pending was checked by its own transaction, and an old snapshot may lose its segments.
/// They are of latest: what is in the head only may be taken back.
async fn check_some(
    database: &Database,
    namespace: Namespace,
    schema: &LoadedSchema,
    table: &TableInfo,
    rest: &mut Interval,
) -> Result<(Option<(String, String)>, u64), CommitError> {
    let snapshot = database.latest();
    let lookup = NamespaceTables { catalog: snapshot.catalog(), namespace };
    let mut documents = snapshot.scan(rest.clone(), Order::Asc);
    let mut done = 0;
    while done < REPORT_EVERY {
        let Some((key, document)) = documents.next().await.map_err(unreadable)? else {
            rest.end = End::Before(rest.start.clone());
            break;
        };
        let value = parse(table, &document)?;
        if let Err(error) = schema.definition.check_document(&table.name, &value, &lookup) {
            return Ok((Some((failure_text(document.id, &table.name, &error), table.name.clone())), done));
        }
        done += 1;
        if done.is_multiple_of(CHUNK) {
            database.env().sleep(Duration::ZERO).await;
        }
        rest.start = next_key(&key);
    }
    Ok((None, done))
}

/// The head, once all of it is part of latest.
async fn durable_head(database: &Database) -> Result<Snapshot, CommitError> {
    loop {
        let head = database.head();
        match database.wait_durable(&head).await {
            Ok(()) => return Ok(head),
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
}

fn unreadable(error: ReadError) -> CommitError {
    internal(error.into())
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
    transaction.put_system(SystemTable::SchemaValidationProgress, schema, row).await.map_err(internal)?;
    match database.commit(transaction).await {
        // Two that validate at a time: either's report will do.
        Ok(_) | Err(CommitError::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
