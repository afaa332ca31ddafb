//! The control endpoint: defines functions and APIs, tells what happened, kills.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use bytes::Bytes;
use parking_lot::RwLock;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::api_stats::ApiStats;
use super::definition::Definition;
use super::environment::Outcome;
use super::function::{Function, Throttled, Which};
use super::{REQUEST_LIMIT, Service, http_api, websocket};

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/functions/{name}", put(put_function))
        .route("/functions/{name}/log", get(function_log))
        .route("/apis/{id}", put(put_api))
        .route("/stats", get(stats).delete(reset_stats))
        .route("/kill", post(kill))
}

/// An API: the body of `PUT /apis/{id}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ApiDefinition {
    pub function: String,
    pub kind: ApiKind,
    /// `$default` for HTTP and `prod` for WebSockets, if not given.
    stage: Option<String>,
    /// Of one invocation: 30 s for HTTP and 29 s for WebSockets, if not given.
    timeout_ms: Option<u64>,
    /// How long a WebSocket may be without a message.
    #[serde(default = "default_idle")]
    pub idle_ms: u64,
    /// How long a WebSocket may live.
    #[serde(default = "default_lifetime")]
    pub lifetime_ms: u64,
    /// Whether what the function answers to a message is sent to the client.
    #[serde(default)]
    pub route_response: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ApiKind {
    Http,
    WebSocket,
}

fn default_idle() -> u64 {
    10 * 60 * 1000
}

fn default_lifetime() -> u64 {
    2 * 60 * 60 * 1000
}

impl ApiDefinition {
    pub fn stage(&self) -> &str {
        match (&self.stage, self.kind) {
            (Some(stage), _) => stage,
            (None, ApiKind::Http) => "$default",
            (None, ApiKind::WebSocket) => "prod",
        }
    }

    pub fn timeout(&self) -> Duration {
        let usual = if self.kind == ApiKind::Http { 30_000 } else { 29_000 };
        Duration::from_millis(self.timeout_ms.unwrap_or(usual))
    }
}

/// An API that listens.
pub(super) struct Api {
    pub id: String,
    /// Host and port.
    pub address: String,
    definition: RwLock<ApiDefinition>,
    service: Weak<Service>,
    pub connections: websocket::Connections,
    pub stats: ApiStats,
}

impl Api {
    pub fn definition(&self) -> ApiDefinition {
        self.definition.read().clone()
    }

    /// Runs the function behind it, and waits as long as the API does.
    ///
    /// # Errors
    /// Why there is no answer in time; the function may run on.
    pub async fn run(&self, event: &Value) -> Result<Outcome, NoAnswer> {
        let definition = self.definition();
        let service = self.service.upgrade().ok_or(NoAnswer::Unknown)?;
        let function = service.function(&definition.function).ok_or(NoAnswer::Unknown)?;
        let payload = Bytes::from(event.to_string());
        if payload.len() > REQUEST_LIMIT {
            return Err(NoAnswer::TooLarge);
        }
        match tokio::time::timeout(definition.timeout(), service.run(&function, payload)).await {
            Ok(answered) => answered.map_err(|Throttled| NoAnswer::Throttled),
            Err(_late) => Err(NoAnswer::TimedOut),
        }
    }

    /// An id for a request or a message.
    pub fn request_id(&self) -> String {
        self.service.upgrade().map_or_else(String::new, |service| service.random.uuid())
    }
}

/// Why an API has no answer of its function.
pub(super) enum NoAnswer {
    /// There is no such function.
    Unknown,
    Throttled,
    TimedOut,
    /// The event is more than Lambda takes.
    TooLarge,
}

async fn put_function(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    Json(definition): Json<Definition>,
) -> Result<Json<Value>, Response> {
    if let Some(fault) = definition.fault() {
        return Err((StatusCode::BAD_REQUEST, format!("function `{name}`: {fault}")).into_response());
    }
    let function = {
        let mut functions = service.functions.lock();
        if let Some(function) = functions.get(&name) {
            function.redefine(definition);
            Arc::clone(function)
        } else {
            let function = Arc::new(Function::new(&name, definition, service.folder()));
            functions.insert(name, Arc::clone(&function));
            function
        }
    };
    match function.prepare().await {
        Ok(()) => Ok(Json(json!({"arn": function.arn}))),
        Err(failed) => Err((StatusCode::BAD_REQUEST, failed.payload).into_response()),
    }
}

async fn put_api(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    Json(definition): Json<ApiDefinition>,
) -> Result<Json<Value>, Response> {
    let known = service.apis.lock().get(&id).cloned();
    let api = match known {
        Some(api) if api.definition.read().kind != definition.kind => {
            return Err((StatusCode::BAD_REQUEST, format!("API `{id}` is of the other kind")).into_response());
        }
        Some(api) => {
            *api.definition.write() = definition;
            api
        }
        None => {
            let listen = async {
                let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
                let address = listener.local_addr()?.to_string();
                std::io::Result::Ok((listener, address))
            };
            let failed = |error: std::io::Error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
            let (listener, address) = listen.await.map_err(failed)?;
            let kind = definition.kind;
            let api = Arc::new(Api {
                id: id.clone(),
                address,
                definition: RwLock::new(definition),
                service: Arc::downgrade(&service),
                connections: websocket::Connections::default(),
                stats: ApiStats::default(),
            });
            let routes = match kind {
                ApiKind::Http => http_api::routes(Arc::clone(&api)),
                ApiKind::WebSocket => websocket::routes(Arc::clone(&api)),
            };
            tokio::spawn(super::serve(listener, routes));
            service.apis.lock().insert(id, Arc::clone(&api));
            api
        }
    };
    let definition = api.definition();
    let path = match definition.stage() {
        "$default" => String::new(),
        stage => format!("/{stage}"),
    };
    let http = format!("http://{}{path}", api.address);
    Ok(Json(match definition.kind {
        ApiKind::Http => json!({"url": http}),
        ApiKind::WebSocket => json!({"url": format!("ws://{}{path}", api.address), "endpoint": http}),
    }))
}

async fn stats(State(service): State<Arc<Service>>) -> Json<Value> {
    let functions = service.functions.lock().clone();
    for function in functions.values() {
        function.settle().await;
    }
    let shown: BTreeMap<_, _> = functions.iter().map(|(name, function)| (name, function.show())).collect();
    let apis: BTreeMap<_, _> = service.apis.lock().iter().map(|(id, api)| (id.clone(), api.stats.show())).collect();
    Json(json!({"functions": shown, "apis": apis}))
}

async fn reset_stats(State(service): State<Arc<Service>>) -> StatusCode {
    service.functions.lock().values().for_each(|function| function.reset_stats());
    service.apis.lock().values().for_each(|api| api.stats.reset());
    StatusCode::NO_CONTENT
}

async fn function_log(State(service): State<Arc<Service>>, Path(name): Path<String>) -> Response {
    match service.function(&name).map(|function| function.log()) {
        Some(Ok(log)) => log.into_response(),
        Some(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        None => unknown(&name),
    }
}

/// The body of `POST /kill`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kill {
    function: String,
    #[serde(default = "default_which")]
    which: Which,
    /// How long to wait until there is something to kill.
    #[serde(default)]
    wait_ms: u64,
}

fn default_which() -> Which {
    Which::Busy
}

async fn kill(State(service): State<Arc<Service>>, Json(kill): Json<Kill>) -> Response {
    let Some(function) = service.function(&kill.function) else { return unknown(&kill.function) };
    // Those that have answered are idle, not busy.
    function.settle().await;
    let started = std::time::Instant::now();
    loop {
        let killed = function.kill(kill.which);
        if !killed.is_empty() || started.elapsed() >= Duration::from_millis(kill.wait_ms) {
            return Json(json!({"killed": killed})).into_response();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn unknown(name: &str) -> Response {
    (StatusCode::NOT_FOUND, format!("no function `{name}`")).into_response()
}
