//! Puts an object into the store while it is being made.

use std::sync::Arc;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use object_store::path::Path;
use object_store::{Error, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, UploadPart};
use parking_lot::Mutex;

/// The size of a part. S3 takes none below 5 MiB, and some stores want all of one size.
const PART_BYTES: usize = 8 << 20;
/// How many parts may be under way, each of which is held in memory.
const PARTS_UNDER_WAY: usize = 3;

/// An object in the making. Small ones are put at once, others in parts.
pub struct Upload {
    store: Arc<dyn ObjectStore>,
    path: Path,
    /// What is not part of a part yet.
    buffer: Vec<u8>,
    /// The locks are never locked: they let whoever owns an upload be shared between threads.
    parts: Mutex<Option<Box<dyn MultipartUpload>>>,
    under_way: Mutex<FuturesUnordered<UploadPart>>,
    bytes: u64,
}

impl Upload {
    /// Starts an object. Nothing is in the store before [`Self::finish`].
    pub fn new(store: Arc<dyn ObjectStore>, path: Path) -> Self {
        let (parts, under_way) = (Mutex::default(), Mutex::default());
        Upload { store, path, buffer: Vec::new(), parts, under_way, bytes: 0 }
    }

    /// How many bytes were written.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// When the store fails: the upload is to be aborted then.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes += bytes.len() as u64;
        self.buffer.extend_from_slice(bytes);
        while self.buffer.len() >= PART_BYTES {
            let rest = self.buffer.split_off(PART_BYTES);
            let part = std::mem::replace(&mut self.buffer, rest);
            self.send(part).await?;
        }
        // Keeps those under way going.
        while let Some(Some(part)) = self.under_way.get_mut().next().now_or_never() {
            part?;
        }
        Ok(())
    }

    async fn send(&mut self, part: Vec<u8>) -> Result<(), Error> {
        let parts = match self.parts.get_mut() {
            Some(parts) => parts,
            none => none.insert(self.store.put_multipart(&self.path).await?),
        };
        self.under_way.get_mut().push(parts.put_part(PutPayload::from(part)));
        while self.under_way.get_mut().len() > PARTS_UNDER_WAY {
            if let Some(part) = self.under_way.get_mut().next().await {
                part?;
            }
        }
        Ok(())
    }

    /// Ends the object, which is visible from then on. Gives up the parts if that fails.
    ///
    /// # Errors
    /// When the store fails. The object is not there then, or whole.
    pub async fn finish(mut self) -> Result<(), Error> {
        let rest = std::mem::take(&mut self.buffer);
        if self.parts.get_mut().is_none() {
            self.store.put(&self.path, PutPayload::from(rest)).await?;
            return Ok(());
        }
        let ended = self.finish_parts(rest).await;
        if ended.is_err() {
            self.abort().await;
        }
        ended
    }

    async fn finish_parts(&mut self, rest: Vec<u8>) -> Result<(), Error> {
        if !rest.is_empty() {
            self.send(rest).await?;
        }
        while let Some(part) = self.under_way.get_mut().next().await {
            part?;
        }
        if let Some(parts) = self.parts.get_mut() {
            parts.complete().await?;
        }
        Ok(())
    }

    /// Gives up the parts. Best effort.
    pub async fn abort(mut self) {
        self.under_way.get_mut().clear();
        if let Some(mut parts) = self.parts.get_mut().take()
            && let Err(error) = parts.abort().await
        {
            tracing::warn!(path = %self.path, %error, "the parts of an upload were left behind");
        }
    }
}
