//! A WebSocket API of API Gateway in front of a function: connecting, every message and disconnecting become events, and the
//! function sends to a connection by its id.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::control::{Api, ApiDefinition};
use super::environment::{End, Outcome};
use super::http_api::{message, unix_ms};
use super::websocket_event::{Connection, connection_id};

/// Of a message, in either direction, in bytes.
const MESSAGE_LIMIT: usize = 128 * 1024;

/// Of a frame from a client, in bytes.
const FRAME_LIMIT: usize = 32 * 1024;

/// How many messages wait for a slow client.
const QUEUE: usize = 1024;

/// Those that are open, by their id.
#[derive(Default)]
pub(super) struct Connections(Mutex<BTreeMap<String, Arc<Open>>>);

struct Open {
    connection: Connection,
    outbound: mpsc::Sender<Outbound>,
    active_ms: AtomicI64,
}

enum Outbound {
    Message(Bytes),
    Close,
}

pub(super) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/{stage}", get(connect))
        .route("/{stage}/", get(connect))
        .route("/{stage}/@connections/{id}", post(send).get(show).delete(close))
        .fallback(async || message(StatusCode::FORBIDDEN, "Forbidden"))
        .with_state(api)
}

async fn connect(
    State(api): State<Arc<Api>>,
    Path(stage): Path<String>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Response<Body> {
    let definition = api.definition();
    if stage != definition.stage() {
        return message(StatusCode::FORBIDDEN, "Forbidden");
    }
    let Ok(upgrade) = upgrade else { return message(StatusCode::UPGRADE_REQUIRED, "Upgrade Required") };
    let (head, _) = request.into_parts();
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let request_id = api.request_id();
    let random = u128::from_str_radix(&request_id.replace('-', ""), 16).unwrap_or_default();
    let connection = Connection {
        id: connection_id(random),
        api: api.id.clone(),
        domain: header("host"),
        stage,
        user_agent: header("user-agent"),
        connected_ms: unix_ms(),
    };
    let event = connection.connect(&head, &request_id, connection.connected_ms);
    let answer = match api.run(&event).await {
        Ok(outcome) if outcome.end == End::Answered => serde_json::from_slice::<Value>(&outcome.payload).ok(),
        Ok(_) | Err(_) => None,
    };
    let status = answer.as_ref().and_then(|answer| answer.get("statusCode")?.as_u64());
    let status = status.and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok());
    match status {
        Some(status) if status.is_success() => {}
        Some(refused) => return message(refused, refused.canonical_reason().unwrap_or_default()),
        None => return message(StatusCode::BAD_GATEWAY, "Internal server error"),
    }
    let protocols: Vec<String> = answer
        .as_ref()
        .and_then(|answer| answer.get("headers")?.as_object())
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-protocol"))
        .filter_map(|(_, value)| Some(value.as_str()?.to_owned()))
        .collect();
    upgrade
        .protocols(protocols)
        .max_frame_size(FRAME_LIMIT)
        .max_message_size(MESSAGE_LIMIT)
        .on_upgrade(move |socket| serve(api, definition, connection, socket))
}

/// From the upgrade to the end, and the event of that.
async fn serve(api: Arc<Api>, definition: ApiDefinition, connection: Connection, mut socket: WebSocket) {
    let (outbound, mut messages) = mpsc::channel(QUEUE);
    let open = Arc::new(Open { connection: connection.clone(), outbound, active_ms: AtomicI64::new(unix_ms()) });
    api.connections.0.lock().insert(connection.id.clone(), Arc::clone(&open));
    let end = Instant::now() + Duration::from_millis(definition.lifetime_ms);
    let (code, reason) = loop {
        let idle_ms = definition.idle_ms as i64 - (unix_ms() - open.active_ms.load(Ordering::Relaxed));
        let idle = Instant::now() + Duration::from_millis(idle_ms.max(0) as u64);
        tokio::select! {
            received = socket.recv() => match received {
                Some(Ok(Message::Text(text))) => {
                    open.active_ms.store(unix_ms(), Ordering::Relaxed);
                    api.stats.message(text.len());
                    // At the same time as others of this connection: no order is promised.
                    tokio::spawn(deliver(Arc::clone(&api), Arc::clone(&open), definition.route_response, text.to_string()));
                }
                Some(Ok(Message::Binary(_))) => break shut(socket, 1003, "Unsupported data").await,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(Some(frame)))) => break (frame.code, frame.reason.to_string()),
                Some(Ok(Message::Close(None))) => break (1005, "Client-side close frame status not set".to_owned()),
                Some(Err(error)) if error.to_string().contains("Space limit exceeded") => {
                    break shut(socket, 1009, "Message too long").await;
                }
                Some(Err(_)) | None => break (1006, "Connection Closed Abnormally".to_owned()),
            },
            Some(outbound) = messages.recv() => match outbound {
                Outbound::Message(data) => {
                    api.stats.message(data.len());
                    open.active_ms.store(unix_ms(), Ordering::Relaxed);
                    let message = match String::from_utf8(data.into()) {
                        Ok(text) => Message::Text(text.into()),
                        Err(bytes) => Message::Binary(bytes.into_bytes().into()),
                    };
                    if socket.send(message).await.is_err() {
                        break (1006, "Connection Closed Abnormally".to_owned());
                    }
                }
                Outbound::Close => break shut(socket, 1000, "Connection Closed Normally").await,
            },
            () = tokio::time::sleep_until(end.min(idle)) => {
                let idle_ms = unix_ms() - open.active_ms.load(Ordering::Relaxed);
                if Instant::now() >= end || idle_ms >= definition.idle_ms as i64 {
                    break shut(socket, 1001, "Going away").await;
                }
            }
        }
    };
    api.connections.0.lock().remove(&connection.id);
    api.stats.connection(Duration::from_millis((unix_ms() - connection.connected_ms).max(0) as u64));
    let event = connection.disconnect(code, &reason, &api.request_id(), unix_ms());
    // Best effort, as it is there.
    let _nobody_waits = api.run(&event).await;
}

/// Closes it from this side.
async fn shut(mut socket: WebSocket, code: u16, reason: &str) -> (u16, String) {
    let frame = CloseFrame { code, reason: reason.into() };
    let _gone = socket.send(Message::Close(Some(frame))).await;
    (code, reason.to_owned())
}

/// Runs the function for a message; tells the client if it fails.
async fn deliver(api: Arc<Api>, open: Arc<Open>, respond: bool, text: String) {
    let request_id = api.request_id();
    let event = open.connection.message(&text, &request_id, unix_ms());
    let said = match api.run(&event).await {
        Ok(Outcome { payload, end: End::Answered }) if respond => route_response(&payload),
        Ok(Outcome { end: End::Answered, .. }) => None,
        Ok(_) | Err(_) => {
            let text = "Internal server error";
            let said = json!({"message": text, "connectionId": open.connection.id, "requestId": request_id});
            Some(said.to_string())
        }
    };
    if let Some(said) = said {
        let _gone = open.outbound.send(Outbound::Message(said.into())).await;
    }
}

fn route_response(payload: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(payload).ok()?;
    answer.get("body")?.as_str().map(ToOwned::to_owned)
}

fn find(api: &Api, id: &str) -> Option<Arc<Open>> {
    api.connections.0.lock().get(id).cloned()
}

fn gone() -> Response<Body> {
    refusal(StatusCode::GONE, "GoneException", "Gone")
}

async fn send(State(api): State<Arc<Api>>, Path((_, id)): Path<(String, String)>, data: Bytes) -> Response<Body> {
    if data.len() > MESSAGE_LIMIT {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException", "Message too long");
    }
    match find(&api, &id) {
        Some(open) => match open.outbound.try_send(Outbound::Message(data)) {
            Ok(()) => StatusCode::OK.into_response(),
            Err(mpsc::error::TrySendError::Closed(_)) => gone(),
            Err(mpsc::error::TrySendError::Full(_)) => {
                refusal(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", "Too many messages wait")
            }
        },
        None => gone(),
    }
}

async fn show(State(api): State<Arc<Api>>, Path((_, id)): Path<(String, String)>) -> Response<Body> {
    match find(&api, &id) {
        Some(open) => axum::Json(open.connection.show(open.active_ms.load(Ordering::Relaxed))).into_response(),
        None => gone(),
    }
}

async fn close(State(api): State<Arc<Api>>, Path((_, id)): Path<(String, String)>) -> Response<Body> {
    match find(&api, &id) {
        Some(open) => {
            // At once for those who ask next.
            api.connections.0.lock().remove(&id);
            let _gone = open.outbound.send(Outbound::Close).await;
            StatusCode::NO_CONTENT.into_response()
        }
        None => gone(),
    }
}

fn refusal(status: StatusCode, kind: &'static str, text: &str) -> Response<Body> {
    let mut response = message(status, text);
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(kind));
    response
}
