//! An HTTP API of API Gateway in front of a function: every request becomes an event.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::json;

use super::control::{Api, NoAnswer};
use super::environment::End;
use super::http_event::{self, Context};

/// Of the body of a request, in bytes.
const BODY_LIMIT: usize = 10 * 1024 * 1024;

pub(super) fn routes(api: Arc<Api>) -> Router {
    Router::new().fallback(answer).with_state(api)
}

async fn answer(State(api): State<Arc<Api>>, request: Request) -> Response<Body> {
    let request_id = api.request_id();
    let mut response = respond(&api, request, &request_id).await;
    if let Ok(id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert("apigw-requestid", id);
    }
    response
}

async fn respond(api: &Api, request: Request, request_id: &str) -> Response<Body> {
    let definition = api.definition();
    let (head, body) = request.into_parts();
    let stage = definition.stage();
    let in_stage = |path: &str| path.strip_prefix('/').and_then(|path| path.split('/').next()) == Some(stage);
    if stage != "$default" && !in_stage(head.uri.path()) {
        return message(StatusCode::NOT_FOUND, "Not Found");
    }
    // All of it: a client that still sends would not read the refusal.
    let Ok(body) = body.collect().await else { return message(StatusCode::BAD_REQUEST, "Bad Request") };
    let body = body.to_bytes();
    if body.len() > BODY_LIMIT {
        return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    }
    let context = Context { api: &api.id, stage, request_id, source_ip: "127.0.0.1", unix_ms: unix_ms() };
    let event = http_event::event(&head, &body, &context);
    let outcome = api.run(&event).await;
    let answered = outcome.as_ref().map_or(0, |outcome| outcome.payload.len());
    api.stats.request(body.len().max(answered));
    match outcome {
        Ok(outcome) if outcome.end == End::Answered => http_event::response(&outcome.payload)
            .unwrap_or_else(|| message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")),
        Ok(_) | Err(NoAnswer::Unknown) => message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        Err(NoAnswer::TooLarge) => message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
        Err(NoAnswer::Throttled | NoAnswer::TimedOut) => {
            message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
        }
    }
}

pub(super) fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}

/// What API Gateway says by itself.
pub(super) fn message(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(json!({"message": text}).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}
