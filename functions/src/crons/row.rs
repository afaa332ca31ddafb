//! The rows of cron jobs.

use lakewire_storage::catalog::{Namespace, SystemTable};
use lakewire_storage::id::DocumentId;
use lakewire_storage::transaction::Transaction;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::model::{ModelError, rows};

const JOBS: SystemTable = SystemTable::CronJobs;
const NEXT: SystemTable = SystemTable::CronNextRun;
const RUNS: SystemTable = SystemTable::CronJobLogs;

/// A row of `_cron_jobs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CronRow {
    /// Of the component whose `crons.js` has it.
    pub namespace: Namespace,
    /// The path of that component.
    pub component: String,
    pub name: String,
    /// `module.js:export`.
    pub udf_path: String,
    /// JSON text of the array of encoded arguments.
    pub args: String,
    /// JSON text, as the client package writes it.
    pub schedule: String,
}

/// A row of `_cron_next_run`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NextRow {
    pub cron_job_id: String,
    /// When it is due, ms; null while it runs, and if there is no next time.
    pub next_ts: Option<f64>,
    /// The time of the run under way, or else of the last one, ms.
    pub prev_ts: Option<f64>,
    /// The process that runs it, if it is an action that runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<String>,
    /// How often the server failed to run it.
    #[serde(default)]
    pub attempts: u32,
}

/// A row of `_cron_job_logs`: one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunRow {
    pub cron_job_id: String,
    pub name: String,
    /// The time it was due, ms.
    pub ts: f64,
    pub udf_path: String,
    /// JSON text of the array of encoded arguments.
    pub args: String,
    /// `{type: "success", result}`, `{type: "err", error}` or `{type: "canceled", num_canceled}`.
    pub status: Json,
    pub log_lines: Vec<String>,
    pub is_truncated: bool,
    /// Seconds.
    pub execution_time: f64,
}

pub(super) type Cron = rows::Row<CronRow>;
pub(super) type Next = rows::Row<NextRow>;

/// The cron jobs of a component.
pub(super) async fn of(tx: &mut Transaction, namespace: Namespace) -> Result<Vec<Cron>, ModelError> {
    let mut found = rows::scan::<CronRow>(tx, JOBS).await?;
    found.retain(|cron| cron.value.namespace == namespace);
    Ok(found)
}

pub(super) async fn next_of(tx: &mut Transaction, cron: DocumentId) -> Result<Option<Next>, ModelError> {
    Ok(rows::find(tx, NEXT, "by_cron_job", &[cron.to_string().into()]).await?.pop())
}

/// Runs of the job of a name, oldest first.
async fn runs_of(tx: &mut Transaction, name: &str, cron: DocumentId) -> Result<Vec<rows::Row<RunRow>>, ModelError> {
    let mut found = rows::find::<RunRow>(tx, RUNS, "by_name", &[name.into()]).await?;
    let id = cron.to_string();
    found.retain(|run| run.value.cron_job_id == id);
    Ok(found)
}

/// Remembers a run, and forgets those before the last few.
pub(super) async fn remember(tx: &mut Transaction, cron: DocumentId, run: &RunRow) -> Result<(), ModelError> {
    let kept = tx.limits().cron_history.saturating_sub(1);
    let before = runs_of(tx, &run.name, cron).await?;
    for old in before.iter().take(before.len().saturating_sub(kept)) {
        rows::delete(tx, RUNS, old.id).await?;
    }
    rows::insert(tx, RUNS, run).await.map(drop)
}

/// Deletes everything about a job.
pub(super) async fn delete(tx: &mut Transaction, cron: &Cron) -> Result<(), ModelError> {
    if let Some(next) = next_of(tx, cron.id).await? {
        rows::delete(tx, NEXT, next.id).await?;
    }
    for run in runs_of(tx, &cron.value.name, cron.id).await? {
        rows::delete(tx, RUNS, run.id).await?;
    }
    rows::delete(tx, JOBS, cron.id).await
}

/// The cron jobs of a component in the form that dashboards know, without the numbers that JSON has not: times are ms.
pub(crate) async fn list(tx: &mut Transaction, namespace: Namespace) -> Result<Vec<Listed>, ModelError> {
    let mut listed = Vec::new();
    for cron in of(tx, namespace).await? {
        let next = next_of(tx, cron.id).await?;
        let last_run = runs_of(tx, &cron.value.name, cron.id).await?.pop();
        let next = next.map(|next| {
            let is_running = next.value.next_ts.is_none() && next.value.owner.is_some();
            let state = json!({"type": if is_running { "inProgress" } else { "pending" }});
            let NextRow { prev_ts, next_ts, .. } = next.value;
            NextRun { id: next.id, creation_time: next.creation_time, prev_ts, next_ts, state }
        });
        listed.push(Listed { cron, next, last_run });
    }
    Ok(listed)
}

/// A cron job with its next and its last run.
pub(crate) struct Listed {
    pub cron: Cron,
    pub next: Option<NextRun>,
    pub last_run: Option<rows::Row<RunRow>>,
}

/// When a cron job runs next; the row of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NextRun {
    pub id: DocumentId,
    pub creation_time: f64,
    /// The run under way, or else the last one, ms.
    pub prev_ts: Option<f64>,
    /// The next one, ms.
    pub next_ts: Option<f64>,
    /// `{type: "pending" | "inProgress"}`.
    pub state: Json,
}

/// The remembered runs of all cron jobs of a component.
pub(crate) async fn runs(tx: &mut Transaction, namespace: Namespace) -> Result<Vec<rows::Row<RunRow>>, ModelError> {
    let mut all = Vec::new();
    for cron in of(tx, namespace).await? {
        all.extend(runs_of(tx, &cron.value.name, cron.id).await?);
    }
    Ok(all)
}
