//! Measures the storage layer with the latencies of a cloud: `make bench-storage`. One line of JSON a result.

#![allow(clippy::disallowed_methods, reason = "measures the real world")]

mod commits;
mod contention;
mod corpus;
mod growth;
mod latency;
mod online;
mod setup;
mod stats;
mod timer;

use std::path::PathBuf;

use clap::Parser;
use lakewire_storage::catalog::IndexConfig;
use lakewire_storage::database::Database;
use lakewire_storage::definition::backfill;

use crate::corpus::ROOT;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
struct Options {
    /// Only the scenario of this name: commits, contention, committers, online, growth.
    #[arg(long)]
    only: Option<String>,
    /// The largest number of documents that `growth` loads, a power of ten; `online` has a million at most.
    #[arg(long, default_value_t = 10_000_000)]
    documents: u64,
    /// Seconds of each timed measurement.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Where data goes; a temporary directory by default.
    #[arg(long)]
    data: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let options = Options::parse();
    let asked = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    if asked("commits") {
        commits::run(options.seconds).await?;
    }
    if asked("contention") {
        contention::run(options.seconds).await?;
    }
    if asked("committers") {
        commits::two_committers(options.seconds).await?;
    }
    if asked("online") {
        online::run(options.documents.min(1_000_000)).await?;
    }
    if asked("growth") {
        growth::run(options.documents, options.data.as_deref()).await?;
    }
    Ok(())
}

/// Adds an index to a table, which is made if need be, and waits until it can be queried.
pub async fn index(database: &Database, table: &str, name: &str, fields: &[&str]) -> Outcome<()> {
    let mut transaction = database.begin(database.head(), "bench");
    let table = transaction.ensure_table(ROOT, table).await?;
    let fields = fields.iter().map(|field| field.parse()).collect::<Result<_, _>>()?;
    let id = transaction.add_index(&table, name, &IndexConfig::Database { fields }, false).await?;
    database.commit(transaction).await?;
    backfill(database, id).await?;
    let mut transaction = database.begin(database.head(), "bench");
    transaction.enable_index(id).await?;
    database.commit(transaction).await?;
    Ok(())
}
