//! Databases to measure.

use std::sync::Arc;

use lakewire_storage::database::{Database, DatabaseOptions};
use lakewire_storage::env::Env;
use lakewire_storage::log::{CommitLog, MemoryLog};
use lakewire_storage::segment::SegmentCache;
use lakewire_storage::timeline::{Segments, SegmentsOptions, TimelineId};
use object_store::ObjectStore;
use object_store::memory::InMemory;

use crate::Outcome;
use crate::latency::{SlowLog, SlowStore};

/// Bytes of the cache of segments.
pub const CACHE_BYTES: usize = 256 << 20;

/// A database in memory, behind a log and a store as slow as those of a cloud.
pub async fn in_memory() -> Outcome<Arc<Database>> {
    let env = Env::system();
    let log = SlowLog::new(MemoryLog::new(), env.clone(), false);
    let store = SlowStore::new(Arc::new(InMemory::new()), env.clone(), Arc::default());
    open(Arc::new(log), Arc::new(store), env).await
}

/// The database of the first timeline.
pub async fn open(log: Arc<dyn CommitLog>, store: Arc<dyn ObjectStore>, env: Env) -> Outcome<Arc<Database>> {
    open_timeline(log, store, env, TimelineId::main()).await
}

/// The database of a timeline.
pub async fn open_timeline(
    log: Arc<dyn CommitLog>,
    store: Arc<dyn ObjectStore>,
    env: Env,
    timeline: TimelineId,
) -> Outcome<Arc<Database>> {
    let cache = SegmentCache::new(store.clone(), env.clone(), CACHE_BYTES);
    let options = SegmentsOptions::default();
    let segments = Segments::open(store, cache, env.clone(), timeline, options).await?;
    Ok(Database::open(DatabaseOptions::new(log, segments, env)).await?)
}
