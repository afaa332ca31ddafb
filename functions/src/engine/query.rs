//! Queries: one execution at one snapshot.

use std::sync::Arc;

use lakewire_storage::database::Snapshot;
use lakewire_storage::log::Timestamp;
use lakewire_storage::transaction::Transaction;

use super::execution::{Outcome, QueryRun, Report};
use super::prepare::{Prepared, Refusal, access};
use super::{Engine, warnings};
use crate::model::{FunctionKind, deployment};
use crate::runtime::{self, FailureKind, Invocation, JsFailure, Program, UdfKind};
use crate::system::{self, SystemContext, SystemError, SystemFunction};
use crate::udf::check::{self, Placeholders, tables_of};
use crate::udf::host::{CallContext, HostOutcome, TransactionHost};
use crate::udf::{Call, CallFailure, Caller, Failure, FunctionErrorKind, Observed, QueryResult};

/// A transaction after a function ran in it.
pub(super) struct Ran {
    pub outcome: Outcome,
    pub tx: Transaction,
    pub host: HostOutcome,
    pub observed: runtime::Observed,
    pub user_time: std::time::Duration,
}

impl Ran {
    /// Of a call that failed before user code ran.
    fn refused(failure: Failure, tx: Transaction) -> Self {
        Self {
            outcome: Err(failure),
            tx,
            host: HostOutcome::default(),
            observed: runtime::Observed::default(),
            user_time: std::time::Duration::ZERO,
        }
    }
}

impl Engine {
    pub(super) async fn run_query(
        &self,
        call: &Call,
        at: Snapshot,
        journal: Option<&str>,
    ) -> Result<QueryRun, CallFailure> {
        let started = self.start();
        let ts = at.ts();
        let tx = self.db.begin(at.clone(), &call.path.udf_path());
        let mut ran = if call.path.is_system() {
            self.run_system(call, UdfKind::Query, tx).await?
        } else {
            self.run_anywhere(call, UdfKind::Query, at, tx, journal).await?
        };
        warnings::append(&mut ran, self.env.now_ns());
        let report = Report {
            lines: ran.host.lines.clone(),
            user_time: ran.user_time,
            usage: *ran.tx.usage(),
            ..Report::default()
        };
        self.log_completion(call, FunctionKind::Query, &self.execution_id(), started, &ran.outcome, report);
        Ok(finished(call, ran, ts))
    }

    /// Runs the query that `program` has at the path of `call`, which is not part of the app, on the newest snapshot.
    ///
    /// # Errors
    /// [`CallFailure`]; a query that fails has a result.
    pub async fn test_query(&self, call: &Call, program: Arc<Program>) -> Result<QueryResult, CallFailure> {
        let at = self.db.latest();
        let model = self.models.at(&self.db, &at).await?;
        let tx = self.db.begin(at.clone(), &call.path.udf_path());
        let ts = at.ts();
        let ran = self.execute(call, UdfKind::Query, Prepared { model, program }, at, tx, None).await?;
        let result = finished(call, ran, ts).into_result(self);
        self.emit_audit(call, &result.audit);
        Ok(result)
    }

    /// Runs a query or mutation of the app in `tx`.
    pub(super) async fn run_in(
        &self,
        call: &Call,
        kind: UdfKind,
        snapshot: Snapshot,
        mut tx: Transaction,
        journal: Option<String>,
    ) -> Result<Ran, CallFailure> {
        let function_kind = if kind == UdfKind::Mutation { FunctionKind::Mutation } else { FunctionKind::Query };
        let prepared = match self.prepare(call, function_kind, &snapshot, &mut tx).await {
            Ok(prepared) => prepared,
            Err(Refusal::Function(failure)) => return Ok(Ran::refused(failure, tx)),
            Err(Refusal::Call(failure)) => return Err(failure),
        };
        self.execute(call, kind, prepared, snapshot, tx, journal).await
    }

    /// Runs what was prepared.
    pub(super) async fn execute(
        &self,
        call: &Call,
        kind: UdfKind,
        prepared: Prepared,
        snapshot: Snapshot,
        tx: Transaction,
        journal: Option<String>,
    ) -> Result<Ran, CallFailure> {
        let context = self.context(call, &prepared, snapshot);
        let mut invocation = self.invocation(call, kind, &prepared);
        let before = tx.clone();
        let (mut outcome, mut ran) =
            self.run_invocation(&invocation, context.clone(), call, tx, journal.clone()).await?;
        if outcome.is_doubtful {
            invocation.is_again = true;
            let stored = ran.map(|(_, host)| host.stored).unwrap_or_default();
            (outcome, ran) = self.run_invocation(&invocation, context, call, before.clone(), journal).await?;
            if let Some((_, host)) = &mut ran {
                host.stored.extend(stored);
            }
        }
        // What a call has read that can't be stopped is not to be had: as if it had read nothing.
        let (tx, host) = ran.unwrap_or_else(|| (before, HostOutcome::default()));
        let result = match outcome.result {
            Ok(json) => {
                let placeholders = Placeholders::of(kind);
                let function = prepared.function(call);
                let tables = tables_of(&tx, &prepared.model, &call.path.component);
                check::result(function, &call.path, &json, placeholders, tx.limits().result_size, &tables)
                    .map(|()| Arc::from(json))
            }
            Err(failure) => match Refusal::of_js(failure) {
                Refusal::Function(failure) => Err(failure),
                Refusal::Call(failure) => return Err(failure),
            },
        };
        Ok(Ran { outcome: result, tx, host, observed: outcome.observed, user_time: outcome.user_time })
    }

    /// Without transaction: the call could not be stopped in its time.
    async fn run_invocation(
        &self,
        invocation: &Invocation,
        context: CallContext,
        call: &Call,
        tx: Transaction,
        journal: Option<String>,
    ) -> Result<(runtime::Outcome, Option<(Transaction, HostOutcome)>), CallFailure> {
        let host = TransactionHost::new(context, tx, call.path.clone(), invocation.kind, journal);
        let (outcome, host) = self.pool.run(invocation.clone(), host).await;
        match (host, &outcome.result) {
            (Some(host), _) => Ok((outcome, Some(host.finish()))),
            (None, Err(JsFailure { kind: FailureKind::Timeout, .. })) => Ok((outcome, None)),
            (None, Err(failure)) => Err(CallFailure::Internal(failure.message.clone())),
            (None, Ok(_)) => Err(CallFailure::Internal("a thread was lost".to_owned())),
        }
    }

    /// Runs one of the server's own functions: for admins; everybody else is told that there is none.
    pub(super) async fn run_system(&self, call: &Call, kind: UdfKind, mut tx: Transaction) -> Result<Ran, CallFailure> {
        if !call.identity.is_admin() {
            return Ok(Ran::refused(check::not_found(&call.path, check::Access::Public), tx));
        }
        if let Some(function) = SystemFunction::find(&call.path).filter(|function| function.kind() != kind) {
            let name = |kind| if kind == UdfKind::Mutation { FunctionKind::Mutation } else { FunctionKind::Query };
            let failure = check::wrong_kind(&call.path, name(kind), name(function.kind()));
            return Ok(Ran::refused(failure, tx));
        }
        tx.set_privileged(true);
        // As every function does: tables that are deleted are told of by it.
        deployment::read(&mut tx).await?;
        let context = SystemContext {
            component: &call.path.component,
            configured: self.models.configured(),
            nonce: self.env.random_u64(),
            cursor_key: &self.cursor_key,
            files: &self.files,
        };
        let outcome = match system::call(&context, &call.path, &call.args, &mut tx).await {
            Ok(value) => Ok(value.to_json().into()),
            Err(SystemError::NotFound { .. }) => Err(check::not_found(&call.path, access(call))),
            Err(error @ SystemError::Args(_)) => {
                Err(Failure::new(FunctionErrorKind::InvalidArguments, error.to_string()))
            }
            Err(SystemError::Refused(message)) => Err(Failure::new(FunctionErrorKind::Thrown, message)),
            Err(SystemError::Transaction(error)) => match Refusal::from(error) {
                Refusal::Function(failure) => Err(failure),
                Refusal::Call(failure) => return Err(failure),
            },
            Err(SystemError::Model(error)) => return Err(error.into()),
        };
        Ok(Ran {
            outcome,
            tx,
            host: HostOutcome::default(),
            observed: runtime::Observed::default(),
            user_time: std::time::Duration::ZERO,
        })
    }

    pub(super) fn context(&self, call: &Call, prepared: &Prepared, snapshot: Snapshot) -> CallContext {
        CallContext {
            db: self.db.clone(),
            snapshot,
            model: prepared.model.clone(),
            programs: self.programs.clone(),
            deployment: self.name.clone(),
            cursor_key: self.cursor_key.clone(),
            signer: self.signer.clone(),
            identity: call.identity.clone(),
            client: call.client.clone(),
            files: self.files.clone(),
            job: call.job,
            // Only the scheduler itself makes such a call; what its functions call comes from actions.
            own_job: call.job.filter(|_| call.caller == Caller::Scheduler).map(|job| job.id),
            request_id: call.request_id.clone(),
        }
    }
}

fn finished(call: &Call, ran: Ran, ts: Timestamp) -> QueryRun {
    let HostOutcome { lines, journal, observed_identity, observed_time, mut audit, .. } = ran.host;
    if ran.outcome.is_err() {
        audit.clear();
    }
    QueryRun {
        outcome: ran.outcome,
        request_id: call.request_id.clone(),
        lines,
        journal,
        reads: ran.tx.into_reads(),
        ts,
        observed: Observed {
            identity: observed_identity,
            time: observed_time || ran.observed.time,
            random: ran.observed.random,
        },
        audit,
    }
}
