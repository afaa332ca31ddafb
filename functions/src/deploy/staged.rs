//! Pushes between start and finish.
//!
//! `start_push` evaluates the new app and keeps what `finish_push` needs as a blob in the object store, under an id that
//! travels through the client in `schemaChange.pushId`. What else the client echoes is never trusted. Any process
//! over the same store can finish a push that another one started.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::TryStreamExt;
use lakewire_storage::catalog::Namespace;
use lakewire_storage::env::Env;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, path::Path};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::error::PushError;
use super::preparation::Misfit;
use crate::model::app::ModuleRow;
use crate::model::component::DefinitionRow;
use crate::model::definition::EnvSource;
use crate::model::{AuthProvider, UdfConfig};

/// How long a push can be finished after its start.
pub const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// What is kept of a started push.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StagedPush {
    pub id: String,
    pub started_ms: u64,
    /// Neither dry runs nor pushes for codegen can be finished.
    pub finishable: bool,
    /// The push that was deployed when this one was evaluated.
    pub base_push: Option<String>,
    /// The environment variables it was evaluated under.
    pub env_vars: BTreeMap<String, String>,
    pub modules: Vec<ModuleRow>,
    pub udf_config: UdfConfig,
    pub auth: Vec<AuthProvider>,
    /// The schemas in their canonical JSON form, by path of the definition; the empty path is the app's.
    pub schemas: BTreeMap<String, Json>,
    /// The definitions of components.
    pub definitions: Vec<DefinitionRow>,
    /// The app and its components, parents first.
    pub components: Vec<StagedComponent>,
}

/// A component of a started push, the app included.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StagedComponent {
    pub path: String,
    /// Path of its definition.
    pub definition: String,
    pub namespace: Namespace,
    pub http_prefix: Option<String>,
    /// What its variables are bound to.
    pub env: BTreeMap<String, EnvSource>,
    /// The row of `_schemas` that was submitted for its schema.
    pub schema_id: Option<String>,
    /// For dry runs: a document that the schema does not allow.
    pub misfit: Option<Misfit>,
    /// The index diff of the start, in the form of the wire.
    pub index_diff: Json,
}

fn path_of(id: &str) -> Path {
    Path::from(format!("pushes/{id}.json"))
}

/// A new push id: 32 hex digits.
pub fn new_id(env: &Env) -> String {
    hex::encode(env.random_bytes::<16>())
}

/// Keeps `push`, and forgets those that are too old.
///
/// # Errors
/// [`PushError::Staging`] if the store fails.
pub async fn save(store: &dyn ObjectStore, env: &Env, push: &StagedPush) -> Result<(), PushError> {
    forget_expired(store, env).await;
    let bytes = serde_json::to_vec(push).map_err(|error| PushError::Internal { reason: error.to_string() })?;
    store.put(&path_of(&push.id), PutPayload::from(bytes)).await?;
    Ok(())
}

/// The push of an id that a client sent.
///
/// # Errors
/// [`PushError::RaceDetected`] for an unknown or expired id.
pub async fn load(store: &dyn ObjectStore, env: &Env, id: &str) -> Result<StagedPush, PushError> {
    let unknown = || PushError::RaceDetected { reason: "this push is unknown or expired".to_owned() };
    if id.len() != 32 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(unknown());
    }
    let blob = match store.get(&path_of(id)).await {
        Err(object_store::Error::NotFound { .. }) => return Err(unknown()),
        found => found?.bytes().await?,
    };
    let push: StagedPush = serde_json::from_slice(&blob).map_err(|_| unknown())?;
    let age_ms = (env.now_ns() / 1_000_000).saturating_sub(push.started_ms);
    if u128::from(age_ms) > LIFETIME.as_millis() { Err(unknown()) } else { Ok(push) }
}

/// Forgets a push that is live or abandoned. Failing to is harmless: it expires.
pub async fn forget(store: &dyn ObjectStore, id: &str) {
    if let Err(error) = store.delete(&path_of(id)).await {
        tracing::debug!(%error, push = id, "cannot delete the state of a push");
    }
}

async fn forget_expired(store: &dyn ObjectStore, env: &Env) {
    let prefix = Path::from("pushes");
    let Ok(blobs) = store.list(Some(&prefix)).try_collect::<Vec<_>>().await else { return };
    let now_ms = env.now_ns() / 1_000_000;
    for blob in blobs {
        let modified_ms = u64::try_from(blob.last_modified.timestamp_millis()).unwrap_or(0);
        if u128::from(now_ms.saturating_sub(modified_ms)) > LIFETIME.as_millis()
            && let Err(error) = store.delete(&blob.location).await
        {
            tracing::debug!(%error, blob = %blob.location, "cannot delete the state of an expired push");
        }
    }
}
