//! Deleting bytes.
//!
//! Branches share objects, and whoever deletes one must know that nobody else needs it. The rule: a timeline deletes an
//! object once
//!
//! 1. none of its own states that can still be read names it: its row was deleted longer ago than the history is kept,
//!    which is then given up for good, or there never was one, a day after the bytes were stored; and
//! 2. no other timeline that is in use can know of it: that is the maker of the object if that is another one, and all that
//!    were registered since it was made and may descend from the maker ([`Lineage`]).
//!
//! Otherwise it stays until that is so. As long as a branch is there that was made while a file was, its bytes are too.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::TryStreamExt;
use lakewire_storage::database::Database;
use lakewire_storage::env::TaskHandle;
use lakewire_storage::timeline::{Lineage, TimelineId};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use uuid::Uuid;

use super::store::{FOLDER, Files, path};
use super::{FileError, row};
use crate::jobs::try_commit;

/// How often deleted files are looked for, and bytes that no row names.
const EVERY: Duration = Duration::from_secs(60);
const SEARCH_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// Rows in one commit.
const ROWS: usize = 256;
const SOURCE: &str = "_system/storage";

/// Deletes bytes that nobody needs, until it is dropped.
pub struct Sweeper(TaskHandle);

/// The files of a deployment, for who only deletes bytes.
pub struct Sweep {
    db: Arc<Database>,
    store: Arc<dyn ObjectStore>,
}

impl Sweeper {
    /// Starts it.
    pub fn start(files: &Files) -> Self {
        let env = files.db.env().clone();
        let (db, store, task_env) = (Arc::downgrade(&files.db), files.store.clone(), env.clone());
        Self(env.spawn("files", async move {
            let mut searched = None;
            while let Some(db) = Weak::upgrade(&db) {
                let files = Sweep::new(db, store.clone());
                if let Err(error) = files.sweep().await {
                    tracing::warn!(%error, "cannot delete the bytes of deleted files at present");
                }
                let now = task_env.monotonic_ns();
                if searched.is_none_or(|last: u64| now.saturating_sub(last) >= SEARCH_EVERY.as_nanos() as u64) {
                    match files.sweep_left_behind().await {
                        Ok(_) => searched = Some(now),
                        Err(error) => tracing::warn!(%error, "cannot look for bytes that no file names at present"),
                    }
                }
                drop(files);
                task_env.sleep(EVERY).await;
            }
        }))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Sweep {
    /// Of files in `store`, named by rows of `db`.
    pub fn new(db: Arc<Database>, store: Arc<dyn ObjectStore>) -> Self {
        Self { db, store }
    }

    /// Deletes the bytes of files that were deleted long enough ago. Returns of how many.
    ///
    /// # Errors
    /// When storage fails. Repeating is right.
    pub async fn sweep(&self) -> Result<usize, FileError> {
        let options = self.db.segments().options();
        let kept = (options.history + options.grace).as_secs_f64() * 1e3;
        let before = self.db.env().now_ns() as f64 / 1e6 - kept;
        let mut tx = self.db.begin(self.db.latest(), SOURCE);
        if row::deleted_between(&mut tx, (f64::NEG_INFINITY, before), 1).await?.is_empty() {
            return Ok(0);
        }
        // In this order: who makes a branch of an older state has either seen the horizon, or is among the others.
        let horizon = self.db.segments().raise_horizon((before * 1e6) as u64).await.map_err(in_timelines)?;
        let lineage = self.lineage().await?;
        let before = before.min(horizon as f64 / 1e6);
        let (mut from, mut swept) = (f64::NEG_INFINITY, 0);
        loop {
            let mut tx = self.db.begin(self.db.latest(), SOURCE);
            let deleted = row::deleted_between(&mut tx, (from, before), ROWS).await?;
            let Some(last) = deleted.last().and_then(|row| row.value.deleted_ts) else { return Ok(swept) };
            let mine = deleted.iter().filter(|row| !is_shared(&lineage, &row.value.timeline, row.value.stored_ts));
            let mine: Vec<_> = mine.collect();
            for row in &mine {
                if let Ok(uuid) = Uuid::try_parse(&row.value.uuid) {
                    self.delete_object(&path(&row.value.timeline, uuid)).await?;
                }
            }
            // Forgotten only now: what dies in between is deleted once more.
            self.forget(mine.iter().map(|row| row.id.internal).collect()).await?;
            swept += mine.len();
            from = last.next_up();
        }
    }

    async fn forget(&self, ids: Vec<lakewire_storage::id::InternalId>) -> Result<(), FileError> {
        loop {
            let mut tx = self.db.begin(self.db.head(), SOURCE);
            for id in &ids {
                row::forget(&mut tx, *id).await?;
            }
            if try_commit(&self.db, tx).await? {
                return Ok(());
            }
        }
    }

    /// Deletes bytes that no row came to name, or whose branch is gone. Returns how many.
    ///
    /// # Errors
    /// When storage fails. Repeating is right.
    pub async fn sweep_left_behind(&self) -> Result<usize, FileError> {
        let own = self.db.segments().timeline().to_string();
        let lineage = self.lineage().await?;
        let age = self.db.segments().options().orphan_age.as_nanos() as u64;
        let before = self.db.env().now_ns().saturating_sub(age);
        let mut swept = 0;
        let folders = self.store.list_with_delimiter(Some(&Path::from(FOLDER))).await?.common_prefixes;
        for folder in folders {
            let Some(timeline) = folder.filename().map(str::to_owned) else { continue };
            let is_gone = timeline.parse::<TimelineId>().is_ok_and(|timeline| lineage.is_gone(&timeline));
            if timeline != own && !is_gone {
                continue;
            }
            let mut objects = self.store.list(Some(&folder));
            while let Some(object) = objects.try_next().await? {
                let stored_ns = u64::try_from(object.last_modified.timestamp_millis()).unwrap_or(0) * 1_000_000;
                let uuid = object.location.filename().and_then(|name| Uuid::try_parse(name).ok());
                let Some(uuid) = uuid.filter(|_| stored_ns < before) else { continue };
                let mut tx = self.db.begin(self.db.latest(), SOURCE);
                let is_named = row::row_of(&mut tx, uuid).await?.is_some();
                if !is_named && !is_shared(&lineage, &timeline, stored_ns as f64 / 1e6) {
                    self.delete_object(&object.location).await?;
                    swept += 1;
                }
            }
        }
        Ok(swept)
    }

    async fn lineage(&self) -> Result<Lineage, FileError> {
        self.db.segments().lineage().await.map_err(in_timelines)
    }

    async fn delete_object(&self, path: &Path) -> Result<(), FileError> {
        match self.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn in_timelines(error: lakewire_storage::timeline::SegmentsError) -> FileError {
    FileError::Store(object_store::Error::Generic { store: "timelines", source: Box::new(error) })
}

fn is_shared(lineage: &Lineage, timeline: &str, stored_ms: f64) -> bool {
    // A name that is none is not from here.
    let Ok(maker) = timeline.parse::<TimelineId>() else { return true };
    lineage.is_shared(&maker, (stored_ms * 1e6) as u64)
}
