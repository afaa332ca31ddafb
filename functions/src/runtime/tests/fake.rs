//! A pool, programs and hosts for tests.

#![expect(clippy::disallowed_methods, reason = "tests of real time")]

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::BoxFuture;
use lakewire_storage::env::Env;
use parking_lot::Mutex;

use crate::runtime::*;

/// The time that modules of tests are evaluated at.
pub(super) const IMPORT_MS: f64 = 1_700_000_000_000.0;
/// The time that functions of tests run at.
pub(super) const NOW_MS: f64 = 1_750_000_000_123.0;

/// What the package does for a query, in short: enough to be called by the host.
pub(super) const REGISTER: &str = r#"
const register = (marker, invoke) => (handler) => Object.assign(() => {}, {
  [marker]: true, isPublic: true, _handler: handler, exportArgs: () => '{"type":"any"}',
  exportReturns: () => "null",
  [invoke]: async (...args) => JSON.stringify((await handler(...JSON.parse(args.at(-1)))) ?? null),
});
const query = register("isQuery", "invokeQuery");
const mutation = register("isMutation", "invokeMutation");
const action = register("isAction", "invokeAction");
const call = async (op, args) => JSON.parse(await Convex.asyncSyscall(op, JSON.stringify(args ?? {})));
"#;

pub(super) fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| pool_with(RuntimeOptions { workers: 2, ..RuntimeOptions::default() }))
}

pub(super) fn pool_with(options: RuntimeOptions) -> Pool {
    Pool::new(options, Env::system()).expect("threads can be started")
}

pub(super) fn module(path: &str, source: &str) -> ModuleSource {
    ModuleSource { path: path.to_owned(), source: source.into(), source_map: None }
}

pub(super) fn bundle_of(modules: Vec<ModuleSource>, entries: &[&str]) -> Bundle {
    Bundle {
        modules,
        entries: entries.iter().map(|entry| (*entry).to_owned()).collect(),
        env: BTreeMap::from([("IMPORT".to_owned(), "at import".to_owned())]),
        import_seed: [1; 32],
        import_now_ms: IMPORT_MS,
    }
}

/// A program of the one module `m.js`, with [`REGISTER`] in front.
pub(super) async fn program(source: &str) -> Arc<Program> {
    let bundle = bundle_of(vec![module("m.js", &format!("{REGISTER}{source}"))], &["m.js"]);
    pool().build(bundle).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Bundles made from the npm package, see `tests/fixtures/runtime/build.mjs`.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fixture {
    pub(super) modules: Vec<ModuleSource>,
    pub(super) schema: ModuleSource,
    pub(super) auth_config: ModuleSource,
    pub(super) definition: ModuleSource,
}

pub(super) fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../../tests/fixtures/runtime/bundle.json")).expect("the fixture is JSON")
}

pub(super) fn invocation(program: &Arc<Program>, export: &str, kind: UdfKind, args: &str) -> Invocation {
    Invocation {
        program: program.clone(),
        module: program.bundle().entries[0].clone(),
        export: export.to_owned(),
        kind,
        args: args.into(),
        seed: [7; 32],
        now_ms: NOW_MS,
        env: Arc::new(BTreeMap::from([
            ("NAME".to_owned(), "value".to_owned()),
            ("IMPORT".to_owned(), "at import".to_owned()),
        ])),
        component: 0,
        limits: InvocationLimits::default(),
        is_again: false,
    }
}

/// What a [`FakeHost`] has seen.
#[derive(Default)]
pub(super) struct Seen {
    /// Batches, each with its operations and arguments.
    pub(super) batches: Vec<Vec<String>>,
    pub(super) lines: Vec<LogLine>,
    pub(super) nested: Vec<String>,
    /// Requests as `METHOD url headers body`, files as `type sha256 length bytes`.
    pub(super) sent: Vec<String>,
    /// Pieces of an endless body that were asked for.
    pub(super) pieces: usize,
}

impl Seen {
    pub(super) fn pretty(&self) -> Vec<String> {
        self.lines.iter().map(LogLine::pretty).collect()
    }
}

/// Answers syscalls by their operation: `echo` with the arguments, `fail` and `fatal` with an
/// error, `slow` after a while, `never` not at all, `call` by calling `{export, kind}`.
#[derive(Clone, Default)]
pub(super) struct FakeHost {
    pub(super) seen: Arc<Mutex<Seen>>,
    /// For calls with `elsewhere: true`.
    pub(super) other: Option<Arc<Program>>,
}

impl FakeHost {
    fn reply(&self, call: &AsyncCall) -> Result<SyscallReply, SyscallError> {
        let args: serde_json::Value = serde_json::from_str(&call.args).unwrap_or_default();
        match call.op.as_str() {
            "fail" => Err(SyscallError::developer("it failed")),
            "failWithData" => Err(SyscallError {
                message: "with data".to_owned(),
                data: Some(r#"{"a":1}"#.to_owned()),
                ..Default::default()
            }),
            "fatal" => Err(SyscallError::fatal("the disk is full")),
            "transient" => Err(SyscallError::transient("the store is away")),
            "call" => {
                let is_elsewhere = args["elsewhere"] == true;
                Ok(SyscallReply::Call(Box::new(NestedCall {
                    program: if is_elsewhere { self.other.clone() } else { None },
                    module: "m.js".to_owned(),
                    export: args["export"].as_str().unwrap_or_default().to_owned(),
                    kind: if args["kind"] == "mutation" { UdfKind::Mutation } else { UdfKind::Query },
                    args: args["args"].to_string(),
                    env: None,
                    component: 0,
                    token: 42,
                })))
            }
            "1.0/get" if args["id"] == "fail" => Err(SyscallError::developer("no such table")),
            "1.0/get" => Ok(SyscallReply::Json("null".to_owned())),
            "1.0/queryStreamNext" => Ok(SyscallReply::Json(r#"{"value":null,"done":true}"#.to_owned())),
            _ => Ok(SyscallReply::Json(call.args.clone())),
        }
    }
}

impl UdfHost for FakeHost {
    fn syscall(&mut self, op: &str, args: &str) -> Result<String, SyscallError> {
        match op {
            "fail" => Err(SyscallError::developer("sync failure")),
            "1.0/queryStream" => Ok(r#"{"queryId":0}"#.to_owned()),
            "1.0/queryCleanup" => Ok("false".to_owned()),
            _ => Ok(args.to_owned()),
        }
    }

    fn batch<'a>(&'a mut self, calls: Vec<AsyncCall>) -> BoxFuture<'a, Vec<Result<SyscallReply, SyscallError>>> {
        let seen = calls.iter().map(|call| format!("{} {}", call.op, call.args)).collect();
        self.seen.lock().batches.push(seen);
        Box::pin(async move {
            if calls.iter().any(|call| call.op == "slow") {
                futures_sleep(Duration::from_millis(50)).await;
            }
            if calls.iter().any(|call| call.op == "never") {
                futures::future::pending::<()>().await;
            }
            calls.iter().map(|call| self.reply(call)).collect()
        })
    }

    fn nested_begin(&mut self, call: &NestedCall) -> Result<(), SyscallError> {
        self.seen.lock().nested.push(format!("begin {}", call.export));
        Ok(())
    }

    fn nested_end(&mut self, call: &NestedCall, result: Result<String, JsFailure>) -> Result<String, SyscallError> {
        self.seen.lock().nested.push(format!("end {} {}", call.export, result.is_ok()));
        result.map_err(|failure| SyscallError { message: failure.message, data: failure.data, ..Default::default() })
    }

    fn log(&mut self, line: LogLine) {
        self.seen.lock().lines.push(line);
    }
}

/// Completes after `duration`, on a thread of its own.
pub(super) async fn futures_sleep(duration: Duration) {
    let (done, is_done) = futures::channel::oneshot::channel::<()>();
    std::thread::spawn(move || {
        std::thread::sleep(duration);
        let _ = done.send(());
    });
    let _ = is_done.await;
}

impl ActionHost for FakeHost {
    fn syscall(&self, _: &str, args: &str) -> Result<String, SyscallError> {
        Ok(args.to_owned())
    }

    fn start(&self, call: AsyncCall) -> BoxFuture<'static, Result<String, SyscallError>> {
        self.seen.lock().batches.push(vec![format!("{} {}", call.op, call.args)]);
        let host = self.clone();
        Box::pin(async move {
            let args: serde_json::Value = serde_json::from_str(&call.args).unwrap_or_default();
            if let Some(ms) = args["ms"].as_u64() {
                futures_sleep(Duration::from_millis(ms)).await;
            }
            match host.reply(&call)? {
                SyscallReply::Json(json) => Ok(json),
                SyscallReply::Call(_) => Err(SyscallError::developer("no nested calls here")),
            }
        })
    }

    fn fetch(&self, request: FetchRequest) -> BoxFuture<'static, Result<FetchResponse, SyscallError>> {
        Box::pin(super::fake_net::answer(self.clone(), request))
    }

    fn store_file(&self, file: NewFile) -> BoxFuture<'static, Result<String, SyscallError>> {
        Box::pin(super::fake_net::store(self.clone(), file))
    }

    fn open_file(&self, id: String) -> BoxFuture<'static, Result<Option<StoredFile>, SyscallError>> {
        Box::pin(super::fake_net::open(id))
    }

    fn log(&self, line: LogLine) {
        self.seen.lock().lines.push(line);
    }
}

/// Runs a query and returns what came of it and what the host saw.
pub(super) async fn run_query(program: &Arc<Program>, export: &str, args: &str) -> (Outcome, FakeHost) {
    run_udf(invocation(program, export, UdfKind::Query, args), FakeHost::default()).await
}

pub(super) async fn run_udf(invocation: Invocation, host: FakeHost) -> (Outcome, FakeHost) {
    let (outcome, host) = pool().run(invocation, host).await;
    (outcome, host.expect("the host comes back"))
}

/// Runs an action and returns what came of it and what the host saw.
pub(super) async fn run_action(program: &Arc<Program>, export: &str) -> (Outcome, FakeHost) {
    let host = FakeHost::default();
    let invocation = invocation(program, export, UdfKind::Action, "[{}]");
    let outcome = pool().run_action(invocation, Arc::new(host.clone())).await;
    (outcome, host)
}

/// The value that the query `export default` of `body` returns.
pub(super) async fn value_of(body: &str) -> serde_json::Value {
    let program = program(&format!("export const f = query(async () => {{ {body} }});")).await;
    let (outcome, _) = run_query(&program, "f", "[{}]").await;
    let json = outcome.result.unwrap_or_else(|failure| panic!("{}", failure.message));
    serde_json::from_str(&json).expect("the result is JSON")
}

/// The message of the failure of the query with this body.
pub(super) async fn failure_of(body: &str) -> JsFailure {
    let program = program(&format!("export const f = query(async () => {{ {body} }});")).await;
    let (outcome, _) = run_query(&program, "f", "[{}]").await;
    outcome.result.expect_err("the query fails")
}
