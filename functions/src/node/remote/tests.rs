//! Invocations, by a function of which each answer is given; and what needs no engine.

use std::collections::{BTreeMap, VecDeque};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use lakewire_storage::env::Env;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use parking_lot::Mutex;
use serde_json::{Value as Json, json};

use super::testing::{TestFunction, TestSigner};
use super::{FunctionEnded, NodeFunction, RemoteNode};
use crate::model::NodeDependency;
use crate::node::tests::NoHost;
use crate::node::{NodeBundle, NodeCall, NodeError, NodeExecutor, NodeOptions};
use crate::runtime::{FailureKind, InvocationLimits, JsFailure, ModuleSource};

type Reply = Result<Json, NodeError>;

/// Answers what it was told to.
#[derive(Default)]
struct Told {
    replies: Mutex<VecDeque<Reply>>,
    payloads: Mutex<Vec<Json>>,
}

#[async_trait]
impl NodeFunction for Told {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, NodeError> {
        self.payloads.lock().push(serde_json::from_slice(&payload).expect("payloads are JSON"));
        let reply = self.replies.lock().pop_front().expect("one more reply");
        reply.map(|json| json.to_string().into())
    }
}

struct Remote {
    executor: NodeExecutor,
    store: Arc<InMemory>,
}

impl Remote {
    fn new(function: Arc<dyn NodeFunction>) -> Self {
        let store = Arc::new(InMemory::new());
        let signer = Arc::new(TestSigner::serve(store.clone()));
        let callback = "http://127.0.0.1:1".to_owned();
        let remote = RemoteNode { function, signer, store: store.clone(), callback };
        let options = NodeOptions { remote: Some(remote), ..NodeOptions::default() };
        Self { executor: NodeExecutor::new(options, Env::system()), store }
    }

    async fn run(&self, source: &str, packages: &[NodeDependency], args: &str) -> Result<String, JsFailure> {
        let bundle = NodeBundle::new([("a.js", "hash")].into_iter(), packages);
        let call = NodeCall {
            module: "a.js",
            export: "go",
            args,
            request_id: "test",
            vars: Arc::new(BTreeMap::new()),
            limits: InvocationLimits::default(),
            time: Duration::from_secs(60),
            ticket: "ticket",
        };
        let source = ModuleSource { path: "a.js".to_owned(), source: source.into(), source_map: None };
        self.executor.run_action(&bundle, call, async { Ok(vec![source]) }, Arc::new(NoHost)).await.result
    }

    async fn size(&self, path: &str) -> u64 {
        self.store.head(&Path::from(path)).await.expect("it is there").size
    }
}

fn told(replies: impl IntoIterator<Item = Reply>) -> Arc<Told> {
    Arc::new(Told { replies: Mutex::new(replies.into_iter().collect()), payloads: Mutex::default() })
}

fn done(result: &str) -> Reply {
    Ok(json!({"t": "done", "result": result, "unawaited": [], "lines": []}))
}

#[tokio::test]
async fn what_is_missing_is_put_into_the_store() {
    let missing = |bundle, packages| Ok(json!({"t": "missing", "bundle": bundle, "packages": packages}));
    let function = told([missing(true, true), done("1"), done("2"), missing(true, false), missing(true, false)]);
    let remote = Remote::new(function.clone());
    let packages = [NodeDependency { name: "tiny".to_owned(), version: "1".to_owned() }];
    let run = || remote.run("export const x = 1;", &packages, "[]");
    assert_eq!((run().await.expect("runs"), run().await.expect("runs")), ("1".to_owned(), "2".to_owned()));
    let payloads = std::mem::take(&mut *function.payloads.lock());
    let may_install = |payload: &Json| payload["packages"]["put"].is_string();
    assert_eq!(payloads.iter().map(may_install).collect::<Vec<_>>(), [false, true, false]);
    let key = payloads[0]["bundle"]["key"].as_str().expect("a key");
    assert!(remote.size(&format!("node/bundles/{key}")).await > 10);
    assert_eq!(payloads[0]["packages"]["dependencies"], json!({"tiny": "1"}));
    // It was put there, and still is not.
    assert_eq!(run().await.expect_err("lost").kind, FailureKind::Internal);
}

#[tokio::test]
async fn what_is_large_goes_through_the_store() {
    let function = told([done("1")]);
    let remote = Remote::new(function.clone());
    let args = format!("[\"{}\"]", "x".repeat(6 << 20));
    remote.run("", &[], &args).await.expect("runs");
    let path = function.payloads.lock()[0]["lakewireObject"].as_str().expect("a path").to_owned();
    assert!(path.starts_with("tmp/node/") && remote.size(&path).await > 6 << 20);
}

/// Puts its answer where it may.
struct Putting(Arc<InMemory>);

#[async_trait]
impl NodeFunction for Putting {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, NodeError> {
        let payload: Json = serde_json::from_slice(&payload).expect("JSON");
        let url = url::Url::parse(payload["answerUrl"].as_str().expect("a URL")).expect("a URL");
        let answer = done("large").expect("an answer").to_string();
        let path = Path::parse(url.path()).expect("a path");
        self.0.put(&path, PutPayload::from(answer.into_bytes())).await.expect("puts");
        Ok(json!({"t": "stored"}).to_string().into())
    }
}

#[tokio::test]
async fn a_large_answer_is_read_from_the_store() {
    let store = Arc::new(InMemory::new());
    let signer = Arc::new(TestSigner::serve(store.clone()));
    let function = Arc::new(Putting(store.clone()));
    let node = RemoteNode { function, signer, store: store.clone(), callback: String::new() };
    let executor = NodeExecutor::new(NodeOptions { remote: Some(node), ..NodeOptions::default() }, Env::system());
    assert_eq!(Remote { executor, store }.run("", &[], "[]").await.expect("runs"), "large");
}

#[tokio::test]
async fn the_end_of_the_function_reads_as_that_of_a_process() {
    let ends = [FunctionEnded::Timeout, FunctionEnded::OutOfMemory, FunctionEnded::Otherwise("exit".to_owned())];
    let replies = ends.map(|end| Err(NodeError::Ended(end))).into_iter();
    let remote = Remote::new(told(replies.chain([Err(NodeError::Overloaded), Ok(json!({"t": "what"}))])));
    let mut failures = Vec::new();
    for _ in 0..5 {
        let JsFailure { kind, message, .. } = remote.run("", &[], "[]").await.expect_err("ended");
        failures.push((kind, message));
    }
    assert_eq!(failures[0], (FailureKind::Timeout, "Function execution timed out (maximum duration 60s)".to_owned()));
    assert_eq!(failures[1].0, FailureKind::OutOfMemory);
    assert!(failures[2].1.ends_with("process ended while the action was running: exit"), "{}", failures[2].1);
    assert_eq!(failures[3].0, FailureKind::Overloaded);
    assert_eq!(failures[4].0, FailureKind::Internal);
}

/// A package in a file, which npm installs without a network.
fn tiny(folder: &std::path::Path) -> NodeDependency {
    let package = json!({"name": "tiny", "version": "1.0.0", "main": "lib/index.js", "bin": {"tiny": "lib/index.js"}});
    std::fs::create_dir_all(folder.join("tiny/lib")).expect("makes folders");
    std::fs::write(folder.join("tiny/package.json"), package.to_string()).expect("writes");
    std::fs::write(folder.join("tiny/lib/index.js"), "#!/usr/bin/env node\nmodule.exports = 'tiny';\n")
        .expect("writes");
    let packed = Command::new("npm").args(["pack", "--silent"]).current_dir(folder.join("tiny")).output();
    assert!(packed.expect("npm runs").status.success());
    let version = format!("file:{}", folder.join("tiny/tiny-1.0.0.tgz").display());
    NodeDependency { name: "tiny".to_owned(), version }
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_are_installed_once() {
    const SOURCE: &str = "
        import tiny from 'tiny';
        import { existsSync } from 'node:fs';
        const invokeAction = async () => JSON.stringify([tiny, existsSync(require.resolve('tiny') + '/../../../.bin/tiny')]);
        export const go = Object.assign(() => {}, { isAction: true, invokeAction });
    ";
    let folder = tempfile::tempdir().expect("a folder");
    let packages = [tiny(folder.path())];
    let function = Arc::new(TestFunction::new(1024, Duration::from_secs(100)));
    let remote = Remote::new(function.clone());
    let found = remote.run(SOURCE, &packages, "[]").await.expect("runs");
    assert!(found.starts_with("[\"tiny\""), "{found}");
    let key = NodeBundle::new([("a.js", "hash")].into_iter(), &packages).packages_key.expect("packages");
    assert!(remote.size(&format!("node/packages/{key}")).await > 10);
    std::fs::remove_dir_all(folder.path().join("tiny")).expect("deletes");
    function.cool_down();
    assert_eq!(remote.run(SOURCE, &packages, "[]").await.expect("from the store"), found);
    let none =
        [NodeDependency { name: "none".to_owned(), version: format!("file:{}/none.tgz", folder.path().display()) }];
    let failure = remote.run(SOURCE, &none, "[]").await.expect_err("there is none");
    assert!(failure.message.starts_with("cannot install the external packages:\n"), "{}", failure.message);
    assert!(failure.message.contains("ENOENT"), "{}", failure.message);
}
