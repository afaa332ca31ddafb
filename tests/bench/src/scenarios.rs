//! The list of what is measured, in the order of the table in the README.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::Failure;
use crate::fanout;
use crate::http::Connection;
use crate::load::{self, End, Load, MakeArgs};
use crate::process::Process;

const CONNECTIONS: usize = 16;
const ACCOUNTS: u64 = 100_000;

/// Which scenarios to run.
pub struct Chosen {
    pub only: String,
    pub skip: Vec<String>,
}

impl Chosen {
    fn has(&self, name: &str) -> bool {
        name.contains(&self.only) && !self.skip.iter().any(|skipped| name.contains(skipped))
    }
}

/// Runs the chosen scenarios; each result is printed to stderr as it comes.
pub async fn all(host: &str, server: Process, seconds: u64, chosen: &Chosen) -> Result<Vec<Value>, Failure> {
    let mut results = Vec::new();
    let mut connection = Connection::open(host).await?;
    connection.call("mutation", "bench:seedMessages", r#"{"channel":1,"count":200}"#).await?;
    let time = End::Time(Duration::from_secs(seconds));

    if chosen.has("memory after a deploy") {
        record(
            &mut results,
            json!({
                "name": "resident memory after a deploy and one call",
                "server_resident_mb": server.resident_bytes()? as f64 / 1e6,
            }),
        );
    }
    for load in small_loads(time) {
        if chosen.has(load.name) {
            record(&mut results, load::run(host, server, &load).await?);
        }
    }
    if chosen.has("mutation to own subscription") {
        record(&mut results, fanout::own_write(host).await?);
    }
    for count in [1_000, 10_000] {
        if chosen.has(&format!("fan-out {count}")) {
            record(&mut results, fanout::fan_out(host, server, count).await?);
        }
    }
    if chosen.has("idle connection") {
        record(&mut results, fanout::idle_memory(host, server, 5_000).await?);
    }
    if chosen.has("bulk insert") {
        let bulk = Load {
            name: "bulk insert of 100,000 documents, one mutation each",
            kind: "mutation",
            function: "bench:insert",
            connections: CONNECTIONS,
            args: Arc::new(|n| format!(r#"{{"key":{n}}}"#)),
            end: End::Calls(100_000),
        };
        record(&mut results, load::run(host, server, &bulk).await?);
        tokio::time::sleep(Duration::from_secs(10)).await;
        record(
            &mut results,
            json!({
                "name": "resident memory 10 s after the bulk insert",
                "server_resident_mb": server.resident_bytes()? as f64 / 1e6,
            }),
        );
    }
    if chosen.has("transfers") {
        transfers(host, server, time, &mut connection, &mut results).await?;
    }
    Ok(results)
}

fn record(results: &mut Vec<Value>, result: Value) {
    eprintln!("{result}");
    results.push(result);
}

fn small_loads(end: End) -> Vec<Load> {
    let fixed = |text: &'static str| -> MakeArgs { Arc::new(move |_| text.to_owned()) };
    // Every nonce is new, so that no answer can come from a cache; negative ones never meet the cached scenario.
    let fresh: MakeArgs = Arc::new(|n| format!(r#"{{"nonce":-{}}}"#, n + 1));
    let load = |name, kind, function, connections, args| Load { name, kind, function, connections, args, end };
    vec![
        load("trivial query, cached", "query", "bench:trivial", CONNECTIONS, fixed(r#"{"nonce":0}"#)),
        load("trivial query, not cached", "query", "bench:trivial", CONNECTIONS, fresh.clone()),
        load("trivial query, not cached, one connection", "query", "bench:trivial", 1, {
            Arc::new(|n| format!(r#"{{"nonce":-0.{}}}"#, n + 1))
        }),
        load("list 100 documents, not cached", "query", "bench:list100", CONNECTIONS, fresh),
        load("list 100 documents, cached", "query", "bench:list100", CONNECTIONS, fixed(r#"{"nonce":0}"#)),
        load("empty mutation", "mutation", "bench:empty", CONNECTIONS, fixed("{}")),
        load("empty mutation, one connection", "mutation", "bench:empty", 1, fixed("{}")),
        load("insert 1 document", "mutation", "bench:insert", CONNECTIONS, fixed(r#"{"key":1}"#)),
        load("insert 1 document, one connection", "mutation", "bench:insert", 1, fixed(r#"{"key":1}"#)),
        load("insert 100 documents", "mutation", "bench:insert100", CONNECTIONS, fixed(r#"{"key":1}"#)),
    ]
}

async fn transfers(
    host: &str,
    server: Process,
    end: End,
    connection: &mut Connection,
    results: &mut Vec<Value>,
) -> Result<(), Failure> {
    for start in (0..ACCOUNTS).step_by(1000) {
        let args = json!({"start": start, "count": 1000}).to_string();
        connection.call("mutation", "bench:seedAccounts", &args).await?;
    }
    let uniform: MakeArgs = Arc::new(|n| {
        let mut random = SmallRng::seed_from_u64(n);
        transfer(random.random_range(0..ACCOUNTS), random.random_range(0..ACCOUNTS))
    });
    let zipf = Arc::new(Zipf::new(ACCOUNTS, 1.5));
    let skewed: MakeArgs = Arc::new(move |n| {
        let mut random = SmallRng::seed_from_u64(n);
        transfer(zipf.sample(&mut random), zipf.sample(&mut random))
    });
    let load =
        |name, args| Load { name, kind: "mutation", function: "bench:transfer", connections: CONNECTIONS, args, end };
    record(results, load::run(host, server, &load("transfers, uniform", uniform)).await?);
    record(results, load::run(host, server, &load("transfers, Zipf 1.5", skewed)).await?);
    record(results, balance_check(connection).await?);
    Ok(())
}

fn transfer(from: u64, to: u64) -> String {
    format!(r#"{{"from":{from},"to":{to},"amount":1}}"#)
}

/// The sum of all balances must be what was put in, whatever was transferred.
async fn balance_check(connection: &mut Connection) -> Result<Value, Failure> {
    let mut sum = 0.0;
    for start in (0..ACCOUNTS).step_by(10_000) {
        let args = json!({"start": start, "count": 10_000}).to_string();
        sum += connection.value("query", "bench:sumBalances", &args).await?.as_f64().ok_or("no sum")?;
    }
    let expected = ACCOUNTS as f64 * 1000.0;
    if sum != expected {
        return Err(format!("balances add up to {sum}, not {expected}").into());
    }
    Ok(json!({"name": "transfers, sum of balances", "sum": sum, "expected": expected}))
}

/// Zipf-distributed ranks 0..n by inversion of the cumulative weights.
struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    fn new(n: u64, exponent: f64) -> Self {
        let mut total = 0.0;
        let cumulative = (1..=n)
            .map(|rank| {
                total += (rank as f64).powf(-exponent);
                total
            })
            .collect();
        Self { cumulative }
    }

    fn sample(&self, random: &mut impl Rng) -> u64 {
        let total = self.cumulative.last().copied().unwrap_or(1.0);
        let point = random.random::<f64>() * total;
        self.cumulative.partition_point(|weight| *weight < point) as u64
    }
}
