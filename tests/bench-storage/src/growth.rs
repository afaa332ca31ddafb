//! Loading ten million documents, and what reads cost along the way.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lakewire_storage::database::{Database, DatabaseOptions};
use lakewire_storage::env::Env;
use lakewire_storage::id::DocumentId;
use lakewire_storage::log::LocalLog;
use lakewire_storage::segment::SegmentCache;
use lakewire_storage::timeline::{Segments, SegmentsOptions, TimelineId};
use lakewire_storage::transaction::TableKind;
use object_store::local::LocalFileSystem;
use parking_lot::Mutex;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::Outcome;
use crate::corpus::{self, ROOT, TABLE};
use crate::latency::{SlowLog, SlowStore, Traffic};
use crate::setup::CACHE_BYTES;
use crate::stats::{peak_resident_mb, percentiles, report, resident_mb, round};

/// Documents inserted by one transaction.
const BATCH: u64 = 100;
const WRITERS: u64 = 32;
/// One document in this many is remembered, to be read later.
const SAMPLE: u64 = 997;
const COLD_READS: usize = 200;
const WARM_READS: usize = 50_000;

struct Place<'a> {
    directory: &'a Path,
    traffic: Arc<Traffic>,
    segments: Arc<Segments>,
    database: Arc<Database>,
}

pub async fn run(documents: u64, data: Option<&Path>) -> Outcome<()> {
    let temporary = tempfile::tempdir()?;
    let directory = data.unwrap_or(temporary.path());
    std::fs::create_dir_all(directory.join("store"))?;
    let mut place = open(directory, Arc::default()).await?;
    corpus::create_table(&place.database).await?;
    let sample = Arc::new(Mutex::new(Vec::new()));
    let mut loaded = 0;
    let mut next = 10_000.min(documents);
    while loaded < documents {
        let started = Instant::now();
        load(&place.database, loaded, next, &sample).await?;
        let loading = started.elapsed().as_secs_f64();
        let written = place.traffic.bytes_written();
        place.database.checkpoint().await?;
        let compacting = Instant::now();
        place.segments.compact_all().await?;
        let compacting = compacting.elapsed().as_secs_f64();
        let (stored, live) = sizes(&place.segments);
        report(&serde_json::json!({
            "name": "load", "documents": next, "documents_per_second": round((next - loaded) as f64 / loading),
            "loading_s": round(loading), "full_compaction_s": round(compacting),
            "peak_resident_mb": peak_resident_mb(), "resident_mb": resident_mb(),
            "live_bytes_per_document": round(live / next as f64), "stored_over_live_bytes": round(stored / live),
            "written_over_live_bytes_so_far": round(written as f64 / live),
            "written_with_full_compactions": round(place.traffic.bytes_written() as f64 / live),
            "runs": place.segments.manifest().runs.len(),
        }));
        loaded = next;
        next = (next * 10).min(documents);
        let sampled = sample.lock().clone();
        place = reads(place, &sampled, loaded).await?;
    }
    place.database.close().await?;
    Ok(())
}

async fn open(directory: &Path, traffic: Arc<Traffic>) -> Outcome<Place<'_>> {
    let env = Env::system();
    let log = LocalLog::open(directory.join("log"), &env).await?;
    let store = LocalFileSystem::new_with_prefix(directory.join("store"))?;
    let store = Arc::new(SlowStore::new(Arc::new(store), env.clone(), traffic.clone()));
    let cache = SegmentCache::new(store.clone(), env.clone(), CACHE_BYTES);
    let options = SegmentsOptions { log_kept: Duration::ZERO, ..SegmentsOptions::default() };
    let segments = Segments::open(store, cache, env.clone(), TimelineId::main(), options).await?;
    let log = SlowLog::new(log, env.clone(), false);
    let database = Database::open(DatabaseOptions::new(Arc::new(log), segments.clone(), env)).await?;
    Ok(Place { directory, traffic, segments, database })
}

/// Inserts the documents from one number to another.
pub async fn load(database: &Arc<Database>, from: u64, to: u64, sample: &Arc<Mutex<Vec<DocumentId>>>) -> Outcome<()> {
    let next = Arc::new(AtomicU64::new(from));
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (database, next, sample) = (database.clone(), next.clone(), sample.clone());
            tokio::spawn(async move {
                loop {
                    let first = next.fetch_add(BATCH, Ordering::Relaxed);
                    if first >= to {
                        return Outcome::Ok(());
                    }
                    let mut transaction = database.begin(database.head(), "messages:import");
                    for n in first..(first + BATCH).min(to) {
                        let id = transaction.insert(ROOT, TABLE, corpus::document(n)).await?;
                        if n.is_multiple_of(SAMPLE) {
                            sample.lock().push(id);
                        }
                    }
                    database.commit(transaction).await?;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await??;
    }
    Ok(())
}

/// Bytes of the files that the newest manifest names, and bytes of documents in them, each counted once.
fn sizes(segments: &Segments) -> (f64, f64) {
    let manifest = segments.manifest();
    let files = manifest.runs.iter().flat_map(|run| &run.files);
    let (stored, live) =
        files.fold((0, 0), |(stored, live), file| (stored + file.segment.bytes, live + file.segment.live_bytes));
    // Every document is in four indexes.
    (stored as f64, live as f64 / 4.0)
}

/// Point reads and ranges: cold, each by a database that was just opened, then warm.
async fn reads<'a>(place: Place<'a>, sample: &[DocumentId], documents: u64) -> Outcome<Place<'a>> {
    let mut random = ChaCha8Rng::seed_from_u64(documents);
    place.database.close().await?;
    let (directory, traffic) = (place.directory, place.traffic.clone());
    drop(place);

    let (mut points, mut ranges) = (Vec::new(), Vec::new());
    let (mut most_point_gets, mut most_range_gets) = (0, 0);
    let place = open(directory, traffic).await?;
    for read in 0..COLD_READS {
        // Nothing is in the cache: neither blocks nor footers.
        place.segments.cache().clear();
        let gets = place.segments.cache().usage().gets;
        let begun = Instant::now();
        let mut transaction = place.database.begin(place.database.latest(), "bench");
        if read % 2 == 0 {
            let id = sample[random.random_range(0..sample.len())];
            transaction.get(ROOT, id, TableKind::User).await?.ok_or("a document is missing")?;
            points.push(begun.elapsed());
            most_point_gets = most_point_gets.max(place.segments.cache().usage().gets - gets);
        } else {
            let query = corpus::range(&corpus::channel(random.random()), 100)?;
            let mut stream = transaction.open_query(ROOT, &query)?;
            while transaction.next(&mut stream).await?.is_some() {}
            ranges.push(begun.elapsed());
            most_range_gets = most_range_gets.max(place.segments.cache().usage().gets - gets);
        }
    }
    report(&serde_json::json!({
        "name": "cold point read", "documents": documents, "latency": percentiles(points), "most_gets": most_point_gets,
    }));
    report(&serde_json::json!({
        "name": "cold range of 100 documents", "documents": documents, "latency": percentiles(ranges),
        "most_gets": most_range_gets,
    }));

    // As many as fit into the cache.
    let warm: Vec<_> = (0..1000).map(|_| sample[random.random_range(0..sample.len())]).collect();
    let mut times = Vec::with_capacity(WARM_READS);
    for read in 0..WARM_READS + warm.len() {
        let mut transaction = place.database.begin(place.database.latest(), "bench");
        let begun = Instant::now();
        transaction.get(ROOT, warm[read % warm.len()], TableKind::User).await?.ok_or("a document is missing")?;
        if read >= warm.len() {
            times.push(begun.elapsed());
        }
    }
    report(&serde_json::json!({"name": "warm point read", "documents": documents, "latency": percentiles(times)}));
    Ok(place)
}
