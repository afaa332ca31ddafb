//! A database on this machine's disk, behind a log and a store as slow as those of a cloud.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lakewire_storage::catalog::{IndexConfig, Namespace};
use lakewire_storage::database::{Database, DatabaseOptions};
use lakewire_storage::definition::backfill;
use lakewire_storage::env::Env;
use lakewire_storage::log::LocalLog;
use lakewire_storage::search::analysis::TextOptions;
use lakewire_storage::segment::SegmentCache;
use lakewire_storage::timeline::{Segments, SegmentsOptions, TimelineId};
use object_store::local::LocalFileSystem;

use crate::Outcome;
use crate::latency::{SlowLog, SlowStore, Traffic};
use crate::vectors::DIMENSIONS;

/// Where the benchmark's tables are.
pub const ROOT: Namespace = Namespace::ROOT;
/// The table of all documents, with or without an index.
pub const TABLE: &str = "notes";

/// An open database and what it is made of.
pub struct Place {
    pub segments: Arc<Segments>,
    pub database: Arc<Database>,
    pub traffic: Arc<Traffic>,
}

impl Place {
    /// Opens the database in a directory, or makes one. `cache` bytes of segments are kept in memory.
    pub async fn open(directory: &Path, cache: usize) -> Outcome<Place> {
        std::fs::create_dir_all(directory.join("store"))?;
        let (env, traffic) = (Env::system(), Arc::new(Traffic::default()));
        let log = LocalLog::open(directory.join("log"), &env).await?;
        let store = LocalFileSystem::new_with_prefix(directory.join("store"))?;
        let store = Arc::new(SlowStore::new(Arc::new(store), env.clone(), traffic.clone()));
        let cache = SegmentCache::new(store.clone(), env.clone(), cache);
        let options = SegmentsOptions { log_kept: Duration::ZERO, ..SegmentsOptions::default() };
        let segments = Segments::open(store, cache, env.clone(), TimelineId::main(), options).await?;
        let log = SlowLog::new(log, env.clone(), false);
        let database = Database::open(DatabaseOptions::new(Arc::new(log), segments.clone(), env)).await?;
        Ok(Place { segments, database, traffic })
    }

    /// Gives the table an index, enabled.
    pub async fn index(&self, name: &str, config: IndexConfig) -> Outcome<()> {
        let mut transaction = self.database.begin(self.database.head(), "bench");
        let table = transaction.ensure_table(ROOT, TABLE).await?;
        let id = transaction.add_index(&table, name, &config, false).await?;
        self.database.commit(transaction).await?;
        backfill(&self.database, id).await?;
        let mut transaction = self.database.begin(self.database.head(), "bench");
        transaction.enable_index(id).await?;
        self.database.commit(transaction).await?;
        Ok(())
    }

    /// Bytes of the files that the newest manifest names.
    pub fn stored_bytes(&self) -> u64 {
        self.segments.manifest().bytes()
    }

    /// GETs and bytes read since the start.
    pub fn read(&self) -> (u64, u64) {
        let usage = self.segments.cache().usage();
        (usage.gets, usage.bytes_fetched)
    }
}

/// A text index on `body`.
pub fn text_index() -> Outcome<IndexConfig> {
    Ok(IndexConfig::Search { search_field: "body".parse()?, filter_fields: vec![], options: TextOptions::default() })
}

/// A vector index on `vector`.
pub fn vector_index() -> Outcome<IndexConfig> {
    Ok(IndexConfig::Vector { vector_field: "vector".parse()?, dimensions: DIMENSIONS as u32, filter_fields: vec![] })
}
