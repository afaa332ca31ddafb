//! System functions about scheduled functions and cron jobs.

use lakewire_storage::catalog::{Namespace, SystemTable};
use lakewire_storage::id::DocumentId;
use lakewire_storage::transaction::Transaction;
use lakewire_storage::value::Value;
use serde_json::Value as Json;

use super::args::{Args, ArgsError};
use super::component::target;
use super::frontend::object;
use super::tables::page;
use super::{SystemContext, SystemError};
use crate::crons::{self, CronRow, RunRow};
use crate::jobs::{self, JobRow};
use crate::model::rows::{self, Row};

/// `paginatedScheduledJobs`: what waits, the next first. Arguments are asked for one by one, since they can be large.
pub(super) async fn scheduled_jobs(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    let opts = args.pagination()?;
    let path = args.optional_string("udfPath")?;
    args.none()?;
    // A cursor is the time that the next page begins after.
    let invalid = ArgsError::Mismatch { name: "cursor", validator: "v.union(v.string(), v.null())" };
    let from = match opts.cursor.as_deref() {
        None => f64::NEG_INFINITY,
        Some(text) => text.parse::<f64>().map_err(|_| invalid)?.next_up(),
    };
    let span = (from, f64::INFINITY);
    let most = opts.num_items.max(1);
    let found = rows::between::<JobRow>(tx, SystemTable::ScheduledJobs, "by_next_ts", &[], span, most).await?;
    let is_done = found.len() < most;
    let mut found = found;
    let last = found.last().and_then(|row| row.value.next_ts).unwrap_or(from);
    if !is_done {
        // Those of the same time belong to one page.
        found.retain(|row| row.value.next_ts != Some(last));
        let same = (last, last.next_up());
        found.extend(rows::between(tx, SystemTable::ScheduledJobs, "by_next_ts", &[], same, usize::MAX).await?);
    }
    let jobs = found.into_iter().filter_map(|row| scheduled_job_if(row, namespace, path.as_deref())).collect();
    Ok(page(jobs, is_done, last.to_string()))
}

fn scheduled_job_if(row: Row<JobRow>, namespace: Namespace, path: Option<&str>) -> Option<Value> {
    let is_wanted = path.is_none_or(|path| same_path(path, &row.value.udf_path)) && row.value.namespace == namespace;
    is_wanted.then(|| scheduled_job(row))
}

fn same_path(wanted: &str, path: &str) -> bool {
    let plain = |path: &str| path.replace(".js:", ":");
    plain(wanted) == plain(path)
}

fn scheduled_job(row: Row<JobRow>) -> Value {
    let id = DocumentId { table: SystemTable::ScheduledFunctions.number(), internal: row.id.internal };
    object([
        ("_id", id.to_string().into()),
        ("_creationTime", row.creation_time.into()),
        ("component", row.value.component.as_str().into()),
        ("udfPath", row.value.udf_path.into()),
        ("state", object([("type", "pending".into())])),
        ("nextTs", row.value.next_ts.map_or(Value::Null, nanoseconds)),
        ("udfArgs", Value::Null),
        ("argsId", id.to_string().into()),
    ])
}

/// `scheduler:getArgs`.
pub(super) async fn scheduled_args(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    let id = args.string("argsId")?;
    args.none()?;
    let Ok(parsed) = id.parse::<DocumentId>() else { return Ok(Value::Null) };
    let found = jobs::arguments(tx, namespace, parsed.internal).await?;
    Ok(found.map_or(Value::Null, |json| object([("_id", id.into()), ("args", Value::Bytes(json.into_bytes()))])))
}

/// `listCronJobs`.
pub(super) async fn cron_jobs(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    args.none()?;
    let listed = crons::list(tx, namespace).await?.into_iter().map(|listed| {
        let crons::Listed { cron, next, last_run } = listed;
        let id = cron.id.to_string();
        let next = next.map_or(
            Value::Null,
            |crons::NextRun { id: next, creation_time, prev_ts: prev, next_ts: at, state }| {
                object([
                    ("_id", next.to_string().into()),
                    ("_creationTime", creation_time.into()),
                    ("cronJobId", id.as_str().into()),
                    ("state", plain(&state)),
                    ("prevTs", prev.map_or(Value::Null, nanoseconds)),
                    // While it runs: the time of the run that it is.
                    ("nextTs", at.or(prev).map_or(Value::Null, nanoseconds)),
                ])
            },
        );
        object([
            ("_id", cron.id.to_string().into()),
            ("_creationTime", cron.creation_time.into()),
            ("name", cron.value.name.as_str().into()),
            ("cronSpec", spec_of(&cron.value)),
            ("nextRun", next),
            ("lastRun", last_run.map_or(Value::Null, run)),
        ])
    });
    Ok(Value::Array(listed.collect()))
}

/// `listCronJobRuns`.
pub(super) async fn cron_runs(
    context: &SystemContext<'_>,
    mut args: Args,
    tx: &mut Transaction,
) -> Result<Value, SystemError> {
    let namespace = target(context, &mut args, tx).await?.namespace;
    args.none()?;
    Ok(Value::Array(crons::runs(tx, namespace).await?.into_iter().map(run).collect()))
}

fn spec_of(cron: &CronRow) -> Value {
    spec(&cron.udf_path, &cron.args, &serde_json::from_str(&cron.schedule).unwrap_or_default())
}

/// The function, its arguments and the schedule, in the stored form that dashboards know.
pub(super) fn spec(udf_path: &str, args: &str, schedule: &Json) -> Value {
    let fields = schedule.as_object().into_iter().flatten().map(|(name, value)| {
        let day = || crons::DAYS.iter().position(|day| Some(*day) == value.as_str());
        match (name.as_str(), value) {
            ("dayOfWeek", _) => (name.clone(), day().map_or(Value::Null, |day| Value::Int64(day as i64))),
            ("cron", value) => ("cronExpr".to_owned(), plain(value)),
            (_, Json::Number(n)) => (name.clone(), Value::Int64(n.as_f64().unwrap_or_default() as i64)),
            (_, value) => (name.clone(), plain(value)),
        }
    });
    object([
        ("udfPath", udf_path.into()),
        ("udfArgs", Value::Bytes(args.as_bytes().to_vec())),
        ("cronSchedule", Value::Object(fields.collect())),
    ])
}

fn run(row: Row<RunRow>) -> Value {
    let RunRow { name, ts, udf_path, args, status, log_lines, is_truncated, execution_time, .. } = row.value;
    let status = match status.get("num_canceled").and_then(Json::as_f64) {
        Some(count) => object([("type", "canceled".into()), ("num_canceled", Value::Int64(count as i64))]),
        None => plain(&status),
    };
    let lines = log_lines.into_iter().map(Value::from).collect();
    object([
        ("_id", row.id.to_string().into()),
        ("_creationTime", row.creation_time.into()),
        ("name", name.into()),
        ("ts", nanoseconds(ts)),
        ("udfPath", udf_path.into()),
        ("udfArgs", Value::Bytes(args.into_bytes())),
        ("status", status),
        ("logLines", object([("logLines", Value::Array(lines)), ("isTruncated", is_truncated.into())])),
        ("executionTime", execution_time.into()),
    ])
}

fn plain(json: &Json) -> Value {
    Value::from_json_value(json).unwrap_or(Value::Null)
}

fn nanoseconds(ms: f64) -> Value {
    Value::Int64((ms * 1e6) as i64)
}
