//! What takes options that no deployment has: a small heap, a short idle time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use lakewire_storage::env::Env;

use super::{NodeBundle, NodeCall, NodeExecutor, NodeOptions};
use crate::runtime::{
    ActionHost, AsyncCall, FailureKind, InvocationLimits, LogLine, ModuleSource, Outcome, SyscallError,
};

const MODULE: &str = "
    const action = (invokeAction) => Object.assign(() => {}, { isAction: true, invokeAction });
    let calls = 0;
    export const count = action(async () => String(++calls));
    export const eat = action(async () => { const all = []; for (;;) all.push(new Array(1000).fill(calls)); });
    export const plain = () => 1;
";

pub(super) struct NoHost;

impl ActionHost for NoHost {
    fn syscall(&self, _: &str, _: &str) -> Result<String, SyscallError> {
        Err(SyscallError::developer("none"))
    }

    fn start(&self, _: AsyncCall) -> BoxFuture<'static, Result<String, SyscallError>> {
        Box::pin(async { Err(SyscallError::developer("none")) })
    }

    fn log(&self, _: LogLine) {}
}

struct Node {
    executor: NodeExecutor,
    _cache: tempfile::TempDir,
}

impl Node {
    fn new(options: NodeOptions) -> Self {
        let cache = tempfile::tempdir().expect("a folder");
        let options = NodeOptions { cache: Some(cache.path().join("node")), ..options };
        Self { executor: NodeExecutor::new(options, Env::system()), _cache: cache }
    }

    async fn run(&self, export: &str, color: &str) -> Outcome {
        let bundle = NodeBundle::new([("a.js", "hash")].into_iter(), &[]);
        let call = NodeCall {
            module: "a.js",
            export,
            args: "[{}]",
            request_id: "test",
            vars: Arc::new(BTreeMap::from([("COLOR".to_owned(), color.to_owned())])),
            limits: InvocationLimits::default(),
            time: Duration::from_secs(60),
            ticket: "",
        };
        let source = ModuleSource { path: "a.js".to_owned(), source: MODULE.into(), source_map: None };
        self.executor.run_action(&bundle, call, async { Ok(vec![source]) }, Arc::new(NoHost)).await
    }

    async fn count(&self, color: &str) -> String {
        self.run("count", color).await.result.expect("a number")
    }
}

#[test]
fn a_sandbox_is_named() {
    use super::Sandbox;
    assert_eq!(["auto", "require", "off"].map(str::parse), [Ok(Sandbox::Auto), Ok(Sandbox::Require), Ok(Sandbox::Off)]);
    assert!("on".parse::<Sandbox>().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_of_one_environment_and_ends_with_its_process() {
    let node = Node::new(NodeOptions { idle: Duration::from_millis(300), ..NodeOptions::default() });
    assert_eq!((node.count("red").await, node.count("red").await), ("1".to_owned(), "2".to_owned()));
    assert_eq!(node.count("blue").await, "1");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(node.count("red").await, "1");
    let refused = node.run("plain", "red").await.result.expect_err("not an action");
    assert!(refused.message.contains("is not an action"), "{}", refused.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_takes_all_memory_ends_and_the_next_one_runs() {
    let node = Node::new(NodeOptions { heap_mib: 24, ..NodeOptions::default() });
    let failure = node.run("eat", "red").await.result.expect_err("no memory");
    assert_eq!(failure.kind, FailureKind::OutOfMemory, "{}", failure.message);
    assert_eq!(node.count("red").await, "1");
}
