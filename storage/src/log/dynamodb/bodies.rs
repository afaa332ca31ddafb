//! Entries that are too large for an item, in an object store.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};

use crate::log::codec::Pointer;
use crate::log::object_store::error as store_error;
use crate::log::remote::MediumError;
use crate::log::{EntryNumber, Nonce};

pub(super) struct Bodies {
    store: Arc<dyn ObjectStore>,
    folder: Path,
}

impl Bodies {
    pub(super) fn new(store: Arc<dyn ObjectStore>, timeline: &str) -> Self {
        Self { store, folder: Path::from("bodies").join(timeline) }
    }

    /// One object for each writer that tries to put something at `n`.
    fn path(&self, n: EntryNumber, nonce: &Nonce) -> Path {
        self.folder.clone().join(format!("{n:020}-{}.lwe", hex::encode(nonce)))
    }

    /// Stores `encoded`, so that the pointer to it may be put at `n`.
    pub(super) async fn put(&self, n: EntryNumber, nonce: &Nonce, encoded: Bytes) -> Result<Pointer, MediumError> {
        let path = self.path(n, nonce);
        let pointer = Pointer::to(&encoded, *nonce, path.to_string());
        match self.store.put(&path, encoded.into()).await.map_err(store_error) {
            Ok(_) => Ok(pointer),
            // The item was not put; and the body may be put again.
            Err(MediumError::Unclear(reason)) => Err(MediumError::Busy(reason)),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn get(&self, pointer: &Pointer) -> Result<Bytes, MediumError> {
        let unusable = |what| MediumError::Busy(format!("the body of an entry in `{}` {what}", pointer.path));
        let path = Path::parse(&pointer.path).map_err(|_| unusable("has no possible name"))?;
        let got = match self.store.get(&path).await {
            // Perhaps the entry is being trimmed; then it will be gone, too, when this is tried again.
            Err(Error::NotFound { .. }) => return Err(unusable("is missing")),
            got => got.map_err(store_error)?,
        };
        let encoded = got.bytes().await.map_err(store_error)?;
        if pointer.fits(&encoded) { Ok(encoded) } else { Err(unusable("is not what was put there")) }
    }

    /// Removes the body of an entry that did not get its number. Only saves space, so failing does not matter.
    pub(super) async fn take_back(&self, n: EntryNumber, nonce: &Nonce) {
        let _only_space = self.store.delete(&self.path(n, nonce)).await;
    }

    /// Removes the bodies of entries before `to`, whoever put them. Ones that a stale list does not show go the next time.
    pub(super) async fn delete(&self, to: EntryNumber) -> Result<(), MediumError> {
        let end = self.folder.clone().join(format!("{to:020}"));
        let listed = self.store.list(Some(&self.folder)).map_ok(|object| object.location);
        let before = listed.try_filter(|path| std::future::ready(*path < end));
        let paths: Vec<Path> = before.try_collect().await.map_err(store_error)?;
        let mut deleted = self.store.delete_stream(stream::iter(paths.into_iter().map(Ok)).boxed());
        loop {
            match deleted.try_next().await {
                Ok(None) => return Ok(()),
                Ok(Some(_)) | Err(Error::NotFound { .. }) => {}
                Err(other) => return Err(store_error(other)),
            }
        }
    }
}
