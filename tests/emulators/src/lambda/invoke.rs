//! The API of Lambda: `Invoke`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::post;
use bytes::Bytes;
use serde_json::json;

use super::environment::End;
use super::function::Function;
use super::runtime_api::Invocation;
use super::{EVENT_LIMIT, REQUEST_LIMIT, Service};

/// How long a throttled asynchronous invocation waits before it is tried again.
const THROTTLED_EVENT: Duration = Duration::from_millis(250);

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/2015-03-31/functions/{name}/invocations", post(invoke))
}

async fn invoke(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    head: HeaderMap,
    payload: Bytes,
) -> Response<Body> {
    let Some(function) = service.function(&name) else {
        return refusal(StatusCode::NOT_FOUND, "ResourceNotFoundException", &format!("Function not found: {name}"));
    };
    let request_id = service.random.uuid();
    let kind = head.get("x-amz-invocation-type").and_then(|kind| kind.to_str().ok()).unwrap_or("RequestResponse");
    let limit = if kind == "Event" { EVENT_LIMIT } else { REQUEST_LIMIT };
    if payload.len() > limit {
        let message =
            format!("{} byte payload is too large for the {kind} invocation type (limit {limit} bytes)", payload.len());
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", &message);
    }
    if !payload.is_empty() && serde_json::from_slice::<serde::de::IgnoredAny>(&payload).is_err() {
        let message = "Could not parse request body into json";
        return refusal(StatusCode::BAD_REQUEST, "InvalidRequestContentException", message);
    }
    let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
    let answer = Response::builder().header("x-amzn-requestid", &request_id);
    let answer = match kind {
        "DryRun" => answer.status(StatusCode::NO_CONTENT).body(Body::empty()),
        "Event" => {
            let times = if function.definition().duplicate_events { 2 } else { 1 };
            for _ in 0..times {
                tokio::spawn(deliver(Arc::clone(&function), request_id.clone(), payload.clone()));
            }
            answer.status(StatusCode::ACCEPTED).body(Body::empty())
        }
        "RequestResponse" => match function.invoke(Invocation { request_id, payload }).await {
            Ok(outcome) => {
                let answer =
                    answer.header("content-type", "application/json").header("x-amz-executed-version", "$LATEST");
                let answer = match outcome.end {
                    End::Answered => answer,
                    End::Failed | End::TimedOut | End::Crashed => answer.header("x-amz-function-error", "Unhandled"),
                };
                answer.body(Body::from(outcome.payload))
            }
            Err(_throttled) => {
                return refusal(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "Rate Exceeded.");
            }
        },
        _ => {
            let message = format!("no invocation type `{kind}`");
            return refusal(StatusCode::BAD_REQUEST, "InvalidParameterValueException", &message);
        }
    };
    answer.unwrap_or_else(|error| refusal(StatusCode::INTERNAL_SERVER_ERROR, "ServiceException", &error.to_string()))
}

/// Runs a function that nobody waits for: again if it fails, as often as its definition says, with the same request id.
async fn deliver(function: Arc<Function>, request_id: String, payload: Bytes) {
    let mut delays = function.definition().retry_delays_ms.clone().into_iter();
    loop {
        let invocation = Invocation { request_id: request_id.clone(), payload: payload.clone() };
        match function.invoke(invocation).await {
            Ok(outcome) if outcome.end == End::Answered => return,
            Ok(_failed) => {
                let Some(delay) = delays.next() else { return };
                tokio::time::sleep(Duration::from_millis(delay)).await;
                function.retried();
            }
            // AWS does this for six hours; tests end before.
            Err(_throttled) => tokio::time::sleep(THROTTLED_EVENT).await,
        }
    }
}

/// An error in the form of Lambda.
fn refusal(status: StatusCode, kind: &str, message: &str) -> Response<Body> {
    let body = json!({"Type": "User", "Message": message, "message": message}).to_string();
    let answer =
        Response::builder().status(status).header("x-amzn-errortype", kind).header("content-type", "application/json");
    answer.body(Body::from(body)).expect("the names of errors are ASCII")
}
