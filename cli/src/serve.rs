//! `lakewire serve`: one deployment, everything in this process.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use lakewire_functions::files::Sweeper;
use lakewire_functions::http;
use lakewire_functions::jobs::Scheduler;
use lakewire_functions::nudge::NudgeKey;
use lakewire_relay::Relay;
use lakewire_relay::peers::{Peers, Registry};
use lakewire_storage::database::{Database, Upkeep};
use lakewire_storage::env::{Env, TaskHandle};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::args::{OpenData, ServeOptions};
use crate::engine::{self, Elsewhere};
use crate::failure::Failure;
use crate::instance::Instance;
use crate::storage::open::{BranchOptions, Deployment, Storage};
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

/// What sets a server apart from one that is alone.
pub struct Role {
    /// Who looks after files and log.
    pub upkeep: Upkeep,
    /// Whether jobs are run here.
    pub jobs: bool,
    /// What functions run on besides this process.
    pub elsewhere: Elsewhere,
    /// How other relays are told of commits.
    pub registry: Option<(Arc<dyn Registry>, Option<String>)>,
    /// How long clients have to be answered when the server is stopped.
    pub drain: Duration,
}

impl Default for Role {
    fn default() -> Self {
        Self { upkeep: Upkeep::Here, jobs: true, elsewhere: Elsewhere::default(), registry: None, drain: STOP_TIMEOUT }
    }
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
    let place = Place::resolve(&options.storage)?;
    let ports = Ports::open(&options).await?;
    let storage = Storage::open(place, &env).await?;
    if options.tuning.create_table {
        storage.create_table().await?;
    }
    let deployment = storage.deployment(&options.identity).await?;
    let db = deployment.database(&options.storage.branch, &BranchOptions::from(&options.tuning)).await?;
    if let OpenData::Every(interval) = options.tuning.open_data {
        deployment.open_data(&db, &options.storage.branch, interval, options.tuning.history)?;
    }
    ports.serve(options, &deployment, db, Role::default(), announce).await
}

/// Ports that are open.
pub struct Ports {
    api: TcpListener,
    site: TcpListener,
    addresses: Addresses,
}

impl Ports {
    /// Opens the ports that `options` name.
    ///
    /// # Errors
    /// If one is taken.
    pub async fn open(options: &ServeOptions) -> Result<Self, Failure> {
        raise_file_limit();
        let api = listen(SocketAddr::new(options.host, options.port)).await?;
        let site = listen(SocketAddr::new(options.host, options.site_port)).await?;
        let addresses = Addresses { api: origin(&api)?, site: origin(&site)? };
        Ok(Self { api, site, addresses })
    }

    /// Serves the database of a deployment in a role, until SIGINT, SIGTERM, or the end of its log.
    ///
    /// # Errors
    /// If the engine can't be started, the log was sealed, or the last commits can't be brought into segments.
    pub async fn serve(
        self,
        options: ServeOptions,
        deployment: &Deployment,
        db: Arc<Database>,
        role: Role,
        announce: impl FnOnce(&Addresses, &Instance, &Env),
    ) -> Result<(), Failure> {
        let Self { api, site, addresses } = self;
        let env = db.env().clone();
        let instance = deployment.place.instance(&deployment.identity)?;
        let context = &deployment.context;
        let engine = engine::start(&options, &db, context, instance, &addresses, role.elsewhere)?;
        let scheduler = role.jobs.then(|| Scheduler::start(&engine));
        let _sweeper = (role.upkeep == Upkeep::Here).then(|| Sweeper::start(engine.files()));
        let relay = Relay::new(engine.clone(), env.clone());
        let peers = match role.registry {
            None => None,
            Some((registry, address)) => {
                let address = address.unwrap_or_else(|| addresses.api.clone());
                let joined = Peers::join(db.clone(), registry, NudgeKey::new(&instance.secret), address);
                Some(joined.map_err(|error| Failure::Server(error.to_string()))?)
            }
        };

        let (stop, stopping) = watch::channel(false);
        let sockets = relay.router();
        let sockets = match &peers {
            Some(peers) => sockets.merge(peers.router()),
            None => sockets,
        };
        let api_router = http::router(engine.clone(), relay.clone(), sockets);
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
        if let Some(peers) = &peers {
            peers.leave().await;
        }
        let has_others = peers.is_some_and(|peers| peers.has_others());
        let left = relay.drain(has_others, role.drain).await;
        if left > 0 {
            tracing::warn!("{left} clients still wait for answers after {:?}; they are cut off", role.drain);
        }
        stop.send_replace(true);
        let closed = futures::future::join_all(servers.map(TaskHandle::join));
        if env.timeout(STOP_TIMEOUT, closed).await.is_err() {
            tracing::warn!("calls are still running after {STOP_TIMEOUT:?}; they are cut off");
        }
        if let Some(scheduler) = scheduler {
            scheduler.stop(STOP_TIMEOUT).await;
        }
        // After a seal there is nothing to bring into segments: the branch goes on without this.
        ended?;
        db.close()
            .await
            .map_err(|error| Failure::Server(format!("can't bring the last commits into segments: {error}")))
    }
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
