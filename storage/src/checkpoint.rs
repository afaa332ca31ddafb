//! Writing snapshot files, and letting the log forget what they hold.

use std::sync::{Arc, Weak};
use std::time::Duration;

use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};

use crate::catalog::{SystemTable, TableInfo};
use crate::commit::Committer;
use crate::log::{EntryNumber, LogError};
use crate::recovery::path_of;
use crate::state::Snapshot;
use crate::state::file::Writer;

/// Bytes uploaded at a time: at least 5 MiB for S3.
const PART_BYTES: usize = 8 << 20;
/// How often to look whether a snapshot file is due.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Snapshot files kept. The log is kept from the oldest one on, so that one damaged file loses nothing.
const KEPT: usize = 2;

/// Why a snapshot file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The object store failed.
    #[error("cannot write a snapshot file: {0}")]
    Store(#[from] object_store::Error),
    /// The file is written, but the log was not trimmed.
    #[error("cannot trim the log: {0}")]
    Log(#[from] LogError),
}

pub(crate) struct Checkpointer {
    committer: Arc<Committer>,
    store: Arc<dyn ObjectStore>,
    /// The entries of the snapshot files, oldest first. Locked while one is written.
    files: tokio::sync::Mutex<Vec<EntryNumber>>,
    every_entries: u64,
    every_bytes: usize,
}

impl Checkpointer {
    pub fn new(
        committer: Arc<Committer>,
        store: Arc<dyn ObjectStore>,
        files: Vec<EntryNumber>,
        every_entries: u64,
        every_bytes: usize,
    ) -> Arc<Self> {
        let files = tokio::sync::Mutex::new(files);
        Arc::new(Checkpointer { committer, store, files, every_entries, every_bytes })
    }

    /// Writes snapshot files when they are due, until the checkpointer is dropped.
    pub async fn run(checkpointer: Weak<Checkpointer>) {
        loop {
            let Some(this) = checkpointer.upgrade() else { return };
            if this.is_due().await
                && let Err(error) = this.checkpoint().await
            {
                tracing::warn!(%error, "a background snapshot failed");
            }
            let env = this.committer.env.clone();
            drop(this);
            env.sleep(LOOK_EVERY).await;
        }
    }

    async fn is_due(&self) -> bool {
        let last = self.files.lock().await.last().copied().unwrap_or(0);
        let (_, entry) = self.committer.latest_entry();
        entry - last >= self.every_entries || self.committer.log_bytes_since_checkpoint() >= self.every_bytes
    }

    /// Writes a snapshot file unless the newest one is up to date, removes old ones and trims the log.
    pub async fn checkpoint(&self) -> Result<(), CheckpointError> {
        let mut files = self.files.lock().await;
        let (snapshot, entry) = self.committer.latest_entry();
        if entry == files.last().copied().unwrap_or(0) {
            return Ok(());
        }
        self.committer.checkpointed();
        self.write(&path_of(entry), &snapshot, entry).await?;
        files.push(entry);
        while files.len() > KEPT {
            self.store.delete(&path_of(files[0])).await?;
            files.remove(0);
        }
        if files.len() == KEPT {
            self.committer.log.trim(files[0]).await?;
        }
        Ok(())
    }

    async fn write(&self, path: &Path, snapshot: &Snapshot, entry: EntryNumber) -> Result<(), CheckpointError> {
        let mut upload = self.store.put_multipart(path).await?;
        let written = write_parts(&mut *upload, snapshot, entry).await;
        if written.is_err() {
            // What is there of the file is not visible; the error to report is the first.
            let _ignored = upload.abort().await;
        }
        Ok(written?)
    }
}

async fn write_parts(
    upload: &mut dyn MultipartUpload,
    snapshot: &Snapshot,
    entry: EntryNumber,
) -> Result<(), object_store::Error> {
    let mut writer = Writer::new(entry, snapshot.ts());
    let system = SystemTable::ALL.iter().map(|table| table.info());
    let tables: Vec<Arc<TableInfo>> = system.chain(snapshot.catalog().all_tables()).cloned().collect();
    for table in tables {
        let Some(tree) = snapshot.state().tree(table.by_id) else { continue };
        for document in tree.values() {
            if writer.push(table.tablet, document) >= PART_BYTES {
                upload.put_part(PutPayload::from(writer.take())).await?;
            }
        }
    }
    upload.put_part(PutPayload::from(writer.finish())).await?;
    upload.complete().await?;
    Ok(())
}
