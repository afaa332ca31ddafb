//! The background work of pushes and of administration: building indexes, validating schemas, deleting components.

use std::sync::Arc;
use std::time::Duration;

use lakewire_storage::catalog::{SchemaState, SystemTable};
use lakewire_storage::commit::CommitError;
use lakewire_storage::database::Database;
use lakewire_storage::definition::{backfill_all, validate_schema};
use lakewire_storage::id::DocumentId;
use parking_lot::Mutex;

use super::deletion::finish_deletions;
use crate::engine::Engine;

/// Whether the work is being done. One task of a process does all of it.
#[derive(Clone, Debug, Default)]
pub struct PushWork(Arc<Mutex<State>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Working,
    /// Something was added that the run under way may have missed.
    WorkingAgain,
}

/// Pause before work is tried again that storage refused, and how often it is: after that the next kick begins anew.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
const MAX_RETRIES: usize = 60;

/// Sees to it that everything there is to build and to validate will be. To be called after a push began, and once
/// after the start of the process for what an earlier one left undone.
pub fn kick(engine: &Engine) {
    let work = engine.push_work().clone();
    {
        let mut state = work.0.lock();
        if *state != State::Idle {
            *state = State::WorkingAgain;
            return;
        }
        *state = State::Working;
    }
    let db = engine.db().clone();
    engine.env().spawn("push-work", async move {
        loop {
            run(&db).await;
            let mut state = work.0.lock();
            if *state == State::Working {
                *state = State::Idle;
                return;
            }
            *state = State::Working;
        }
    });
}

async fn run(db: &Database) {
    for _ in 0..MAX_RETRIES {
        match try_run(db).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "cannot build indexes or validate a schema at present"),
        }
        db.env().sleep(RETRY_PAUSE).await;
    }
}

async fn try_run(db: &Database) -> Result<(), CommitError> {
    let head = db.head();
    let schemas = head.catalog().all_schemas().filter_map(|(_, schemas)| schemas.pending.as_ref());
    for schema in schemas.filter(|schema| schema.state == SchemaState::Pending) {
        // Before the indexes, because it can end the push early.
        validate_schema(db, DocumentId { table: SystemTable::Schemas.number(), internal: schema.row }).await?;
    }
    backfill_all(db).await?;
    finish_deletions(db).await
}
