//! `wait_for_schema`: how far the validation and the index backfills of a push are.

use std::collections::BTreeMap;
use std::time::Duration;

use lakewire_storage::catalog::{SchemaState, SystemTable};
use lakewire_storage::commit::CommitStream;
use lakewire_storage::state::Snapshot;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::error::PushError;
use super::finish::EchoedSchemaChange;
use super::preparation::{self, wanted_indexes};
use super::staged::{self, StagedComponent, StagedPush};
use crate::engine::Engine;

/// The body. Of the echoed `schemaChange` only the push id is looked at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WaitForSchemaRequest {
    schema_change: EchoedSchemaChange,
    #[serde(default = "default_timeout_ms")]
    timeout_ms: u64,
}

fn default_timeout_ms() -> u64 {
    10_000
}

/// Longest wait of one request.
const MAX_TIMEOUT_MS: u64 = 60_000;

/// Where a push stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Status {
    /// By component path.
    InProgress(BTreeMap<String, Progress>),
    Failed {
        component_path: String,
        error: String,
        table_name: Option<String>,
    },
    RaceDetected,
    Complete,
}

/// How far one component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    schema_validation_complete: bool,
    indexes_complete: usize,
    indexes_total: usize,
}

impl Progress {
    fn is_complete(self) -> bool {
        self.schema_validation_complete && self.indexes_complete == self.indexes_total
    }

    fn to_json(self) -> Json {
        json!({
            "schemaValidationComplete": self.schema_validation_complete,
            "indexesComplete": self.indexes_complete,
            "indexesTotal": self.indexes_total,
        })
    }
}

impl Status {
    fn to_json(&self) -> Json {
        match self {
            Status::InProgress(components) => {
                let components: Map<_, _> =
                    components.iter().map(|(path, progress)| (path.clone(), progress.to_json())).collect();
                json!({"type": "inProgress", "components": components})
            }
            Status::Failed { component_path, error, table_name } => {
                json!({"type": "failed", "error": error, "componentPath": component_path, "tableName": table_name})
            }
            Status::RaceDetected => json!({"type": "raceDetected"}),
            Status::Complete => json!({"type": "complete"}),
        }
    }
}

/// Answers at once if there is nothing to wait for, else when something changes or the time is up.
///
/// # Errors
/// `RaceDetected` for an unknown push; a failure of storage.
pub async fn wait_for_schema(engine: &Engine, request: WaitForSchemaRequest) -> Result<Json, PushError> {
    let id = request.schema_change.push_id.unwrap_or_default();
    let push = staged::load(&**engine.store(), engine.env(), &id).await?;
    // Whoever began the work may be gone.
    super::work::kick(engine);
    let mut commits = engine.db().commits();
    let first = status(&engine.db().latest(), engine, &push).await?;
    if !matches!(first, Status::InProgress(_)) {
        return Ok(first.to_json());
    }
    let timeout = Duration::from_millis(request.timeout_ms.min(MAX_TIMEOUT_MS));
    let changed = engine.env().timeout(timeout, change(engine, &push, &first, &mut commits)).await;
    Ok(changed.unwrap_or(Ok(first))?.to_json())
}

/// The first status other than `known`.
async fn change(
    engine: &Engine,
    push: &StagedPush,
    known: &Status,
    commits: &mut CommitStream,
) -> Result<Status, PushError> {
    let tables = [SystemTable::Schemas.tablet(), SystemTable::Indexes.tablet()];
    while let Some(batch) = commits.next().await {
        if !batch.transactions.iter().flat_map(|tx| &tx.writes).any(|write| tables.contains(&write.table)) {
            continue;
        }
        let now = status(&engine.db().latest(), engine, push).await?;
        if now != *known {
            return Ok(now);
        }
    }
    Err(PushError::Internal { reason: "the database is closed".to_owned() })
}

async fn status(snapshot: &Snapshot, engine: &Engine, push: &StagedPush) -> Result<Status, PushError> {
    let mut components = BTreeMap::new();
    for component in &push.components {
        match status_of(snapshot, engine, push, component).await? {
            Ok(progress) => components.insert(component.path.clone(), progress),
            Err(end) => return Ok(end),
        };
    }
    let complete = components.values().all(|progress| progress.is_complete());
    Ok(if complete { Status::Complete } else { Status::InProgress(components) })
}

/// How far a component is, or the end of the whole push.
async fn status_of(
    snapshot: &Snapshot,
    engine: &Engine,
    push: &StagedPush,
    component: &StagedComponent,
) -> Result<Result<Progress, Status>, PushError> {
    let mut tx = engine.db().begin(snapshot.clone(), "_system/wait_for_schema");
    let schema_validation_complete = match preparation::schema_state(&mut tx, component).await? {
        None | Some(SchemaState::Validated | SchemaState::Active) => true,
        Some(SchemaState::Pending) => false,
        Some(SchemaState::Failed { error, table_name }) => {
            return Ok(Err(Status::Failed { component_path: component.path.clone(), error, table_name }));
        }
        Some(SchemaState::Overwritten) => return Ok(Err(Status::RaceDetected)),
    };
    let schema = preparation::schema_of(push, component)?;
    let wanted = match &schema {
        // Dry runs build no indexes.
        Some(schema) if push.finishable => wanted_indexes(schema),
        _ => Vec::new(),
    };
    let waited_for: Vec<_> = wanted.into_iter().filter(|spec| !spec.staged).collect();
    let mut indexes_complete = 0;
    for spec in &waited_for {
        match preparation::progress(snapshot.catalog(), component.namespace, spec) {
            Some(true) => indexes_complete += 1,
            Some(false) => {}
            // Another push took it away.
            None => return Ok(Err(Status::RaceDetected)),
        }
    }
    Ok(Ok(Progress { schema_validation_complete, indexes_complete, indexes_total: waited_for.len() }))
}
