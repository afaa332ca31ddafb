//! One object written piece by piece: small ones by one PUT, larger ones in parts.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};

/// Size of the parts, and the size up to which an object is written at once, in bytes.
const PART: usize = 8 << 20;

pub(super) struct Upload<'s> {
    store: &'s dyn ObjectStore,
    path: Path,
    buffer: Vec<u8>,
    parts: Option<Box<dyn MultipartUpload>>,
}

impl<'s> Upload<'s> {
    pub(super) fn new(store: &'s dyn ObjectStore, path: Path) -> Self {
        Self { store, path, buffer: Vec::new(), parts: None }
    }

    /// Appends bytes.
    pub(super) async fn push(&mut self, bytes: Vec<u8>) -> object_store::Result<()> {
        self.buffer.extend_from_slice(&bytes);
        while self.buffer.len() > PART {
            let rest = self.buffer.split_off(PART);
            let part = PutPayload::from(std::mem::replace(&mut self.buffer, rest));
            if self.parts.is_none() {
                self.parts = Some(self.store.put_multipart(&self.path).await?);
            }
            if let Some(parts) = &mut self.parts {
                parts.put_part(part).await?;
            }
        }
        Ok(())
    }

    /// Makes the object visible.
    pub(super) async fn finish(self) -> object_store::Result<()> {
        let last = PutPayload::from(Bytes::from(self.buffer));
        match self.parts {
            None => self.store.put(&self.path, last).await.map(|_| ()),
            Some(mut parts) => {
                parts.put_part(last).await?;
                parts.complete().await.map(|_| ())
            }
        }
    }

    /// Gives up what was uploaded, if possible: what remains of it is the store's to expire.
    pub(super) async fn abort(self) {
        if let Some(mut parts) = self.parts
            && let Err(error) = parts.abort().await
        {
            tracing::debug!(path = %self.path, %error, "an upload could not be aborted");
        }
    }
}
