//! What a database removes by itself.

use std::sync::Weak;
use std::time::Duration;

use crate::catalog::SystemTable;
use crate::commit::CommitError;
use crate::database::Database;
use crate::definition::internal;
use crate::transaction::{Transaction, TxError};

/// How long a mutation's outcome is kept for clients that send it again.
pub const SESSION_REQUESTS_KEPT: Duration = Duration::from_hours(14 * 24);
const EVERY: Duration = Duration::from_hours(1);
/// Rows deleted in one commit.
const ROWS: usize = 512;
const SOURCE: &str = "_system/housekeeping";

/// Removes what has expired, now and then, until the database is dropped.
pub(crate) async fn run(database: Weak<Database>) {
    loop {
        let Some(this) = database.upgrade() else { return };
        if let Err(error) = expire_session_requests(&this).await {
            tracing::warn!(%error, "cannot remove old records of mutations");
        }
        let env = this.env().clone();
        drop(this);
        env.sleep(EVERY).await;
    }
}

/// Deletes the records of mutations older than [`SESSION_REQUESTS_KEPT`]. Returns how many.
///
/// # Errors
/// When commits are not possible at present.
pub async fn expire_session_requests(database: &Database) -> Result<usize, CommitError> {
    let now_ms = database.env().now_ns() as f64 / 1e6;
    let before_ms = now_ms - SESSION_REQUESTS_KEPT.as_secs_f64() * 1e3;
    let mut deleted = 0;
    loop {
        let mut transaction = database.begin(database.head(), SOURCE);
        let count = delete_before(&mut transaction, before_ms).await.map_err(internal)?;
        match database.commit(transaction).await {
            Ok(_) => deleted += count,
            Err(CommitError::Conflict(_)) => continue,
            Err(error) => return Err(error),
        }
        if count < ROWS {
            return Ok(deleted);
        }
    }
}

/// Deletes the oldest records from before a time in ms, some of them. Returns how many.
async fn delete_before(transaction: &mut Transaction, before_ms: f64) -> Result<usize, TxError> {
    let rows = transaction.system_rows_before(SystemTable::SessionRequests, before_ms, ROWS).await?;
    for row in &rows {
        transaction.delete_system(SystemTable::SessionRequests, row.id.internal).await?;
    }
    Ok(rows.len())
}

#[cfg(test)]
#[path = "housekeeping_tests.rs"]
mod tests;
