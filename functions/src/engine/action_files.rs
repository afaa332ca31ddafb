//! `ctx.storage` in actions: each operation is a transaction of its own. Bytes go in and out through [`Files`].
//!
//! [`Files`]: crate::files::Files

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;
use lakewire_storage::catalog::Namespace;
use lakewire_storage::transaction::Transaction;

use super::Engine;
use super::action_jobs::namespace_of;
use super::once::{self, Once};
use crate::files::{self, FileError, Reserved, StorageArgs};
use crate::model::AppModel;
use crate::runtime::{NewFile, StoredFile, StreamError, SyscallError};
use crate::udf::Call;
use crate::udf::host::{developer, model_error};

const SOURCE: &str = "_system/storage";

impl Engine {
    /// `1.0/storageGetUrl`, `1.0/storageGetMetadata`, `1.0/storageGenerateUploadUrl`, `1.0/storageDelete`.
    pub(super) async fn storage_from_action(
        &self,
        call: &Call,
        op: &str,
        args: &str,
        once: Once<'_>,
    ) -> Result<String, SyscallError> {
        let (mut tx, model) = self.begin_for_action().await?;
        let (namespace, origin) = (namespace_of(&model, call)?, &model.origins.cloud);
        match op {
            "1.0/storageGenerateUploadUrl" => {
                let url = self.files.upload_url(origin, namespace);
                Ok(serde_json::Value::from(url).to_string())
            }
            "1.0/storageGetUrl" => {
                let id = storage_id("ctx.storage.getUrl", args)?;
                let file = files::found(&mut tx, namespace, "ctx.storage.getUrl", &id.storage_id).await?;
                Ok(files::url(file.as_ref(), origin))
            }
            "1.0/storageGetMetadata" => {
                let id = storage_id("ctx.storage.getMetadata", args)?;
                let file = files::found(&mut tx, namespace, "ctx.storage.getMetadata", &id.storage_id).await?;
                Ok(files::metadata(file.as_ref()))
            }
            _ => self.delete_file(call, args, once).await,
        }
    }

    /// `ctx.storage.store`: the id of the file.
    pub(super) async fn store_file(&self, call: &Call, file: NewFile) -> Result<String, SyscallError> {
        let sha256 = check_new(file.content_type.as_deref(), file.sha256.as_deref())?;
        let namespace = self.namespace_for_action(call).await?;
        let id = self.files.store(namespace, file.body, file.content_type.as_deref(), sha256).await;
        id.map(|id| id.to_string()).map_err(failed)
    }

    /// `ctx.storage.store` of bytes that are at `reserved`, and have this digest; the id of the file.
    pub(super) async fn adopt_file(
        &self,
        call: &Call,
        reserved: &Reserved,
        (content_type, expected): (Option<&str>, Option<[u8; 32]>),
        sha256: [u8; 32],
        once: Once<'_>,
    ) -> Result<String, SyscallError> {
        if let Some(expected) = expected.filter(|expected| *expected != sha256) {
            self.files.give_up(reserved).await;
            let [expected, actual] = [expected, sha256].map(|digest| STANDARD.encode(digest));
            return Err(failed(FileError::Sha256Mismatch { expected, actual }));
        }
        let namespace = self.namespace_for_action(call).await?;
        let stored = self.files.adopt(reserved, sha256).await.map_err(failed)?;
        loop {
            let mut tx = self.db.begin(self.db.head(), SOURCE);
            if let Some(answer) = once::earlier(&mut tx, once).await? {
                return self.is_committed(tx).await.map(|_| answer);
            }
            let id = files::insert(&mut tx, namespace, &stored, content_type).await.map_err(model_error)?.to_string();
            once::note(&mut tx, once, &id).await?;
            if self.is_committed(tx).await? {
                return Ok(id);
            }
        }
    }

    /// The file that `ctx.storage.get` gives.
    pub(super) async fn find_file(&self, call: &Call, id: &str) -> Result<Option<files::StoredFile>, SyscallError> {
        let (mut tx, model) = self.begin_for_action().await?;
        files::found(&mut tx, namespace_of(&model, call)?, "ctx.storage.get", id).await
    }

    /// `ctx.storage.get`.
    pub(super) async fn open_file(&self, call: &Call, id: &str) -> Result<Option<StoredFile>, SyscallError> {
        let Some(file) = self.find_file(call, id).await? else { return Ok(None) };
        let bytes = self.files.get(&file, None).await.map_err(failed)?;
        let body = bytes.map(|piece| piece.map_err(|error| StreamError(error.to_string()))).boxed();
        Ok(Some(StoredFile { content_type: file.content_type, length: file.size, body }))
    }

    async fn delete_file(&self, call: &Call, args: &str, once: Once<'_>) -> Result<String, SyscallError> {
        const API: &str = "ctx.storage.delete";
        let id = storage_id(API, args)?.storage_id;
        let namespace = self.namespace_for_action(call).await?;
        loop {
            let mut tx = self.db.begin(self.db.head(), SOURCE);
            if let Some(answer) = once::earlier(&mut tx, once).await? {
                return self.is_committed(tx).await.map(|_| answer);
            }
            let Some(file) = files::found(&mut tx, namespace, API, &id).await? else {
                return Err(developer("StorageIdNotFound", format_args!("there is no stored file `{id}`")));
            };
            files::delete(&mut tx, &file).await.map_err(model_error)?;
            once::note(&mut tx, once, "null").await?;
            if self.is_committed(tx).await? {
                return Ok("null".to_owned());
            }
        }
    }

    async fn namespace_for_action(&self, call: &Call) -> Result<Namespace, SyscallError> {
        let (_, model) = self.begin_for_action().await?;
        namespace_of(&model, call)
    }

    async fn begin_for_action(&self) -> Result<(Transaction, Arc<AppModel>), SyscallError> {
        let snapshot = self.db.latest();
        let mut tx = self.db.begin(snapshot.clone(), SOURCE);
        let model = self.models.model(&self.db, &snapshot, &mut tx).await.map_err(model_error)?;
        Ok((tx, model))
    }
}

/// Checks what is known of a file before its bytes are; the digest that they must have.
pub(super) fn check_new(content_type: Option<&str>, sha256: Option<&str>) -> Result<Option<[u8; 32]>, SyscallError> {
    const API: &str = "ctx.storage.store";
    let invalid = |argument: &str, reason: &str| {
        developer("InvalidArgument", format_args!("Invalid argument `{argument}` for `{API}`: {reason}"))
    };
    if content_type.is_some_and(|text| !files::is_content_type(text)) {
        return Err(invalid("blob", "its `type` is not a MIME type"));
    }
    let no_digest = || invalid("sha256", "it is not a SHA-256 digest in base64 or hexadecimal");
    sha256.map(|text| files::parse_sha256(text).ok_or_else(no_digest)).transpose()
}

fn storage_id<'a>(api: &str, args: &'a str) -> Result<StorageArgs<'a>, SyscallError> {
    let invalid =
        |error| developer("InvalidArgument", format_args!("Invalid argument `storageId` for `{api}`: {error}"));
    serde_json::from_str(args).map_err(invalid)
}

fn failed(error: FileError) -> SyscallError {
    match error {
        FileError::Sha256Mismatch { .. } => {
            developer("InvalidArgument", format_args!("Invalid argument `sha256` for `ctx.storage.store`: {error}"))
        }
        FileError::Model(error) => model_error(error),
        error => developer("StorageUnavailable", error),
    }
}
