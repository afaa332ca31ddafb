//! Durable commits through one group committer, and through two on one log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lakewire_storage::commit::CommitError;
use lakewire_storage::database::Database;
use lakewire_storage::env::Env;
use lakewire_storage::log::MemoryLog;
use object_store::memory::InMemory;

use crate::corpus::{self, ROOT, TABLE};
use crate::latency::SlowLog;
use crate::stats::{percentiles, report, round};
use crate::{Outcome, setup};

/// Transactions a second of the paced measurement.
const PACE: u64 = 500;

/// Inserts by more and more tasks at a time, then at a steady pace.
pub async fn run(seconds: u64) -> Outcome<()> {
    let database = setup::in_memory().await?;
    corpus::create_table(&database).await?;
    for tasks in [16, 64, 256] {
        let (times, elapsed) =
            load(std::slice::from_ref(&database), tasks, Duration::from_secs(seconds)).await?.remove(0);
        report(&serde_json::json!({
            "name": "durable commits of one insert", "tasks": tasks, "commits": times.len(),
            "per_second": round(times.len() as f64 / elapsed), "latency": percentiles(times),
        }));
    }
    let times = paced(&database, Duration::from_secs(seconds)).await?;
    report(&serde_json::json!({
        "name": format!("durable commits at {PACE}/s"), "commits": times.len(), "latency": percentiles(times),
    }));
    database.close().await?;
    Ok(())
}

/// Two databases that commit to one log, each as fast as it can.
pub async fn two_committers(seconds: u64) -> Outcome<()> {
    let (log, store) = (Arc::new(MemoryLog::new()), Arc::new(InMemory::new()));
    let mut databases = Vec::new();
    for _ in 0..2 {
        let env = Env::system();
        let log = SlowLog::new(log.clone(), env.clone(), true);
        databases.push(setup::open(Arc::new(log), store.clone(), env).await?);
        if databases.len() == 1 {
            corpus::create_table(&databases[0]).await?;
        }
    }
    databases[1].refresh().await?;
    let alone = load(&databases[..1], 64, Duration::from_secs(seconds)).await?.remove(0);
    let both = load(&databases, 64, Duration::from_secs(seconds)).await?;
    let alone = alone.0.len() as f64 / alone.1;
    let rates: Vec<f64> = both.iter().map(|(times, elapsed)| times.len() as f64 / elapsed).collect();
    let total: f64 = rates.iter().sum();
    let least = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let acknowledged: usize = both.iter().map(|(times, _)| times.len()).sum();
    report(&serde_json::json!({
        "name": "two committers on one log", "tasks_each": 64, "alone_per_second": round(alone),
        "each_per_second": rates.iter().copied().map(round).collect::<Vec<_>>(), "together_over_alone": round(total / alone),
        "least_share": round(least / total), "acknowledged": acknowledged,
    }));
    for database in databases {
        database.close().await?;
    }
    Ok(())
}

/// Inserts for a while, by `tasks` tasks on each database: the latencies, and how long it took in seconds.
async fn load(databases: &[Arc<Database>], tasks: usize, duration: Duration) -> Outcome<Vec<(Vec<Duration>, f64)>> {
    let started = Instant::now();
    let mut running = Vec::new();
    for (d, database) in databases.iter().enumerate() {
        let tasks: Vec<_> = (0..tasks)
            .map(|task| {
                let database = database.clone();
                tokio::spawn(async move {
                    let mut times = Vec::new();
                    for n in 0.. {
                        let begun = Instant::now();
                        if begun - started >= duration {
                            break;
                        }
                        insert(&database, ((d * 1000 + task) as u64) << 32 | n).await?;
                        times.push(begun.elapsed());
                    }
                    Outcome::Ok(times)
                })
            })
            .collect();
        running.push(tasks);
    }
    let mut results = Vec::new();
    for tasks in running {
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await??);
        }
        results.push((times, started.elapsed().as_secs_f64()));
    }
    Ok(results)
}

/// Inserts at a steady pace, whether or not earlier ones are done.
async fn paced(database: &Arc<Database>, duration: Duration) -> Outcome<Vec<Duration>> {
    let count = duration.as_secs() * PACE;
    let started = Instant::now();
    let mut tasks = Vec::new();
    for n in 0..count {
        tokio::time::sleep_until((started + Duration::from_secs(n) / PACE as u32).into()).await;
        let database = database.clone();
        tasks.push(tokio::spawn(async move {
            let begun = Instant::now();
            insert(&database, 1 << 60 | n).await?;
            Outcome::Ok(begun.elapsed())
        }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.push(task.await??);
    }
    Ok(times)
}

async fn insert(database: &Database, n: u64) -> Outcome<()> {
    loop {
        let mut transaction = database.begin(database.head(), "messages:send");
        transaction.insert(ROOT, TABLE, corpus::document(n)).await?;
        match database.commit(transaction).await {
            Ok(_) => return Ok(()),
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
