//! Running cron jobs that are due.

use std::sync::Arc;

use async_trait::async_trait;
use lakewire_storage::catalog::SystemTable;
use lakewire_storage::id::{DocumentId, InternalId};
use lakewire_storage::log::LoggedWrite;
use lakewire_storage::transaction::Transaction;
use lakewire_storage::value::Value;
use serde_json::json;

use super::row::{self, CronRow, NextRow, RunRow};
use crate::auth::Identity;
use crate::engine::{Engine, Occasion, Outcome};
use crate::jobs::{TRANSIENT, backoff, is_paused, try_commit};
use crate::model::{FunctionKind, ModelError, rows};
use crate::udf::{
    Call, CallFailure, Caller, ComponentPath, Failure, FunctionErrorKind, FunctionPath, RequestId, check,
};

const JOBS: SystemTable = SystemTable::CronJobs;
const NEXT: SystemTable = SystemTable::CronNextRun;
const SOURCE: &str = "_system/crons";
/// Cron jobs looked at in one go.
const BATCH: usize = 1000;
/// What is remembered of a result, and of all log lines of a run, in bytes.
const MAX_RESULT: usize = 1000;
const MAX_LINES: usize = 16_384;

/// A cron job that is due.
pub(crate) struct DueCron {
    id: DocumentId,
    cron: CronRow,
    /// When it is due, ms.
    scheduled: f64,
}

/// What is due at `now` in ms, and when something next will be.
///
/// # Errors
/// A failure of storage.
pub(crate) async fn due(tx: &mut Transaction, now: f64) -> Result<(Vec<DueCron>, f64), ModelError> {
    let all = (f64::NEG_INFINITY, f64::INFINITY);
    let mut due = Vec::new();
    for next in rows::between::<NextRow>(tx, NEXT, "by_next_ts", &[], all, BATCH).await? {
        let Some(scheduled) = next.value.next_ts else { continue };
        if scheduled > now {
            return Ok((due, scheduled));
        }
        let Ok(id) = next.value.cron_job_id.parse::<DocumentId>() else { continue };
        if let Some(cron) = rows::get::<CronRow>(tx, JOBS, id.internal).await? {
            due.push(DueCron { id, cron, scheduled });
        }
    }
    Ok((due, f64::INFINITY))
}

/// The time, in ms, that a write makes a cron job wait for.
pub(crate) fn next_due(write: &LoggedWrite) -> Option<f64> {
    if write.table != NEXT.tablet() {
        return None;
    }
    let row: NextRow = serde_json::from_str(&write.document.as_deref()?.json).ok()?;
    row.next_ts
}

/// Ends the runs of a process that has died.
///
/// # Errors
/// A failure of storage.
pub(crate) async fn give_up(tx: &mut Transaction, owner: &[Value]) -> Result<(), ModelError> {
    for mut next in rows::find::<NextRow>(tx, NEXT, "by_owner", owner).await? {
        let Ok(id) = next.value.cron_job_id.parse::<DocumentId>() else { continue };
        let Some(cron) = rows::get::<CronRow>(tx, JOBS, id.internal).await? else { continue };
        let scheduled = next.value.prev_ts.unwrap_or_default();
        let run = DueCron { id, cron, scheduled };
        let outcome = Err(Failure::new(FunctionErrorKind::Thrown, TRANSIENT));
        run.finish(tx, &mut next, &outcome, &[], 0.0).await?;
    }
    Ok(())
}

impl DueCron {
    pub(crate) fn id(&self) -> InternalId {
        self.id.internal
    }

    pub(crate) fn name(&self) -> &str {
        &self.cron.name
    }

    /// The kind of its function, if that is there.
    pub(crate) async fn kind(&self, engine: &Engine) -> Result<Option<FunctionKind>, CallFailure> {
        let Ok(path) = self.path() else { return Ok(None) };
        let model = engine.models().at(engine.db(), &engine.db().latest()).await?;
        Ok(check::lookup(&model, &path).map(|function| function.kind))
    }

    fn path(&self) -> Result<FunctionPath, crate::udf::PathError> {
        FunctionPath::parse_in(ComponentPath::parse(&self.cron.component)?, &self.cron.udf_path)
    }

    /// Runs it, unless that was done or the job changed meanwhile. Returns when what came of it is committed.
    ///
    /// # Errors
    /// When that is not possible for now.
    pub(crate) async fn run(&self, engine: &Arc<Engine>, owner: &str) -> Result<(), CallFailure> {
        let path = match self.path() {
            Ok(path) => path,
            Err(error) => return self.fail(engine, &error.to_string()).await,
        };
        let kind = self.kind(engine).await?;
        let request_id = RequestId::random(engine.env());
        let mut call = Call::new(path, self.cron.args.as_str().into(), Identity::System, Caller::Cron, request_id);
        call.internal = true;
        match kind {
            Some(FunctionKind::Action) => self.run_action(engine, owner, &call).await,
            Some(FunctionKind::Mutation) => self.run_mutation(engine, &call).await,
            Some(FunctionKind::Query) => self.fail(engine, "crons can only call mutations and actions").await,
            None => self.fail(engine, &check::not_found(&call.path, check::Access::Internal).message).await,
        }
    }

    async fn run_mutation(&self, engine: &Arc<Engine>, call: &Call) -> Result<(), CallFailure> {
        let occasion = CronOccasion { due: self, started: engine.env().monotonic_ns() };
        match engine.run_mutation_on(call, &occasion).await {
            Ok(_) => Ok(()),
            Err(error @ CallFailure::Unavailable(_)) => Err(error),
            Err(error) => {
                tracing::warn!(cron = self.cron.name, %error, "a cron job could not be run; it is tried again later");
                self.change(engine, |next, _| {
                    // Later, and still the same run to be remembered.
                    let pause = backoff(engine.env(), next.attempts);
                    next.next_ts = Some((engine.env().now_ns() as f64 / 1e6 + pause.as_secs_f64() * 1e3).ceil());
                    next.attempts += 1;
                })
                .await
                .map(drop)
            }
        }
    }

    async fn run_action(&self, engine: &Arc<Engine>, owner: &str, call: &Call) -> Result<(), CallFailure> {
        let claimed = self.change(engine, |next, scheduled| {
            (next.next_ts, next.prev_ts) = (None, Some(scheduled));
            next.owner = Some(owner.to_owned());
        });
        if !claimed.await? {
            return Ok(());
        }
        let started = engine.env().monotonic_ns();
        let (outcome, lines) = match engine.run_action(call).await {
            Ok(run) => (run.outcome, run.lines),
            Err(error) => {
                tracing::warn!(cron = self.cron.name, %error, "a cron job could not be run");
                (Err(Failure::new(FunctionErrorKind::Thrown, TRANSIENT)), Vec::new())
            }
        };
        let seconds = (engine.env().monotonic_ns() - started) as f64 / 1e9;
        let mut attempts = 0;
        while let Err(error) = self.end_action(engine, owner, &outcome, &lines, seconds).await {
            tracing::warn!(cron = self.cron.name, %error, "cannot write the end of a cron job; trying again");
            attempts += 1;
            engine.env().sleep(backoff(engine.env(), attempts.min(6))).await;
        }
        Ok(())
    }

    async fn end_action(
        &self,
        engine: &Engine,
        owner: &str,
        outcome: &Outcome,
        lines: &[String],
        seconds: f64,
    ) -> Result<(), CallFailure> {
        loop {
            let mut tx = engine.db().begin(engine.db().head(), SOURCE);
            let Some(mut next) = row::next_of(&mut tx, self.id).await? else { return Ok(()) };
            if next.value.owner.as_deref() != Some(owner) {
                return Ok(());
            }
            self.finish(&mut tx, &mut next, outcome, lines, seconds).await?;
            if try_commit(engine.db(), tx).await.map_err(unavailable)? {
                return Ok(());
            }
        }
    }

    async fn fail(&self, engine: &Engine, message: &str) -> Result<(), CallFailure> {
        let outcome = Err(Failure::new(FunctionErrorKind::NotFound, message));
        loop {
            let mut tx = engine.db().begin(engine.db().head(), SOURCE);
            let Some(mut next) = self.still_due(&mut tx).await? else { return Ok(()) };
            self.finish(&mut tx, &mut next, &outcome, &[], 0.0).await?;
            if try_commit(engine.db(), tx).await.map_err(unavailable)? {
                return Ok(());
            }
        }
    }

    /// Changes the row of the next run, if this is still it.
    async fn change(&self, engine: &Engine, change: impl Fn(&mut NextRow, f64) + Send) -> Result<bool, CallFailure> {
        loop {
            let mut tx = engine.db().begin(engine.db().head(), SOURCE);
            let Some(mut next) = self.still_due(&mut tx).await? else {
                if try_commit(engine.db(), tx).await.map_err(unavailable)? {
                    return Ok(false);
                }
                continue;
            };
            change(&mut next.value, self.scheduled);
            rows::replace(&mut tx, NEXT, next.id, &next.value).await?;
            if try_commit(engine.db(), tx).await.map_err(unavailable)? {
                return Ok(true);
            }
        }
    }

    /// The row of the next run, if this is it.
    async fn still_due(&self, tx: &mut Transaction) -> Result<Option<row::Next>, ModelError> {
        if rows::get::<CronRow>(tx, JOBS, self.id.internal).await?.as_ref() != Some(&self.cron) {
            return Ok(None);
        }
        Ok(row::next_of(tx, self.id).await?.filter(|next| next.value.next_ts == Some(self.scheduled)))
    }

    /// Remembers the run and says when the next one is.
    async fn finish(
        &self,
        tx: &mut Transaction,
        next: &mut row::Next,
        outcome: &Outcome,
        lines: &[String],
        seconds: f64,
    ) -> Result<(), ModelError> {
        let status = match outcome {
            Ok(result) => json!({"type": "success", "result": cut(result, MAX_RESULT)}),
            Err(failure) => json!({"type": "err", "error": &*failure.message}),
        };
        let mut left = MAX_LINES;
        let kept = lines.iter().take_while(|line| {
            left = left.saturating_sub(line.len());
            left > 0
        });
        let log_lines: Vec<String> = kept.cloned().collect();
        let mut run = RunRow {
            cron_job_id: self.id.to_string(),
            name: self.cron.name.clone(),
            ts: self.scheduled,
            udf_path: self.cron.udf_path.clone(),
            args: self.cron.args.clone(),
            status,
            is_truncated: log_lines.len() < lines.len(),
            log_lines,
            execution_time: seconds,
        };
        row::remember(tx, self.id, &run).await?;
        let now = tx.env().now_ns() as f64 / 1e6;
        // By the schedule in force, which a push may have changed since this run began.
        let cron = rows::get::<CronRow>(tx, JOBS, self.id.internal).await?;
        let schedule = cron.as_ref().unwrap_or(&self.cron).schedule();
        let (at, missed) = schedule.map_or((None, 0), |schedule| schedule.next(self.scheduled, now));
        if missed > 0 {
            run.status = json!({"type": "canceled", "num_canceled": missed});
            (run.log_lines, run.is_truncated, run.execution_time) = (Vec::new(), false, 0.0);
            row::remember(tx, self.id, &run).await?;
        }
        next.value.prev_ts = Some(self.scheduled);
        (next.value.next_ts, next.value.owner, next.value.attempts) = (at, None, 0);
        rows::replace(tx, NEXT, next.id, &next.value).await
    }
}

fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most.min(text.len()))]
}

fn unavailable(error: lakewire_storage::commit::CommitError) -> CallFailure {
    CallFailure::Unavailable(error.to_string())
}

/// The end of a run as part of its mutation.
struct CronOccasion<'a> {
    due: &'a DueCron,
    /// Monotonic ns.
    started: u64,
}

#[async_trait]
impl Occasion for CronOccasion<'_> {
    async fn begin(&self, tx: &mut Transaction) -> Result<bool, ModelError> {
        Ok(self.due.still_due(tx).await?.is_some())
    }

    async fn end(&self, tx: &mut Transaction, outcome: &Outcome, lines: &[String]) -> Result<(), ModelError> {
        if outcome.as_ref().is_err_and(is_paused) {
            return Ok(());
        }
        let Some(mut next) = row::next_of(tx, self.due.id).await? else { return Ok(()) };
        let seconds = tx.env().monotonic_ns().saturating_sub(self.started) as f64 / 1e9;
        self.due.finish(tx, &mut next, outcome, lines, seconds).await
    }
}
