//! Rows of system tables as Rust types.
//!
//! A row type is any serde type whose JSON is an object of ordinary JSON: numbers become float64 values, so whole
//! numbers in rows are `f64` too.

use lakewire_storage::catalog::{Fields, Namespace, SystemTable};
use lakewire_storage::document::Document;
use lakewire_storage::id::{DocumentId, InternalId};
use lakewire_storage::interval::Interval;
use lakewire_storage::transaction::{Transaction, TxError};
use lakewire_storage::value::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ModelError;

/// The id of the row of a table that has one row at most.
const SINGLE: InternalId = InternalId([0; 16]);

/// A stored row.
#[derive(Clone, Debug)]
pub struct Row<T> {
    pub id: DocumentId,
    /// Milliseconds since the epoch.
    pub creation_time: f64,
    pub value: T,
}

/// All rows of `table`, oldest first. Recorded in `tx` as read.
///
/// # Errors
/// A row that is not a `T`.
pub async fn scan<T: DeserializeOwned>(tx: &mut Transaction, table: SystemTable) -> Result<Vec<Row<T>>, ModelError> {
    let documents =
        tx.find_system(table, "by_creation_time", &[]).await.map_err(|source| transaction(table, source))?;
    documents.iter().map(|document| read(table, document)).collect()
}

/// The rows whose first fields of an index are `values`, in the order of the index. Recorded in `tx` as read.
///
/// # Errors
/// A row that is not a `T`.
pub async fn find<T: DeserializeOwned>(
    tx: &mut Transaction,
    table: SystemTable,
    index: &str,
    values: &[Value],
) -> Result<Vec<Row<T>>, ModelError> {
    let documents = tx.find_system(table, index, values).await.map_err(|source| transaction(table, source))?;
    documents.iter().map(|document| read(table, document)).collect()
}

/// The rows, at most `most`, whose first fields of an index are `values` and the next one a number in `span`. Recorded in
/// `tx` as read.
///
/// # Errors
/// A row that is not a `T`.
pub async fn between<T: DeserializeOwned>(
    tx: &mut Transaction,
    table: SystemTable,
    index: &str,
    values: &[Value],
    span: (f64, f64),
    most: usize,
) -> Result<Vec<Row<T>>, ModelError> {
    let found = tx.system_rows_between(table, index, values, span, most).await;
    found.map_err(|source| transaction(table, source))?.iter().map(|document| read(table, document)).collect()
}

/// The row with an id. Recorded in `tx` as read.
///
/// # Errors
/// A row that is not a `T`.
pub async fn get<T: DeserializeOwned>(
    tx: &mut Transaction,
    table: SystemTable,
    id: InternalId,
) -> Result<Option<T>, ModelError> {
    let document = tx.get_system(table, id).await.map_err(|source| transaction(table, source))?;
    Ok(document.as_deref().map(|document| read(table, document)).transpose()?.map(|row| row.value))
}

/// The fields of a row in the table that a namespace has of that name, for rows that hold values of apps. Recorded in `tx`
/// as read.
///
/// # Errors
/// A row that cannot be read.
pub async fn get_fields(
    tx: &mut Transaction,
    namespace: Namespace,
    table: SystemTable,
    id: InternalId,
) -> Result<Option<Fields>, ModelError> {
    let document = tx.get_system_in(namespace, table, id).await.map_err(|source| transaction(table, source))?;
    let Some(document) = document else { return Ok(None) };
    match document.value() {
        Ok(Value::Object(fields)) => Ok(Some(fields)),
        Ok(_) | Err(_) => {
            let source = serde::de::Error::custom("it is no document");
            Err(shape(table, document.id, source))
        }
    }
}

/// Writes a row of the table that a namespace has of that name.
pub async fn put_fields(
    tx: &mut Transaction,
    namespace: Namespace,
    table: SystemTable,
    id: InternalId,
    fields: Fields,
) -> Result<(), ModelError> {
    tx.put_system_in(namespace, table, id, fields).await.map(drop).map_err(|source| transaction(table, source))
}

/// Deletes a row of the table that a namespace has of that name.
pub async fn delete_in(
    tx: &mut Transaction,
    namespace: Namespace,
    table: SystemTable,
    id: InternalId,
) -> Result<(), ModelError> {
    tx.delete_system_in(namespace, table, id).await.map(drop).map_err(|source| transaction(table, source))
}

fn read<T: DeserializeOwned>(table: SystemTable, document: &Document) -> Result<Row<T>, ModelError> {
    let value = serde_json::from_str(&document.json).map_err(|source| shape(table, document.id, source))?;
    Ok(Row { id: document.id, creation_time: document.creation_time, value })
}

/// The row of a table that has one row at most. Recorded in `tx` as read, also if there is none.
///
/// # Errors
/// A row that is not a `T`.
pub async fn single<T: DeserializeOwned>(tx: &mut Transaction, table: SystemTable) -> Result<Option<T>, ModelError> {
    let document = tx.get_system(table, SINGLE).await.map_err(|source| transaction(table, source))?;
    Ok(document.as_deref().map(|document| read(table, document)).transpose()?.map(|row| row.value))
}

/// Records that `tx` depends on every row of `table`: for reads of what the catalog derives from it.
///
/// # Errors
/// Too many reads.
pub fn record_read(tx: &mut Transaction, table: SystemTable) -> Result<(), TxError> {
    tx.record_read(Interval::prefix(&table.by_id().0.to_be_bytes()))
}

/// Inserts a row.
pub async fn insert<T: Serialize>(tx: &mut Transaction, table: SystemTable, row: &T) -> Result<DocumentId, ModelError> {
    let fields = fields(table, row)?;
    tx.insert_system(table, fields).await.map_err(|source| transaction(table, source))
}

/// Replaces a row.
pub async fn replace<T: Serialize>(
    tx: &mut Transaction,
    table: SystemTable,
    id: DocumentId,
    row: &T,
) -> Result<(), ModelError> {
    let fields = fields(table, row)?;
    tx.put_system(table, id.internal, fields).await.map(drop).map_err(|source| transaction(table, source))
}

/// Writes the row of a table that has one row at most.
pub async fn put_single<T: Serialize>(tx: &mut Transaction, table: SystemTable, row: &T) -> Result<(), ModelError> {
    let fields = fields(table, row)?;
    tx.put_system(table, SINGLE, fields).await.map(drop).map_err(|source| transaction(table, source))
}

/// Deletes a row.
pub async fn delete(tx: &mut Transaction, table: SystemTable, id: DocumentId) -> Result<(), ModelError> {
    tx.delete_system(table, id.internal).await.map(drop).map_err(|source| transaction(table, source))
}

/// The error for a row that is not what it should be.
pub(crate) fn shape(table: SystemTable, id: DocumentId, source: serde_json::Error) -> ModelError {
    ModelError::Shape { table: table.name(), id: id.to_string(), source }
}

fn transaction(table: SystemTable, source: TxError) -> ModelError {
    ModelError::Transaction { table: table.name(), source }
}

fn fields<T: Serialize>(table: SystemTable, row: &T) -> Result<Fields, ModelError> {
    let encode = |reason: String| ModelError::Encode { table: table.name(), reason };
    let json = serde_json::to_value(row).map_err(|error| encode(error.to_string()))?;
    match Value::from_json_value(&json).map_err(|error| encode(error.to_string()))? {
        Value::Object(fields) => Ok(fields),
        _ => Err(encode("a row must be an object".to_owned())),
    }
}
