//! Bytes of files, in and out of the object store as streams: a file is never in memory as a whole.

use std::ops::Range;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use lakewire_storage::catalog::{Namespace, SystemTable};
use lakewire_storage::commit::CommitError;
use lakewire_storage::database::Database;
use lakewire_storage::id::DocumentId;
use lakewire_storage::segment::Upload;
use lakewire_storage::transaction::Transaction;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{FileError, StoredFile, row};
use crate::auth::INSTANCE_SECRET_BYTES;
use crate::jobs::{JobsError, ids_in, try_commit};

/// The folder of all files.
pub(super) const FOLDER: &str = "files";
/// Files deleted in one commit.
const BATCH: usize = 256;
const SOURCE: &str = "_system/storage";

/// Bytes of a file, in order.
pub type FileBytes = BoxStream<'static, Result<Bytes, object_store::Error>>;

/// The files of a deployment.
pub struct Files {
    pub(super) db: Arc<Database>,
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) secret: [u8; INSTANCE_SECRET_BYTES],
}

/// Bytes that are in the store, and not part of a committed row yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stored {
    /// What URLs will name it by.
    pub uuid: Uuid,
    pub(super) timeline: String,
    pub(super) stored_ms: f64,
    /// Bytes.
    pub size: u64,
    /// Of the bytes.
    pub sha256: [u8; 32],
}

impl Stored {
    /// The digest in base64.
    pub fn sha256_base64(&self) -> String {
        STANDARD.encode(self.sha256)
    }
}

impl Files {
    /// Files in `store`, named by rows of `db`; `secret` signs upload URLs.
    pub fn new(db: Arc<Database>, store: Arc<dyn ObjectStore>, secret: [u8; INSTANCE_SECRET_BYTES]) -> Self {
        Self { db, store, secret }
    }

    /// Puts bytes into the store, durably. They are left behind, until the sweeper finds them, if no row comes to name them.
    ///
    /// # Errors
    /// [`FileError::Sha256Mismatch`] if `expected` is the digest of other bytes; when the stream or the store fails.
    pub async fn put<E: std::fmt::Display>(
        &self,
        bytes: impl Stream<Item = Result<Bytes, E>> + Send,
        expected: Option<[u8; 32]>,
    ) -> Result<Stored, FileError> {
        let reserved = self.reserve();
        let mut upload = Upload::new(self.store.clone(), reserved.path());
        let mut digest = Sha256::new();
        let mut bytes = std::pin::pin!(bytes);
        while let Some(chunk) = bytes.next().await {
            let failed = match chunk {
                Ok(chunk) => {
                    digest.update(&chunk);
                    upload.write(&chunk).await.err().map(FileError::from)
                }
                Err(error) => Some(FileError::Interrupted(error.to_string())),
            };
            if let Some(error) = failed {
                upload.abort().await;
                return Err(error);
            }
        }
        let stored = reserved.holding(upload.bytes(), digest.finalize().into());
        if let Some(expected) = expected.filter(|expected| *expected != stored.sha256) {
            upload.abort().await;
            return Err(FileError::Sha256Mismatch {
                expected: STANDARD.encode(expected),
                actual: stored.sha256_base64(),
            });
        }
        upload.finish().await?;
        Ok(stored)
    }

    /// Stores a file of a component, in a transaction of its own.
    ///
    /// # Errors
    /// As [`Self::put`]; when nothing can be committed.
    pub async fn store<E: std::fmt::Display>(
        &self,
        namespace: Namespace,
        bytes: impl Stream<Item = Result<Bytes, E>> + Send,
        content_type: Option<&str>,
        expected: Option<[u8; 32]>,
    ) -> Result<DocumentId, FileError> {
        let stored = self.put(bytes, expected).await?;
        loop {
            let mut tx = self.db.begin(self.db.head(), SOURCE);
            let id = row::insert(&mut tx, namespace, &stored, content_type).await?;
            match try_commit(&self.db, tx).await {
                Ok(true) => return Ok(id),
                Ok(false) => {}
                // It may have been committed after all: then the bytes are needed.
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Deletes the files that a component has now.
    ///
    /// # Errors
    /// When storage is out of reach; some may be deleted by then.
    pub(crate) async fn delete_all(db: &Database, namespace: Namespace) -> Result<(), JobsError> {
        let ids = ids_in(&db.latest(), namespace, SystemTable::Storage).await?;
        for batch in ids.chunks(BATCH) {
            loop {
                let mut tx = db.begin(db.head(), SOURCE);
                for id in batch {
                    row::delete_by_id(&mut tx, namespace, *id).await?;
                }
                if try_commit(db, tx).await? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The file of a component that a text names, by its id or UUID, as of now; `None` if there is none.
    ///
    /// # Errors
    /// A failure of storage.
    pub async fn find(&self, namespace: Namespace, text: &str) -> Result<Option<StoredFile>, FileError> {
        let mut tx = self.db.begin(self.db.latest(), SOURCE);
        Ok(row::find(&mut tx, namespace, text).await?.unwrap_or_default())
    }

    /// The bytes of a file, all or those of a range.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get(&self, file: &StoredFile, range: Option<Range<u64>>) -> Result<FileBytes, FileError> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found = self.store.get_opts(&path(&file.timeline, file.uuid), options).await?;
        Ok(found.into_stream().boxed())
    }

    /// All bytes of a small file.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read(&self, file: &StoredFile) -> Result<Vec<u8>, FileError> {
        let mut all = Vec::with_capacity(file.size as usize);
        let mut bytes = self.get(file, None).await?;
        while let Some(chunk) = bytes.try_next().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    /// Deletes bytes that no row names and none will. Best effort: otherwise the sweeper does.
    async fn discard(&self, stored: &Stored) {
        if let Err(error) = self.store.delete(&path(&stored.timeline, stored.uuid)).await {
            tracing::warn!(%error, uuid = %stored.uuid, "the bytes of a file that was not committed were left behind");
        }
    }

    /// Splits what a transaction has stored into what it keeps and what it has rolled back, which goes at once.
    pub(crate) async fn settle(&self, tx: &mut Transaction, stored: Vec<(DocumentId, Stored)>) -> Vec<Stored> {
        let mut kept = Vec::new();
        for (id, stored) in stored {
            match row::is_kept(tx, id).await {
                Ok(false) => self.discard(&stored).await,
                Ok(true) | Err(_) => kept.push(stored),
            }
        }
        kept
    }

    /// Deletes what a transaction would have kept that is certainly not committed.
    pub(crate) async fn settle_commit<T>(&self, committed: &Result<T, CommitError>, kept: &[Stored]) {
        if matches!(committed, Err(CommitError::Conflict(_))) {
            for stored in kept {
                self.discard(stored).await;
            }
        }
    }
}

/// The object of a file.
pub(crate) fn object(file: &StoredFile) -> Path {
    path(&file.timeline, file.uuid)
}

/// Where the bytes of a file are.
pub(super) fn path(timeline: &str, uuid: Uuid) -> Path {
    Path::from_iter([FOLDER, timeline, uuid.to_string().as_str()])
}
