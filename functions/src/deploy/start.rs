//! `start_push`, `evaluate_push` and `evaluate_schema`: evaluating a push and preparing its schema and indexes.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use lakewire_storage::catalog::Namespace;
use serde_json::{Map, Value as Json, json};

use super::components::EvaluatedDefinition;
use super::error::PushError;
use super::evaluate::{EvaluatedApp, evaluate};
use super::preparation::Prepared;
use super::request::{StartPushRequest, validate};
use super::staged::{self, StagedComponent, StagedPush};
use super::tree::Instance;
use super::{prediction, preparation};
use crate::engine::Engine;
use crate::model::app::{AppModel, ModuleRow};
use crate::model::component::{self, DefinitionRow};
use crate::model::source::CONCURRENT_BLOBS;
use crate::model::{deployment, udf_config};

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
    let prepared = preparation::prepare(engine, &app, live).await?;
    let push = StagedPush {
        id: staged::new_id(engine.env()),
        started_ms: engine.env().now_ns() / 1_000_000,
        finishable: live,
        base_push,
        env_vars: app.env_vars.clone(),
        modules: module_rows(&app),
        udf_config: app.udf_config.clone(),
        auth: app.auth.clone(),
        schemas: schemas(&app),
        definitions: app.components.iter().map(definition_row).collect(),
        components: app
            .tree
            .all()
            .into_iter()
            .zip(&prepared)
            .map(|(of, prepared)| staged_component(of, prepared))
            .collect(),
    };
    staged::save(&**engine.store(), engine.env(), &push).await?;
    super::work::kick(engine);
    Ok(json!({
        "environmentVariables": app.env_vars,
        "externalDepsId": null,
        "componentDefinitionPackages": by_definition(&app, json!({}), |_| json!({})),
        "appAuth": app.auth,
        "analysis": by_definition(&app, app.analysis_json(), EvaluatedDefinition::analysis_json),
        "app": app.tree_json()?,
        "schemaChange": schema_change(&prepared, Some(&push.id)),
    }))
}

/// Evaluates a push and answers what it would change in the database. Writes nothing.
///
/// # Errors
/// As [`start_push`].
pub async fn evaluate_push(engine: &Engine, request: StartPushRequest) -> Result<Json, PushError> {
    let (app, _) = evaluate_only(engine, request).await?;
    let prepared = preparation::prepare(engine, &app, false).await?;
    Ok(json!({"schemaChange": schema_change(&prepared, None)}))
}

/// Evaluates a push and predicts the work its schema causes, table by table and index by index. Writes nothing.
///
/// # Errors
/// As [`start_push`].
pub async fn evaluate_schema(engine: &Engine, request: StartPushRequest) -> Result<Json, PushError> {
    let (app, mut tx) = evaluate_only(engine, request).await?;
    let namespaces = preparation::namespaces(&mut tx).await?;
    let mut evaluations = Map::new();
    for instance in app.tree.all() {
        let schema = app.schema_of(&instance.definition);
        let namespace = namespaces.get(&instance.path).copied().unwrap_or(Namespace::NONE);
        let diff = preparation::compare(&mut tx, namespace, schema)?;
        let predicted = prediction::predict(&mut tx, namespace, &instance.definition, schema, &diff).await?;
        evaluations.insert(instance.path.to_string(), predicted);
    }
    let fresh = udf_config::read(&mut tx).await?.is_none();
    let deployed: Vec<String> = component::definition_rows(&mut tx).await?.into_iter().map(|row| row.path).collect();
    let paths = app.components.iter().map(|definition| definition.path.as_str());
    let new = paths.filter(|path| !deployed.iter().any(|known| known == path)).chain(fresh.then_some(""));
    Ok(json!({
        "componentSchemaEvaluations": evaluations,
        "newComponentDefinitions": new.collect::<Vec<_>>(),
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
        .chain(app.components.iter().flat_map(|definition| &definition.new_sources))
        .map(|(path, text)| async move { engine.modules().put(path, &text.sha256(), text).await })
        .collect();
    Ok(stream::iter(puts).buffer_unordered(CONCURRENT_BLOBS).try_collect::<()>().await?)
}

fn module_rows(app: &EvaluatedApp) -> Vec<ModuleRow> {
    let own = app.modules.values().map(|module| ModuleRow::new("", module));
    let components = app.components.iter();
    own.chain(components.flat_map(|of| of.modules.values().map(|module| ModuleRow::new(&of.path, module)))).collect()
}

/// The schemas by path of their definition.
fn schemas(app: &EvaluatedApp) -> BTreeMap<String, Json> {
    let paths = app.components.iter().map(|definition| definition.path.as_str()).chain([""]);
    paths.filter_map(|path| Some((path.to_owned(), app.schema_of(path)?.to_json_value()))).collect()
}

fn definition_row(definition: &EvaluatedDefinition) -> DefinitionRow {
    DefinitionRow {
        path: definition.path.clone(),
        server_version: definition.server_version.clone(),
        definition: definition.definition.to_string(),
    }
}

fn staged_component(instance: &Instance, prepared: &Prepared) -> StagedComponent {
    StagedComponent {
        path: instance.path.to_string(),
        definition: instance.definition.clone(),
        namespace: prepared.namespace,
        http_prefix: instance.http_prefix.clone(),
        env: instance.env.clone(),
        schema_id: prepared.schema_id.clone(),
        misfit: prepared.misfit.clone(),
        index_diff: prepared.diff.to_json(),
    }
}

/// An object with a field for the app and one for every component definition.
fn by_definition(app: &EvaluatedApp, root: Json, of: impl Fn(&EvaluatedDefinition) -> Json) -> Json {
    let components = app.components.iter().map(|definition| (definition.path.clone(), of(definition)));
    Json::Object(components.chain([(String::new(), root)]).collect())
}

/// `schemaChange`. The client echoes it; only `pushId` is looked at then.
fn schema_change(prepared: &[Prepared], push: Option<&String>) -> Json {
    let of = |value: &dyn Fn(&Prepared) -> Json| -> Map<String, Json> {
        prepared.iter().map(|component| (component.path.to_string(), value(component))).collect()
    };
    let new = prepared.iter().filter_map(|component| Some((component.path.to_string(), component.allocated?)));
    json!({
        "allocatedComponentIds": new.map(|(path, id)| (path, id.to_string().into())).collect::<Map<_, _>>(),
        "schemaIds": of(&|component| json!(component.schema_id)),
        "indexDiffs": of(&|component| component.diff.to_json()),
        "pushId": push,
    })
}
