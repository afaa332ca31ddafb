//! `ctx.storage` in actions: each operation is a transaction of its own. Bytes go in and out through [`Files`].
//!
//! [`Files`]: crate::files::Files

use lakewire_storage::database::Snapshot;
use lakewire_storage::transaction::Transaction;

use super::Engine;
use crate::files::{self, StorageArgs};
use crate::runtime::SyscallError;
use crate::udf::host::{APP, developer, model_error};

const SOURCE: &str = "_system/storage";

impl Engine {
    /// `1.0/storageGetUrl`, `1.0/storageGetMetadata`, `1.0/storageGenerateUploadUrl`, `1.0/storageDelete`.
    pub(super) async fn storage_from_action(&self, op: &str, args: &str) -> Result<String, SyscallError> {
        let snapshot = self.db.latest();
        let mut tx = self.db.begin(snapshot.clone(), SOURCE);
        match op {
            "1.0/storageGenerateUploadUrl" => {
                let url = self.files.upload_url(&self.cloud_origin(&snapshot, &mut tx).await?, APP);
                Ok(serde_json::Value::from(url).to_string())
            }
            "1.0/storageGetUrl" => {
                let id = storage_id("ctx.storage.getUrl", args)?;
                let file = files::found(&mut tx, APP, "ctx.storage.getUrl", &id.storage_id).await?;
                Ok(files::url(file.as_ref(), &self.cloud_origin(&snapshot, &mut tx).await?))
            }
            "1.0/storageGetMetadata" => {
                let id = storage_id("ctx.storage.getMetadata", args)?;
                let file = files::found(&mut tx, APP, "ctx.storage.getMetadata", &id.storage_id).await?;
                Ok(files::metadata(file.as_ref()))
            }
            _ => self.delete_file(args).await,
        }
    }

    async fn delete_file(&self, args: &str) -> Result<String, SyscallError> {
        const API: &str = "ctx.storage.delete";
        let id = storage_id(API, args)?.storage_id;
        loop {
            let mut tx = self.db.begin(self.db.head(), SOURCE);
            let Some(file) = files::found(&mut tx, APP, API, &id).await? else {
                return Err(developer("StorageIdNotFound", format_args!("there is no stored file `{id}`")));
            };
            files::delete(&mut tx, &file).await.map_err(model_error)?;
            if self.is_committed(tx).await? {
                return Ok("null".to_owned());
            }
        }
    }

    async fn cloud_origin(&self, snapshot: &Snapshot, tx: &mut Transaction) -> Result<String, SyscallError> {
        let model = self.models.model(&self.db, snapshot, tx).await.map_err(model_error)?;
        Ok(model.origins.cloud.clone())
    }
}

fn storage_id<'a>(api: &str, args: &'a str) -> Result<StorageArgs<'a>, SyscallError> {
    let invalid =
        |error| developer("InvalidArgument", format_args!("Invalid argument `storageId` for `{api}`: {error}"));
    serde_json::from_str(args).map_err(invalid)
}
