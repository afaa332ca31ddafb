//! A Node function of this machine, and a store that is reached by URLs.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{Method, StatusCode};
use lakewire_storage::env::Env;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{ObjectStoreExt, PutPayload};
use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::Url;

use super::{FunctionEnded, NodeFunction};
use crate::node::{LAMBDA_FILES, NodeError};

/// What the runtime of Lambda does, over standard input and output.
const RUNTIME: &str = r#"
import { createInterface } from "node:readline";
import { handler } from "./index.mjs";
for await (const line of createInterface({ input: process.stdin })) {
  const { event, ends } = JSON.parse(line);
  let answer;
  try {
    answer = { ok: await handler(event, { getRemainingTimeInMillis: () => ends - Date.now() }) };
  } catch (error) {
    answer = { error: { errorType: error.name, errorMessage: error.message, trace: [] } };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
"#;
/// As Lambda has it.
const MOST_PAYLOAD: usize = 6 << 20;

/// The package of the Node function, run by processes that stay warm, one invocation at a time in each.
pub(crate) struct TestFunction {
    folder: tempfile::TempDir,
    env: Env,
    memory_mib: usize,
    time: Duration,
    warm: Mutex<Vec<Instance>>,
    started: AtomicUsize,
    pub invoked: AtomicUsize,
}

struct Instance {
    child: Arc<Mutex<Child>>,
    output: BufReader<std::process::ChildStdout>,
    input: std::process::ChildStdin,
}

impl TestFunction {
    pub(crate) fn new(memory_mib: usize, time: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in LAMBDA_FILES.iter().chain(&[("runtime.mjs", RUNTIME)]) {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("makes folders");
            std::fs::write(file, text).expect("writes");
        }
        let counts = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (env, warm) = (Env::system(), Mutex::default());
        Self { folder, env, memory_mib, time, warm, started: counts.0, invoked: counts.1 }
    }

    /// Forgets what is warm, as Lambda may at any time.
    pub(crate) fn cool_down(&self) {
        for instance in self.warm.lock().drain(..) {
            instance.child.lock().kill().expect("ends");
        }
    }

    fn start(&self) -> Instance {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let temporary: PathBuf = self.folder.path().join(format!("tmp{number}"));
        std::fs::create_dir(&temporary).expect("makes folders");
        let mut child = Command::new("node")
            .arg(self.folder.path().join("runtime.mjs"))
            .env("TMPDIR", temporary)
            .env("AWS_SECRET_ACCESS_KEY", "of the role")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", self.memory_mib.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Node starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let input = child.stdin.take().expect("piped");
        Instance { child: Arc::new(Mutex::new(child)), output, input }
    }
}

impl Drop for TestFunction {
    fn drop(&mut self) {
        self.cool_down();
    }
}

#[async_trait]
impl NodeFunction for TestFunction {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, NodeError> {
        assert!(payload.len() <= MOST_PAYLOAD, "{} bytes", payload.len());
        self.invoked.fetch_add(1, Ordering::Relaxed);
        let warm = self.warm.lock().pop();
        let mut instance = warm.unwrap_or_else(|| self.start());
        let event: Json = serde_json::from_slice(&payload).expect("payloads are JSON");
        let ends = self.env.now_ns() / 1_000_000 + self.time.as_millis() as u64;
        let (answer, answered) = oneshot::channel();
        let child = instance.child.clone();
        let talk = move || {
            let mut line = String::new();
            let sent = writeln!(instance.input, "{}", json!({"event": event, "ends": ends}));
            let read = sent.and_then(|()| instance.output.read_line(&mut line));
            let _ = answer.send((instance, read.map(|_| line).unwrap_or_default()));
        };
        self.env.spawn_thread("invoke", talk).expect("a thread");
        let Ok(answered) = self.env.timeout(self.time, answered).await else {
            child.lock().kill().expect("ends");
            return Err(NodeError::Ended(FunctionEnded::Timeout));
        };
        let (instance, line) = answered.expect("the thread answers");
        if line.is_empty() {
            let status = child.lock().wait().expect("ends");
            let how = if status.signal() == Some(9) { "signal: killed".to_owned() } else { status.to_string() };
            let message = format!("Runtime exited with error: {how}");
            let payload = json!({"errorType": "Runtime.ExitError", "errorMessage": message}).to_string();
            return Err(NodeError::Ended(FunctionEnded::of_payload(payload.as_bytes())));
        }
        self.warm.lock().push(instance);
        let line: Json = serde_json::from_str(&line).expect("answers are JSON");
        match line.get("ok") {
            Some(answer) => {
                let answer = answer.to_string();
                assert!(answer.len() <= MOST_PAYLOAD, "{} bytes", answer.len());
                Ok(answer.into())
            }
            None => Err(NodeError::Ended(FunctionEnded::of_payload(line["error"].to_string().as_bytes()))),
        }
    }
}

/// A store that is reached by URLs, each good for one kind of request.
#[derive(Debug)]
pub(crate) struct TestSigner {
    origin: String,
}

impl TestSigner {
    /// Serves `store` on a port of its own.
    pub(crate) fn serve(store: Arc<InMemory>) -> Self {
        let (listener, origin) = listen();
        serve(listener, Router::new().fallback(object).with_state(store));
        Self { origin }
    }
}

/// A port of this machine, and its origin.
pub(crate) fn listen() -> (TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    listener.set_nonblocking(true).expect("can be set");
    (TcpListener::from_std(listener).expect("a listener"), origin)
}

pub(crate) fn serve(listener: TcpListener, router: Router) {
    Env::system().spawn("serve", async move { axum::serve(listener, router).await.expect("serves") });
}

#[async_trait]
impl Signer for TestSigner {
    async fn signed_url(&self, method: Method, path: &Path, _: Duration) -> object_store::Result<Url> {
        Ok(Url::parse(&format!("{}/{path}?for={method}", self.origin)).expect("a URL"))
    }
}

async fn object(State(store): State<Arc<InMemory>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = Path::parse(parts.uri.path()).expect("a path");
    if parts.uri.query() != Some(&format!("for={}", parts.method)) {
        return (StatusCode::BAD_REQUEST, "the signature does not match").into_response();
    }
    if parts.method == Method::PUT {
        assert!(parts.headers.contains_key("content-length"), "S3 takes no chunks");
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        store.put(&path, PutPayload::from_bytes(bytes)).await.expect("puts");
        return StatusCode::OK.into_response();
    }
    match store.get(&path).await {
        Ok(found) => found.bytes().await.expect("bytes").into_response(),
        Err(_) => StatusCode::FORBIDDEN.into_response(),
    }
}
