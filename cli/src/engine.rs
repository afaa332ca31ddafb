//! The engine that the options of a server mean.

use std::sync::Arc;
use std::time::Duration;

use lakewire_functions::engine::{DeploymentConfig, Engine, EngineOptions};
use lakewire_functions::fetch::{EgressPolicy, FetchOptions};
use lakewire_functions::node::{NodeOptions, RemoteNode};
use lakewire_functions::remote::FunctionRunner;
use lakewire_functions::runtime::RuntimeOptions;
use lakewire_storage::database::Database;
use lakewire_storage::timeline::branch::BranchContext;

use crate::args::ServeOptions;
use crate::failure::Failure;
use crate::instance::Instance;
use crate::serve::Addresses;

/// What functions run on besides this process.
#[derive(Default)]
pub struct Elsewhere {
    /// Runs queries and mutations that there is no room for.
    pub runner: Option<Arc<dyn FunctionRunner>>,
    /// Runs Node actions.
    pub node: Option<RemoteNode>,
}

/// Starts the engine of a deployment. `addresses` are those of this process, for who has not said others.
///
/// # Errors
/// If the runtime of functions can't be started.
pub fn start(
    options: &ServeOptions,
    db: &Arc<Database>,
    context: &BranchContext,
    instance: &Instance,
    addresses: &Addresses,
    elsewhere: Elsewhere,
) -> Result<Arc<Engine>, Failure> {
    let mut runtime = RuntimeOptions::new(db.limits());
    runtime.workers = options.workers.unwrap_or(runtime.workers);
    runtime.action_time = options.action_timeout.map(Duration::from_secs);
    runtime.snapshot_exe = std::env::current_exe().ok();
    let deployment = DeploymentConfig {
        name: instance.name.clone(),
        secret: instance.secret,
        cloud_origin: options.cloud_origin.clone().unwrap_or_else(|| addresses.api.clone()),
        site_origin: options.site_origin.clone().unwrap_or_else(|| addresses.site.clone()),
        redact_errors: options.redact_logs_to_client,
    };
    let Elsewhere { runner, node: remote } = elsewhere;
    let policy = EgressPolicy { loopback: options.fetch_loopback, allowed: options.allow_fetch.clone() };
    let node = NodeOptions {
        exe: options.node.clone(),
        sandbox: options.node_sandbox,
        allowed_paths: options.node_allow_path.clone(),
        cache: options.node_cache.clone(),
        action_time: options.node_action_timeout.map(Duration::from_secs),
        remote,
        ..NodeOptions::default()
    };
    let options = EngineOptions {
        db: db.clone(),
        modules: context.store.clone(),
        env: context.env.clone(),
        deployment,
        runtime,
        fetch: FetchOptions { policy, overrides: options.fetch_override.clone() },
        node,
        elsewhere: runner,
        audit_log: options.audit_log.clone(),
    };
    Engine::new(options).map_err(|error| Failure::Server(format!("can't start the function runtime: {error}")))
}
