//! What running functions costs, with a bundle of the `convex` package. `make bench-runtime` runs it:
//!
//! - without arguments, it prints one JSON object a line, with times in microseconds;
//! - `prepare FILE` keeps the build of an app of 1 MB in a file;
//! - `cold FILE` runs one function of it as a worker does that has just been started.

#![expect(clippy::disallowed_methods, reason = "measures real time")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use lakewire_functions::runtime::{
    AsyncCall, Bundle, Invocation, InvocationLimits, JsFailure, LogLine, ModuleSource, NestedCall, Pool, Program,
    RuntimeOptions, SyscallError, SyscallReply, UdfHost, UdfKind, run_build_child,
};
use lakewire_storage::env::Env;
use serde_json::json;

struct Host;

impl UdfHost for Host {
    fn syscall(&mut self, _: &str, _: &str) -> Result<String, SyscallError> {
        Ok("{\"queryId\":0}".to_owned())
    }

    fn batch<'a>(&'a mut self, calls: Vec<AsyncCall>) -> BoxFuture<'a, Vec<Result<SyscallReply, SyscallError>>> {
        let reply = || Ok(SyscallReply::Json("null".to_owned()));
        Box::pin(async move { calls.iter().map(|_| reply()).collect() })
    }

    fn nested_begin(&mut self, _: &NestedCall) -> Result<(), SyscallError> {
        Ok(())
    }

    fn nested_end(&mut self, _: &NestedCall, result: Result<String, JsFailure>) -> Result<String, SyscallError> {
        result.map_err(|failure| SyscallError::developer(failure.message))
    }

    fn log(&mut self, _: LogLine) {}
}

/// The module that is called, with `head` in front.
fn fixture(head: &str) -> Bundle {
    let json: serde_json::Value =
        serde_json::from_str(include_str!("../tests/fixtures/runtime/bundle.json")).expect("the fixture is JSON");
    let mut modules: Vec<ModuleSource> =
        serde_json::from_value(json["modules"].clone()).expect("the fixture has modules");
    for module in modules.iter_mut().filter(|module| module.path == "messages.js") {
        // One function of it swallows an error, which no other reaches.
        let source = module.source.replace("return a.message;", "throw a;");
        module.source = format!("{head}{source}").into();
    }
    Bundle {
        modules,
        entries: vec!["messages.js".to_owned()],
        env: BTreeMap::new(),
        import_seed: [1; 32],
        import_now_ms: 1.7e12,
    }
}

fn invocation(program: &Arc<Program>, export: &str, args: &str) -> Invocation {
    Invocation {
        program: program.clone(),
        module: "messages.js".to_owned(),
        export: export.to_owned(),
        kind: UdfKind::Query,
        args: args.into(),
        seed: [7; 32],
        now_ms: 1.7e12,
        env: Arc::default(),
        limits: InvocationLimits::default(),
        component: 0,
        is_again: false,
    }
}

/// The fixture and 1 MB more, all of which is evaluated.
fn large() -> Bundle {
    let mut bundle = fixture("import { total } from './_deps/LARGE.js'; export const size = () => total;");
    let mut source = String::from("const all = [];\n");
    let mut n = 0;
    while source.len() < 1_000_000 {
        n += 1;
        source.push_str(&format!(
            "export function step{n}(value) {{\n  const next = value * {n} + all.length;\n  return next > 1000 ? `step {n} of ${{next}}` : {{ n: {n}, next, name: \"a name of some length\" }};\n}}\nall.push({{ step: step{n}, label: \"label {n}\", order: {n} }});\n"
        ));
    }
    source.push_str("export const total = all.map((one) => one.order).reduce((a, b) => a + b, 0);\n");
    bundle.modules.push(ModuleSource { path: "_deps/LARGE.js".to_owned(), source: source.into(), source_map: None });
    bundle
}

struct Times(Vec<f64>);

impl Times {
    fn quantile(&mut self, q: f64) -> f64 {
        self.0.sort_by(f64::total_cmp);
        let at = ((self.0.len() - 1) as f64 * q).round() as usize;
        (self.0[at] * 10.0).round() / 10.0
    }
}

fn report(name: &str, fields: serde_json::Value) {
    let mut line = json!({"name": name});
    if let (Some(line), serde_json::Value::Object(fields)) = (line.as_object_mut(), fields) {
        line.extend(fields);
    }
    println!("{line}");
}

/// Calls `call` over and over, 1 ms apart, and reports how long that took from outside and in JavaScript.
async fn measure(name: &str, pool: &Pool, call: Invocation) {
    const WARM_UP: usize = 100;
    let (mut times, mut user) = (Times(Vec::new()), Times(Vec::new()));
    for round in 0..WARM_UP + 1000 {
        let invocation = call.clone();
        let start = Instant::now();
        let (outcome, _) = pool.run(invocation, Host).await;
        let elapsed = start.elapsed();
        outcome.result.unwrap_or_else(|failure| panic!("{}", failure.message));
        if round >= WARM_UP {
            times.0.push(elapsed.as_secs_f64() * 1e6);
            user.0.push(outcome.user_time.as_secs_f64() * 1e6);
        }
    }
    report(
        name,
        json!({
            "calls": times.0.len(),
            "p50_us": times.quantile(0.5), "p99_us": times.quantile(0.99),
            "inside_p50_us": user.quantile(0.5), "inside_p99_us": user.quantile(0.99),
        }),
    );
}

fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    let kb: f64 = line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).unwrap_or(0.0);
    (kb / 1024.0 * 10.0).round() / 10.0
}

fn options() -> RuntimeOptions {
    // No context is made ahead of need: each fresh one is paid for by its call.
    RuntimeOptions {
        snapshot_exe: std::env::current_exe().ok(),
        workers: 1,
        max_workers: 1,
        spare_contexts: 0,
        ..RuntimeOptions::default()
    }
}

fn pool() -> Pool {
    Pool::new(options(), Env::system()).expect("the pool starts")
}

async fn build(pool: &Pool, bundle: Bundle) -> Arc<Program> {
    pool.build(bundle).await.unwrap_or_else(|error| panic!("{error}"))
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "build-snapshot") {
        std::process::exit(run_build_child());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("tokio starts");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["prepare", file] => runtime.block_on(prepare(file)),
        ["cold", file] => runtime.block_on(cold(file)),
        _ => runtime.block_on(run()),
    }
}

async fn prepare(file: &str) {
    let program = build(&pool(), large()).await;
    std::fs::write(file, program.to_bytes()).expect("the file can be written");
}

async fn cold(file: &str) {
    let bytes = std::fs::read(file).expect("the file can be read");
    let program = Arc::new(Program::from_bytes(large(), &bytes).expect("the file has a build of this version"));
    let (outcome, _) = pool().run(invocation(&program, "trivial", "[{}]"), Host).await;
    println!("{}", outcome.result.unwrap_or_else(|failure| panic!("{}", failure.message)));
}

async fn run() {
    for (app, bundle) in [("small app", fixture("")), ("1 MB app", large())] {
        let pool = pool();
        let bytes: usize = bundle.modules.iter().map(|module| module.source.len()).sum();
        let start = Instant::now();
        let analyzed = pool.analyze(bundle.clone()).await;
        let evaluated = start.elapsed();
        assert!(analyzed.is_ok());
        let start = Instant::now();
        let program = build(&pool, bundle).await;
        let built = start.elapsed();
        let snapshot = program.to_bytes().len();
        report(
            &format!("{app}: deploy"),
            json!({
                "source_bytes": bytes, "snapshot_bytes": snapshot,
                "evaluate_ms": evaluated.as_secs_f64() * 1e3, "build_ms": built.as_secs_f64() * 1e3,
            }),
        );
        let mut fresh = invocation(&program, "trivial", "[{}]");
        fresh.is_again = true;
        measure(&format!("{app}: trivial query, fresh context"), &pool, fresh).await;
        measure(
            &format!("{app}: trivial query, shared immutable context"),
            &pool,
            invocation(&program, "trivial", "[{}]"),
        )
        .await;
        report(&format!("{app}: resident"), json!({"mb": resident_mb()}));
    }
    let pool = pool();
    let asks = build(&pool, fixture("export const experimental_reuseContext = true;")).await;
    measure("trivial query, module that asks for reuse", &pool, invocation(&asks, "trivial", "[{}]")).await;
    measure("1 get, reuse", &pool, invocation(&asks, "many", "[{\"count\":1}]")).await;
    measure("101 gets, reuse", &pool, invocation(&asks, "many", "[{\"count\":101}]")).await;
    runaways().await;
}

/// How long trivial queries wait while others never end.
async fn runaways() {
    let options = RuntimeOptions { workers: 2, max_workers: 8, ..options() };
    let source = "export const experimental_reuseContext = true;";
    for count in [0usize, 1, 2, 4] {
        let pool = Arc::new(Pool::new(options.clone(), Env::system()).expect("the pool starts"));
        let quick = build(&pool, fixture(source)).await;
        let mut bundle = fixture("");
        for module in bundle.modules.iter_mut().filter(|module| module.path == "messages.js") {
            module.source = module.source.replace("\"hello\"", "{ for (;;); }").into();
            assert!(module.source.contains("for (;;)"));
        }
        let endless = build(&pool, bundle).await;
        for _ in 0..200 {
            pool.run(invocation(&quick, "trivial", "[{}]"), Host).await;
        }
        let stuck: Vec<_> = (0..count)
            .map(|_| {
                let (pool, call) = (pool.clone(), invocation(&endless, "trivial", "[{}]"));
                tokio::spawn(async move { pool.run(call, Host).await.0.result.is_err() })
            })
            .collect();
        let mut times = Times(Vec::new());
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(800) {
            let start = Instant::now();
            pool.run(invocation(&quick, "trivial", "[{}]"), Host).await;
            times.0.push(start.elapsed().as_secs_f64() * 1e6);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        report(
            &format!("trivial query beside {count} that never end"),
            json!({"calls": times.0.len(), "p50_us": times.quantile(0.5), "max_us": times.quantile(1.0)}),
        );
        for stuck in stuck {
            assert!(stuck.await.expect("it ends"), "it is stopped");
        }
    }
}
