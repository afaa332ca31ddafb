//! What `ctx.storage` has in common, in whatever kind of function.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lakewire_storage::catalog::Namespace;
use lakewire_storage::limits::Limits;
use lakewire_storage::transaction::Transaction;
use serde::Deserialize;
use serde_json::json;

use super::{StoredFile, row};
use crate::runtime::SyscallError;
use crate::udf::host::{developer, model_error};

/// Arguments of operations on a file that is there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StorageArgs<'a> {
    #[serde(borrow)]
    pub storage_id: Cow<'a, str>,
}

/// Arguments of `1.0/storageStore`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoreArgs<'a> {
    /// Base64.
    #[serde(borrow)]
    pub blob: Cow<'a, str>,
    #[serde(borrow)]
    pub content_type: Cow<'a, str>,
    /// Base64.
    #[serde(borrow, default)]
    pub sha256: Option<Cow<'a, str>>,
}

/// What one transaction has stored and loaded. What was rolled back counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FileUsage {
    pub written: usize,
    /// Bytes.
    pub bytes_written: usize,
    pub read: usize,
    /// Bytes.
    pub bytes_read: usize,
}

impl FileUsage {
    /// Counts a file that is stored; it stays counted if that is too much.
    ///
    /// # Errors
    /// `TooManyFilesWritten`, `TooManyFileBytesWritten`.
    pub(crate) fn write(&mut self, bytes: usize, limits: &Limits) -> Result<(), SyscallError> {
        self.written += 1;
        self.bytes_written += bytes;
        within("stores", self.written, limits.files_written, "files", "TooManyFilesWritten")?;
        within("stores", self.bytes_written, limits.file_bytes_written, "bytes of files", "TooManyFileBytesWritten")
    }

    /// Counts a file that is loaded; it stays counted if that is too much.
    ///
    /// # Errors
    /// `TooManyFilesRead`, `TooManyFileBytesRead`.
    pub(crate) fn read(&mut self, bytes: usize, limits: &Limits) -> Result<(), SyscallError> {
        self.read += 1;
        self.bytes_read = self.bytes_read.saturating_add(bytes);
        within("loads", self.read, limits.files_read, "files", "TooManyFilesRead")?;
        within("loads", self.bytes_read, limits.file_bytes_read, "bytes of files", "TooManyFileBytesRead")
    }
}

fn within(does: &str, used: usize, limit: usize, what: &str, code: &str) -> Result<(), SyscallError> {
    if used <= limit {
        return Ok(());
    }
    let message =
        format!("this mutation {does} too many {what} (limit: {limit}). Use an action for large or many files");
    Err(developer(code, message))
}

/// The file of a component that `text` names, by id or UUID; recorded as read.
///
/// # Errors
/// `InvalidArgument` on `storageId` if it is neither.
pub(crate) async fn found(
    tx: &mut Transaction,
    namespace: Namespace,
    api: &str,
    text: &str,
) -> Result<Option<StoredFile>, SyscallError> {
    row::find(tx, namespace, text).await.map_err(model_error)?.map_err(|()| {
        let message = format!("Invalid argument `storageId` for `{api}`: it is not the id of a stored file");
        developer("InvalidArgument", message)
    })
}

/// The URL of a file, as JSON text; `null` without one. `origin` is that of the API.
pub(crate) fn url(file: Option<&StoredFile>, origin: &str) -> String {
    file.map_or(json!(null), |file| json!(address(file, origin))).to_string()
}

/// The URL of a file; `origin` is that of the API. The UUID alone names it, whatever its component is.
pub(crate) fn address(file: &StoredFile, origin: &str) -> String {
    format!("{origin}/api/storage/{}", file.uuid)
}

/// `FileMetadata` as JSON text.
pub(crate) fn metadata(file: Option<&StoredFile>) -> String {
    let Some(file) = file else { return "null".to_owned() };
    let sha256 = STANDARD.decode(&file.sha256).map(hex::encode).unwrap_or_default();
    json!({
        "storageId": file.uuid.to_string(),
        "sha256": sha256,
        "size": file.size as f64,
        "contentType": file.content_type,
    })
    .to_string()
}

/// Whether a text has the form of a content type, and can be a header.
pub(crate) fn is_content_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let is_token = |part: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+*'%`|~".contains(&byte);
        !part.is_empty() && part.bytes().all(allowed)
    };
    let is_type = essence.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
    is_type && http::HeaderValue::from_str(text).is_ok()
}

/// A SHA-256 digest in base64, or in hex as older versions of the client package gave it.
pub(crate) fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    let decoded = if text.len() == 64 { hex::decode(text).ok() } else { STANDARD.decode(text).ok() };
    decoded?.try_into().ok()
}
