//! What running functions costs, with a bundle of the `convex` package: fresh contexts, calls,
//! syscalls, memory. `cargo run --release -p lakewire-functions --example bench_invoke`.

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

fn fixture() -> Bundle {
    let json: serde_json::Value =
        serde_json::from_str(include_str!("../tests/fixtures/runtime/bundle.json")).expect("the fixture is JSON");
    let modules: Vec<ModuleSource> = serde_json::from_value(json["modules"].clone()).expect("the fixture has modules");
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
        args: args.to_owned(),
        seed: [7; 32],
        now_ms: 1.7e12,
        env: Arc::default(),
        component: 0,
        limits: InvocationLimits::default(),
        is_again: false,
    }
}

async fn measure(name: &str, pool: &Pool, program: &Arc<Program>, export: &str, args: &str, pause: Duration) {
    let mut times = Vec::new();
    let mut user = Vec::new();
    for _ in 0..1000 {
        let invocation = invocation(program, export, args);
        let start = Instant::now();
        let (outcome, _) = pool.run(invocation, Host).await;
        times.push(start.elapsed());
        user.push(outcome.user_time);
        outcome.result.unwrap_or_else(|failure| panic!("{}", failure.message));
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    times.sort();
    user.sort();
    println!(
        "{name:<44} p50 {:>7.1} us  p99 {:>7.1} us  user p50 {:>7.1} us",
        times[times.len() / 2].as_secs_f64() * 1e6,
        times[times.len() * 99 / 100].as_secs_f64() * 1e6,
        user[user.len() / 2].as_secs_f64() * 1e6,
    );
}

fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).unwrap_or(0)
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("build-snapshot") {
        std::process::exit(run_build_child());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("tokio starts");
    runtime.block_on(run());
}

async fn run() {
    println!("resident at start {} kB", resident_kb());
    let options = RuntimeOptions {
        snapshot_exe: std::env::current_exe().ok(),
        workers: 1,
        max_workers: 1,
        ..RuntimeOptions::default()
    };
    let pool = Pool::new(options.clone(), Env::system()).expect("the pool starts");
    let start = Instant::now();
    let program = pool.build(fixture()).await.unwrap_or_else(|error| panic!("{error}"));
    println!("build in a child {:?}, {:?}", start.elapsed(), program);
    let start = Instant::now();
    pool.run(invocation(&program, "trivial", "[{}]"), Host).await;
    println!("first call {:?}, resident {} kB", start.elapsed(), resident_kb());
    measure("trivial, with spare contexts, calls apart", &pool, &program, "trivial", "[{}]", Duration::from_millis(1))
        .await;
    measure("trivial, with spare contexts", &pool, &program, "trivial", "[{}]", Duration::ZERO).await;
    println!("resident {} kB", resident_kb());

    let options = RuntimeOptions { spare_contexts: 0, ..options };
    let pool = Pool::new(options, Env::system()).expect("the pool starts");
    measure("trivial, fresh context at each call", &pool, &program, "trivial", "[{}]", Duration::ZERO).await;
    measure("1 get", &pool, &program, "many", "[{\"count\":1}]", Duration::ZERO).await;
    measure("101 gets", &pool, &program, "many", "[{\"count\":101}]", Duration::ZERO).await;
    println!("resident {} kB", resident_kb());
    tokio::time::sleep(Duration::from_secs(3)).await;
    println!("resident when idle {} kB", resident_kb());
}
