//! Running one job that is due.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lakewire_storage::catalog::SystemTable;
use lakewire_storage::id::{DocumentId, InternalId};
use lakewire_storage::transaction::Transaction;

use super::begin::{backoff, try_commit};
use super::owners::TRANSIENT;
use super::row::{self, JobRow, JobState};
use super::schedule::now_ms;
use crate::auth::Identity;
use crate::engine::{Engine, Occasion, Outcome};
use crate::model::{FunctionKind, ModelError};
use crate::udf::{Call, CallFailure, Caller, Failure, FunctionErrorKind, FunctionPath, JobRef, RequestId, check};

const SOURCE: &str = "_system/scheduler";

/// Runs a job, unless that was done or forbidden meanwhile. Returns when what came of it is committed.
///
/// # Errors
/// When that is not possible for now. It is still to be run then, or the end of an action is to be written: by whoever
/// finds that its process is gone.
pub(super) async fn run(engine: &Arc<Engine>, owner: &str, id: InternalId, row: &JobRow) -> Result<(), CallFailure> {
    let mut tx = engine.db().begin(engine.db().latest(), SOURCE);
    let Some(args) = row::arguments(&mut tx, row.namespace, id).await? else { return Ok(()) };
    let path = match row.path() {
        Ok(path) => path,
        Err(error) => return fail(engine, id, &error.to_string()).await,
    };
    let model = engine.models().at(engine.db(), tx.snapshot()).await?;
    let kind = check::lookup(&model, &path).map(|function| function.kind);
    let call = call(engine, path, args, JobRef { namespace: row.namespace, id: visible(id) });
    match kind {
        Some(FunctionKind::Action) => run_action(engine, owner, id, &call).await,
        Some(FunctionKind::Mutation) => run_mutation(engine, id, &call).await,
        Some(FunctionKind::Query) => {
            let message = format!("`{}` is a query: only mutations and actions can be scheduled", call.path);
            fail(engine, id, &message).await
        }
        None => fail(engine, id, &check::not_found(&call.path, check::Access::Internal).message).await,
    }
}

fn call(engine: &Engine, path: FunctionPath, args: String, job: JobRef) -> Call {
    let request_id = RequestId::random(engine.env());
    let mut call = Call::new(path, args.into(), Identity::System, Caller::Scheduler, request_id);
    call.internal = true;
    call.job = Some(job);
    call
}

fn visible(id: InternalId) -> DocumentId {
    DocumentId { table: SystemTable::ScheduledFunctions.number(), internal: id }
}

/// The end of a job as part of its mutation.
struct JobOccasion(InternalId);

#[async_trait]
impl Occasion for JobOccasion {
    async fn begin(&self, tx: &mut Transaction) -> Result<bool, ModelError> {
        let Some(mut row) = row::read(tx, self.0).await?.filter(|row| row.state == JobState::Pending) else {
            return Ok(false);
        };
        row.state = JobState::InProgress;
        row::set_state(tx, self.0, &row, None).await?;
        Ok(true)
    }

    async fn end(&self, tx: &mut Transaction, outcome: &Outcome, _lines: &[String]) -> Result<(), ModelError> {
        if outcome.as_ref().is_err_and(is_paused) {
            return Ok(());
        }
        let Some(mut row) = row::read(tx, self.0).await? else { return Ok(()) };
        let now = now_ms(tx);
        match outcome {
            Ok(_) => row.end(JobState::Success, now),
            Err(_) => row.end(JobState::Failed, now),
        }
        let error = outcome.as_ref().err().map(|failure| &*failure.message);
        row::set_state(tx, self.0, &row, error).await
    }
}

/// Whether a function was not run because the deployment is paused: it will be when it is no more.
pub(crate) fn is_paused(failure: &Failure) -> bool {
    failure.kind == FunctionErrorKind::NotRunning
}

async fn run_mutation(engine: &Arc<Engine>, id: InternalId, call: &Call) -> Result<(), CallFailure> {
    match engine.run_mutation_on(call, &JobOccasion(id)).await {
        Ok(_) => Ok(()),
        // Nothing can be committed, so not when to try again either.
        Err(error @ CallFailure::Unavailable(_)) => Err(error),
        Err(error) => {
            tracing::warn!(function = %call.path, %error, "a scheduled mutation could not be run; it is tried again later");
            put_off(engine, id).await
        }
    }
}

async fn run_action(engine: &Arc<Engine>, owner: &str, id: InternalId, call: &Call) -> Result<(), CallFailure> {
    let claimed = change(engine, id, |row| {
        let is_pending = row.state == JobState::Pending;
        if is_pending {
            (row.state, row.next_ts, row.lane) = (JobState::InProgress, None, None);
            row.owner = Some(owner.to_owned());
        }
        is_pending.then_some(None)
    });
    if !claimed.await? {
        return Ok(());
    }
    let outcome = match engine.run_action(call).await {
        Ok(run) => run.outcome,
        // It has not begun.
        Err(CallFailure::Overloaded(_)) => return release(engine, owner, id, backoff(engine.env(), 1)).await,
        Err(error) => {
            tracing::warn!(function = %call.path, %error, "a scheduled action could not be run");
            Err(Failure::new(FunctionErrorKind::Thrown, TRANSIENT))
        }
    };
    if outcome.as_ref().is_err_and(is_paused) {
        return release(engine, owner, id, Duration::ZERO).await;
    }
    // It has run: that must be written, however long that takes.
    let mut attempts = 0;
    while let Err(error) = end(engine, owner, id, &outcome).await {
        tracing::warn!(function = %call.path, %error, "cannot write the end of a scheduled action; trying again");
        attempts += 1;
        engine.env().sleep(backoff(engine.env(), attempts.min(6))).await;
    }
    Ok(())
}

/// Writes the end of an action, unless it was canceled or given up meanwhile.
async fn end(engine: &Engine, owner: &str, id: InternalId, outcome: &Outcome) -> Result<(), CallFailure> {
    let now = engine.env().now_ns() as f64 / 1e6;
    let ended = change(engine, id, |row| {
        if row.owner.as_deref() != Some(owner) || row.state != JobState::InProgress {
            return None;
        }
        row.end(if outcome.is_ok() { JobState::Success } else { JobState::Failed }, now.floor());
        Some(outcome.as_ref().err().map(|failure| failure.message.to_string()))
    });
    ended.await.map(drop)
}

/// Lets an action that was claimed and has not begun wait again.
async fn release(engine: &Engine, owner: &str, id: InternalId, pause: Duration) -> Result<(), CallFailure> {
    let next = engine.env().now_ns() as f64 / 1e6 + pause.as_secs_f64() * 1e3;
    let released = change(engine, id, |row| {
        if row.owner.as_deref() != Some(owner) || row.state != JobState::InProgress {
            return None;
        }
        (row.state, row.owner) = (JobState::Pending, None);
        (row.next_ts, row.lane) = (Some(next.floor()), Some(super::lane::LaneName::Action));
        Some(None)
    });
    released.await.map(drop)
}

/// Makes a job wait after the server has failed to run it.
async fn put_off(engine: &Engine, id: InternalId) -> Result<(), CallFailure> {
    let now_ms = engine.env().now_ns() as f64 / 1e6;
    let put_off = change(engine, id, |row| {
        let is_pending = row.state == JobState::Pending;
        if is_pending {
            row.next_ts = Some((now_ms + backoff(engine.env(), row.attempts).as_secs_f64() * 1e3).ceil());
            row.attempts += 1;
        }
        is_pending.then_some(None)
    });
    put_off.await.map(drop)
}

async fn fail(engine: &Engine, id: InternalId, message: &str) -> Result<(), CallFailure> {
    let now_ms = (engine.env().now_ns() / 1_000_000) as f64;
    let failed = change(engine, id, |row| {
        let is_pending = row.state == JobState::Pending;
        if is_pending {
            row.end(JobState::Failed, now_ms);
        }
        is_pending.then(|| Some(message.to_owned()))
    });
    failed.await.map(drop)
}

/// Changes a job in a transaction of its own; `None` leaves it. The text is why it failed.
pub(super) async fn change(
    engine: &Engine,
    id: InternalId,
    change: impl Fn(&mut JobRow) -> Option<Option<String>> + Send,
) -> Result<bool, CallFailure> {
    let db = engine.db();
    loop {
        let mut tx = db.begin(db.head(), SOURCE);
        let Some(mut row) = row::read(&mut tx, id).await? else { return Ok(false) };
        let Some(error) = change(&mut row) else {
            // What was read is what others have done: it must be durable before this counts as done.
            if try_commit(db, tx).await.map_err(unavailable)? {
                return Ok(false);
            }
            continue;
        };
        row::set_state(&mut tx, id, &row, error.as_deref()).await?;
        if try_commit(db, tx).await.map_err(unavailable)? {
            return Ok(true);
        }
    }
}

pub(super) fn unavailable(error: lakewire_storage::commit::CommitError) -> CallFailure {
    CallFailure::Unavailable(error.to_string())
}
