//! `lakewire serve`: one deployment, everything in this process.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use lakewire_functions::engine::{DeploymentConfig, Engine, EngineOptions};
use lakewire_functions::http;
use lakewire_functions::runtime::RuntimeOptions;
use lakewire_relay::Relay;
use lakewire_storage::database::{Database, DatabaseOptions};
use lakewire_storage::env::{Env, TaskHandle};
use lakewire_storage::log::LocalLog;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::args::ServeOptions;
use crate::failure::Failure;
use crate::instance::Instance;

/// How long a stopping server waits for the calls that it has accepted.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a server is reached.
pub struct Addresses {
    /// Of the API and the sync socket.
    pub api: String,
    /// Of the HTTP actions.
    pub site: String,
}

/// Serves until SIGINT or SIGTERM.
pub fn run(options: &ServeOptions) -> Result<(), Failure> {
    run_with(options, |_, _, _| {})
}

/// [`run`]; `announce` is called once, when the server is ready.
pub fn run_with(options: &ServeOptions, announce: impl FnOnce(&Addresses, &Instance, &Env)) -> Result<(), Failure> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,lakewire=info")),
        )
        .with_writer(std::io::stderr)
        .init();
    raise_file_limit();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Server(format!("can't start the runtime: {error}")))?
        .block_on(serve(options, announce))
}

async fn serve(options: &ServeOptions, announce: impl FnOnce(&Addresses, &Instance, &Env)) -> Result<(), Failure> {
    let env = Env::system();
    let common = &options.common;
    let instance = Instance::open(&options.data, common.instance_name.as_deref(), &env)?;
    let api = listen(SocketAddr::new(common.host, options.port)).await?;
    let site = listen(SocketAddr::new(common.host, options.site_port)).await?;
    let addresses = Addresses { api: origin(&api)?, site: origin(&site)? };

    let (db, store) = open_database(&options.data, &env).await?;
    let mut runtime = RuntimeOptions::new(db.limits());
    runtime.workers = common.workers.unwrap_or(runtime.workers);
    runtime.snapshot_exe = std::env::current_exe().ok();
    let deployment = DeploymentConfig {
        name: instance.name.clone(),
        secret: instance.secret,
        cloud_origin: common.cloud_origin.clone().unwrap_or_else(|| addresses.api.clone()),
        site_origin: common.site_origin.clone().unwrap_or_else(|| addresses.site.clone()),
        redact_errors: common.redact_logs_to_client,
    };
    let options = EngineOptions { db: db.clone(), modules: store, env: env.clone(), deployment, runtime };
    let engine =
        Engine::new(options).map_err(|error| Failure::Server(format!("can't start the function runtime: {error}")))?;
    let relay = Relay::new(engine.clone(), env.clone());

    let (stop, stopping) = watch::channel(false);
    let api_router = http::router(engine.clone(), relay.clone(), relay.router());
    let servers = [
        env.spawn("api", accept(api, api_router, stopping.clone())),
        env.spawn("site", accept(site, http::site_router(engine), stopping)),
    ];
    println!("api  {}", addresses.api);
    println!("site {}", addresses.site);
    announce(&addresses, &instance, &env);

    stop_requested().await?;
    tracing::info!("stopping");
    stop.send_replace(true);
    let ended = futures::future::join_all(servers.map(TaskHandle::join));
    if env.timeout(STOP_TIMEOUT, ended).await.is_err() {
        tracing::warn!("calls are still running after {STOP_TIMEOUT:?}; they are cut off");
    }
    db.close().await.map_err(|error| Failure::Server(format!("can't write the last snapshot: {error}")))
}

async fn open_database(data: &Path, env: &Env) -> Result<(Arc<Database>, Arc<dyn ObjectStore>), Failure> {
    let failed = |reason: String| Failure::Database { path: data.to_owned(), reason };
    let log = LocalLog::open(data.join("log"), env).await.map_err(|error| failed(error.to_string()))?;
    let directory = data.join("store");
    std::fs::create_dir_all(&directory).map_err(|source| Failure::DataDirectory { path: directory.clone(), source })?;
    // What an acknowledged push or snapshot names has to survive a power failure.
    let store =
        LocalFileSystem::new_with_prefix(&directory).map_err(|error| failed(error.to_string()))?.with_fsync(true);
    let store: Arc<dyn ObjectStore> = Arc::new(store);
    let options = DatabaseOptions::new(Arc::new(log), store.clone(), env.clone());
    let db = Database::open(options).await.map_err(|error| failed(error.to_string()))?;
    Ok((db, store))
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|source| Failure::Listen { address: address.to_string(), source })
}

fn origin(listener: &TcpListener) -> Result<String, Failure> {
    let address =
        listener.local_addr().map_err(|source| Failure::Listen { address: "an unknown address".to_owned(), source })?;
    Ok(format!("http://{address}"))
}

async fn accept(listener: TcpListener, router: Router, mut stopping: watch::Receiver<bool>) {
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "can't set TCP_NODELAY");
        }
    });
    let stopped = async move {
        // An error means that the sender is gone, which is a stop too.
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "a listener failed");
    }
}

/// Completes at SIGINT or SIGTERM.
fn stop_requested() -> impl Future<Output = Result<(), Failure>> {
    let failed = |error| Failure::Server(format!("can't wait for signals: {error}"));
    async move {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    }
}

/// Every connection is a file descriptor, and the usual soft limit of 1,024 is soon reached.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "can't raise the limit of open files");
    }
}
