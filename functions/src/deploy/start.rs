//! `start_push`, `evaluate_push` and `evaluate_schema`: evaluating a push and preparing its schema and indexes.

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value as Json, json};

use super::error::PushError;
use super::evaluate::{EvaluatedApp, evaluate};
use super::index_diff::IndexDiff;
use super::request::{StartPushRequest, validate};
use super::staged::{self, StagedPush};
use super::{prediction, preparation};
use crate::engine::Engine;
use crate::model::app::{AppModel, ModuleRow};
use crate::model::source::CONCURRENT_BLOBS;
use crate::model::{deployment, rows};

/// Evaluates a push, begins building its indexes and validating its schema, and keeps it for `finish_push`.
/// Answers the body of the response.
///
/// A dry run, or one for codegen, evaluates and compares only: it leaves no trace that functions or other pushes could see.
///
/// # Errors
/// See [`PushError`]. Nothing is left behind then but blobs of sources.
pub async fn start_push(engine: &Engine, request: StartPushRequest) -> Result<Json, PushError> {
    let request = validate(request)?;
    let live = !request.dry_run && !request.for_codegen;
    let mut tx = engine.db().begin(engine.db().latest(), "_system/start_push");
    let base_push = deployment::read(&mut tx).await?.push;
    let current = AppModel::load(&mut tx, engine.models().configured()).await?;
    let app = evaluate(engine, &current, request).await?;
    if live {
        store_sources(engine, &app).await?;
    }
    let prepared = preparation::prepare(engine, app.schema.as_ref(), live).await?;
    let push = StagedPush {
        id: staged::new_id(engine.env()),
        started_ms: engine.env().now_ns() / 1_000_000,
        finishable: live,
        base_push,
        env_vars: app.env_vars.clone(),
        modules: app.modules.values().map(|module| ModuleRow::new("", module)).collect(),
        udf_config: app.udf_config.clone(),
        auth: app.auth.clone(),
        schema: app.schema.as_ref().map(|schema| schema.to_json_value()),
        schema_id: prepared.schema_id.clone(),
        misfit: prepared.misfit.clone(),
        index_diff: prepared.diff.to_json(),
        warnings: app.warnings.clone(),
    };
    staged::save(&**engine.store(), engine.env(), &push).await?;
    super::work::kick(engine);
    Ok(json!({
        "environmentVariables": app.env_vars,
        "externalDepsId": null,
        "componentDefinitionPackages": {"": {}},
        "appAuth": app.auth,
        "analysis": {"": app.analysis_json()},
        "app": app.checked_component_json(),
        "schemaChange": schema_change(&prepared.diff, Some(&push)),
    }))
}

/// Evaluates a push and answers what it would change in the database. Writes nothing.
///
/// # Errors
/// As [`start_push`].
pub async fn evaluate_push(engine: &Engine, request: StartPushRequest) -> Result<Json, PushError> {
    let (app, mut tx) = evaluate_only(engine, request).await?;
    let diff = preparation::compare(&mut tx, app.schema.as_ref())?;
    Ok(json!({"schemaChange": schema_change(&diff, None)}))
}

/// Evaluates a push and predicts the work its schema causes, table by table and index by index. Writes nothing.
///
/// # Errors
/// As [`start_push`].
pub async fn evaluate_schema(engine: &Engine, request: StartPushRequest) -> Result<Json, PushError> {
    let (app, mut tx) = evaluate_only(engine, request).await?;
    let diff = preparation::compare(&mut tx, app.schema.as_ref())?;
    let root = prediction::predict(&mut tx, app.schema.as_ref(), &diff).await?;
    let fresh = rows::single::<Json>(&mut tx, lakewire_storage::catalog::SystemTable::UdfConfig).await?.is_none();
    Ok(json!({
        "componentSchemaEvaluations": {"": root},
        "newComponentDefinitions": if fresh { vec![""] } else { vec![] },
    }))
}

async fn evaluate_only(
    engine: &Engine,
    request: StartPushRequest,
) -> Result<(EvaluatedApp, lakewire_storage::transaction::Transaction), PushError> {
    let request = validate(request)?;
    let mut tx = engine.db().begin(engine.db().latest(), "_system/evaluate_push");
    let current = AppModel::load(&mut tx, engine.models().configured()).await?;
    Ok((evaluate(engine, &current, request).await?, tx))
}

async fn store_sources(engine: &Engine, app: &EvaluatedApp) -> Result<(), PushError> {
    let puts: Vec<_> = app
        .new_sources
        .iter()
        .map(|(path, text)| async move { engine.modules().put(path, &text.sha256(), text).await })
        .collect();
    Ok(stream::iter(puts).buffer_unordered(CONCURRENT_BLOBS).try_collect::<()>().await?)
}

/// `schemaChange`. The client echoes it; only `pushId` is looked at then.
fn schema_change(diff: &IndexDiff, push: Option<&StagedPush>) -> Json {
    json!({
        "allocatedComponentIds": {},
        "schemaIds": {"": push.and_then(|push| push.schema_id.as_deref())},
        "indexDiffs": {"": diff.to_json()},
        "pushId": push.map(|push| &push.id),
    })
}
