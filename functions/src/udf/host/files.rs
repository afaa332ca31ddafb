//! `ctx.storage` in queries and mutations.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream;

use super::TransactionHost;
use super::args::parse;
use super::error::{developer, invalid_argument, model_error};
use crate::files::{self, FileError, StorageArgs, StoreArgs};
use crate::runtime::SyscallError;

impl TransactionHost {
    pub(super) async fn storage_url(&mut self, args: &str) -> Result<String, SyscallError> {
        const API: &str = "ctx.storage.getUrl";
        let args: StorageArgs<'_> = parse(API, args)?;
        let namespace = self.namespace();
        let file = files::found(self.tx(), namespace, API, &args.storage_id).await?;
        Ok(files::url(file.as_ref(), &self.context.model.origins.cloud))
    }

    pub(super) async fn storage_metadata(&mut self, args: &str) -> Result<String, SyscallError> {
        const API: &str = "ctx.storage.getMetadata";
        let args: StorageArgs<'_> = parse(API, args)?;
        let namespace = self.namespace();
        let file = files::found(self.tx(), namespace, API, &args.storage_id).await?;
        Ok(files::metadata(file.as_ref()))
    }

    pub(super) fn storage_upload_url(&mut self, op: &str) -> Result<String, SyscallError> {
        self.require_mutation(op, "ctx.storage.generateUploadUrl")?;
        let namespace = self.namespace();
        let url = self.context.files.upload_url(&self.context.model.origins.cloud, namespace);
        Ok(serde_json::Value::from(url).to_string())
    }

    pub(super) async fn storage_delete(&mut self, op: &str, args: &str) -> Result<String, SyscallError> {
        const API: &str = "ctx.storage.delete";
        self.require_mutation(op, API)?;
        let args: StorageArgs<'_> = parse(API, args)?;
        let namespace = self.namespace();
        let Some(file) = files::found(self.tx(), namespace, API, &args.storage_id).await? else {
            return Err(developer("StorageIdNotFound", format_args!("there is no stored file `{}`", args.storage_id)));
        };
        files::delete(self.tx(), &file).await.map_err(model_error)?;
        Ok("null".to_owned())
    }

    pub(super) async fn storage_store(&mut self, op: &str, args: &str) -> Result<String, SyscallError> {
        const API: &str = "ctx.storage.store";
        self.require_mutation(op, API)?;
        let args: StoreArgs<'_> = parse(API, args)?;
        let bytes = STANDARD.decode(&*args.blob).map_err(|error| invalid_argument("blob", API, error))?;
        let content_type = Some(&*args.content_type).filter(|text| !text.is_empty());
        if let Some(text) = content_type
            && !files::is_content_type(text)
        {
            return Err(invalid_argument("contentType", API, format_args!("`{text}` is not a MIME type")));
        }
        let not_a_digest = || invalid_argument("sha256", API, "it is not a SHA-256 digest in base64");
        let expected = args.sha256.as_deref().map(|text| files::parse_sha256(text).ok_or_else(not_a_digest));
        let expected = expected.transpose()?;
        let limits = self.tx().limits().clone();
        self.filed.write(bytes.len(), &limits)?;
        let bytes = stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from(bytes))]);
        let store = self.context.files.clone();
        let stored = store.put(bytes, expected).await.map_err(failed)?;
        let namespace = self.namespace();
        let id = files::insert(self.tx(), namespace, &stored, content_type).await.map_err(model_error)?;
        self.outcome.stored.push((id, stored));
        Ok(format!("\"{id}\""))
    }

    pub(super) async fn storage_get(&mut self, op: &str, args: &str) -> Result<String, SyscallError> {
        const API: &str = "ctx.storage.get";
        self.require_mutation(op, API)?;
        let args: StorageArgs<'_> = parse(API, args)?;
        let namespace = self.namespace();
        let Some(file) = files::found(self.tx(), namespace, API, &args.storage_id).await? else {
            return Ok("null".to_owned());
        };
        let limits = self.tx().limits().clone();
        self.filed.read(usize::try_from(file.size).unwrap_or(usize::MAX), &limits)?;
        let bytes = self.context.files.read(&file).await.map_err(failed)?;
        Ok(serde_json::json!({"blob": STANDARD.encode(bytes), "contentType": file.content_type}).to_string())
    }
}

fn failed(error: FileError) -> SyscallError {
    match error {
        FileError::Sha256Mismatch { .. } => invalid_argument("sha256", "ctx.storage.store", error),
        FileError::Model(error) => model_error(error),
        error => SyscallError::transient(error.to_string()),
    }
}
