//! Small transactions of the server itself.

use std::time::Duration;

use lakewire_storage::commit::CommitError;
use lakewire_storage::database::Database;
use lakewire_storage::env::Env;
use lakewire_storage::transaction::Transaction;

/// Pauses before something that the server could not do is tried again: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(2 * 60 * 60);

/// Commits; false if it has to be done again, on the newest head.
pub(crate) async fn try_commit(db: &Database, tx: Transaction) -> Result<bool, CommitError> {
    match db.commit(tx).await {
        Ok(_) => Ok(true),
        Err(CommitError::Conflict(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The pause after `attempts` failures: doubled each time, a random half of it taken off.
pub(crate) fn backoff(env: &Env, attempts: u32) -> Duration {
    let most = FIRST_PAUSE.saturating_mul(1 << attempts.min(20)).min(LONGEST_PAUSE);
    let half = most / 2;
    half + Duration::from_nanos(env.random_u64() % (half.as_nanos() as u64 + 1))
}
