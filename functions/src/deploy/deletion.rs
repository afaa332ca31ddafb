//! What administrators cancel and delete: scheduled functions, tables, components that are not mounted any more.
//!
//! A component goes in three steps, so that no commit is too large and nothing is left behind whatever happens in between:
//! its tables and the handles of its functions in one transaction, from which on it is *deleting*; then its files and
//! scheduled functions, some at a time; then its row. Whoever finds one that is being deleted goes on with it.

use lakewire_storage::catalog::{Namespace, SystemTable};
use lakewire_storage::commit::CommitError;
use lakewire_storage::database::Database;
use lakewire_storage::id::DocumentId;
use lakewire_storage::transaction::Transaction;
use serde::{Deserialize, Deserializer};
use serde_json::{Value as Json, json};

use super::error::PushError;
use super::read::namespace_of;
use crate::engine::Engine;
use crate::files::Files;
use crate::jobs::{self, JobsError, Waiting};
use crate::model::component::{self, ComponentRow, ComponentState};
use crate::model::rows::Row;
use crate::model::{audit, deployment, handles};
use crate::runtime::SyscallError;
use crate::system::ROOT_COMPONENT_ID;

/// How often a conflict is tried again.
const MAX_ATTEMPTS: usize = 64;
const SOURCE: &str = "_system/delete";

/// Cancels a scheduled function of a component. One that has ended stays as it is.
///
/// # Errors
/// `ComponentNotFound`, `InvalidArgument`, `ScheduledFunctionNotFound`; a failure of storage.
pub async fn cancel_job(engine: &Engine, component: Option<&str>, id: &str) -> Result<(), PushError> {
    let parsed = id.parse::<DocumentId>().ok().filter(|id| id.table == SystemTable::ScheduledFunctions.number());
    let parsed = parsed.ok_or_else(|| PushError::InvalidJobId { id: id.to_owned() })?;
    for _ in 0..MAX_ATTEMPTS {
        let mut tx = engine.db().begin(engine.db().head(), SOURCE);
        let namespace = namespace_of(&mut tx, component).await?;
        if jobs::arguments(&mut tx, namespace, parsed.internal).await?.is_none() {
            return Err(PushError::NoSuchJob { id: id.to_owned() });
        }
        jobs::cancel(&mut tx, namespace, id, None).await.map_err(internal)?;
        audit::append(&mut tx, "cancel_scheduled_function", &json!({"id": id, "component_id": component})).await?;
        if jobs::try_commit(engine.db(), tx).await? {
            return Ok(());
        }
    }
    Err(PushError::ConcurrentPush)
}

fn internal(error: SyscallError) -> PushError {
    PushError::Internal { reason: error.message }
}

/// Which scheduled functions to cancel: those that wait, of a component (the app by default), and further of one function
/// or due within a span of time.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelJobs {
    #[serde(default)]
    component_id: Option<String>,
    #[serde(default)]
    component_path: Option<String>,
    #[serde(default)]
    udf_path: Option<String>,
    /// Nanoseconds since 1970, inclusive.
    #[serde(default, deserialize_with = "nanoseconds")]
    start_next_ts: Option<i64>,
    /// Nanoseconds since 1970, exclusive.
    #[serde(default, deserialize_with = "nanoseconds")]
    end_next_ts: Option<i64>,
}

/// A number, or its decimal digits: JavaScript's numbers do not hold all nanoseconds of this century.
fn nanoseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let invalid = || serde::de::Error::custom("a time must be a whole number of nanoseconds");
    match Option::<Json>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Json::Number(n)) => n.as_i64().or(n.as_f64().map(|n| n as i64)).map(Some).ok_or_else(invalid),
        Some(Json::String(text)) => text.parse().map(Some).map_err(|_| invalid()),
        Some(_) => Err(invalid()),
    }
}

/// Cancels scheduled functions. Returns how many.
///
/// # Errors
/// `ComponentNotFound`; a failure of storage, when some may be canceled already.
pub async fn cancel_jobs(engine: &Engine, which: &CancelJobs) -> Result<usize, PushError> {
    let db = engine.db();
    let mut tx = db.begin(db.latest(), SOURCE);
    let namespace = match which.component_path.as_deref().filter(|path| !path.is_empty()) {
        Some(path) if which.component_id.is_none() => {
            let rows = component::read(&mut tx).await?;
            let found = rows.iter().find(|row| row.value.path == path).map(|row| row.value.namespace());
            found.ok_or_else(|| PushError::NoSuchComponent { id: path.to_owned() })?
        }
        _ => namespace_of(&mut tx, which.component_id.as_deref()).await?,
    };
    let span_ns = (which.start_next_ts.unwrap_or(i64::MIN), which.end_next_ts.unwrap_or(i64::MAX));
    let canceled = jobs::cancel_all(db, &Waiting { namespace, udf_path: which.udf_path.clone(), span_ns }).await?;
    let metadata = json!({
        "component_id": which.component_id, "component_path": which.component_path, "udf_path": which.udf_path,
        "canceled": canceled,
    });
    note(engine, "cancel_all_scheduled_functions", &metadata).await?;
    Ok(canceled)
}

/// Deletes all scheduled functions of a component, those that have ended too. Returns how many.
///
/// # Errors
/// `ComponentNotFound`; a failure of storage, when some may be deleted already.
pub async fn delete_jobs(engine: &Engine, component: Option<&str>) -> Result<usize, PushError> {
    let namespace = namespace_of(&mut engine.db().begin(engine.db().latest(), SOURCE), component).await?;
    let deleted = jobs::delete_all(engine.db(), namespace).await?;
    let metadata = json!({"component_id": component, "deleted": deleted});
    note(engine, "delete_scheduled_functions_table", &metadata).await?;
    Ok(deleted)
}

/// Appends to the audit log, after what it is about.
async fn note(engine: &Engine, action: &str, metadata: &Json) -> Result<(), PushError> {
    loop {
        let mut tx = engine.db().begin(engine.db().head(), SOURCE);
        audit::append(&mut tx, action, metadata).await?;
        if jobs::try_commit(engine.db(), tx).await? {
            return Ok(());
        }
    }
}

/// Deletes tables of a component with all that is in them, all or none.
///
/// # Errors
/// `ComponentNotFound`, `TableNotFound`; `TableInSchema` for one that the schema names; a failure of storage.
pub async fn delete_tables(engine: &Engine, component: Option<&str>, names: &[String]) -> Result<(), PushError> {
    for _ in 0..MAX_ATTEMPTS {
        let mut tx = engine.db().begin(engine.db().head(), SOURCE);
        let namespace = namespace_of(&mut tx, component).await?;
        crate::model::rows::record_read(&mut tx, SystemTable::Schemas)?;
        let schemas = tx.catalog().schemas(namespace).cloned().unwrap_or_default();
        let schemas: Vec<_> = schemas.active.iter().chain(&schemas.pending).map(|it| it.definition.clone()).collect();
        for name in names {
            let table =
                tx.catalog().table(namespace, name).filter(|table| !table.is_system()).map(|table| table.tablet);
            let table = table.ok_or_else(|| PushError::NoSuchTable { name: name.clone() })?;
            if schemas.iter().any(|schema| schema.tables.contains_key(name)) {
                return Err(PushError::TableInSchema { name: name.clone() });
            }
            tx.drop_table(table).await?;
        }
        // Whoever has read from them, or is about to write to them, hears of it by this.
        deployment::bump(&mut tx, engine.env().now_ns()).await?;
        audit::append(&mut tx, "delete_tables", &json!({"component_id": component, "table_names": names})).await?;
        if jobs::try_commit(engine.db(), tx).await? {
            return Ok(());
        }
    }
    Err(PushError::ConcurrentPush)
}

/// Deletes a component that is not mounted: its tables, files, scheduled functions, cron jobs and function handles. Those
/// inside it are components of their own, and stay.
///
/// # Errors
/// `ComponentNotFound`; `ComponentNotUnmounted`; a failure of storage, after which the rest is done in the background.
pub async fn delete_component(engine: &Engine, id: Option<&str>) -> Result<(), PushError> {
    let Some(id) = id.filter(|id| *id != ROOT_COMPONENT_ID) else { return Err(PushError::AppIsNoComponent) };
    let mut attempts = 0..MAX_ATTEMPTS;
    loop {
        attempts.next().ok_or(PushError::ConcurrentPush)?;
        let mut tx = engine.db().begin(engine.db().head(), SOURCE);
        let row = component::read(&mut tx).await?.into_iter().find(|row| row.id.to_string() == id);
        let row = row.ok_or_else(|| PushError::NoSuchComponent { id: id.to_owned() })?;
        match row.value.state {
            ComponentState::Unmounted => {}
            ComponentState::Deleting => break,
            ComponentState::Active | ComponentState::Pending => {
                return Err(PushError::ComponentMounted { path: row.value.path });
            }
        }
        begin_deletion(&mut tx, &row).await?;
        deployment::bump(&mut tx, engine.env().now_ns()).await?;
        let metadata = json!({"component_id": id, "component_path": row.value.path});
        audit::append(&mut tx, "delete_component", &metadata).await?;
        if jobs::try_commit(engine.db(), tx).await? {
            break;
        }
    }
    if let Err(error) = finish_deletions(engine.db()).await {
        super::work::kick(engine);
        return Err(error.into());
    }
    Ok(())
}

async fn begin_deletion(tx: &mut Transaction, row: &Row<ComponentRow>) -> Result<(), PushError> {
    let namespace = row.value.namespace();
    let tables: Vec<_> = tx.catalog().all_tables().filter(|table| table.namespace == namespace).cloned().collect();
    for table in tables {
        tx.drop_table(table.tablet).await?;
    }
    tx.forget_schemas(namespace).await?;
    crate::crons::apply(tx, namespace, &row.value.path, Vec::new()).await?;
    handles::forget(tx, &row.value.path).await?;
    let next = ComponentRow { state: ComponentState::Deleting, ..row.value.clone() };
    component::update(tx, row, &next).await?;
    Ok(())
}

/// Goes on with every deletion of a component that has begun, until it is done.
///
/// # Errors
/// When storage is out of reach. Repeating is right.
pub(super) async fn finish_deletions(db: &Database) -> Result<(), CommitError> {
    try_finish(db).await.map_err(|error| match error {
        JobsError::Commit(error) => error,
        error => CommitError::Unavailable(error.to_string()),
    })
}

async fn try_finish(db: &Database) -> Result<(), JobsError> {
    let rows = component::read(&mut db.begin(db.latest(), SOURCE)).await?;
    for row in rows.into_iter().filter(|row| row.value.state == ComponentState::Deleting) {
        let namespace: Namespace = row.value.namespace();
        jobs::delete_all(db, namespace).await?;
        Files::delete_all(db, namespace).await?;
        loop {
            let mut tx = db.begin(db.head(), SOURCE);
            component::delete(&mut tx, row.id).await?;
            if jobs::try_commit(db, tx).await? {
                break;
            }
        }
    }
    Ok(())
}
