//! Module sources in the object store, one blob each, named by the hash of the push protocol.
//!
//! A blob is exactly the bytes that were hashed: the source, then the source map. So it can be verified by its
//! name, is written once however often it is pushed, and is shared by all versions of the app that contain it.
//! Where the source ends is in the row of `_modules`.

use std::sync::Arc;

use object_store::{ObjectStore, ObjectStoreExt, PutPayload, path::Path};
use sha2::{Digest, Sha256};

use super::error::ModelError;
use super::module::ModuleModel;

/// The text of a module as it was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    pub source: Arc<str>,
    pub source_map: Option<Arc<str>>,
}

impl SourceText {
    /// Hex SHA-256 over source then source map. The CLI computes and compares the same.
    pub fn sha256(&self) -> String {
        module_hash(&self.source, self.source_map.as_deref())
    }
}

/// Hex SHA-256 over `source` then `source_map`.
pub fn module_hash(source: &str, source_map: Option<&str>) -> String {
    let mut hash = Sha256::new();
    hash.update(source.as_bytes());
    hash.update(source_map.unwrap_or_default().as_bytes());
    hex::encode(hash.finalize())
}

/// The blobs of all modules.
#[derive(Clone, Debug)]
pub struct ModuleStore {
    store: Arc<dyn ObjectStore>,
}

impl ModuleStore {
    pub fn new(store: Arc<dyn ObjectStore>) -> ModuleStore {
        ModuleStore { store }
    }

    fn path(sha256: &str) -> Path {
        Path::from(format!("modules/{sha256}"))
    }

    /// Stores one module's text under its hash, unless it is there.
    ///
    /// # Errors
    /// [`ModelError::WriteSource`].
    pub async fn put(&self, path: &str, sha256: &str, text: &SourceText) -> Result<(), ModelError> {
        let at = ModuleStore::path(sha256);
        if self.store.head(&at).await.is_ok() {
            return Ok(());
        }
        let mut blob = String::with_capacity(text.source.len() + text.source_map.as_ref().map_or(0, |map| map.len()));
        blob.push_str(&text.source);
        blob.push_str(text.source_map.as_deref().unwrap_or_default());
        match self.store.put(&at, PutPayload::from(blob.into_bytes())).await {
            Ok(_) => Ok(()),
            Err(source) => Err(ModelError::WriteSource { path: path.to_owned(), source }),
        }
    }

    /// Loads one module's text and verifies it.
    ///
    /// # Errors
    /// [`ModelError::ReadSource`] if the blob is not there or the store fails, [`ModelError::DamagedSource`].
    pub async fn get(&self, module: &ModuleModel) -> Result<SourceText, ModelError> {
        let read = |source| ModelError::ReadSource { path: module.path.clone(), sha256: module.sha256.clone(), source };
        let damaged = || ModelError::DamagedSource { path: module.path.clone(), sha256: module.sha256.clone() };
        let blob = self.store.get(&ModuleStore::path(&module.sha256)).await.map_err(read)?;
        let blob = blob.bytes().await.map_err(read)?;
        if hex::encode(Sha256::digest(&blob)) != module.sha256 {
            return Err(damaged());
        }
        let text = std::str::from_utf8(&blob).map_err(|_| damaged())?;
        let cut = usize::try_from(module.source_bytes).map_err(|_| damaged())?;
        let (source, source_map) = text.split_at_checked(cut).ok_or_else(damaged)?;
        Ok(SourceText { source: source.into(), source_map: module.has_source_map.then(|| source_map.into()) })
    }
}

/// Blobs read or written at a time.
pub const CONCURRENT_BLOBS: usize = 16;

#[cfg(test)]
mod tests;
