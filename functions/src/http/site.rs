//! HTTP actions, which this version does not run.

use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use http::StatusCode;

use super::ApiState;
use crate::engine::Engine;

async fn not_enabled() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "This deployment does not have HTTP actions enabled.")
}

/// The port of HTTP actions. Has no CORS headers: they are for an app's own handlers to send.
pub fn site_router(_engine: Arc<Engine>) -> Router {
    Router::new().fallback(not_enabled)
}

/// The same actions on the API's port.
pub(super) fn routes() -> Router<ApiState> {
    Router::new()
        .route("/http", any(not_enabled))
        .route("/http/", any(not_enabled))
        .route("/http/{*path}", any(not_enabled))
}
