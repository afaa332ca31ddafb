//! A closed loop of callers over HTTP: each sends the next call when the last one was answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Failure;
use crate::http::Connection;
use crate::process::Process;

/// More errors than this end a load: the server is gone.
const MAX_ERRORS: u64 = 10_000;

/// Makes the arguments of call number `n`, as the text of one JSON object.
pub type MakeArgs = Arc<dyn Fn(u64) -> String + Send + Sync>;

/// One kind of call to be repeated.
#[derive(Clone)]
pub struct Load {
    pub name: &'static str,
    /// `query` or `mutation`.
    pub kind: &'static str,
    pub function: &'static str,
    pub connections: usize,
    pub args: MakeArgs,
    pub end: End,
}

/// When a load stops.
#[derive(Clone, Copy)]
pub enum End {
    /// After this time, warm-up not counted.
    Time(Duration),
    /// After this many calls, no warm-up.
    Calls(u64),
}

/// Quantile `q` of sorted nanoseconds, in milliseconds.
pub fn quantile_ms(sorted: &[u64], q: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let at = ((sorted.len() - 1) as f64 * q).round() as usize;
    sorted[at] as f64 / 1e6
}

struct Shared {
    next: AtomicU64,
    counting: AtomicBool,
    stop: AtomicBool,
    errors: AtomicU64,
}

/// Runs the load and reports calls/s, latencies, errors and the server's processor time a call.
pub async fn run(host: &str, server: Process, load: &Load) -> Result<Value, Failure> {
    let shared = Arc::new(Shared {
        next: AtomicU64::new(0),
        counting: AtomicBool::new(matches!(load.end, End::Calls(_))),
        stop: AtomicBool::new(false),
        errors: AtomicU64::new(0),
    });
    let mut callers = Vec::new();
    for _ in 0..load.connections {
        let connection = Connection::open(host).await?;
        callers.push(tokio::spawn(caller(connection, load.clone(), shared.clone())));
    }
    if let End::Time(_) = load.end {
        tokio::time::sleep(Duration::from_secs(2)).await;
        shared.counting.store(true, Ordering::SeqCst);
    }
    let started = Instant::now();
    let cpu_before = server.cpu_ms()?;
    if let End::Time(time) = load.end {
        tokio::time::sleep(time).await;
        shared.stop.store(true, Ordering::SeqCst);
    }
    let mut latencies = Vec::new();
    for caller in callers {
        latencies.extend(caller.await??);
    }
    let seconds = started.elapsed().as_secs_f64();
    let cpu = server.cpu_ms()? - cpu_before;
    latencies.sort_unstable();
    let calls = latencies.len();
    Ok(json!({
        "name": load.name,
        "connections": load.connections,
        "calls": calls,
        "seconds": seconds,
        "calls_per_s": calls as f64 / seconds,
        "p50_ms": quantile_ms(&latencies, 0.5),
        "p99_ms": quantile_ms(&latencies, 0.99),
        "max_ms": quantile_ms(&latencies, 1.0),
        "errors": shared.errors.load(Ordering::SeqCst),
        "server_cpu_ms_per_call": cpu as f64 / calls.max(1) as f64,
        "server_resident_mb": server.resident_bytes()? as f64 / 1e6,
    }))
}

async fn caller(mut connection: Connection, load: Load, shared: Arc<Shared>) -> Result<Vec<u64>, Failure> {
    let mut latencies = Vec::new();
    loop {
        let n = shared.next.fetch_add(1, Ordering::Relaxed);
        if shared.stop.load(Ordering::Relaxed) || matches!(load.end, End::Calls(limit) if n >= limit) {
            return Ok(latencies);
        }
        let args = (load.args)(n);
        let counted = shared.counting.load(Ordering::Relaxed);
        let started = Instant::now();
        let outcome = connection.call(load.kind, load.function, &args).await;
        if let Err(failure) = outcome {
            match shared.errors.fetch_add(1, Ordering::SeqCst) {
                0 => eprintln!("{}: first error: {failure}", load.name),
                MAX_ERRORS.. => return Err(format!("{}: more than {MAX_ERRORS} errors: {failure}", load.name).into()),
                _ => {}
            }
        } else if counted {
            latencies.push(started.elapsed().as_nanos() as u64);
        }
    }
}
