//! The relay as the rest of the program sees it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use lakewire_functions::engine::{Engine, QueryService};
use lakewire_functions::udf::{Call, CallFailure, QueryResult};
use lakewire_storage::database::Snapshot;
use lakewire_storage::env::Env;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::backend::Backend;
use crate::cache::{CacheOptions, QueryCache};
use crate::drain::Drain;
use crate::engine::{EngineBackend, EngineView};
use crate::session::{Peer, Session};
use crate::socket::{self, Socket};

/// Sockets, sessions and the query cache over one engine.
///
/// The cache answers HTTP too: give the relay to the HTTP API as its [`QueryService`].
pub struct Relay {
    engine: Arc<Engine>,
    shared: Arc<Shared>,
}

/// What all sessions share.
pub(crate) struct Shared {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) cache: Arc<QueryCache>,
    pub(crate) env: Env,
    pub(crate) drain: Drain,
}

impl Relay {
    /// A relay that follows the commits of the engine's database from now on. Needs a tokio runtime.
    pub fn new(engine: Arc<Engine>, env: Env) -> Arc<Self> {
        Self::with_options(engine, env, CacheOptions::default())
    }

    /// As [`Relay::new`], with other bounds of the cache.
    pub fn with_options(engine: Arc<Engine>, env: Env, options: CacheOptions) -> Arc<Self> {
        let backend = Arc::new(EngineBackend::new(Arc::clone(&engine)));
        Arc::new(Self { shared: Shared::start(backend, env, options), engine })
    }

    /// Ends all sessions once their requests are answered, so that clients go on elsewhere, and waits for that, at most for
    /// `patience`. With `has_others`, other relays take them: sessions then end over two seconds. Returns how many are left.
    pub async fn drain(&self, has_others: bool, patience: Duration) -> usize {
        self.shared.drain.finish(has_others, patience, &self.shared.env).await
    }

    /// The routes `/api/{version}/sync` and `/api/sync`.
    pub fn router(&self) -> Router {
        socket::router(Arc::clone(&self.shared))
    }
}

impl Shared {
    /// Starts to follow the commits of `backend`.
    pub(crate) fn start(backend: Arc<dyn Backend>, env: Env, options: CacheOptions) -> Arc<Self> {
        let (cache, commits) = QueryCache::new(Arc::clone(&backend), env.clone(), options);
        env.spawner.spawn("query invalidation", Box::pin(Arc::clone(&cache).follow(commits)));
        Arc::new(Self { backend, cache, env, drain: Drain::new() })
    }
}

/// Sessions and the query cache over any [`Backend`]: a [`Relay`] without HTTP, for simulations.
pub struct Sessions(Arc<Shared>);

impl Sessions {
    /// Starts to follow the commits of `backend`.
    pub fn over(backend: Arc<dyn Backend>, env: Env, options: CacheOptions) -> Self {
        Self(Shared::start(backend, env, options))
    }

    /// Serves a client until the connection, whose handshake is done, ends.
    pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(&self, io: S) {
        Session::new(Arc::clone(&self.0), Peer::default()).serve(Socket::new(io).await).await;
    }
}

#[async_trait]
impl QueryService for Relay {
    async fn query(&self, call: &Call, at: Option<Snapshot>) -> Result<Arc<QueryResult>, CallFailure> {
        match at {
            None => self.shared.cache.query(call).await,
            Some(snapshot) => {
                let view = EngineView::new(Arc::clone(&self.engine), snapshot);
                self.shared.cache.query_at(call, &view).await
            }
        }
    }
}
