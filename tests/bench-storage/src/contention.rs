//! Transfers between accounts: everywhere, and on a few that everybody wants.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lakewire_storage::commit::CommitError;
use lakewire_storage::database::Database;
use lakewire_storage::id::DocumentId;
use lakewire_storage::transaction::TableKind;
use lakewire_storage::value::Value;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::corpus::ROOT;
use crate::stats::{percentiles, report, round};
use crate::{Outcome, setup};

const ACCOUNTS: usize = 100_000;
const TASKS: u64 = 64;

/// Which account the nth draw is.
#[derive(Clone)]
struct Popularity(Arc<Vec<f64>>);

impl Popularity {
    /// The nth account with a probability proportional to `n^-exponent`.
    fn zipf(exponent: f64) -> Self {
        let mut sum = 0.0;
        let cumulated = (1..=ACCOUNTS).map(|n| {
            sum += (n as f64).powf(-exponent);
            sum
        });
        Popularity(Arc::new(cumulated.collect()))
    }

    fn draw(&self, random: &mut ChaCha8Rng) -> usize {
        let at = random.random::<f64>() * self.0[ACCOUNTS - 1];
        self.0.partition_point(|sum| *sum < at).min(ACCOUNTS - 1)
    }
}

pub async fn run(seconds: u64) -> Outcome<()> {
    let database = setup::in_memory().await?;
    let accounts = Arc::new(open_accounts(&database).await?);
    let mut rates = Vec::new();
    for (name, exponent) in [("uniform", 0.0), ("Zipf 1.5", 1.5)] {
        let conflicts = Arc::new(AtomicU64::new(0));
        let popularity = Popularity::zipf(exponent);
        let started = Instant::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let (database, accounts) = (database.clone(), accounts.clone());
                let (conflicts, popularity) = (conflicts.clone(), popularity.clone());
                tokio::spawn(async move {
                    let mut random = ChaCha8Rng::seed_from_u64(task);
                    let mut times = Vec::new();
                    while started.elapsed() < Duration::from_secs(seconds) {
                        let [from, to] = [(); 2].map(|()| accounts[popularity.draw(&mut random)]);
                        let begun = Instant::now();
                        conflicts.fetch_add(transfer(&database, from, to).await?, Ordering::Relaxed);
                        times.push(begun.elapsed());
                    }
                    Outcome::Ok(times)
                })
            })
            .collect();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await??);
        }
        let rate = times.len() as f64 / started.elapsed().as_secs_f64();
        rates.push(rate);
        report(&serde_json::json!({
            "name": format!("transfers, {name}"), "tasks": TASKS, "per_second": round(rate), "latency": percentiles(times),
            "run_again": conflicts.load(Ordering::Relaxed),
        }));
    }
    let total = total(&database, &accounts).await?;
    report(&serde_json::json!({
        "name": "contended over uncontended transfers", "ratio": round(rates[1] / rates[0]), "money_is_conserved": total == 0.0,
    }));
    database.close().await?;
    Ok(())
}

async fn open_accounts(database: &Database) -> Outcome<Vec<DocumentId>> {
    let mut accounts = Vec::new();
    while accounts.len() < ACCOUNTS {
        let mut transaction = database.begin(database.head(), "bench");
        for _ in 0..1000 {
            let fields = BTreeMap::from([("balance".to_owned(), Value::Float64(0.0))]);
            accounts.push(transaction.insert(ROOT, "accounts", fields).await?);
        }
        database.commit(transaction).await?;
    }
    Ok(accounts)
}

/// Moves money; returns how often it had to be run again. Never an error to the caller.
async fn transfer(database: &Database, from: DocumentId, to: DocumentId) -> Outcome<u64> {
    for again in 0.. {
        let mut transaction = database.begin(database.head(), "accounts:transfer");
        for (account, amount) in [(from, -1.0), (to, 1.0)] {
            let document = transaction.get(ROOT, account, TableKind::User).await?.ok_or("no such account")?;
            let Some(Value::Float64(balance)) = document.value()?.field("balance").cloned() else {
                return Err("no balance".into());
            };
            let balance = BTreeMap::from([("balance".to_owned(), Some(Value::Float64(balance + amount)))]);
            transaction.patch(ROOT, account, balance).await?;
        }
        match database.commit(transaction).await {
            Ok(_) => return Ok(again),
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    unreachable!("the loop ends only by returning")
}

async fn total(database: &Database, accounts: &[DocumentId]) -> Outcome<f64> {
    let mut sum = 0.0;
    for chunk in accounts.chunks(1000) {
        let mut transaction = database.begin(database.latest(), "bench");
        for account in chunk {
            let document = transaction.get(ROOT, *account, TableKind::User).await?.ok_or("no such account")?;
            if let Some(Value::Float64(balance)) = document.value()?.field("balance") {
                sum += balance;
            }
        }
    }
    Ok(sum)
}
