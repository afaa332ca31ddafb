//! Actions of Node modules in the Node function: the real one, run by processes of this machine, over an API that fails.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use lakewire_storage::catalog::SystemTable;
use parking_lot::Mutex;
use serde_json::{Value as Json, json};

use super::harness::{App, parse};
use crate::auth::{Identity, UserIdentity};
use crate::http::router;
use crate::node::remote::testing::{TestFunction, TestSigner, listen, serve};
use crate::node::{NodeOptions, RemoteNode};
use crate::udf::FunctionError;

const MODULES: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/node/bundle.json"));
const TIME: Duration = Duration::from_secs(6);
const LONGER: Duration = Duration::from_secs(60);

#[derive(Clone, Copy)]
enum Fault {
    /// The request does not get through.
    Refused,
    /// It is answered, and the answer lost.
    Lost,
}

/// How the way to the API fails.
#[derive(Default)]
struct Faults {
    /// What becomes of the first requests for each operation.
    plan: Mutex<Vec<Fault>>,
    /// Requests for each operation so far.
    asked: Mutex<HashMap<(String, u64), usize>>,
}

struct Remote {
    app: App,
    function: Arc<TestFunction>,
    faults: Arc<Faults>,
}

impl Remote {
    async fn start() -> Self {
        Self::with(1024, TIME).await
    }

    /// A function with so much memory, and actions that take so long.
    async fn with(memory_mib: usize, time: Duration) -> Self {
        let function = Arc::new(TestFunction::new(memory_mib, time + Duration::from_secs(20)));
        let (listener, origin) = listen();
        let callback = origin.clone();
        let node = |store: Arc<object_store::memory::InMemory>| {
            let signer = Arc::new(TestSigner::serve(store.clone()));
            let remote = RemoteNode { function: function.clone(), signer, store, callback };
            NodeOptions { remote: Some(remote), action_time: Some(time), ..NodeOptions::default() }
        };
        let app = App::with_modules(MODULES, |deployment, _| deployment.cloud_origin = origin, node).await;
        let faults = Arc::new(Faults::default());
        let api = router(app.engine.clone(), app.engine.clone(), axum::Router::new());
        serve(listener, api.layer(middleware::from_fn_with_state(faults.clone(), fail)));
        Self { app, function, faults }
    }

    async fn action(&self, name: &str, args: Json) -> Result<Json, FunctionError> {
        self.app.action(&format!("mail:{name}"), args).await
    }

    async fn ok(&self, name: &str, args: Json) -> Json {
        self.action(name, args).await.unwrap_or_else(|error| panic!("{name}: {}", error.message))
    }

    async fn error(&self, name: &str) -> String {
        self.action(name, json!({})).await.expect_err(name).message.to_string()
    }

    fn fail(&self, plan: &[Fault]) {
        self.faults.asked.lock().clear();
        *self.faults.plan.lock() = plan.to_vec();
    }

    async fn notes(&self) -> Vec<String> {
        serde_json::from_value(self.app.notes().await).expect("texts")
    }
}

async fn fail(State(faults): State<Arc<Faults>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if !path.starts_with("/api/lakewire/node/") {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    let head = body.split(|byte| *byte == b'\n').next().expect("a line");
    let head: Json = serde_json::from_slice(head).expect("JSON");
    let fault = {
        let mut asked = faults.asked.lock();
        let asked = asked.entry((path, head["operation"].as_u64().expect("a number"))).or_default();
        *asked += 1;
        faults.plan.lock().get(*asked - 1).copied()
    };
    if matches!(fault, Some(Fault::Refused)) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
    if fault.is_none() {
        return answer;
    }
    // What is asked for is done while the answer is read.
    to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
    StatusCode::BAD_GATEWAY.into_response()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_actions_may_ask_for() {
    let remote = Remote::start().await;
    let found = remote.ok("platform", json!({"text": "abc"})).await;
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(found, json!({"digest": digest, "required": true, "dirname": "string"}));
    let refused = remote.action("platform", json!({"text": 1})).await.expect_err("checked");
    assert!(refused.message.contains("ArgumentValidationError"), "{}", refused.message);
    let mut call = remote.app.call("mail:context", &json!({}));
    let user = UserIdentity::from_attributes(&json!({"issuer": "https://i", "subject": "s"})).expect("attributes");
    call.identity = Identity::User(user);
    let found = parse(remote.app.engine.action(&call).await.expect("runs").outcome).expect("a result");
    assert_eq!((&found["notes"], &found["subject"], &found["inner"]), (&json!(["from node"]), &json!("s"), &json!(42)));
    assert!(remote.error("hidden").await.contains("Could not find public function"));
    let before = remote.function.invoked.load(Ordering::Relaxed);
    assert_eq!((remote.ok("count", json!({})).await, remote.ok("count", json!({})).await), (json!(1), json!(2)));
    assert_eq!(remote.function.invoked.load(Ordering::Relaxed), before + 2, "a warm function misses nothing");
    remote.function.cool_down();
    assert_eq!(remote.ok("count", json!({})).await, json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_and_ends() {
    let remote = Remote::start().await;
    let failed = remote.action("fail", json!({})).await.expect_err("fails");
    assert_eq!(failed.data.as_deref(), Some(r#"{"big":{"$integer":"BQAAAAAAAAA="},"code":7}"#));
    let crash = remote.error("crash").await;
    assert!(crash.contains("Uncaught TypeError: boom\n    at ") && crash.contains("../convex/mail.ts:"), "{crash}");
    assert_eq!(remote.ok("caught", json!({})).await, json!({"convex": true, "data": {"why": "no"}}));
    let ends = [
        ("exit", "process.exit(3) was called"),
        ("reject", "nobody sees this"),
        ("kill", "process ended while the action was running: signal: SIGKILL"),
        ("killParent", "ran out of memory"),
    ];
    for (name, message) in ends {
        let error = remote.error(name).await;
        assert!(error.contains(message), "{name}: {error}");
        assert_eq!(remote.ok("count", json!({})).await, json!(1), "after {name}");
    }
    let timeout = "Function execution timed out (maximum duration 6s)";
    let (sleepy, hang) = futures::join!(remote.error("sleepy"), remote.error("hang"));
    assert!(sleepy.contains(timeout) && hang.contains(timeout), "{sleepy}, {hang}");
    assert_eq!(remote.ok("count", json!({})).await, json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_takes_all_memory() {
    let remote = Remote::with(384, LONGER).await;
    let error = remote.error("eat").await;
    assert!(error.contains("ran out of memory while the action was running"), "{error}");
    assert_eq!(remote.ok("count", json!({})).await, json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_are_those_of_the_deployment() {
    let remote = Remote::start().await;
    let names = json!({"names": ["CONVEX_CLOUD_URL", "AWS_SECRET_ACCESS_KEY"]});
    let found = remote.ok("variables", names).await;
    assert_eq!(found, json!([remote.app.engine.deployment().cloud_origin, null]));
    let all: Vec<String> = serde_json::from_value(remote.ok("allVariables", json!({})).await).expect("names");
    let known = ["CONVEX_CLOUD_URL", "CONVEX_SITE_URL", "LANG", "NODE_PATH", "PATH", "TMPDIR", "TZ"];
    assert!(all.iter().all(|name| known.contains(&name.as_str())), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_and_the_audit_log() {
    let remote = Remote::start().await;
    let call = remote.app.call("mail:logs", &json!({}));
    let result = remote.app.engine.action(&call).await.expect("runs");
    let lines = result.log_lines.join("\n");
    let words: Vec<_> = lines.split_whitespace().collect();
    assert!(words.join(" ").starts_with("[LOG] 'one' { a: [ 1, 'x' ] } '"), "{lines}");
    assert!(lines.contains("[ERROR] 'two'") && lines.contains("1 unawaited operation: [query]"), "{lines}");
    let limit = remote.app.engine.db().limits().audit_lines;
    assert_eq!(remote.ok("audit", json!({"lines": 3})).await, json!(["written"]));
    let over = remote.ok("audit", json!({"lines": limit + 2})).await;
    assert_eq!(over[0], json!("written"));
    assert!(over[1].as_str().expect("an error").contains("at most"), "{over}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_to_the_store_and_back() {
    let remote = Remote::start().await;
    for size in [0, 700_000, 12 << 20] {
        let found = remote.ok("storage", json!({"size": size})).await;
        assert_eq!((&found["same"], &found["type"], &found["gone"]), (&json!(true), &json!("image/png"), &json!(null)));
        assert_eq!(found["metadata"], json!([size, true]));
        assert!(found["url"].as_str().expect("a URL").contains("/api/storage/"));
        assert!(found["twice"].as_str().expect("an error").contains("there is no stored file"), "{found}");
        assert!(found["wrong"].as_str().expect("an error").contains("Invalid argument `sha256`"), "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_arguments_and_results() {
    let remote = Remote::start().await;
    let size = 6 << 20;
    let found = remote.ok("large", json!({"size": size})).await;
    assert_eq!(found["lengths"], json!(size));
    assert_eq!(found["answer"].as_str().expect("a text").len(), size);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_makes_nothing_twice() {
    let remote = Remote::with(1024, LONGER).await;
    remote.fail(&[Fault::Refused, Fault::Lost, Fault::Lost]);
    assert_eq!(remote.ok("addMany", json!({"count": 20, "text": "n"})).await, json!(20));
    assert_eq!(remote.faults.asked.lock().values().sum::<usize>(), 4 * 22);
    assert_eq!(remote.notes().await.len(), 20);
    let jobs = remote.app.engine.db().latest();
    let jobs = jobs.count(SystemTable::ScheduledFunctions.by_id()).await.expect("counts");
    assert_eq!(jobs, 1);
    // A file that was deleted, and one whose row was committed.
    remote.fail(&[Fault::Lost]);
    let found = remote.ok("storage", json!({"size": 1000})).await;
    assert!(found["twice"].as_str().expect("an error").contains("there is no stored file"), "{found}");
    assert_eq!((&found["same"], &found["gone"]), (&json!(true), &json!(null)));
    let files = remote.app.engine.db().latest().count(SystemTable::Storage.by_id()).await.expect("counts");
    assert_eq!(files, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_is_not_called_again_when_its_answer_is_lost() {
    let remote = Remote::start().await;
    assert_eq!(remote.ok("callsAction", json!({})).await, json!("2"));
    remote.fail(&[Fault::Lost]);
    let found = remote.ok("callsAction", json!({})).await;
    assert!(found.as_str().expect("an error").contains("the answer of an action that was called is lost"), "{found}");
    assert_eq!(remote.faults.asked.lock().values().sum::<usize>(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_gone_ends_the_action() {
    let remote = Remote::with(1024, LONGER).await;
    remote.fail(&[Fault::Refused; 20]);
    let call = remote.app.call("mail:context", &json!({}));
    let failure = remote.app.engine.action(&call).await.expect_err("not a result");
    assert!(failure.to_string().contains("the server can not be reached"), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_sees_nothing_of_the_memory_of_the_bundle_before_it() {
    let remote = Remote::start().await;
    assert_eq!((remote.ok("count", json!({})).await, remote.ok("count", json!({})).await), (json!(1), json!(2)));
    let mut modules: Json = serde_json::from_str(MODULES).expect("JSON");
    modules[0]["source"] = format!("{}\n// another version", modules[0]["source"].as_str().expect("a text")).into();
    remote.app.push(&modules.to_string()).await;
    assert_eq!(remote.ok("count", json!({})).await, json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_that_of_its_operation() {
    let remote = Remote::start().await;
    let engine = &remote.app.engine;
    let call = remote.app.call("mail:storage", &json!({}));
    let ticket = |execution| {
        let text = engine.ticket(&call, execution, TIME);
        engine.open_ticket(&text).unwrap_or_else(|error| panic!("{error}"))
    };
    let (mine, other) = (ticket("e1"), ticket("e2"));
    let begun = engine.node_store(&mine, 1, None, None).await.expect("begins");
    let file = begun["file"].as_str().expect("a text");
    for (ticket, number) in [(&other, 1), (&mine, 2)] {
        let refused = engine.node_commit(ticket, number, file, [0; 32]).await.expect_err("not its own");
        assert!(refused.message.contains("not one that this operation stores"), "{refused}");
    }
    let early = engine.node_commit(&mine, 1, file, [0; 32]).await.expect_err("no bytes yet");
    assert!(early.message.contains("StorageUnavailable"), "{early}");
}
