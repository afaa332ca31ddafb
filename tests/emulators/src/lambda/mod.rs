//! AWS Lambda with API Gateway in front of it, as far as functions can tell: processes that speak the Runtime API.
//!
//! Functions are defined over a control endpoint ([`control`]), called over the API of Lambda ([`invoke`]), an HTTP API
//! ([`http_api`]) or a WebSocket API ([`websocket`]). Environments are made, reused, stopped between invocations, and killed
//! as those of AWS are. Nothing checks signatures, and no memory is limited.

mod api_stats;
mod control;
mod definition;
mod environment;
mod function;
mod http_api;
mod http_event;
mod invoke;
mod process;
mod runtime_api;
mod stats;
mod websocket;
mod websocket_event;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use parking_lot::Mutex;
use tempfile::TempDir;

use self::control::Api;
use self::environment::Outcome;
use self::function::{Function, Throttled};
use self::runtime_api::Invocation;
use crate::background::Background;
use crate::random::Random;

/// Of the payload of a synchronous invocation, in bytes.
const REQUEST_LIMIT: usize = 6 * 1024 * 1024;

/// Of the payload of an asynchronous invocation, in bytes.
const EVENT_LIMIT: usize = 1024 * 1024;

/// Of what a function answers, in bytes.
const RESPONSE_LIMIT: usize = 6 * 1024 * 1024 + 100;

/// How often idle environments are looked at.
const SWEEP: std::time::Duration = std::time::Duration::from_millis(200);

/// A Lambda service. Dropping it stops it and kills the processes of its functions.
pub struct Lambda(Background);

impl Lambda {
    /// Starts one without functions, on a thread with a runtime of its own.
    ///
    /// # Panics
    /// If it cannot listen, or cannot make a temporary folder.
    pub fn start() -> Self {
        Self(Background::start("lambda", async |listener| {
            let folder = tempfile::tempdir().expect("make a temporary folder");
            let service = Arc::new(Service {
                functions: Mutex::default(),
                apis: Mutex::default(),
                random: Random::new(Random::fresh_seed()),
                folder,
            });
            let sweeping = Arc::clone(&service);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(SWEEP).await;
                    sweeping.functions.lock().values().for_each(|function| function.sweep());
                }
            });
            let router: Router = invoke::routes().merge(control::routes()).with_state(service);
            let _never = serve(listener, router).await;
        }))
    }

    /// The URL of the API of Lambda and of the control endpoint, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        self.0.endpoint()
    }
}

/// All of it.
struct Service {
    functions: Mutex<BTreeMap<String, Arc<Function>>>,
    apis: Mutex<BTreeMap<String, Arc<Api>>>,
    random: Random,
    folder: TempDir,
}

impl Service {
    /// By its name, its ARN, or either with a version or an alias, which are all the same.
    fn function(&self, name: &str) -> Option<Arc<Function>> {
        let name = name.split_once(":function:").map_or(name, |(_, name)| name);
        let name = name.split(':').next().unwrap_or_default();
        self.functions.lock().get(name).cloned()
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a function once.
    async fn run(&self, function: &Arc<Function>, payload: Bytes) -> Result<Outcome, Throttled> {
        function.invoke(Invocation { request_id: self.random.uuid(), payload }).await
    }
}

/// Serves until dropped. Bodies may be of any length.
async fn serve(listener: tokio::net::TcpListener, router: Router) -> std::io::Result<()> {
    let listener = listener.tap_io(|stream| {
        let _only_slower = stream.set_nodelay(true);
    });
    axum::serve(listener, router.layer(DefaultBodyLimit::disable())).await
}
