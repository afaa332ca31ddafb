//! What a database needs done now and then, in one go.

use std::sync::Arc;

use lakewire_storage::commit::CommitError;
use lakewire_storage::database::{CheckpointError, Database};
use lakewire_storage::housekeeping::expire_session_requests;
use lakewire_storage::lake::{DatabaseSource, Lake, LakeError};
use lakewire_storage::timeline::SegmentsError;

use crate::files::{FileError, Sweep};

/// What upkeep did not do.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// The log cannot be read, or nothing can be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// What was committed is not in segments, or the log was not trimmed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Segments were not merged, or not deleted.
    #[error(transparent)]
    Segments(#[from] SegmentsError),
    /// Bytes of deleted files are still there.
    #[error("cannot delete the bytes of deleted files: {0}")]
    Files(#[from] FileError),
    /// The open tables are older than they should be.
    #[error("cannot publish the open tables: {0}")]
    Lake(#[from] LakeError),
}

/// What upkeep did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Upkept {
    /// The newest entry that is in segments.
    pub flushed: u64,
    /// Files whose bytes were deleted.
    pub swept_files: usize,
    /// Records of mutations that nobody sends again.
    pub expired_requests: usize,
}

/// Flushes, trims the log, merges and deletes segments, publishes open tables to `lake`, and removes what has expired; with
/// `search` also bytes that no file names, for which every file is listed. Any number of processes may do it at a time: that
/// wastes work, never data.
///
/// # Errors
/// [`UpkeepError`]. What was done until then stays; the next time goes on.
pub async fn upkeep(
    db: &Arc<Database>,
    sweep: &Sweep,
    lake: Option<&Lake>,
    search: bool,
) -> Result<Upkept, UpkeepError> {
    db.refresh().await?;
    let expired_requests = expire_session_requests(db).await?;
    db.checkpoint().await?;
    db.maintain().await?;
    if let Some(lake) = lake {
        lake.publish(&DatabaseSource::new(db)).await?;
    }
    let mut swept_files = sweep.sweep().await?;
    if search {
        swept_files += sweep.sweep_left_behind().await?;
    }
    Ok(Upkept { flushed: db.segments().manifest().flushed, swept_files, expired_requests })
}
