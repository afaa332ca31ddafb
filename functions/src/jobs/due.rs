//! When what was committed is due.

use lakewire_storage::catalog::SystemTable;
use lakewire_storage::commit::CommitBatch;
use lakewire_storage::log::LoggedWrite;

use super::lane::LaneName;
use super::row::JobRow;
use crate::crons;

/// The queue of a job that a write makes wait, and the time that it waits for, in ms.
pub(super) fn job_due(write: &LoggedWrite) -> Option<(LaneName, f64)> {
    if write.table != SystemTable::ScheduledJobs.tablet() {
        return None;
    }
    let row: JobRow = serde_json::from_str(&write.document.as_deref()?.json).ok()?;
    row.lane.zip(row.next_ts)
}

/// The earliest time, in ms, at which something that was committed together is to be run; infinity if nothing is.
pub fn soonest_due(batch: &CommitBatch) -> f64 {
    let writes = batch.transactions.iter().flat_map(|transaction| &transaction.writes);
    let due = writes.filter_map(|write| job_due(write).map(|(_, at)| at).or_else(|| crons::next_due(write)));
    due.fold(f64::INFINITY, f64::min)
}
