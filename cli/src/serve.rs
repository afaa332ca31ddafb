//! `lakewire serve`: one deployment, everything in this process.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use lakewire_functions::files::Sweeper;
use lakewire_functions::http;
use lakewire_functions::jobs::Scheduler;
use lakewire_relay::Relay;
use lakewire_storage::env::{Env, TaskHandle};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::args::{OpenData, ServeOptions};
use crate::engine;
use crate::failure::Failure;
use crate::instance::Instance;
use crate::storage::open::{BranchOptions, Storage};
use crate::storage::place::Place;

/// How long a stopping server waits for the calls that it has accepted.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a server is reached.
pub struct Addresses {
    /// Of the API and the sync socket.
    pub api: String,
    /// Of the HTTP actions.
    pub site: String,
}

/// Serves until SIGINT, SIGTERM, or the end of the branch's log.
pub async fn run(options: ServeOptions, env: Env) -> Result<(), Failure> {
    run_with(options, env, |_, _, _| {}).await
}

/// [`run`]; `announce` is called once, when the server is ready.
pub async fn run_with(
    options: ServeOptions,
    env: Env,
    announce: impl FnOnce(&Addresses, &Instance, &Env),
) -> Result<(), Failure> {
    raise_file_limit();
    let place = Place::resolve(&options.storage)?;
    let api = listen(SocketAddr::new(options.host, options.port)).await?;
    let site = listen(SocketAddr::new(options.host, options.site_port)).await?;
    let addresses = Addresses { api: origin(&api)?, site: origin(&site)? };

    let storage = Storage::open(place, &env).await?;
    if options.tuning.create_table {
        storage.create_table().await?;
    }
    let deployment = storage.deployment(&options.identity).await?;
    let db = deployment.database(&options.storage.branch, &BranchOptions::from(&options.tuning)).await?;
    if let OpenData::Every(interval) = options.tuning.open_data {
        deployment.open_data(&db, &options.storage.branch, interval, options.tuning.history)?;
    }
    let instance = deployment.place.instance(&deployment.identity)?;
    let engine = engine::start(&options, &db, &deployment.context, instance, &addresses, None)?;
    let scheduler = Scheduler::start(&engine);
    let _sweeper = Sweeper::start(engine.files());
    let relay = Relay::new(engine.clone(), env.clone());

    let (stop, stopping) = watch::channel(false);
    let api_router = http::router(engine.clone(), relay.clone(), relay.router());
    let servers = [
        env.spawn("api", accept(api, api_router, stopping.clone())),
        env.spawn("site", accept(site, http::site_router(engine), stopping)),
    ];
    println!("api  {}", addresses.api);
    println!("site {}", addresses.site);
    announce(&addresses, instance, &env);

    let ended = tokio::select! {
        stopped = stop_requested() => stopped,
        successor = db.sealed() => Err(sealed(&successor)),
    };
    tracing::info!("stopping");
    stop.send_replace(true);
    let closed = futures::future::join_all(servers.map(TaskHandle::join));
    if env.timeout(STOP_TIMEOUT, closed).await.is_err() {
        tracing::warn!("calls are still running after {STOP_TIMEOUT:?}; they are cut off");
    }
    scheduler.stop(STOP_TIMEOUT).await;
    // After a seal there is nothing to bring into segments: the branch goes on without this.
    ended?;
    db.close().await.map_err(|error| Failure::Server(format!("can't bring the last commits into segments: {error}")))
}

/// Why a server ends whose log was sealed.
fn sealed(successor: &str) -> Failure {
    let why = if successor.is_empty() { "deleted" } else { "restored to an earlier moment; start the server again" };
    Failure::Server(format!("the branch was {why}"))
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
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
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
