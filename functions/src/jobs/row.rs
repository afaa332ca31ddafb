//! The two rows of a job.

use lakewire_storage::catalog::{Namespace, SystemTable};
use lakewire_storage::id::{DocumentId, InternalId};
use lakewire_storage::transaction::Transaction;
use lakewire_storage::value::Value;
use serde::{Deserialize, Serialize};

use super::lane::LaneName;
use crate::model::{ModelError, rows};
use crate::udf::{ComponentPath, FunctionPath, PathError};

const JOBS: SystemTable = SystemTable::ScheduledJobs;
const VISIBLE: SystemTable = SystemTable::ScheduledFunctions;

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum JobState {
    Pending,
    InProgress,
    Success,
    Failed,
    Canceled,
}

/// A row of `_scheduled_jobs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobRow {
    /// Of the component that scheduled it, whose `_scheduled_functions` has the row that apps see.
    pub namespace: Namespace,
    /// The component of the function.
    pub component: String,
    /// `module.js:export`.
    pub udf_path: String,
    pub state: JobState,
    /// Which of the queues it waits in, while it waits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lane: Option<LaneName>,
    /// When it is due while it waits, ms since the Unix epoch.
    pub next_ts: Option<f64>,
    /// When it came to its end, ms since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub completed_ts: Option<f64>,
    /// How often the server failed to run it.
    pub attempts: u32,
    /// The process that runs it, if it is an action that runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<String>,
}

impl JobRow {
    /// What is to be run.
    pub fn path(&self) -> Result<FunctionPath, PathError> {
        FunctionPath::parse_in(ComponentPath::parse(&self.component)?, &self.udf_path)
    }
}

/// The row of a job, recorded as read.
pub(crate) async fn read(tx: &mut Transaction, id: InternalId) -> Result<Option<JobRow>, ModelError> {
    rows::get(tx, JOBS, id).await
}

/// Writes both rows of a new job, and returns its id.
pub(super) async fn create(
    tx: &mut Transaction,
    row: &JobRow,
    args: Value,
    scheduled_ms: f64,
) -> Result<DocumentId, ModelError> {
    let internal = tx.new_system_id();
    let id = DocumentId { table: VISIBLE.number(), internal };
    let mut fields = lakewire_storage::catalog::Fields::new();
    fields.insert("name".to_owned(), row.udf_path.as_str().into());
    fields.insert("args".to_owned(), Value::Array(vec![args]));
    fields.insert("scheduledTime".to_owned(), scheduled_ms.into());
    fields.insert("state".to_owned(), visible_state(&row.state, None));
    if let Some(completed) = row.completed_ts {
        fields.insert("completedTime".to_owned(), completed.into());
    }
    rows::put_fields(tx, row.namespace, VISIBLE, internal, fields).await?;
    rows::replace(tx, JOBS, DocumentId { table: JOBS.number(), internal }, row).await?;
    Ok(id)
}

/// JSON text of the array of a job's arguments; `None` if its row is gone.
pub(crate) async fn arguments(
    tx: &mut Transaction,
    namespace: Namespace,
    id: InternalId,
) -> Result<Option<String>, ModelError> {
    let fields = rows::get_fields(tx, namespace, VISIBLE, id).await?;
    Ok(fields.and_then(|fields| fields.get("args").map(Value::to_json)))
}

/// Writes `row`, and its state into the row that apps see; `error` is why it failed.
pub(crate) async fn set_state(
    tx: &mut Transaction,
    id: InternalId,
    row: &JobRow,
    error: Option<&str>,
) -> Result<(), ModelError> {
    if let Some(mut fields) = rows::get_fields(tx, row.namespace, VISIBLE, id).await? {
        fields.insert("state".to_owned(), visible_state(&row.state, error));
        if let Some(completed) = row.completed_ts {
            fields.insert("completedTime".to_owned(), completed.into());
        }
        rows::put_fields(tx, row.namespace, VISIBLE, id, fields).await?;
    }
    rows::replace(tx, JOBS, DocumentId { table: JOBS.number(), internal: id }, row).await
}

/// Deletes both rows of a job of the component of `namespace`.
pub(super) async fn delete_in(tx: &mut Transaction, id: InternalId, namespace: Namespace) -> Result<(), ModelError> {
    rows::delete_in(tx, namespace, VISIBLE, id).await?;
    rows::delete_in(tx, Namespace::ROOT, JOBS, id).await
}

fn visible_state(state: &JobState, error: Option<&str>) -> Value {
    let kind = match state {
        JobState::Pending => "pending",
        JobState::InProgress => "inProgress",
        JobState::Success => "success",
        JobState::Failed => "failed",
        JobState::Canceled => "canceled",
    };
    let mut fields = lakewire_storage::catalog::Fields::from([("kind".to_owned(), kind.into())]);
    if *state == JobState::Failed {
        fields.insert("error".to_owned(), error.unwrap_or_default().into());
    }
    Value::Object(fields)
}
