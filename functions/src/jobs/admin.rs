//! Canceling and deleting the jobs of a component, for administrators.
//!
//! Which rows there are is read apart from the transactions that change them, a few at a time: jobs go on being made and
//! run meanwhile, and neither holds up the other.

use lakewire_storage::catalog::{Namespace, SystemTable};
use lakewire_storage::commit::CommitError;
use lakewire_storage::database::{Database, Snapshot};
use lakewire_storage::id::InternalId;
use lakewire_storage::version::ReadError;

use super::begin::try_commit;
use super::row::{self, JobRow, JobState};
use super::schedule::now_ms;
use crate::model::{ModelError, rows};

/// Jobs in one commit.
const BATCH: usize = 256;
const SOURCE: &str = "_system/scheduler";

/// Why jobs could not be changed at present.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Jobs that wait.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// Of the component that scheduled them.
    pub namespace: Namespace,
    /// Only those of this function, `module:export`, with or without `.js`.
    pub udf_path: Option<String>,
    /// Only those that are due from this time on, and before that one: ns since the Unix epoch.
    pub span_ns: (i64, i64),
}

impl Waiting {
    fn includes(&self, row: &JobRow) -> bool {
        let Some(next_ms) = row.next_ts.filter(|_| row.state == JobState::Pending) else { return false };
        let plain = |path: &str| path.replace(".js:", ":");
        let next_ns = (next_ms * 1e6) as i64;
        row.namespace == self.namespace
            && self.udf_path.as_deref().is_none_or(|path| plain(path) == plain(&row.udf_path))
            && self.span_ns.0 <= next_ns
            && next_ns < self.span_ns.1
    }
}

/// Cancels the jobs that wait now. Returns how many.
///
/// # Errors
/// When storage is out of reach; some may be canceled by then.
pub(crate) async fn cancel_all(db: &Database, waiting: &Waiting) -> Result<usize, JobsError> {
    let mut scan = db.latest().documents(SystemTable::ScheduledJobs.by_id());
    let mut ids = Vec::new();
    while let Some((_, document)) = scan.next().await? {
        let row: JobRow = serde_json::from_str(&document.json)
            .map_err(|source| rows::shape(SystemTable::ScheduledJobs, document.id, source))?;
        if waiting.includes(&row) {
            ids.push(document.id.internal);
        }
    }
    let mut canceled = 0;
    for batch in ids.chunks(BATCH) {
        canceled += loop {
            let mut tx = db.begin(db.head(), SOURCE);
            let now_ms = now_ms(&tx);
            let mut changed = 0;
            for id in batch {
                let Some(mut row) = row::read(&mut tx, *id).await?.filter(|row| waiting.includes(row)) else {
                    continue;
                };
                row.end(JobState::Canceled, now_ms);
                row::set_state(&mut tx, *id, &row, None).await?;
                changed += 1;
            }
            if try_commit(db, tx).await? {
                break changed;
            }
        };
    }
    Ok(canceled)
}

/// Deletes the jobs that a component has now, in whatever state. One that runs goes on; a mutation is not committed any
/// more. Returns how many.
///
/// # Errors
/// When storage is out of reach; some may be deleted by then.
pub(crate) async fn delete_all(db: &Database, namespace: Namespace) -> Result<usize, JobsError> {
    let ids = ids_in(&db.latest(), namespace, SystemTable::ScheduledFunctions).await?;
    for batch in ids.chunks(BATCH) {
        loop {
            let mut tx = db.begin(db.head(), SOURCE);
            for id in batch {
                row::delete_in(&mut tx, *id, namespace).await?;
            }
            if try_commit(db, tx).await? {
                break;
            }
        }
    }
    Ok(ids.len())
}

/// The rows of a namespace in a table that every namespace has of its own.
///
/// # Errors
/// When storage is out of reach.
pub(crate) async fn ids_in(
    snapshot: &Snapshot,
    namespace: Namespace,
    table: SystemTable,
) -> Result<Vec<InternalId>, ReadError> {
    let mut scan = snapshot.documents(table.info_in(namespace).by_id);
    let mut ids = Vec::new();
    while let Some((_, document)) = scan.next().await? {
        ids.push(document.id.internal);
    }
    Ok(ids)
}
