//! `finish_push`: making a started push the deployed app, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use lakewire_storage::commit::CommitError;
use lakewire_storage::transaction::Transaction;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::definition::EnvDeclarations;
use super::error::PushError;
use super::evaluate::build_program;
use super::reconcile;
use super::staged::{self, StagedPush};
use crate::engine::Engine;
use crate::model::app::{self, AppModel};
use crate::model::{AuthProvider, UdfConfig, audit, auth, component, deployment, env_vars, handles, udf_config};

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

    // What there was, before it is overwritten.
    let before = AppModel::load(tx, engine.models().configured()).await?;
    udf_config::write(tx, &push.udf_config).await?;
    let auth_diff = write_auth(tx, &push.auth).await?;
    let module_diffs = app::write_modules(tx, &push.modules).await?;
    component::write_definitions(tx, &push.definitions).await?;
    let components = reconcile::components(tx, push, &before, &module_diffs).await?;
    row.push = Some(push.id.clone());
    deployment::write_next(tx, engine.env().now_ns(), row).await?;

    let after = AppModel::load(tx, engine.models().configured()).await?;
    handles::reconcile(tx, &reconcile::functions(&after)).await?;
    let named = |(path, diff): (&String, &Json)| {
        let path = if path.is_empty() { Json::Null } else { path.as_str().into() };
        json!({"component_path": path, "component_diff": diff})
    };
    audit::append(
        tx,
        "push_config_with_components",
        &json!({
            "auth_diff": auth_diff,
            "component_diffs": components.iter().map(named).collect::<Vec<_>>(),
            "message": message,
        }),
    )
    .await?;
    let definitions: Map<_, _> = push.definitions.iter().map(|row| (row.path.clone(), json!({}))).collect();
    let definitions = Json::Object(definitions.into_iter().chain([(String::new(), json!({}))]).collect());
    Ok(json!({"authDiff": auth_diff, "definitionDiffs": definitions, "componentDiffs": components}))
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
