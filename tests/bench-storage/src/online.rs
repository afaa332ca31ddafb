//! What an operator does to a large database that is in use: adds an index, makes a branch, restores it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use lakewire_storage::catalog::IndexId;
use lakewire_storage::commit::CommitError;
use lakewire_storage::database::{Database, Snapshot};
use lakewire_storage::env::Env;
use lakewire_storage::id::DocumentId;
use lakewire_storage::interval::Interval;
use lakewire_storage::log::{CommitLog, MemoryLog, OpenLogError};
use lakewire_storage::query::Order;
use lakewire_storage::timeline::branch::{self, BranchContext, LogAccess, TimelineLogs};
use lakewire_storage::timeline::{BranchName, TimelineId};
use lakewire_storage::transaction::TableKind;
use lakewire_storage::value::Value;
use object_store::local::LocalFileSystem;
use parking_lot::Mutex;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::corpus::{self, ROOT, TABLE};
use crate::growth::load;
use crate::latency::{SlowLog, SlowStore};
use crate::stats::{percentiles, report, round};
use crate::{Outcome, setup};

/// Documents that are changed in a second while the index is built.
const PACE: u32 = 500;
const CALM: Duration = Duration::from_secs(10);

/// The logs of all timelines, in memory.
#[derive(Default)]
struct Logs(Mutex<BTreeMap<TimelineId, Arc<MemoryLog>>>);

#[async_trait]
impl TimelineLogs for Logs {
    async fn open(&self, timeline: &TimelineId, _: LogAccess) -> Result<Arc<dyn CommitLog>, OpenLogError> {
        let log = self.0.lock().entry(timeline.clone()).or_default().clone();
        Ok(Arc::new(SlowLog::new(log, Env::system(), true)))
    }
}

pub async fn run(documents: u64) -> Outcome<()> {
    let directory = tempfile::tempdir()?;
    let env = Env::system();
    let store = LocalFileSystem::new_with_prefix(directory.path())?;
    let store = Arc::new(SlowStore::new(Arc::new(store), env.clone(), Arc::default()));
    let context = BranchContext { store: store.clone(), logs: Arc::<Logs>::default(), env: env.clone() };
    let log = context.logs.open(&TimelineId::main(), LogAccess::Write).await?;
    let database = setup::open(log, store.clone(), env.clone()).await?;
    corpus::create_table(&database).await?;
    let sample = Arc::new(Mutex::new(Vec::new()));
    load(&database, 0, documents, &sample).await?;
    database.checkpoint().await?;
    let sample = Arc::new(std::mem::take(&mut *sample.lock()));

    add_index(&database, &sample, documents).await?;
    branches(&context, &database, &sample, documents).await?;
    database.close().await?;
    Ok(())
}

/// Adds an index while documents are changed, and counts what is in it.
async fn add_index(database: &Arc<Database>, sample: &Arc<Vec<DocumentId>>, documents: u64) -> Outcome<()> {
    let (is_over, is_building) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let writers = tokio::spawn(write(database.clone(), sample.clone(), is_over.clone(), is_building.clone()));
    tokio::time::sleep(CALM).await;
    is_building.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    crate::index(database, TABLE, "by_number", &["number"]).await?;
    let took = begun.elapsed().as_secs_f64();
    is_building.store(false, Ordering::Relaxed);
    is_over.store(true, Ordering::Relaxed);
    let (before, during) = writers.await??;

    let snapshot = database.latest();
    let table = snapshot.catalog().table(ROOT, TABLE).ok_or("there is no table")?.clone();
    let index = table.indexes.iter().find(|index| index.name == "by_number").ok_or("there is no index")?.id;
    let entries = count(&snapshot, index).await?;
    if entries != documents {
        return Err(format!("the index has {entries} entries, the table {documents} documents").into());
    }
    report(&serde_json::json!({
        "name": "index added while documents change", "documents": documents, "seconds": round(took),
        "documents_per_second": round(documents as f64 / took), "changes_per_second": PACE,
        "changes_before": before.len(), "latency_before": percentiles(before),
        "changes_meanwhile": during.len(), "latency_meanwhile": percentiles(during),
    }));
    Ok(())
}

async fn count(snapshot: &Snapshot, index: IndexId) -> Outcome<u64> {
    let mut scan = snapshot.scan(Interval::prefix(&index.0.to_be_bytes()), Order::Asc);
    let mut entries = 0;
    while scan.next().await?.is_some() {
        entries += 1;
    }
    Ok(entries)
}

type Latencies = (Vec<Duration>, Vec<Duration>);

/// Changes documents at a steady pace, whether or not earlier changes are done. Gives the latencies before and while an index is
/// built. Every change must succeed.
async fn write(
    database: Arc<Database>,
    sample: Arc<Vec<DocumentId>>,
    is_over: Arc<AtomicBool>,
    is_building: Arc<AtomicBool>,
) -> Outcome<Latencies> {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let number = Arc::new(AtomicU64::new(1 << 40));
    let mut tasks = Vec::new();
    let started = Instant::now();
    for n in 0.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        tokio::time::sleep_until((started + Duration::from_secs(n) / PACE).into()).await;
        let (id, building) = (sample[random.random_range(0..sample.len())], is_building.load(Ordering::Relaxed));
        let (database, number) = (database.clone(), number.clone());
        tasks.push(tokio::spawn(async move {
            let begun = Instant::now();
            change(&database, id, number.fetch_add(1, Ordering::Relaxed)).await?;
            Outcome::Ok((building, begun.elapsed()))
        }));
    }
    let (mut before, mut during) = Latencies::default();
    for task in tasks {
        let (building, time) = task.await??;
        if building { during.push(time) } else { before.push(time) }
    }
    Ok((before, during))
}

/// Gives a document another `number`, which the new index is on.
async fn change(database: &Database, id: DocumentId, number: u64) -> Outcome<()> {
    loop {
        let mut transaction = database.begin(database.head(), "messages:renumber");
        let fields = [("number".to_owned(), Some(Value::Float64(number as f64)))].into_iter().collect();
        transaction.patch(ROOT, id, fields).await?;
        match database.commit(transaction).await {
            Ok(_) => return Ok(()),
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Makes a branch, restores it, opens it.
async fn branches(context: &BranchContext, database: &Database, sample: &[DocumentId], documents: u64) -> Outcome<()> {
    let past = database.latest().ts();
    change(database, sample[0], 1 << 50).await?;
    let name: BranchName = "trial".parse()?;

    let begun = Instant::now();
    branch::create(context, &name, &BranchName::main(), None).await?;
    let create = begun.elapsed();
    let begun = Instant::now();
    let restored = branch::restore(context, &name, past).await?;
    let restore = begun.elapsed();

    let begun = Instant::now();
    let log = context.logs.open(&restored.timeline, LogAccess::Write).await?;
    let opened = setup::open_timeline(log, context.store.clone(), context.env.clone(), restored.timeline).await?;
    let mut transaction = opened.begin(opened.latest(), "bench");
    let there = transaction.get(ROOT, sample[0], TableKind::User).await?.ok_or("a document is missing")?;
    let open = begun.elapsed();
    if there.json.contains(&(1u64 << 50).to_string()) {
        return Err("the restored branch has what was written later".into());
    }
    opened.close().await?;
    let ms = |time: Duration| round(time.as_secs_f64() * 1e3);
    report(&serde_json::json!({
        "name": "branch", "documents": documents, "create_ms": ms(create), "restore_ms": ms(restore),
        "open_and_read_ms": ms(open),
    }));
    Ok(())
}
