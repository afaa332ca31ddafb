//! Endpoints about the deployment itself.

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::json;

use super::request::Caller;
use super::{ApiError, ApiState};

/// Longest body that `/echo` sends back.
const MAX_ECHO_BYTES: usize = 128 << 20;

pub(super) fn routes() -> Router<ApiState> {
    Router::new()
        .route("/", get(|| async { "This Lakewire deployment is running." }))
        .route("/version", get(version))
        .route("/instance_version", get(version))
        .route("/instance_name", get(instance_name))
        .route("/echo", post(echo))
        .route("/.well-known/jwks.json", get(jwks))
        .route("/api/check_admin_key", get(check_admin_key))
        .route("/api/debug_event", post(|| async { StatusCode::OK }))
}

async fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

async fn instance_name(State(state): State<ApiState>) -> String {
    state.engine.deployment().name.clone()
}

/// The key of the tokens that the deployment signs. It changes with the instance secret only.
async fn jwks(State(state): State<ApiState>) -> impl IntoResponse {
    ([(CACHE_CONTROL, "public, max-age=300")], Json(state.engine.signer().jwks().clone()))
}

async fn echo(body: Body) -> Result<Response, ApiError> {
    let body = to_bytes(body, MAX_ECHO_BYTES)
        .await
        .map_err(|error| ApiError::bad_request("BadBody", format!("cannot read the body: {error}")))?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], body).into_response())
}

async fn check_admin_key(State(state): State<ApiState>, caller: Caller) -> Result<Json<serde_json::Value>, ApiError> {
    state.engine.authenticator().require_admin(&caller.identity)?;
    // No list of operations means all of them.
    Ok(Json(json!({"success": true, "allowedOps": [], "isReadOnly": false})))
}
