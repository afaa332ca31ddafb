//! Running a function in another process, and running one for another.

use std::sync::Arc;

use lakewire_storage::database::Snapshot;
use lakewire_storage::transaction::Transaction;

use super::Engine;
use super::query::Ran;
use crate::remote::{RunAnswer, RunRequest, RunnerError};
use crate::runtime::{Observed, UdfKind};
use crate::udf::host::{ConsoleLine, HostOutcome};
use crate::udf::{Call, CallFailure, CallRecord};

impl Engine {
    /// Whether the next query or mutation is to run elsewhere: there is no room for it here.
    pub(super) fn is_full(&self) -> bool {
        self.elsewhere.as_ref().is_some_and(|runner| runner.takes(self.pool.waiting()))
    }

    /// Runs a query or mutation of the app, elsewhere if there is no room here. `tx` has written nothing yet.
    pub(super) async fn run_anywhere(
        &self,
        call: &Call,
        kind: UdfKind,
        snapshot: Snapshot,
        tx: Transaction,
        journal: Option<&str>,
    ) -> Result<Ran, CallFailure> {
        // Nobody else has what is not durable.
        if self.is_full() && snapshot.ts() <= self.db.latest().ts() {
            match self.run_elsewhere(call, kind, &tx, journal).await {
                Ok(ran) => return Ok(ran),
                Err(error) => tracing::debug!(%error, function = %call.path, "running here"),
            }
        }
        self.run_in(call, kind, snapshot, tx, journal.map(str::to_owned)).await
    }

    async fn run_elsewhere(
        &self,
        call: &Call,
        kind: UdfKind,
        tx: &Transaction,
        journal: Option<&str>,
    ) -> Result<Ran, RunnerError> {
        let Some(runner) = &self.elsewhere else { return Err(RunnerError::Lost("there is nowhere else".to_owned())) };
        let journal = journal.map(str::to_owned);
        let request = RunRequest { kind, call: CallRecord::from(call), at: tx.snapshot_ts(), journal };
        let answer = runner.run(request).await?;
        let invalid = |error: String| RunnerError::Invalid(error);
        let carried = answer.carried().map_err(|error| invalid(error.to_string()))?;
        let tx = tx.clone().resume(&carried).map_err(|error| invalid(error.to_string()))?;
        let audit = answer.audit.into_iter().map(|record| record.line());
        let host = HostOutcome {
            lines: answer.lines.into_iter().map(|(line, by)| ConsoleLine { line, by }).collect(),
            journal: answer.journal,
            observed_identity: answer.observed_identity,
            observed_time: answer.observed_time,
            stored: answer.stored,
            audit: audit.collect::<Option<_>>().ok_or_else(|| invalid("a line of the audit log".to_owned()))?,
        };
        Ok(Ran {
            outcome: answer.outcome.map(Arc::from),
            tx,
            host,
            observed: Observed { time: answer.time, random: answer.random },
            user_time: std::time::Duration::from_nanos(answer.user_ns),
        })
    }

    /// Runs a query or mutation of the app on a snapshot, for another process. Nothing is committed.
    ///
    /// # Errors
    /// [`CallFailure`]; a function that fails has an answer.
    pub(crate) async fn run_for_another(
        &self,
        call: &Call,
        kind: UdfKind,
        snapshot: Snapshot,
        journal: Option<String>,
    ) -> Result<RunAnswer, CallFailure> {
        let tx = self.db.begin(snapshot.clone(), &call.path.udf_path());
        let Ran { outcome, tx, host, observed, user_time } = self.run_in(call, kind, snapshot, tx, journal).await?;
        let carried = tx.carry().map_err(|error| CallFailure::Internal(error.to_string()))?;
        let mut answer = RunAnswer::new(outcome.map(|json| json.to_string()), carried);
        answer.lines = host.lines.into_iter().map(|ConsoleLine { line, by }| (line, by)).collect();
        answer.journal = host.journal;
        (answer.observed_identity, answer.observed_time) = (host.observed_identity, host.observed_time);
        (answer.time, answer.random) = (observed.time, observed.random);
        answer.user_ns = user_time.as_nanos() as u64;
        answer.stored = host.stored;
        answer.audit = host.audit.into_iter().map(Into::into).collect();
        Ok(answer)
    }
}
