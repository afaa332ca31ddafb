//! The Runtime API of one execution environment: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::RESPONSE_LIMIT;

/// What a runtime reports.
#[derive(Debug)]
pub(super) enum Event {
    /// It waits for an invocation.
    Next,
    /// It waits for a restore: its initialization is done.
    RestoreNext,
    Response(Bytes),
    Error(Bytes),
    InitError(Bytes),
    RestoreError(Bytes),
    /// It answered with so many bytes.
    TooLarge(usize),
}

/// What it is told.
pub(super) enum Delivery {
    Invocation(Arc<Invocation>),
    Restored,
}

/// An invocation, as an environment sees it.
pub(crate) struct Invocation {
    pub request_id: String,
    pub payload: Bytes,
}

/// The end of it at the environment.
pub(super) struct RuntimeApi {
    pub address: String,
    pub events: mpsc::UnboundedReceiver<Event>,
    shared: Arc<Shared>,
    deliver: mpsc::UnboundedSender<Delivery>,
    server: AbortHandle,
}

struct Shared {
    arn: String,
    events: mpsc::UnboundedSender<Event>,
    deliveries: tokio::sync::Mutex<mpsc::UnboundedReceiver<Delivery>>,
    /// The request id of the invocation that is under way, and its deadline in milliseconds since 1970.
    current: Mutex<Option<(String, u64)>>,
}

impl RuntimeApi {
    /// Listens on a free port of the loopback interface.
    pub async fn start(arn: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (send_events, events) = mpsc::unbounded_channel();
        let (deliver, deliveries) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            arn: arn.to_owned(),
            events: send_events,
            deliveries: tokio::sync::Mutex::new(deliveries),
            current: Mutex::default(),
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .route("/2018-06-01/runtime/restore/next", get(restore_next))
            .route("/2018-06-01/runtime/restore/error", post(restore_error))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        let listener = listener.tap_io(|stream| {
            let _only_slower = stream.set_nodelay(true);
        });
        let server = tokio::spawn(async move {
            let _never = axum::serve(listener, router).await;
        });
        Ok(Self { address, events, shared, deliver, server: server.abort_handle() })
    }

    /// Gives the runtime an invocation, now or when it asks for one.
    pub fn invoke(&self, invocation: Arc<Invocation>, deadline_ms: u64) {
        *self.shared.current.lock() = Some((invocation.request_id.clone(), deadline_ms));
        let _gone = self.deliver.send(Delivery::Invocation(invocation));
    }

    pub fn restore(&self) {
        let _gone = self.deliver.send(Delivery::Restored);
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn report(&self, event: Event) {
        let _gone = self.events.send(event);
    }

    /// Whether this is the invocation that is under way; it is not, after that.
    fn end(&self, id: &str) -> bool {
        let mut current = self.current.lock();
        let is_current = current.as_ref().is_some_and(|(current, _)| current == id);
        if is_current {
            *current = None;
        }
        is_current
    }
}

async fn next(State(api): State<Arc<Shared>>) -> Response<Body> {
    api.report(Event::Next);
    loop {
        match api.deliveries.lock().await.recv().await {
            Some(Delivery::Invocation(invocation)) => {
                let deadline = api.current.lock().as_ref().map_or(0, |(_, deadline)| *deadline);
                let answer = Response::builder()
                    .header("content-type", "application/json")
                    .header("lambda-runtime-aws-request-id", &invocation.request_id)
                    .header("lambda-runtime-deadline-ms", deadline)
                    .header("lambda-runtime-invoked-function-arn", &api.arn)
                    .header("lambda-runtime-trace-id", trace_id(&invocation.request_id, deadline))
                    .body(Body::from(invocation.payload.clone()));
                return answer.unwrap_or_else(|_| refusal(StatusCode::INTERNAL_SERVER_ERROR, "InvalidHeader"));
            }
            Some(Delivery::Restored) => {}
            None => return refusal(StatusCode::INTERNAL_SERVER_ERROR, "ContainerError"),
        }
    }
}

/// The header of X-Ray, of an invocation that is not sampled.
fn trace_id(request_id: &str, deadline_ms: u64) -> String {
    let digits: String = request_id.chars().filter(|digit| *digit != '-').take(24).collect();
    format!("Root=1-{:08x}-{digits};Parent={};Sampled=0", deadline_ms / 1000, digits.get(..16).unwrap_or_default())
}

async fn response(State(api): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Response<Body> {
    if !api.end(&id) {
        return refusal(StatusCode::BAD_REQUEST, "InvalidRequestID");
    }
    if body.len() > RESPONSE_LIMIT {
        api.report(Event::TooLarge(body.len()));
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "Function.ResponseSizeTooLarge");
    }
    api.report(Event::Response(body));
    accepted()
}

async fn error(State(api): State<Arc<Shared>>, Path(id): Path<String>, head: HeaderMap, body: Bytes) -> Response<Body> {
    if !api.end(&id) {
        return refusal(StatusCode::BAD_REQUEST, "InvalidRequestID");
    }
    api.report(Event::Error(error_body(&head, body)));
    accepted()
}

async fn init_error(State(api): State<Arc<Shared>>, head: HeaderMap, body: Bytes) -> Response<Body> {
    api.report(Event::InitError(error_body(&head, body)));
    accepted()
}

async fn restore_next(State(api): State<Arc<Shared>>) -> Response<Body> {
    api.report(Event::RestoreNext);
    match api.deliveries.lock().await.recv().await {
        Some(Delivery::Restored) => Response::new(Body::empty()),
        _ => refusal(StatusCode::INTERNAL_SERVER_ERROR, "ContainerError"),
    }
}

async fn restore_error(State(api): State<Arc<Shared>>, head: HeaderMap, body: Bytes) -> Response<Body> {
    api.report(Event::RestoreError(error_body(&head, body)));
    accepted()
}

/// What the caller of the function gets, if the runtime said nothing but the type of the error.
fn error_body(head: &HeaderMap, body: Bytes) -> Bytes {
    if !body.is_empty() {
        return body;
    }
    let kind = head.get("lambda-runtime-function-error-type").and_then(|kind| kind.to_str().ok());
    json!({"errorType": kind.unwrap_or("Unhandled"), "errorMessage": ""}).to_string().into()
}

fn accepted() -> Response<Body> {
    let mut answer = Response::new(Body::from(r#"{"status":"OK"}"#));
    *answer.status_mut() = StatusCode::ACCEPTED;
    answer
}

fn refusal(status: StatusCode, kind: &str) -> Response<Body> {
    let body = json!({"errorType": kind, "errorMessage": kind}).to_string();
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    answer
}
