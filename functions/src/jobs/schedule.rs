//! `ctx.scheduler`: making and cancelling jobs, in whatever transaction.

use std::borrow::Cow;

use lakewire_storage::catalog::{Namespace, SystemTable};
use lakewire_storage::id::DocumentId;
use lakewire_storage::limits::Limits;
use lakewire_storage::transaction::Transaction;
use lakewire_storage::value::Value;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::lane::LaneName;
use super::row::{self, JobRow, JobState};
use crate::model::AppModel;
use crate::runtime::SyscallError;
use crate::udf::host::{developer, model_error};
use crate::udf::{FunctionPath, JobRef, check};

const API: &str = "ctx.scheduler.runAfter";

/// Arguments of `1.0/schedule`, but for which function.
#[derive(Deserialize)]
pub(crate) struct ScheduleArgs<'a> {
    /// Seconds since the Unix epoch.
    pub ts: f64,
    #[serde(borrow)]
    pub args: &'a RawValue,
}

/// Arguments of `1.0/cancel_job`.
#[derive(Deserialize)]
pub(crate) struct CancelArgs<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
}

/// What one transaction has scheduled. What was rolled back counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct JobUsage {
    pub functions: usize,
    /// Size of the arguments.
    pub bytes: usize,
}

impl JobUsage {
    /// Counts one more function; it stays counted if that is too much.
    ///
    /// # Errors
    /// `TooManyFunctionsScheduled`, `ScheduledFunctionsArgumentsTooLarge`.
    fn add(&mut self, bytes: usize, limits: &Limits) -> Result<(), SyscallError> {
        self.functions += 1;
        self.bytes += bytes;
        if self.functions > limits.functions_scheduled {
            let message = format!("a mutation can schedule at most {} functions", limits.functions_scheduled);
            return Err(developer("TooManyFunctionsScheduled", message));
        }
        let too_large = |what: &str, actual: usize, limit: usize| {
            let message = format!("{what} are too large (actual: {actual} bytes, limit: {limit} bytes)");
            developer("ScheduledFunctionsArgumentsTooLarge", message)
        };
        if bytes > limits.scheduled_argument_size {
            return Err(too_large("the arguments of a scheduled function", bytes, limits.scheduled_argument_size));
        }
        if self.bytes > limits.scheduled_arguments_size {
            let what = "the arguments of all functions that this mutation has scheduled";
            return Err(too_large(what, self.bytes, limits.scheduled_arguments_size));
        }
        Ok(())
    }
}

/// Schedules the function at `path` for the component of `namespace`. A job whose `parent` was canceled is canceled itself.
///
/// # Errors
/// `InvalidScheduledFunctionDelay`, `InvalidScheduledFunction`, `InvalidArgument`, those of [`JobUsage::add`].
pub(crate) async fn insert(
    tx: &mut Transaction,
    model: &AppModel,
    namespace: Namespace,
    path: &FunctionPath,
    args: &ScheduleArgs<'_>,
    parent: Option<JobRef>,
    usage: &mut JobUsage,
) -> Result<DocumentId, SyscallError> {
    let limits = tx.limits().clone();
    let now_ms = now_ms(tx);
    let scheduled_ms = args.ts * 1e3;
    let distance = (scheduled_ms - now_ms).abs();
    if distance.is_nan() || distance > limits.schedule_distance_ms as f64 {
        let days = limits.schedule_distance_ms / 86_400_000;
        let message = format!("a function can be scheduled at most {days} days in the past or in the future");
        return Err(developer("InvalidScheduledFunctionDelay", message));
    }
    let Some(function) = check::lookup(model, path) else {
        let message = format!("cannot schedule `{path}`: there is no such function");
        return Err(developer("InvalidScheduledFunction", message));
    };
    let invalid =
        |reason: String| developer("InvalidArgument", format!("Invalid argument `args` for `{API}`: {reason}"));
    let value = Value::from_json(args.args.get()).map_err(|error| invalid(error.to_string()))?;
    if !matches!(value, Value::Object(_)) {
        return Err(invalid(format!("arguments must be an object, not {}", value.type_name())));
    }
    usage.add(value.size(), &limits)?;
    let is_canceled = match parent {
        Some(parent) => {
            let parent = row::read(tx, parent.id.internal).await.map_err(model_error)?;
            parent.is_some_and(|parent| parent.state == JobState::Canceled)
        }
        None => false,
    };
    let pending = |value| if is_canceled { None } else { Some(value) };
    let job = JobRow {
        namespace,
        component: path.component.to_string(),
        udf_path: format!("{}:{}", path.module, path.export),
        state: if is_canceled { JobState::Canceled } else { JobState::Pending },
        lane: if is_canceled { None } else { Some(LaneName::of(Some(function.kind))) },
        next_ts: pending(scheduled_ms.max(now_ms)),
        completed_ts: is_canceled.then_some(now_ms),
        attempts: 0,
        owner: None,
    };
    row::create(tx, &job, value, scheduled_ms).await.map_err(model_error)
}

/// Cancels a job of the component of `namespace`. One that has ended, or is long gone, stays as it is.
///
/// # Errors
/// `InvalidArgument` if `id` is not one of a scheduled function; `ScheduledFunctionCancelingItself` if it is `own`, the job
/// that the transaction is part of.
pub(crate) async fn cancel(
    tx: &mut Transaction,
    namespace: Namespace,
    id: &str,
    own: Option<DocumentId>,
) -> Result<(), SyscallError> {
    let id = id.parse::<DocumentId>().ok().filter(|id| id.table == SystemTable::ScheduledFunctions.number());
    let Some(id) = id else {
        let message = "Invalid argument `id` for `ctx.scheduler.cancel`: it is not the id of a scheduled function";
        return Err(developer("InvalidArgument", message));
    };
    if own == Some(id) {
        let message = "a scheduled mutation cannot cancel itself: throw an error instead";
        return Err(developer("ScheduledFunctionCancelingItself", message));
    }
    let now_ms = now_ms(tx);
    let job = row::read(tx, id.internal).await.map_err(model_error)?;
    let Some(mut job) = job.filter(|job| job.namespace == namespace) else { return Ok(()) };
    if !matches!(job.state, JobState::Pending | JobState::InProgress) {
        return Ok(());
    }
    job.end(JobState::Canceled, now_ms);
    row::set_state(tx, id.internal, &job, None).await.map_err(model_error)
}

impl JobRow {
    /// Brings the job to its end.
    pub(crate) fn end(&mut self, state: JobState, now_ms: f64) {
        self.state = state;
        self.completed_ts = Some(now_ms);
        (self.next_ts, self.lane, self.owner) = (None, None, None);
    }
}

pub(super) fn now_ms(tx: &Transaction) -> f64 {
    (tx.env().now_ns() / 1_000_000) as f64
}
