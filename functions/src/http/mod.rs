//! The HTTP API. The WebSocket routes are the relay's.
//!
//! **Architecture Invariant:** handlers translate; they decide nothing about functions, identities or data. A failed
//! function is a 200 with `status: "error"`, everything else that fails is `{code, message}` with the status of its
//! class.

pub mod admin;
mod body;
mod calls;
mod cors;
pub mod deploy;
mod error;
mod format;
mod heartbeat;
mod meta;
mod node;
mod range;
mod request;
mod site;
mod slashes;
mod storage;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::StatusCode;

pub use error::ApiError;
pub use format::ClientVersion;
pub use request::client_ip;
pub use site::site_router;

use crate::engine::{Engine, QueryService};
use crate::udf::CallFailure;

/// How long a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);

/// What handlers work on.
#[derive(Clone)]
pub(crate) struct ApiState {
    pub engine: Arc<Engine>,
    pub queries: Arc<dyn QueryService>,
    /// Whether the engine is refreshed before each request.
    is_fresh: bool,
}

impl ApiState {
    /// Sees to it that a request sees every commit that was acknowledged before it came.
    pub async fn refresh(&self) -> Result<(), CallFailure> {
        if self.is_fresh { Ok(()) } else { self.engine.refresh().await }
    }
}

/// The whole API except the WebSocket routes: for the API's own port. Queries go to `queries`, which may answer
/// from a cache that it shares with others. `sockets` are the routes of the relay, which live on the same port.
pub fn router(engine: Arc<Engine>, queries: Arc<dyn QueryService>, sockets: Router) -> Router {
    all_routes(ApiState { engine, queries, is_fresh: false }, sockets)
}

/// [`router`] without sockets and cache, for who [refreshes](Engine::refresh) the engine before each request.
pub fn router_of_refreshed(engine: Arc<Engine>) -> Router {
    all_routes(ApiState { queries: engine.clone(), engine, is_fresh: true }, Router::new())
}

fn all_routes(state: ApiState, sockets: Router) -> Router {
    let engine = state.engine.clone();
    let api = Router::new()
        .merge(meta::routes())
        .merge(node::routes())
        .merge(calls::routes())
        .merge(storage::routes())
        .with_state(state)
        .merge(deploy::routes(engine.clone()))
        .merge(admin::routes(engine.clone()))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(middleware::from_fn_with_state(engine.clone(), time_out))
        .layer(cors::layer());
    slashes::tolerate_duplicates(api.merge(sockets).merge(site::routes(engine)))
}

async fn time_out(State(engine): State<Arc<Engine>>, request: Request, next: Next) -> Response {
    match engine.env().timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

#[cfg(test)]
mod tests;
