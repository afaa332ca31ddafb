//! What administration asks about the deployed app.

use std::collections::BTreeMap;

use lakewire_storage::catalog::Namespace;
use lakewire_storage::transaction::Transaction;
use serde_json::{Value as Json, json};

use super::error::PushError;
use super::request::default_functions_dir;
use crate::engine::Engine;
use crate::model::app::{effective_origins, read_modules};
use crate::model::{Origins, deployment, env_vars, udf_config};
use crate::system::{SystemError, Target};

fn begin(engine: &Engine) -> Transaction {
    engine.db().begin(engine.db().latest(), "_system/read")
}

/// The body of `get_config_hashes`: what the CLI compares its modules with.
///
/// # Errors
/// A failure of storage.
pub async fn config_hashes(engine: &Engine) -> Result<Json, PushError> {
    let mut tx = begin(engine);
    let config = udf_config::read(&mut tx).await?;
    let modules = read_modules(&mut tx, "").await?;
    let hashes: Vec<Json> = modules
        .values()
        .map(|module| json!({"path": module.path, "hash": module.sha256, "environment": module.environment}))
        .collect();
    let functions = config.as_ref().map_or_else(default_functions_dir, |config| config.functions_dir.clone());
    let mut body = json!({"config": {"functions": functions}, "moduleHashes": hashes});
    if let Some(config) = config {
        body["udfServerVersion"] = config.server_version.into();
    }
    Ok(body)
}

/// The environment variables users set.
///
/// # Errors
/// A failure of storage.
pub async fn env_vars(engine: &Engine) -> Result<BTreeMap<String, String>, PushError> {
    Ok(env_vars::read(&mut begin(engine)).await?)
}

/// The origins in force.
///
/// # Errors
/// A failure of storage.
pub async fn origins(engine: &Engine) -> Result<Origins, PushError> {
    let row = deployment::read(&mut begin(engine)).await?;
    Ok(effective_origins(&row, engine.models().configured()))
}

/// Whose tables the app, or the component with an id of `components:list`, has.
///
/// # Errors
/// `ComponentNotFound`; a failure of storage.
pub(super) async fn namespace_of(tx: &mut Transaction, component: Option<&str>) -> Result<Namespace, PushError> {
    let Some(id) = component else { return Ok(Namespace::ROOT) };
    match Target::by_id(tx, id).await {
        Ok(target) => Ok(target.namespace),
        Err(SystemError::Model(error)) => Err(error.into()),
        Err(_) => Err(PushError::NoSuchComponent { id: id.to_owned() }),
    }
}

/// The names of the tables of the app, or of the component with an id of `components:list`.
///
/// # Errors
/// `ComponentNotFound`; a failure of storage.
pub async fn table_names(engine: &Engine, component: Option<&str>) -> Result<Vec<String>, PushError> {
    let mut tx = begin(engine);
    let namespace = namespace_of(&mut tx, component).await?;
    Ok(tx.catalog().tables(namespace).map(|table| table.name.clone()).collect())
}
