//! What has to be done from time to time.

use std::sync::Weak;
use std::time::Duration;

use lakewire_storage::commit::CommitError;
use lakewire_storage::env::Env;

use super::{Engine, sessions};

/// Time between two rounds.
const PAUSE: Duration = Duration::from_secs(60 * 60);
/// How long it is known that a mutation was committed: clients that come back later than that send it again in vain.
const SESSION_RETENTION: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Runs for as long as the engine is there.
pub(super) async fn run(engine: Weak<Engine>, env: Env) {
    loop {
        env.sleep(PAUSE).await;
        let Some(engine) = engine.upgrade() else { return };
        if let Err(error) = engine.forget_old_sessions().await {
            tracing::warn!(%error, "cannot remove old session records; trying again later");
        }
    }
}

impl Engine {
    /// Removes records of mutations that are too old to be sent again, a bounded number in each commit.
    async fn forget_old_sessions(&self) -> Result<(), CommitError> {
        let now = Duration::from_nanos(self.env.now_ns());
        let before_ms = now.saturating_sub(SESSION_RETENTION).as_secs_f64() * 1e3;
        loop {
            let mut tx = self.db.begin(self.db.head(), "_system/session_cleanup");
            let removed = sessions::remove_before(&mut tx, before_ms)
                .await
                .map_err(|error| CommitError::Unavailable(error.to_string()))?;
            if removed == 0 {
                return Ok(());
            }
            match self.db.commit(tx).await {
                // A conflict is with a replay; what it found is removed in the next round.
                Ok(_) | Err(CommitError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
}
