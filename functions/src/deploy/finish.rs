//! `finish_push`: making a started push the deployed app, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use lakewire_storage::commit::CommitError;
use lakewire_storage::transaction::Transaction;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::definition::EnvDeclarations;
use super::error::PushError;
use super::evaluate::build_program;
use super::preparation;
use super::staged::{self, StagedPush};
use crate::engine::Engine;
use crate::model::app::{self, AppModel};
use crate::model::{AuthProvider, UdfConfig, audit, auth, deployment, env_vars, udf_config};

/// The body. `startPush` is what `start_push` answered; only the push id in it is looked at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FinishPushRequest {
    start_push: EchoedStartPush,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EchoedStartPush {
    schema_change: EchoedSchemaChange,
}

/// The part of an echoed `schemaChange` that is looked at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EchoedSchemaChange {
    #[serde(default)]
    pub push_id: Option<String>,
}

/// How often a conflict with unrelated writes to system tables is tried again.
const MAX_ATTEMPTS: usize = 16;

/// Makes a push live. Answers the diff the CLI prints.
///
/// # Errors
/// `RaceDetected` if the environment variables or the deployed app changed since the start, or if the push is unknown;
/// `MissingEnvironmentVariables`; `ConcurrentPush` under too much contention. Nothing has changed then.
pub async fn finish_push(engine: &Engine, request: FinishPushRequest) -> Result<Json, PushError> {
    if request.dry_run {
        return Ok(json!({"authDiff": {"added": [], "removed": []}, "definitionDiffs": {}, "componentDiffs": {}}));
    }
    let id = request.start_push.schema_change.push_id.unwrap_or_default();
    let push = staged::load(&**engine.store(), engine.env(), &id).await?;
    if !push.finishable {
        return Err(PushError::InvalidConfig {
            reason: "a dry run or a push for codegen cannot be finished".to_owned(),
        });
    }
    for _ in 0..MAX_ATTEMPTS {
        let mut tx = engine.db().begin(engine.db().latest(), "_system/finish_push");
        let diff = apply(engine, &mut tx, &push, request.message.as_deref()).await?;
        // Built before it is live, so that the first call after the push does not wait for it.
        let model = AppModel::load(&mut tx, engine.models().configured()).await?;
        build_program(engine, &model).await?;
        match engine.db().commit(tx).await {
            Ok(_) => {
                staged::forget(&**engine.store(), &push.id).await;
                super::warnings::log(engine, &push.warnings);
                super::work::kick(engine);
                return Ok(diff);
            }
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(PushError::ConcurrentPush)
}

/// Writes everything the push changes into `tx`.
async fn apply(
    engine: &Engine,
    tx: &mut Transaction,
    push: &StagedPush,
    message: Option<&str>,
) -> Result<Json, PushError> {
    let race = |reason: &str| PushError::RaceDetected { reason: reason.to_owned() };
    let mut row = deployment::read(tx).await?;
    if row.push != push.base_push {
        return Err(race("another push finished since this one started"));
    }
    let env = env_vars::read(tx).await?;
    if env != push.env_vars {
        return Err(race("environment variables changed during the push"));
    }
    check_env(&push.udf_config, &env)?;

    let previous = udf_config::read(tx).await?;
    udf_config::write(tx, &push.udf_config).await?;
    let auth_diff = write_auth(tx, &push.auth).await?;
    let modules = push
        .modules
        .iter()
        .map(|row| {
            let module = row.clone().parse().map_err(|error| PushError::Internal { reason: error.to_string() })?;
            Ok((module.path.clone(), std::sync::Arc::new(module)))
        })
        .collect::<Result<BTreeMap<_, _>, PushError>>()?;
    let crons = cron_diff(&app::read_modules(tx, "").await?, &modules);
    let module_diff = app::write_modules(tx, &push.modules).await?.remove("").unwrap_or_default();
    let schema_diff = preparation::activate(tx, push).await?;

    row.push = Some(push.id.clone());
    deployment::write_next(tx, engine.env().now_ns(), row).await?;

    let component = json!({
        "diffType": {"type": if previous.is_some() { "modify" } else { "create" }},
        "moduleDiff": module_diff,
        "udfConfigDiff": version_diff(previous.as_ref(), &push.udf_config),
        "cronDiff": crons,
        "indexDiff": push.index_diff,
        "schemaDiff": schema_diff,
    });
    audit::append(
        tx,
        "push_config_with_components",
        &json!({
            "auth_diff": auth_diff,
            "component_diffs": [{"component_path": null, "component_diff": component}],
            "message": message,
        }),
    )
    .await?;
    Ok(json!({"authDiff": auth_diff, "definitionDiffs": {"": {}}, "componentDiffs": {"": component}}))
}

fn check_env(config: &UdfConfig, env: &BTreeMap<String, String>) -> Result<(), PushError> {
    let definition: Json = serde_json::from_str(&config.definition).unwrap_or_default();
    let declared = EnvDeclarations::of(&definition)?;
    let names = declared.missing(env);
    if !names.is_empty() {
        return Err(PushError::MissingEnvironmentVariables { names });
    }
    declared.check_values(env)
}

async fn write_auth(tx: &mut Transaction, providers: &[AuthProvider]) -> Result<Json, PushError> {
    let texts = |providers: &[AuthProvider]| providers.iter().map(AuthProvider::to_json_text).collect::<BTreeSet<_>>();
    let before = texts(&auth::read(tx).await?);
    let after = texts(providers);
    auth::write(tx, providers).await?;
    Ok(json!({
        "added": after.difference(&before).collect::<Vec<_>>(),
        "removed": before.difference(&after).collect::<Vec<_>>(),
    }))
}

fn version_diff(previous: Option<&UdfConfig>, next: &UdfConfig) -> Option<Json> {
    let previous = previous?;
    (previous.server_version != next.server_version)
        .then(|| json!({"previous_version": previous.server_version, "next_version": next.server_version}))
}

type Modules = BTreeMap<String, std::sync::Arc<crate::model::ModuleModel>>;

/// Cron jobs by name, before and after.
fn cron_diff(before: &Modules, after: &Modules) -> Json {
    let empty = serde_json::Map::new();
    let specs = |modules: &'_ Modules| {
        modules.get("crons.js").and_then(|module| module.analysis.cron_specs.clone()).unwrap_or_else(|| empty.clone())
    };
    let (before, after) = (specs(before), specs(after));
    let names = |keep: &dyn Fn(&str, &Json) -> bool, of: &serde_json::Map<String, Json>| {
        of.iter().filter(|(name, spec)| keep(name, spec)).map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    json!({
        "added": names(&|name, _| !before.contains_key(name), &after),
        "updated": names(&|name, spec| before.get(name).is_some_and(|old| old != spec), &after),
        "deleted": names(&|name, _| !after.contains_key(name), &before),
    })
}
