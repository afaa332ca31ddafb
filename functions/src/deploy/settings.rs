//! Changing environment variables and canonical URLs, and pausing: administration that functions can see.

use lakewire_storage::commit::CommitError;
use lakewire_storage::transaction::Transaction;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::definition::EnvDeclarations;
use super::error::PushError;
use super::evaluate::{AUTH_CONFIG, build_program, evaluate_auth};
use crate::engine::Engine;
use crate::model::app::process_env;
use crate::model::env_vars::EnvVarChange;
use crate::model::{AppModel, RunState, audit, auth, deployment, env_vars};
use crate::runtime::ModuleSource;

/// How often a conflict is tried again.
const MAX_ATTEMPTS: usize = 16;

/// Applies changes of environment variables, all or none. The stored auth config is evaluated again under them.
///
/// # Errors
/// A change the rules refuse, one that unsets a variable the app declares as required, or one the auth config
/// cannot be evaluated under.
pub async fn update_env_vars(engine: &Engine, changes: &[EnvVarChange]) -> Result<(), PushError> {
    for _ in 0..MAX_ATTEMPTS {
        let mut tx = engine.db().begin(engine.db().latest(), "_system/update_environment_variables");
        let model = AppModel::load(&mut tx, engine.models().configured()).await?;
        let next = env_vars::apply(&model.env_vars, changes, engine.db().limits())?;
        if next == model.env_vars {
            return Ok(());
        }
        check_declared(&model, &next)?;
        if let Some(module) = model.module(AUTH_CONFIG) {
            let text = engine.modules().get(module).await?;
            let source = ModuleSource { path: module.path.clone(), source: text.source, source_map: text.source_map };
            let providers = evaluate_auth(engine, source, process_env(&model.origins, &next)).await?;
            auth::write(&mut tx, &providers).await?;
        }
        env_vars::write(&mut tx, &next).await?;
        deployment::bump(&mut tx, engine.env().now_ns()).await?;
        let names: Vec<&str> = changes.iter().map(|change| change.name.as_str()).collect();
        audit::append(&mut tx, "update_environment_variables", &json!({"environment_variable_names": names})).await?;
        let model = AppModel::load(&mut tx, engine.models().configured()).await?;
        build_ahead(engine, &model).await;
        if commit(engine, tx).await? {
            return Ok(());
        }
    }
    Err(PushError::ConcurrentPush)
}

fn check_declared(model: &AppModel, next: &std::collections::BTreeMap<String, String>) -> Result<(), PushError> {
    let Some(config) = &model.udf_config else { return Ok(()) };
    let definition: Json = serde_json::from_str(&config.definition).unwrap_or_default();
    let declared = EnvDeclarations::of(&definition)?;
    let missing = declared.missing(next).into_iter().find(|name| model.env_vars.contains_key(name));
    if let Some(name) = missing {
        return Err(PushError::RequiredEnvironmentVariable { name });
    }
    declared.check_values(next)
}

/// Which origin a canonical URL replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RequestDestination {
    ConvexCloud,
    ConvexSite,
}

/// Sets a canonical URL, or with `None` goes back to the configured origin.
///
/// # Errors
/// `InvalidUrl` for what is not an origin.
pub async fn update_canonical_url(
    engine: &Engine,
    destination: RequestDestination,
    url: Option<String>,
) -> Result<(), PushError> {
    let url = url.map(check_origin).transpose()?;
    for _ in 0..MAX_ATTEMPTS {
        let mut tx = engine.db().begin(engine.db().latest(), "_system/update_canonical_url");
        let mut row = deployment::read(&mut tx).await?;
        match destination {
            RequestDestination::ConvexCloud => row.cloud_url.clone_from(&url),
            RequestDestination::ConvexSite => row.site_url.clone_from(&url),
        }
        deployment::write_next(&mut tx, engine.env().now_ns(), row).await?;
        audit::append(&mut tx, "update_canonical_url", &json!({"url": url})).await?;
        let model = AppModel::load(&mut tx, engine.models().configured()).await?;
        build_ahead(engine, &model).await;
        if commit(engine, tx).await? {
            return Ok(());
        }
    }
    Err(PushError::ConcurrentPush)
}

/// An `http` or `https` origin without trailing slash.
fn check_origin(url: String) -> Result<String, PushError> {
    let reason = match url.parse::<http::Uri>() {
        Err(_) => "it cannot be parsed",
        Ok(parsed) => match (parsed.scheme_str(), parsed.host(), parsed.path()) {
            (Some("http" | "https"), Some(host), "/" | "") if !host.is_empty() && parsed.query().is_none() => {
                return Ok(url.trim_end_matches('/').to_owned());
            }
            (Some("http" | "https"), Some(_), _) => "it must not have a path",
            _ => "the scheme must be `http` or `https`",
        },
    };
    Err(PushError::InvalidUrl { url, reason })
}

/// Pauses or unpauses the deployment.
///
/// # Errors
/// `PauseDeploymentFailed` or `UnpauseDeploymentFailed` if it is in that state already.
pub async fn set_run_state(engine: &Engine, state: RunState) -> Result<(), PushError> {
    let (code, action) = match state {
        RunState::Running => ("UnpauseDeploymentFailed", "unpause_deployment"),
        RunState::Paused => ("PauseDeploymentFailed", "pause_deployment"),
    };
    for _ in 0..MAX_ATTEMPTS {
        let mut tx = engine.db().begin(engine.db().latest(), "_system/set_run_state");
        let mut row = deployment::read(&mut tx).await?;
        if row.state == state {
            return Err(PushError::AlreadyInState { code, state: state.as_str() });
        }
        row.state = state;
        deployment::write_next(&mut tx, engine.env().now_ns(), row).await?;
        audit::append(&mut tx, action, &json!({})).await?;
        if commit(engine, tx).await? {
            return Ok(());
        }
    }
    Err(PushError::ConcurrentPush)
}

/// Builds what will run the app from now on, so that no call waits for it. A module that cannot be loaded under the new
/// settings does not keep them from being changed: calls of it will tell.
async fn build_ahead(engine: &Engine, model: &AppModel) {
    if let Err(error) = build_program(engine, model).await {
        tracing::warn!(%error, "the app cannot be loaded under its new settings");
    }
}

/// Commits; `false` means that another transaction was first.
async fn commit(engine: &Engine, tx: Transaction) -> Result<bool, PushError> {
    match engine.db().commit(tx).await {
        Ok(_) => Ok(true),
        Err(CommitError::Conflict(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
