//! System functions that change documents: editing in a dashboard.
//!
//! What the app's own rules refuse, such as its schema, is part of the answer, so that the one who edits can mend it.

use lakewire_storage::catalog::{Namespace, SystemTable};
use lakewire_storage::id::DocumentId;
use lakewire_storage::query::{Order, Query, Source};
use lakewire_storage::transaction::{PageOptions, Transaction, TxError};
use lakewire_storage::value::Value;

use super::args::{Args, ArgsError};
use super::component::target;
use super::frontend::object;
use super::{SystemContext, SystemError};

/// Documents in one call, at most.
const MAX_DOCUMENTS: usize = 4_096;
/// Documents that one call of `clearTablePage` deletes, and about how many bytes of them.
const MAX_CLEARED: usize = 4_000;
const MAX_CLEARED_BYTES: usize = 3 << 20;

/// The namespace to write to. Nothing is written to components that are not mounted.
async fn writable(
    context: &SystemContext<'_>,
    args: &mut Args,
    tx: &mut Transaction,
) -> Result<Namespace, SystemError> {
    let target = target(context, args, tx).await?;
    target.require_mounted("written to")?;
    Ok(target.namespace)
}

/// `{success: true}`, or what stood in the way: then nothing of it is done.
fn answer(
    outcome: Result<(), TxError>,
    before: lakewire_storage::transaction::Savepoint,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    match outcome {
        Ok(()) => Ok(object([("success", true.into())])),
        Err(error) if error.is_developer_error() => {
            tx.rollback_to(before);
            Ok(refusal(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

fn refusal(error: String) -> Value {
    object([("success", false.into()), ("error", error.into())])
}

/// `addDocument`.
pub(super) async fn add(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = writable(context, &mut args, tx).await?;
    let table = args.string("table")?;
    let documents = args.values("documents")?;
    args.none()?;
    if documents.len() > MAX_DOCUMENTS {
        return Ok(refusal(format!("at most {MAX_DOCUMENTS} documents can be added at a time")));
    }
    let before = tx.savepoint();
    let mut outcome = Ok(());
    for document in documents {
        let Value::Object(fields) = document else {
            tx.rollback_to(before);
            return Ok(refusal("a document must be an object".to_owned()));
        };
        outcome = tx.insert(namespace, &table, fields).await.map(drop);
        if outcome.is_err() {
            break;
        }
    }
    answer(outcome, before, tx)
}

/// `replaceDocument`.
pub(super) async fn replace(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = writable(context, &mut args, tx).await?;
    let id = args.string("id")?;
    let document = args.any("document")?;
    args.none()?;
    let (Ok(id), Value::Object(fields)) = (id.parse::<DocumentId>(), document) else {
        return Ok(refusal(format!("`{id}` must be the id of a document, and the document an object")));
    };
    let before = tx.savepoint();
    let outcome = tx.replace(namespace, id, fields).await.map(drop);
    answer(outcome, before, tx)
}

/// `deleteDocuments`. Those that are gone already are no error.
pub(super) async fn delete(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = writable(context, &mut args, tx).await?;
    let wanted = args.array("toDelete")?;
    args.none()?;
    if wanted.len() > MAX_DOCUMENTS {
        return Ok(refusal(format!("at most {MAX_DOCUMENTS} documents can be deleted at a time")));
    }
    let mut ids = Vec::with_capacity(wanted.len());
    for mut entry in wanted {
        let id = entry.string("id")?;
        entry.ignore(&["tableName"])?;
        ids.push(id.parse::<DocumentId>().map_err(|_| ArgsError::Mismatch { name: "id", validator: "v.id(...)" })?);
    }
    let before = tx.savepoint();
    let mut outcome = Ok(());
    for id in ids {
        outcome = match tx.delete(namespace, id).await {
            Err(error) if error.code() == "NonexistentDocument" => Ok(()),
            other => other.map(drop),
        };
        if outcome.is_err() {
            break;
        }
    }
    answer(outcome, before, tx)
}

/// `createTable`.
pub(super) async fn create_table(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = writable(context, &mut args, tx).await?;
    let table = args.string("table")?;
    args.none()?;
    tx.ensure_table(namespace, &table).await?;
    Ok(Value::Null)
}

/// `clearTablePage`: deletes the oldest documents; to be called until there are no more.
pub(super) async fn clear_page(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = writable(context, &mut args, tx).await?;
    let table = args.string("tableName")?;
    let cursor = args.optional_string("cursor")?;
    args.none()?;
    if SystemTable::from_name(&table).is_some() {
        return Err(SystemError::Refused(format!("`{table}` is a system table")));
    }
    let query = Query { source: Source::FullTableScan { table, order: Order::Asc }, operators: Vec::new() };
    let options = PageOptions {
        cursor,
        page_size: MAX_CLEARED,
        maximum_bytes_read: Some(MAX_CLEARED_BYTES),
        ..PageOptions::default()
    };
    let found = tx.paginate(namespace, &query, &options, context.cursor_key).await?;
    for document in &found.documents {
        tx.delete(namespace, document.id).await?;
    }
    Ok(object([
        ("deleted", (found.documents.len() as f64).into()),
        ("hasMore", (!found.is_done).into()),
        ("continueCursor", found.continue_cursor.into()),
    ]))
}
