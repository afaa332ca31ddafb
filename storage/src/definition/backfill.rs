//! Adding the documents that were there before an index to it.

use serde::Deserialize;

use crate::catalog::{IndexId, IndexInfo, IndexState, SystemTable, TableInfo, read_row};
use crate::commit::CommitError;
use crate::database::Database;
use crate::id::InternalId;
use crate::interval::{Interval, next_key};
use crate::key::{Key, encode_value};
use crate::query::Order;
use crate::state::Snapshot;
use crate::transaction::{Transaction, TxError};
use crate::value::Value;
use crate::version::ReadError;

/// The source of the commits, for conflict messages.
const SOURCE: &str = "_system/backfill";
/// Documents of one commit, at most. Fewer while writes keep coming in between.
const MOST_DOCUMENTS: usize = 512;
const FEWEST_DOCUMENTS: usize = 8;
/// A commit also ends with the document that takes it beyond this many bytes.
const MOST_BYTES: usize = 2 << 20;

/// How far a walk through a table is, in documents.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Documents done.
    pub done: u64,
    /// Documents there were at the last look.
    pub total: u64,
}

/// A row of `_index_backfills`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BackfillRow {
    num_docs_indexed: f64,
    total_docs: f64,
    /// The last document done, its internal id in hexadecimal; empty before the first.
    cursor: String,
}

/// Where a backfill is to go on.
#[derive(Clone, Copy)]
struct At {
    after: Option<InternalId>,
    progress: Progress,
}

/// Completes every index that is not complete yet: after a push has started, and after a restart.
///
/// # Errors
/// As [`backfill`].
pub async fn backfill_all(database: &Database) -> Result<(), CommitError> {
    let head = database.head();
    let tables = head.catalog().all_tables();
    let unfinished = tables.flat_map(|table| &table.indexes).filter(|index| index.state == IndexState::Backfilling);
    let unfinished: Vec<_> = unfinished.map(|index| index.id).collect();
    for index in unfinished {
        backfill(database, index).await?;
    }
    Ok(())
}

/// Completes an index, in many short transactions, and makes it [`IndexState::Backfilled`]. Goes on where an earlier run
/// stopped. Two runs at a time do no harm. Returns at once if the index is complete, or gone.
///
/// # Errors
/// When reads or commits are not possible at present, or a stored document is damaged. Conflicts are tried again.
pub async fn backfill(database: &Database, id: IndexId) -> Result<(), CommitError> {
    let mut most = MOST_DOCUMENTS;
    loop {
        let mut transaction = database.begin(database.head(), SOURCE);
        let more = step(&mut transaction, id, most).await.map_err(internal)?;
        match database.commit(transaction).await {
            Ok(_) if !more => return Ok(()),
            Ok(_) => most = (most * 2).min(MOST_DOCUMENTS),
            Err(CommitError::Conflict(_)) => most = (most / 2).max(FEWEST_DOCUMENTS),
            Err(error) => return Err(error),
        }
    }
}

/// How far the backfill of an index is; `None` before it has begun and once the index is gone.
///
/// # Errors
/// If that has to be fetched, and cannot be.
pub async fn backfill_progress(snapshot: &Snapshot, id: IndexId) -> Result<Option<Progress>, ReadError> {
    let Some(by_index) = SystemTable::IndexBackfills.info().index("by_index") else { return Ok(None) };
    let mut prefix = by_index.id.0.to_be_bytes().to_vec();
    encode_value(&mut prefix, Some(&Value::Float64(f64::from(id.0))));
    let row = snapshot.scan(Interval::prefix(&prefix), Order::Asc).next().await?;
    let row = row.and_then(|(_, row)| read_row(SystemTable::IndexBackfills.name(), &row).ok());
    Ok(row.map(|row: BackfillRow| Progress { done: row.num_docs_indexed as u64, total: row.total_docs as u64 }))
}

/// Adds up to `most` documents to the index. Returns whether there is more to do.
async fn step(transaction: &mut Transaction, id: IndexId, most: usize) -> Result<bool, TxError> {
    let index = match transaction.index_info(id).await {
        Ok(index) => index,
        Err(error) if error.is_developer_error() => return Ok(false),
        Err(error) => return Err(error),
    };
    let table = transaction.catalog().tablet(index.tablet).cloned();
    let Some(table) = table.filter(|_| index.state == IndexState::Backfilling) else { return Ok(false) };
    let at = resume(transaction, id).await?;
    let next = add_documents(transaction, &table, &index, at, most).await?;
    let cursor = next.after.map(|id| hex::encode(id.0)).unwrap_or_default();
    let is_complete = next.after.is_none();
    transaction.put_backfill(id, next.progress, &cursor).await?;
    if is_complete {
        transaction.index_is_complete(&index).await?;
    }
    Ok(!is_complete)
}

async fn resume(transaction: &mut Transaction, id: IndexId) -> Result<At, TxError> {
    let key = [Value::Float64(f64::from(id.0))];
    let rows = transaction.find_system(SystemTable::IndexBackfills, "by_index", &key).await?;
    let Some(row) = rows.first() else { return Ok(At { after: None, progress: Progress::default() }) };
    let row: BackfillRow = read_row(SystemTable::IndexBackfills.name(), row)?;
    let mut after = [0; 16];
    let is_begun = hex::decode_to_slice(&row.cursor, &mut after).is_ok();
    let progress = Progress { done: row.num_docs_indexed as u64, total: row.total_docs as u64 };
    Ok(At { after: is_begun.then_some(InternalId(after)), progress })
}

/// Stages the index's keys of the next documents by id. The result has no position when there are no more.
async fn add_documents(
    transaction: &mut Transaction,
    table: &TableInfo,
    index: &IndexInfo,
    at: At,
    most: usize,
) -> Result<At, TxError> {
    let mut interval = Interval::prefix(&table.by_id.0.to_be_bytes());
    if let Some(after) = at.after {
        interval.start = next_key(&Key::by_id(table.by_id, after));
    }
    let snapshot = transaction.snapshot().clone();
    let mut added = 0;
    let mut bytes = 0;
    let mut last = None;
    let mut documents = snapshot.scan(interval.clone(), Order::Asc);
    while added < most
        && bytes < MOST_BYTES
        && let Some((key, document)) = documents.next().await?
    {
        transaction.stage_index_key(table, index, &document)?;
        added += 1;
        bytes += document.json.len();
        last = Some((key, document.id.internal));
    }
    let is_complete = added < most && bytes < MOST_BYTES;
    let read = match &last {
        Some((key, _)) if !is_complete => Interval::new(interval.start, next_key(key)),
        _ => interval,
    };
    transaction.record_read(read)?;
    let done = at.progress.done + added as u64;
    let total = snapshot.estimated_count(table.by_id);
    let after = last.map(|(_, id)| id).filter(|_| !is_complete);
    Ok(At { after, progress: Progress { done, total: total.max(done) } })
}

/// A backfill has no developer: what it fails for is the storage's.
pub(crate) fn internal(error: TxError) -> CommitError {
    match error {
        TxError::Row(error) => CommitError::Row(error),
        error @ (TxError::Read(_) | TxError::Developer { .. }) => CommitError::Unavailable(error.to_string()),
    }
}
