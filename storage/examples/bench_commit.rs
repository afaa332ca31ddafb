//! How many commits a second the storage layer makes durable on this machine: `cargo run --release --example bench_commit`.
//!
//! Everything is real: the local log with fsync, 16 tasks that commit at a time. No V8, no network.

#![allow(clippy::disallowed_methods, reason = "measures the real world")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use lakewire_storage::catalog::Namespace;
use lakewire_storage::commit::CommitError;
use lakewire_storage::database::{Database, DatabaseOptions};
use lakewire_storage::env::Env;
use lakewire_storage::id::DocumentId;
use lakewire_storage::log::LocalLog;
use lakewire_storage::query::Query;
use lakewire_storage::schema::SchemaDefinition;
use lakewire_storage::segment::SegmentCache;
use lakewire_storage::timeline::{Segments, SegmentsOptions, TimelineId};
use lakewire_storage::value::Value;
use object_store::local::LocalFileSystem;

const TASKS: usize = 16;
const ROOT: Namespace = Namespace::ROOT;
const ACCOUNTS: usize = 1000;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main(worker_threads = 2)]
async fn main() -> Outcome<()> {
    let directory = std::env::args().nth(1).map_or_else(|| std::env::temp_dir().join("lakewire-bench"), Into::into);
    let _absent = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(directory.join("store"))?;
    let env = Env::system();
    let started = Instant::now();
    let database = open(&directory, &env).await?;
    println!("open of an empty directory  {:>9.1} ms", started.elapsed().as_secs_f64() * 1e3);
    add_indexes(&database).await?;

    let commits = 20_000;
    measure("inserts of 1 document", commits, &database, |database, i| async move { insert(&database, i, 1).await })
        .await?;
    measure("inserts of 100 documents", 1000, &database, |database, i| async move { insert(&database, i, 100).await })
        .await?;
    println!("resident memory             {:>9.1} MB", resident_mb());

    open_accounts(&database).await?;
    measure("transfers, uniform", 10_000, &database, |database, i| async move {
        transfer(&database, scramble(i) % ACCOUNTS, scramble(i + 7_777_777) % ACCOUNTS).await
    })
    .await?;
    measure("transfers, Zipf 1.5", 5_000, &database, |database, i| async move {
        transfer(&database, zipf(scramble(i)), zipf(scramble(i + 7_777_777))).await
    })
    .await?;

    let started = Instant::now();
    database.close().await?;
    drop(database);
    println!("close with a snapshot file  {:>9.1} ms", started.elapsed().as_secs_f64() * 1e3);
    let started = Instant::now();
    let database = open(&directory, &env).await?;
    println!("open with a snapshot file   {:>9.1} ms", started.elapsed().as_secs_f64() * 1e3);
    let mut transaction = database.begin(database.latest(), "bench");
    println!("documents                   {:>9}", transaction.count(ROOT, "messages").await?);
    println!("resident memory             {:>9.1} MB", resident_mb());
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}

async fn open(directory: &std::path::Path, env: &Env) -> Outcome<Arc<Database>> {
    let log = LocalLog::open(directory.join("log"), env).await?;
    let store = Arc::new(LocalFileSystem::new_with_prefix(directory.join("store"))?.with_fsync(true));
    let cache = SegmentCache::new(store.clone(), env.clone(), 64 << 20);
    let segments = Segments::open(store, cache, env.clone(), TimelineId::main(), SegmentsOptions::default()).await?;
    Ok(Database::open(DatabaseOptions::new(Arc::new(log), segments, env.clone())).await?)
}

/// Runs `count` commits, [`TASKS`] at a time, and prints how many were done in a second.
async fn measure<F, Fut>(what: &str, count: usize, database: &Arc<Database>, commit: F) -> Outcome<()>
where
    F: Fn(Arc<Database>, usize) -> Fut + Copy + Send + 'static,
    Fut: Future<Output = Outcome<usize>> + Send + 'static,
{
    let started = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let database = database.clone();
            tokio::spawn(async move {
                let mut conflicts = 0;
                for i in (task..count).step_by(TASKS) {
                    conflicts += commit(database.clone(), i).await?;
                }
                Outcome::Ok(conflicts)
            })
        })
        .collect();
    let mut conflicts = 0;
    for task in tasks {
        conflicts += task.await??;
    }
    let rate = count as f64 / started.elapsed().as_secs_f64();
    println!("{what:<27} {rate:>9.0} /s   {conflicts} conflicts");
    Ok(())
}

async fn add_indexes(database: &Database) -> Outcome<()> {
    let schema = r#"{"schemaValidation": true, "tables": [
        {"tableName": "messages", "indexes": [{"indexDescriptor": "by_channel", "fields": ["channel"]}],
         "documentType": {"type": "object", "value": {
            "channel": {"fieldType": {"type": "string"}, "optional": false},
            "body": {"fieldType": {"type": "string"}, "optional": false},
            "number": {"fieldType": {"type": "number"}, "optional": false}}}},
        {"tableName": "accounts", "indexes": [{"indexDescriptor": "by_owner", "fields": ["owner"]}]}]}"#;
    let schema = SchemaDefinition::from_json(schema)?;
    let mut transaction = database.begin(database.head(), "bench");
    let (id, _) = transaction.submit_schema(ROOT, &schema).await?;
    let mut indexes = Vec::new();
    for (name, definition) in &schema.tables {
        let table = transaction.ensure_table(ROOT, name).await?;
        for (name, index) in &definition.indexes {
            let config = lakewire_storage::catalog::IndexConfig::Database { fields: index.fields.clone() };
            indexes.push(transaction.add_index(&table, name, &config, false).await?);
        }
    }
    database.commit(transaction).await?;
    lakewire_storage::definition::backfill_all(database).await?;
    lakewire_storage::definition::validate_schema(database, id).await?;
    let mut transaction = database.begin(database.head(), "bench");
    for index in indexes {
        transaction.enable_index(index).await?;
    }
    transaction.activate_schema(ROOT, Some(id)).await?;
    database.commit(transaction).await?;
    Ok(())
}

async fn insert(database: &Database, i: usize, documents: usize) -> Outcome<usize> {
    let mut transaction = database.begin(database.head(), "messages:send");
    for j in 0..documents {
        let json = format!(
            r#"{{"body":"a message of some length, as people write them","channel":"channel {}","number":{j}}}"#,
            scramble(i) % 100
        );
        let fields = Value::from_json(&json)?.into_object().ok_or("an object")?;
        transaction.insert(ROOT, "messages", fields).await?;
    }
    database.commit(transaction).await?;
    Ok(0)
}

async fn open_accounts(database: &Database) -> Outcome<()> {
    let mut transaction = database.begin(database.head(), "bench");
    for i in 0..ACCOUNTS {
        let fields = [("owner", Value::from(format!("owner {i}"))), ("balance", Value::from(1000.0))];
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        transaction.insert(ROOT, "accounts", fields).await?;
    }
    database.commit(transaction).await?;
    Ok(())
}

/// Moves money; returns how often it had to be tried again.
async fn transfer(database: &Database, from: usize, to: usize) -> Outcome<usize> {
    for conflicts in 0.. {
        let mut transaction = database.begin(database.head(), "accounts:transfer");
        let (source, balance) = account(&mut transaction, from).await?;
        let (target, other) = account(&mut transaction, to).await?;
        let set = |balance| BTreeMap::from([("balance".to_owned(), Some(Value::Float64(balance)))]);
        transaction.patch(ROOT, source, set(balance - 1.0)).await?;
        if from != to {
            transaction.patch(ROOT, target, set(other + 1.0)).await?;
        }
        match database.commit(transaction).await {
            Ok(_) => return Ok(conflicts),
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    unreachable!("the loop ends only by returning")
}

async fn account(
    transaction: &mut lakewire_storage::transaction::Transaction,
    owner: usize,
) -> Outcome<(DocumentId, f64)> {
    let query = Query::from_json(&format!(
        r#"{{"source":{{"type":"IndexRange","indexName":"accounts.by_owner","order":"asc",
            "range":[{{"type":"Eq","fieldPath":"owner","value":"owner {owner}"}}]}},"operators":[{{"limit":1}}]}}"#
    ))?;
    let mut stream = transaction.open_query(ROOT, &query)?;
    let document = transaction.next(&mut stream).await?.ok_or("no such account")?;
    let value = Value::from_json(&document.json)?;
    match value.field("balance") {
        Some(Value::Float64(balance)) => Ok((document.id, *balance)),
        _ => Err("no balance".into()),
    }
}

/// A number that looks random.
fn scramble(i: usize) -> usize {
    let mut x = i as u64 ^ 0x9e37_79b9_7f4a_7c15;
    for _ in 0..3 {
        x = (x ^ (x >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    (x >> 16) as usize
}

/// An account: the nth most popular one with probability proportional to n^-1.5.
fn zipf(random: usize) -> usize {
    let weights = (1..=ACCOUNTS).map(|n| (n as f64).powf(-1.5));
    let total: f64 = weights.clone().sum();
    let mut left = (random % 1_000_000) as f64 / 1e6 * total;
    for (account, weight) in weights.enumerate() {
        left -= weight;
        if left <= 0.0 {
            return account;
        }
    }
    ACCOUNTS - 1
}

fn resident_mb() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let resident = pages.and_then(|text| text.split(' ').nth(1)?.parse::<f64>().ok());
    resident.map_or(f64::NAN, |pages| pages * 4096.0 / 1e6)
}
