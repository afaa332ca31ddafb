//! System functions that read tables and documents of the app and its components.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lakewire_storage::catalog::{Namespace, SystemTable};
use lakewire_storage::document::Document;
use lakewire_storage::id::DocumentId;
use lakewire_storage::query::{Order, Query, Source};
use lakewire_storage::transaction::{PageOptions, TableKind, Transaction};
use lakewire_storage::value::Value;
use serde_json::Value as Json;

use super::args::{Args, ArgsError, PaginationOpts};
use super::component::{here, target};
use super::frontend::object;
use super::{SystemContext, SystemError};
use crate::model::rows::record_read;

/// Bytes of documents a page has at most, about.
const MAX_PAGE_BYTES: usize = 5 * 1024 * 1024;
/// Most tables `getTableMapping` lists.
const MAX_MAPPED_TABLES: usize = 1_000;
/// Most documents `listTableScan` gives.
const MAX_SCANNED: f64 = 4_096.0;

/// `cli/tables`: the names of the app's tables, on one page.
pub(super) async fn list_tables(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    args.pagination()?;
    args.none()?;
    let namespace = here(context, tx).await?.namespace;
    record_read(tx, SystemTable::Tables)?;
    let names = tx.catalog().tables(namespace).map(|table| object([("name", table.name.as_str().into())]));
    Ok(page(names.collect(), true, "end".to_owned()))
}

/// `cli/tableData`: a page of a table's documents.
pub(super) async fn table_data(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = here(context, tx).await?.namespace;
    let table = args.string("table")?;
    let order = order(args.string("order")?.as_str())?;
    let opts = args.pagination()?;
    args.none()?;
    read_page(context, namespace, scan(table, order), opts, tx).await
}

/// `frontend/paginatedTableDocuments`: the same for dashboards, newest first unless the filter says otherwise.
pub(super) async fn paginated_documents(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    let table = args.string("table")?;
    let opts = args.pagination()?;
    let filters = args.optional_string("filters")?;
    args.none()?;
    match filters.as_deref().map_or(Ok(Order::Desc), order_of_filters) {
        Ok(order) => read_page(context, namespace, scan(table, order), opts, tx).await,
        // A filter that cannot be applied is told about in place of documents.
        Err(error) => {
            let problem = object([("filter", filters.unwrap_or_default().into()), ("error", error.into())]);
            Ok(page(vec![problem], true, "end".to_owned()))
        }
    }
}

/// The order a dashboard's filter asks for; an error if it asks for more.
fn order_of_filters(filters: &str) -> Result<Order, &'static str> {
    let bytes = STANDARD.decode(filters).map_err(|_| "the filter is not valid base64")?;
    let filter: Json = serde_json::from_slice(&bytes).map_err(|_| "the filter is not valid JSON")?;
    let enabled = |clause: &Json| clause.get("enabled").and_then(Json::as_bool).unwrap_or(true);
    let clauses = [filter.get("clauses"), filter.pointer("/index/clauses")];
    if clauses.into_iter().flatten().filter_map(Json::as_array).flatten().any(enabled) {
        return Err("filters are not available in this version of Lakewire");
    }
    Ok(if filter.get("order").and_then(Json::as_str) == Some("asc") { Order::Asc } else { Order::Desc })
}

/// `frontend/listTableScan`: the newest documents.
pub(super) async fn table_scan(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    let table = args.string("table")?;
    let limit = args.number("limit")?.clamp(0.0, MAX_SCANNED) as usize;
    args.none()?;
    let mut stream = tx.open_query(namespace, &scan(table, Order::Desc))?;
    let mut documents = Vec::new();
    while documents.len() < limit
        && let Some(document) = tx.next(&mut stream).await?
    {
        documents.push(value(&document));
    }
    Ok(Value::Array(documents))
}

/// `tableSize`: how many documents a table has.
pub(super) async fn table_size(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    let table = args.string("tableName")?;
    args.none()?;
    Ok((tx.count(namespace, &table).await? as f64).into())
}

/// `tableSize:sizeOfAllTables`: how many documents all tables have.
pub(super) async fn size_of_all_tables(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    args.none()?;
    record_read(tx, SystemTable::Tables)?;
    let names: Vec<String> = tx.catalog().tables(namespace).map(|table| table.name.clone()).collect();
    let mut documents = 0;
    for name in names {
        documents += tx.count(namespace, &name).await?;
    }
    Ok((documents as f64).into())
}

/// `cli/queryTable`: depends on the whole table and is different every time, so that a subscriber hears of any change.
pub(super) async fn query_table(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let table = args.string("tableName")?;
    args.none()?;
    let namespace = here(context, tx).await?.namespace;
    tx.count(namespace, &table).await?;
    // 53 bits: what a float64 holds exactly.
    Ok(((context.nonce >> 11) as f64).into())
}

/// `getTableMapping`: table names by the numbers in document ids.
pub(super) async fn table_mapping(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    args.none()?;
    record_read(tx, SystemTable::Tables)?;
    let tables = tx.catalog().tables(namespace).take(MAX_MAPPED_TABLES);
    let mut mapping: BTreeMap<String, Value> =
        tables.map(|table| (table.number.0.to_string(), table.name.as_str().into())).collect();
    // Dashboards know the tables behind `_scheduled_functions` and `_storage` by these names.
    for (table, name) in [(SystemTable::ScheduledFunctions, "_scheduled_jobs"), (SystemTable::Storage, "_file_storage")]
    {
        mapping.insert(table.number().0.to_string(), name.into());
    }
    Ok(Value::Object(mapping))
}

/// `getById`: one document, or null.
pub(super) async fn get_by_id(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    let id = args.string("id")?;
    args.none()?;
    lookup(namespace, &id, tx).await
}

/// `listById`: documents in the order of the ids, null where there is none.
pub(super) async fn list_by_id(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    let ids = args.array("ids")?;
    args.none()?;
    let mut documents = Vec::with_capacity(ids.len());
    for mut entry in ids {
        let id = entry.string("id")?;
        entry.ignore(&["tableName"])?;
        documents.push(lookup(namespace, &id, tx).await?);
    }
    Ok(Value::Array(documents))
}

async fn lookup(namespace: Namespace, id: &str, tx: &mut Transaction) -> Result<Value, SystemError> {
    let Ok(id) = id.parse::<DocumentId>() else { return Ok(Value::Null) };
    Ok(tx.get(namespace, id, TableKind::Any).await?.map_or(Value::Null, |document| value(&document)))
}

async fn read_page(
    context: &SystemContext<'_>,
    namespace: Namespace,
    query: Query,
    opts: PaginationOpts,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let options = PageOptions {
        cursor: opts.cursor,
        page_size: opts.num_items,
        maximum_bytes_read: Some(MAX_PAGE_BYTES),
        ..PageOptions::default()
    };
    let found = tx.paginate(namespace, &query, &options, context.cursor_key).await?;
    Ok(page(found.documents.iter().map(value).collect(), found.is_done, found.continue_cursor))
}

fn scan(table: String, order: Order) -> Query {
    Query { source: Source::FullTableScan { table, order }, operators: Vec::new() }
}

fn order(text: &str) -> Result<Order, ArgsError> {
    match text {
        "asc" => Ok(Order::Asc),
        "desc" => Ok(Order::Desc),
        _ => Err(ArgsError::Mismatch { name: "order", validator: "v.union(v.literal(\"asc\"), v.literal(\"desc\"))" }),
    }
}

pub(super) fn page(items: Vec<Value>, is_done: bool, continue_cursor: String) -> Value {
    object([("page", Value::Array(items)), ("isDone", is_done.into()), ("continueCursor", continue_cursor.into())])
}

/// Stored documents are valid values.
fn value(document: &Arc<Document>) -> Value {
    Value::from_json(&document.json).unwrap_or(Value::Null)
}
