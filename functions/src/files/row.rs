//! The two rows of a file.

use lakewire_storage::catalog::{Fields, Namespace, SystemTable};
use lakewire_storage::id::{DocumentId, InternalId};
use lakewire_storage::transaction::Transaction;
use lakewire_storage::value::Value;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Stored;
use crate::model::{ModelError, rows};

const FILES: SystemTable = SystemTable::Files;
const VISIBLE: SystemTable = SystemTable::Storage;

/// A row of `_files`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileRow {
    /// Of the component that has the file.
    pub namespace: Namespace,
    /// What URLs name the file by.
    pub uuid: String,
    /// The timeline that stored it.
    pub timeline: String,
    /// When, ms since the Unix epoch.
    pub stored_ts: f64,
    /// When it was deleted, ms since the Unix epoch: the object stays for a while.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deleted_ts: Option<f64>,
}

/// A file that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredFile {
    /// In `_storage`.
    pub id: DocumentId,
    /// Whose it is.
    pub namespace: Namespace,
    /// What URLs name it by.
    pub uuid: Uuid,
    /// The timeline that stored it.
    pub(super) timeline: String,
    /// Base64.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// The content type, if it was given.
    pub content_type: Option<String>,
}

/// Writes both rows of a new file, and returns its id.
pub(crate) async fn insert(
    tx: &mut Transaction,
    namespace: Namespace,
    stored: &Stored,
    content_type: Option<&str>,
) -> Result<DocumentId, ModelError> {
    let internal = tx.new_system_id();
    let mut fields = Fields::from([
        ("sha256".to_owned(), stored.sha256_base64().into()),
        ("size".to_owned(), (stored.size as f64).into()),
    ]);
    if let Some(content_type) = content_type {
        fields.insert("contentType".to_owned(), content_type.into());
    }
    rows::put_fields(tx, namespace, VISIBLE, internal, fields).await?;
    let row = FileRow {
        namespace,
        uuid: stored.uuid.to_string(),
        timeline: stored.timeline.clone(),
        stored_ts: stored.stored_ms,
        deleted_ts: None,
    };
    rows::replace(tx, FILES, DocumentId { table: FILES.number(), internal }, &row).await?;
    Ok(DocumentId { table: VISIBLE.number(), internal })
}

/// The file of a component that a text names, by its id or UUID. `Err` if the text is neither. Recorded as read.
pub(crate) async fn find(
    tx: &mut Transaction,
    namespace: Namespace,
    text: &str,
) -> Result<Result<Option<StoredFile>, ()>, ModelError> {
    if let Ok(uuid) = Uuid::try_parse(text) {
        return Ok(Ok(by_uuid(tx, uuid).await?.filter(|file| file.namespace == namespace)));
    }
    match text.parse::<DocumentId>() {
        Ok(id) if id.table == VISIBLE.number() => Ok(Ok(read(tx, namespace, id.internal).await?)),
        _ => Ok(Err(())),
    }
}

/// The file of whatever component that a URL names. Recorded as read.
pub(crate) async fn by_uuid(tx: &mut Transaction, uuid: Uuid) -> Result<Option<StoredFile>, ModelError> {
    let Some(row) = row_of(tx, uuid).await? else { return Ok(None) };
    read(tx, row.value.namespace, row.id.internal).await
}

pub(super) async fn row_of(tx: &mut Transaction, uuid: Uuid) -> Result<Option<rows::Row<FileRow>>, ModelError> {
    Ok(rows::find::<FileRow>(tx, FILES, "by_uuid", &[uuid.to_string().into()]).await?.pop())
}

async fn read(tx: &mut Transaction, namespace: Namespace, id: InternalId) -> Result<Option<StoredFile>, ModelError> {
    let Some(fields) = rows::get_fields(tx, namespace, VISIBLE, id).await? else { return Ok(None) };
    let Some(row) = rows::get::<FileRow>(tx, FILES, id).await? else { return Ok(None) };
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let size = match fields.get("size") {
        Some(Value::Float64(size)) => *size as u64,
        _ => 0,
    };
    Ok(Some(StoredFile {
        id: DocumentId { table: VISIBLE.number(), internal: id },
        namespace,
        uuid: Uuid::try_parse(&row.uuid).unwrap_or_default(),
        timeline: row.timeline,
        sha256: text("sha256").unwrap_or_default(),
        size,
        content_type: text("contentType"),
    }))
}

/// Deletes the file with an id, if it is there.
pub(super) async fn delete_by_id(tx: &mut Transaction, namespace: Namespace, id: InternalId) -> Result<(), ModelError> {
    match read(tx, namespace, id).await? {
        Some(file) => delete(tx, &file).await,
        None => rows::delete_in(tx, namespace, VISIBLE, id).await,
    }
}

/// Deletes a file. Its URL ends with the commit; its bytes stay until nobody can read of it any more.
pub(crate) async fn delete(tx: &mut Transaction, file: &StoredFile) -> Result<(), ModelError> {
    let id = file.id.internal;
    rows::delete_in(tx, file.namespace, VISIBLE, id).await?;
    if let Some(mut row) = rows::get::<FileRow>(tx, FILES, id).await? {
        row.deleted_ts = Some((tx.env().now_ns() / 1_000_000) as f64);
        rows::replace(tx, FILES, DocumentId { table: FILES.number(), internal: id }, &row).await?;
    }
    Ok(())
}

/// Whether a file that a transaction stored is part of what it commits.
pub(super) async fn is_kept(tx: &mut Transaction, id: DocumentId) -> Result<bool, ModelError> {
    Ok(rows::get::<FileRow>(tx, FILES, id.internal).await?.is_some())
}

/// Up to `most` files that were deleted within a span of time, in ms.
pub(super) async fn deleted_between(
    tx: &mut Transaction,
    span: (f64, f64),
    most: usize,
) -> Result<Vec<rows::Row<FileRow>>, ModelError> {
    rows::between(tx, FILES, "by_deleted", &[], span, most).await
}

/// Forgets a deleted file.
pub(super) async fn forget(tx: &mut Transaction, id: InternalId) -> Result<(), ModelError> {
    rows::delete_in(tx, Namespace::ROOT, FILES, id).await
}
