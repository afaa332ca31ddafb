//! Bringing the rows of cron jobs in line with what a push has.

use std::collections::BTreeMap;

use lakewire_storage::catalog::{Namespace, SystemTable};
use lakewire_storage::transaction::Transaction;
use serde::Serialize;

use super::row::{self, CronRow, NextRow};
use super::{CronSpec, Schedule};
use crate::model::{ModelError, rows};

/// Names of cron jobs, as the CLI prints them after a push.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct CronDiff {
    pub added: Vec<String>,
    pub updated: Vec<String>,
    pub deleted: Vec<String>,
}

/// Makes the cron jobs of a component equal `specs`. The time of the next run changes only with the schedule.
///
/// # Errors
/// A failure of storage.
pub(crate) async fn apply(
    tx: &mut Transaction,
    namespace: Namespace,
    component: &str,
    specs: Vec<CronSpec>,
) -> Result<CronDiff, ModelError> {
    let now = (tx.env().now_ns() / 1_000_000) as f64;
    let mut diff = CronDiff::default();
    let mut wanted: BTreeMap<String, CronSpec> = specs.into_iter().map(|spec| (spec.name.clone(), spec)).collect();
    for cron in row::of(tx, namespace).await? {
        let Some(spec) = wanted.remove(&cron.value.name) else {
            row::delete(tx, &cron).await?;
            diff.deleted.push(cron.value.name);
            continue;
        };
        let next = to_row(namespace, component, spec);
        if next == cron.value {
            continue;
        }
        if next.schedule != cron.value.schedule {
            reschedule(tx, &cron, &next, now).await?;
        }
        rows::replace(tx, SystemTable::CronJobs, cron.id, &next).await?;
        diff.updated.push(next.name);
    }
    for (name, spec) in wanted {
        let cron = to_row(namespace, component, spec);
        let id = rows::insert(tx, SystemTable::CronJobs, &cron).await?;
        let (next_ts, prev_ts, owner) = (first(&cron, now), None, None);
        let next = NextRow { cron_job_id: id.to_string(), next_ts, prev_ts, owner, attempts: 0 };
        rows::insert(tx, SystemTable::CronNextRun, &next).await?;
        diff.added.push(name);
    }
    diff.updated.sort();
    diff.deleted.sort();
    Ok(diff)
}

/// Computes the next run anew. A run under way does that at its end, by the schedule that is then in force.
async fn reschedule(tx: &mut Transaction, cron: &row::Cron, new: &CronRow, now: f64) -> Result<(), ModelError> {
    let Some(mut next) = row::next_of(tx, cron.id).await? else { return Ok(()) };
    if next.value.owner.is_none() {
        next.value.next_ts = first(new, now);
        next.value.attempts = 0;
        rows::replace(tx, SystemTable::CronNextRun, next.id, &next.value).await?;
    }
    Ok(())
}

fn first(cron: &CronRow, now: f64) -> Option<f64> {
    cron.schedule().and_then(|schedule| schedule.first(now))
}

impl CronRow {
    /// When it runs; `None` if this version cannot read what an earlier one wrote.
    pub(super) fn schedule(&self) -> Option<Schedule> {
        let json = serde_json::from_str(&self.schedule).ok()?;
        Schedule::parse(&json, &self.name).ok()
    }
}

fn to_row(namespace: Namespace, component: &str, spec: CronSpec) -> CronRow {
    let CronSpec { name, udf_path, args, schedule } = spec;
    CronRow { namespace, component: component.to_owned(), name, udf_path, args, schedule: schedule.to_string() }
}
