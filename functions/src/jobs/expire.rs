//! Forgetting jobs that have ended long ago.

use lakewire_storage::catalog::SystemTable;

use super::begin::try_commit;
use super::row::{self, JobRow};
use super::run::unavailable;
use crate::engine::Engine;
use crate::model::rows;
use crate::udf::CallFailure;

/// Jobs deleted in one commit.
const ROWS: usize = 256;
const SOURCE: &str = "_system/scheduler";

/// Deletes the rows of jobs that have ended longer ago than they are kept. Returns how many.
///
/// # Errors
/// When storage is out of reach.
pub(super) async fn expire(engine: &Engine) -> Result<usize, CallFailure> {
    let db = engine.db();
    let before = engine.env().now_ns() as f64 / 1e6 - db.limits().completed_jobs_kept_ms as f64;
    let mut deleted = 0;
    loop {
        let mut tx = db.begin(db.head(), SOURCE);
        let span = (f64::NEG_INFINITY, before);
        let old = rows::between::<JobRow>(&mut tx, SystemTable::ScheduledJobs, "by_completed", &[], span, ROWS).await?;
        for job in &old {
            row::delete_in(&mut tx, job.id.internal, job.value.namespace).await?;
        }
        if !try_commit(db, tx).await.map_err(unavailable)? {
            continue;
        }
        deleted += old.len();
        if old.len() < ROWS {
            return Ok(deleted);
        }
    }
}
