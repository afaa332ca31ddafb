//! System functions about stored files.

use lakewire_storage::catalog::{Namespace, SystemTable};
use lakewire_storage::query::{Order, Query, Source};
use lakewire_storage::transaction::{PageOptions, Transaction};
use lakewire_storage::value::Value;

use super::args::Args;
use super::component::target;
use super::tables::page;
use super::{SystemContext, SystemError};
use crate::files;
use crate::model::app::effective_origins;
use crate::model::deployment;

/// `fileStorageV2:numFiles`.
pub(super) async fn count(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    args.none()?;
    Ok((tx.count(namespace, SystemTable::Storage.name()).await? as f64).into())
}

/// `fileStorageV2:getFile`: the document and its `url`, or null.
pub(super) async fn get(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    let id = args.string("storageId")?;
    args.none()?;
    let origin = effective_origins(&deployment::read(tx).await?, context.configured).cloud;
    let Some(file) = files::find(tx, namespace, &id).await?.unwrap_or_default() else { return Ok(Value::Null) };
    let document = tx.get_system_in(namespace, SystemTable::Storage, file.id.internal).await?;
    let document = document.and_then(|document| document.value().ok()).and_then(Value::into_object);
    Ok(document.map_or(Value::Null, |mut fields| {
        fields.insert("url".to_owned(), files::address(&file, &origin).into());
        Value::Object(fields)
    }))
}

/// `fileStorageV2:fileMetadata`: a page of documents with their `url`, the newest first unless asked otherwise.
pub(super) async fn list(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    let opts = args.pagination()?;
    let (mut order, mut span) = (Order::Desc, (f64::NEG_INFINITY, f64::INFINITY));
    if args.has("filters") {
        let mut filters = args.object("filters")?;
        span.0 = filters.optional_number("minCreationTime")?.unwrap_or(span.0);
        span.1 = filters.optional_number("maxCreationTime")?.unwrap_or(span.1);
        if filters.optional_string("order")?.as_deref() == Some("asc") {
            order = Order::Asc;
        }
        filters.none()?;
    }
    args.none()?;
    let origin = effective_origins(&deployment::read(tx).await?, context.configured).cloud;
    let source = Source::FullTableScan { table: SystemTable::Storage.name().to_owned(), order };
    let options = PageOptions { cursor: opts.cursor, page_size: opts.num_items, ..PageOptions::default() };
    let query = Query { source, operators: Vec::new() };
    let found = tx.paginate(namespace, &query, &options, context.cursor_key).await?;
    let mut items = Vec::new();
    for document in &found.documents {
        if document.creation_time < span.0 || document.creation_time > span.1 {
            continue;
        }
        let file = files::find(tx, namespace, &document.id.to_string()).await?.unwrap_or_default();
        let Some(mut fields) = document.value().ok().and_then(Value::into_object) else { continue };
        let url = file.map_or(Value::Null, |file| files::address(&file, &origin).into());
        fields.insert("url".to_owned(), url);
        items.push(Value::Object(fields));
    }
    Ok(page(items, found.is_done, found.continue_cursor))
}

/// `fileStorageV2:deleteFile`.
pub(super) async fn delete_one(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    let id = args.string("storageId")?;
    args.none()?;
    delete(namespace, &id, tx).await?;
    Ok(Value::Null)
}

/// `fileStorageV2:deleteFiles`: all of them, or none.
pub(super) async fn delete_many(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    let ids = args.strings("storageIds")?;
    args.none()?;
    for id in ids {
        delete(namespace, &id, tx).await?;
    }
    Ok(Value::Null)
}

async fn delete(namespace: Namespace, id: &str, tx: &mut Transaction) -> Result<(), SystemError> {
    let found = files::find(tx, namespace, id).await?.unwrap_or_default();
    let file = found.ok_or_else(|| SystemError::Refused(format!("there is no stored file `{id}`")))?;
    Ok(files::delete(tx, &file).await?)
}

/// `fileStorageV2:generateUploadUrl`.
pub(super) async fn upload_url(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let target = target(context, &mut args, tx).await?;
    args.none()?;
    target.require_mounted("stored in")?;
    let origin = effective_origins(&deployment::read(tx).await?, context.configured).cloud;
    Ok(context.files.upload_url(&origin, target.namespace).into())
}
