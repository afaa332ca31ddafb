//! What an engine is made from.

use std::path::PathBuf;
use std::sync::Arc;

use lakewire_storage::database::Database;
use lakewire_storage::env::Env;
use object_store::ObjectStore;

use crate::auth::INSTANCE_SECRET_BYTES;
use crate::fetch::FetchOptions;
use crate::node::NodeOptions;
use crate::remote::FunctionRunner;
use crate::runtime::RuntimeOptions;

/// Who the deployment is and how it is reached.
#[derive(Clone)]
pub struct DeploymentConfig {
    /// The instance name: what admin keys start with and `/instance_name` answers.
    pub name: String,
    /// The secret behind admin keys and cursors.
    pub secret: [u8; INSTANCE_SECRET_BYTES],
    /// Origin of the API as clients reach it: `http://127.0.0.1:3210`.
    pub cloud_origin: String,
    /// Origin of HTTP actions as clients reach it: `http://127.0.0.1:3211`.
    pub site_origin: String,
    /// Whether clients get neither messages nor stacks nor log lines of functions.
    pub redact_errors: bool,
}

/// Everything a stateless worker needs.
pub struct EngineOptions {
    /// The data.
    pub db: Arc<Database>,
    /// Where modules and built programs are kept.
    pub modules: Arc<dyn ObjectStore>,
    /// The doors to the outside world.
    pub env: Env,
    /// Who the deployment is.
    pub deployment: DeploymentConfig,
    /// Sizes of the V8 pool.
    pub runtime: RuntimeOptions,
    /// Where the requests of actions may go.
    pub fetch: FetchOptions,
    /// How Node actions run.
    pub node: NodeOptions,
    /// Runs queries and mutations for which there is no room here.
    pub elsewhere: Option<Arc<dyn FunctionRunner>>,
    /// The file that audit log lines are appended to; without one they go to the log of the server.
    pub audit_log: Option<PathBuf>,
}
