//! Measures segments: `cargo run --release -p lakewire-storage --example bench_segment [DOCUMENTS]`.
//!
//! Writes one segment of documents of about 500 bytes to a store in memory and prints: the rate of writing and bytes a
//! row, the time to decode a block, warm and cold point reads with the requests of the cold ones, and the rates of
//! scans (cold and warm) and of the rows for compaction.

use std::sync::Arc;

use lakewire_storage::document::Document;
use lakewire_storage::env::Env;
use lakewire_storage::id::{DocumentId, InternalId, TableNumber};
use lakewire_storage::interval::Interval;
use lakewire_storage::key::Key;
use lakewire_storage::query::Order;
use lakewire_storage::segment::{Row, SegmentCache, SegmentRef, SegmentWriter};
use lakewire_storage::version::{Version, raw};
use object_store::memory::InMemory;
use object_store::path::Path;

const READS: usize = 100_000;
const COLD_READS: usize = 200;

type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let documents = std::env::args().nth(1).map_or(Ok(200_000), |text| text.parse())?;
    let env = Env::system();
    let store = Arc::new(InMemory::new());
    let rows = rows(&env, documents);
    let json: usize = rows.iter().filter_map(|row| row.document.as_ref()).map(|document| document.json.len()).sum();

    let began = env.monotonic_ns();
    let mut writer = SegmentWriter::new(store.clone(), Path::from("bench"));
    for row in &rows {
        writer.push(row).await?;
    }
    let segment = writer.finish().await?;
    let seconds = seconds_since(&env, began);
    println!("{documents} documents of {} bytes", json / documents);
    println!(
        "write: {:.0} MB/s of documents, {} bytes a row of the file, tail {} bytes, Parquet footer {} bytes",
        json as f64 / 1e6 / seconds,
        segment.bytes / segment.rows,
        segment.tail_bytes,
        segment.footer_bytes - segment.tail_bytes
    );

    let cold = |max_bytes| {
        let cache = SegmentCache::new(store.clone(), env.clone(), max_bytes);
        Version::new(vec![vec![segment.clone()]], cache)
    };
    cold_reads(&env, &rows, &cold).await?;
    warm_reads(&env, &rows, &cold(4 << 30)).await?;
    let version = cold(4 << 30);
    for (name, order) in [("cold", Order::Asc), ("warm", Order::Asc), ("warm", Order::Desc)] {
        let began = env.monotonic_ns();
        let mut scan = version.scan(Interval::all(), order, 20);
        let mut found = 0;
        while scan.next().await?.is_some() {
            found += 1;
        }
        let rate = f64::from(found) / seconds_since(&env, began);
        println!("{name} scan {order:?}: {rate:.0} rows/s");
    }
    compaction_rows(&env, &segment, &version).await
}

fn rows(env: &Env, documents: usize) -> Vec<Row> {
    let row = |at: usize| {
        let internal = InternalId(env.random_bytes());
        let key = Key::from([&7u32.to_be_bytes()[..], &internal.0].concat());
        let id = DocumentId { table: TableNumber(10_001), internal };
        let noise = hex::encode(env.random_bytes::<60>());
        let text = "the quick brown fox jumps over the lazy dog ".repeat(7);
        let json: Arc<str> =
            format!("{{\"_creationTime\":{at}.5,\"_id\":\"{id}\",\"noise\":\"{noise}\",\"text\":\"{text}\"}}").into();
        let size = json.len() as u32;
        Row { key, ts: 10, document: Some(Arc::new(Document { id, creation_time: at as f64 + 0.5, json, size })) }
    };
    let mut rows: Vec<Row> = (0..documents).map(row).collect();
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    rows
}

async fn cold_reads(env: &Env, rows: &[Row], cold: &impl Fn(usize) -> Arc<Version>) -> Result<(), Error> {
    let (mut gets, mut times) = (0, Vec::new());
    let version = cold(1 << 30);
    version.get(&rows[0].key, 20).await?;
    for read in 0..COLD_READS {
        // With the tail in the cache: what is measured is one block.
        let row = &rows[1 + read * (rows.len() - 1) / COLD_READS];
        let began = env.monotonic_ns();
        version.get(&row.key, 20).await?;
        times.push(env.monotonic_ns() - began);
        let fresh = cold(1 << 30);
        fresh.get(&row.key, 20).await?;
        gets += fresh.cache().usage().gets;
    }
    times.sort_unstable();
    println!(
        "cold get: {:.2} requests; a block is read and decoded in {} us (median)",
        gets as f64 / COLD_READS as f64,
        times[times.len() / 2] / 1_000
    );
    let usage = version.cache().usage();
    println!("a block takes {} bytes of memory", usage.bytes_held / usage.misses);
    Ok(())
}

async fn warm_reads(env: &Env, rows: &[Row], version: &Arc<Version>) -> Result<(), Error> {
    for pass in ["first", "warm"] {
        let mut times = Vec::with_capacity(READS);
        for read in 0..READS {
            let row = &rows[read.wrapping_mul(7_919) % rows.len()];
            let began = env.monotonic_ns();
            let found = version.get(&row.key, 20).await?;
            times.push(env.monotonic_ns() - began);
            if found != row.document {
                return Err("a read found another document".into());
            }
        }
        times.sort_unstable();
        let mean = times.iter().sum::<u64>() / READS as u64;
        println!("{pass} get: mean {mean} ns, p50 {} ns, p99 {} ns", times[READS / 2], times[READS * 99 / 100]);
    }
    Ok(())
}

async fn compaction_rows(env: &Env, segment: &SegmentRef, version: &Version) -> Result<(), Error> {
    let began = env.monotonic_ns();
    let mut rows = raw(vec![vec![segment.clone()]], version.cache().clone(), Interval::all());
    let mut found = 0;
    while rows.next().await?.is_some() {
        found += 1;
    }
    println!("rows for compaction: {:.0} rows/s", f64::from(found) / seconds_since(env, began));
    Ok(())
}

fn seconds_since(env: &Env, began: u64) -> f64 {
    (env.monotonic_ns() - began) as f64 / 1e9
}
