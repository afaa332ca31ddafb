//! `ctx.storage` in actions: each operation is a transaction of its own. Bytes go in and out through [`Files`].
//!
//! [`Files`]: crate::files::Files

use std::sync::Arc;

use futures::StreamExt as _;
use lakewire_storage::catalog::Namespace;
use lakewire_storage::transaction::Transaction;

use super::Engine;
use super::action_jobs::namespace_of;
use crate::files::{self, FileError, StorageArgs};
use crate::model::AppModel;
use crate::runtime::{NewFile, StoredFile, StreamError, SyscallError};
use crate::udf::Call;
use crate::udf::host::{developer, model_error};

const SOURCE: &str = "_system/storage";

impl Engine {
    /// `1.0/storageGetUrl`, `1.0/storageGetMetadata`, `1.0/storageGenerateUploadUrl`, `1.0/storageDelete`.
    pub(super) async fn storage_from_action(&self, call: &Call, op: &str, args: &str) -> Result<String, SyscallError> {
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
            _ => self.delete_file(call, args).await,
        }
    }

    /// `ctx.storage.store`: the id of the file.
    pub(super) async fn store_file(&self, call: &Call, file: NewFile) -> Result<String, SyscallError> {
        const API: &str = "ctx.storage.store";
        let invalid = |argument: &str, reason: &str| {
            developer("InvalidArgument", format_args!("Invalid argument `{argument}` for `{API}`: {reason}"))
        };
        if file.content_type.as_deref().is_some_and(|text| !files::is_content_type(text)) {
            return Err(invalid("blob", "its `type` is not a MIME type"));
        }
        let no_digest = || invalid("sha256", "it is not a SHA-256 digest in base64 or hexadecimal");
        let sha256 = file.sha256.as_deref().map(|text| files::parse_sha256(text).ok_or_else(no_digest)).transpose()?;
        let namespace = self.namespace_for_action(call).await?;
        let id = self.files.store(namespace, file.body, file.content_type.as_deref(), sha256).await;
        id.map(|id| id.to_string()).map_err(failed)
    }

    /// `ctx.storage.get`.
    pub(super) async fn open_file(&self, call: &Call, id: &str) -> Result<Option<StoredFile>, SyscallError> {
        let (mut tx, model) = self.begin_for_action().await?;
        let file = files::found(&mut tx, namespace_of(&model, call)?, "ctx.storage.get", id).await?;
        let Some(file) = file else { return Ok(None) };
        let bytes = self.files.get(&file, None).await.map_err(failed)?;
        let body = bytes.map(|piece| piece.map_err(|error| StreamError(error.to_string()))).boxed();
        Ok(Some(StoredFile { content_type: file.content_type, length: file.size, body }))
    }

    async fn delete_file(&self, call: &Call, args: &str) -> Result<String, SyscallError> {
        const API: &str = "ctx.storage.delete";
        let id = storage_id(API, args)?.storage_id;
        let namespace = self.namespace_for_action(call).await?;
        loop {
            let mut tx = self.db.begin(self.db.head(), SOURCE);
            let Some(file) = files::found(&mut tx, namespace, API, &id).await? else {
                return Err(developer("StorageIdNotFound", format_args!("there is no stored file `{id}`")));
            };
            files::delete(&mut tx, &file).await.map_err(model_error)?;
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
