//! The endpoints of `npx convex deploy`, `dev` and `codegen`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::body;
use crate::auth::{AuthError, Identity};
use crate::deploy::{self, FinishPushRequest, PushError, TestQueryError, WaitForSchemaRequest};
use crate::engine::Engine;
use crate::udf::CallFailure;

/// The routes under `/api/deploy2/`, and `/api/get_config_hashes`.
pub fn routes(engine: Arc<Engine>) -> Router {
    Router::new()
        .route("/api/get_config_hashes", post(get_config_hashes))
        .route("/api/deploy2/start_push", post(start_push))
        .route("/api/deploy2/evaluate_push", post(evaluate_push))
        .route("/api/deploy2/evaluate_schema", post(evaluate_schema))
        .route("/api/deploy2/wait_for_schema", post(wait_for_schema))
        .route("/api/deploy2/finish_push", post(finish_push))
        .route("/api/deploy2/report_push_completed", post(report_push_completed))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(engine)
}

/// An answered error: `{"code", "message"}`.
#[derive(Debug)]
pub struct ErrorResponse {
    status: StatusCode,
    code: String,
    message: String,
}

impl ErrorResponse {
    pub(super) fn new(status: StatusCode, code: &str, message: String) -> ErrorResponse {
        ErrorResponse { status, code: code.to_owned(), message }
    }
}

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        let body = json!({"code": self.code, "message": self.message});
        (self.status, axum::Json(body)).into_response()
    }
}

impl From<PushError> for ErrorResponse {
    fn from(error: PushError) -> ErrorResponse {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::error!(%error, "administration failed");
        }
        ErrorResponse { status, code: error.code().to_owned(), message: error.to_string() }
    }
}

impl From<AuthError> for ErrorResponse {
    fn from(error: AuthError) -> ErrorResponse {
        // The CLI takes 403 as final; after 401 it gives advice about logging in to the cloud.
        let status = match error.status() {
            StatusCode::UNAUTHORIZED => StatusCode::FORBIDDEN,
            other => other,
        };
        ErrorResponse { status, code: error.code().to_owned(), message: error.to_string() }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyInBody {
    #[serde(default)]
    admin_key: Option<String>,
}

impl From<CallFailure> for ErrorResponse {
    fn from(failure: CallFailure) -> ErrorResponse {
        ErrorResponse::new(failure.status(), failure.code(), failure.public_message())
    }
}

impl From<TestQueryError> for ErrorResponse {
    fn from(error: TestQueryError) -> ErrorResponse {
        match error {
            TestQueryError::Push(error) => error.into(),
            TestQueryError::Call(failure) => failure.into(),
        }
    }
}

/// The body, and the administrator who sent it. These endpoints have the key in the body, which wins over the header.
pub(super) async fn admin_body(
    engine: &Engine,
    headers: &HeaderMap,
    body: Body,
) -> Result<(bytes::Bytes, Identity), ErrorResponse> {
    let bytes = body::read(engine.env(), headers, body).await?;
    let in_body = serde_json::from_slice::<KeyInBody>(&bytes).ok().and_then(|key| key.admin_key);
    let identity = match in_body {
        Some(key) => engine.authenticate_admin_key(&key)?,
        None => super::admin::require_admin(engine, headers, None)?,
    };
    Ok((bytes, identity))
}

pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, PushError> {
    serde_json::from_slice(body).map_err(|error| PushError::BadJsonBody { reason: error.to_string() })
}

type Answer = Result<axum::Json<Json>, ErrorResponse>;

async fn get_config_hashes(State(engine): State<Arc<Engine>>, headers: HeaderMap, body: Body) -> Answer {
    admin_body(&engine, &headers, body).await?;
    Ok(axum::Json(deploy::config_hashes(&engine).await?))
}

async fn start_push(State(engine): State<Arc<Engine>>, headers: HeaderMap, body: Body) -> Answer {
    let (body, _) = admin_body(&engine, &headers, body).await?;
    Ok(axum::Json(deploy::start_push(&engine, parse(&body)?).await?))
}

async fn evaluate_push(State(engine): State<Arc<Engine>>, headers: HeaderMap, body: Body) -> Answer {
    let (body, _) = admin_body(&engine, &headers, body).await?;
    Ok(axum::Json(deploy::evaluate_push(&engine, parse(&body)?).await?))
}

async fn evaluate_schema(State(engine): State<Arc<Engine>>, headers: HeaderMap, body: Body) -> Answer {
    let (body, _) = admin_body(&engine, &headers, body).await?;
    Ok(axum::Json(deploy::evaluate_schema(&engine, parse(&body)?).await?))
}

async fn wait_for_schema(State(engine): State<Arc<Engine>>, headers: HeaderMap, body: Body) -> Answer {
    let (body, _) = admin_body(&engine, &headers, body).await?;
    let request: WaitForSchemaRequest = parse(&body)?;
    Ok(axum::Json(deploy::wait_for_schema(&engine, request).await?))
}

async fn finish_push(State(engine): State<Arc<Engine>>, headers: HeaderMap, body: Body) -> Answer {
    let (body, _) = admin_body(&engine, &headers, body).await?;
    let request: FinishPushRequest = parse(&body)?;
    Ok(axum::Json(deploy::finish_push(&engine, request).await?))
}

/// Timings of the CLI. Nobody looks at them.
async fn report_push_completed(State(engine): State<Arc<Engine>>, headers: HeaderMap, body: Body) -> Answer {
    admin_body(&engine, &headers, body).await?;
    Ok(axum::Json(Json::Null))
}
