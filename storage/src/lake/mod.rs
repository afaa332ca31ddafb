//! Open data: every table as an Apache Iceberg table in the object store, for DuckDB, Athena, Spark and their kin to read
//! without Lakewire running.
//!
//! [`Lake::publish`] brings the tables of a branch up to one commit timestamp. Data files are Parquet with typed columns,
//! sorted by `_creationTime`; a change replaces the files whose range it touches (copy on write), so that readers need to
//! know of no delete files. The types come from the schema and the documents. Everything about a table is published by
//! creating the next version of its metadata file, so racing publishers do no harm: one of them wins, the other starts
//! again from there.
//!
//! ```text
//! tables/{branch}/catalog.json                          which tables there are, complete as of which commit timestamp
//! tables/{branch}/{table}/metadata/v{n}.metadata.json   Iceberg's metadata, version n
//! tables/{branch}/{table}/metadata/version-hint.text    n of the newest
//! tables/{branch}/{table}/metadata/*.avro               manifest lists and manifests
//! tables/{branch}/{table}/metadata/state-*.json         what the next publication has to know
//! tables/{branch}/{table}/data/*.parquet                the documents
//! tables/{branch}/_components/{component}/{table}/...   the same for tables of components
//! ```

mod arrow;
mod avro;
mod catalog;
mod columns;
mod data_file;
mod database;
mod iceberg_schema;
mod kind;
mod metadata;
mod plan;
mod rewrite;
mod source;
mod state;
mod sweep;
mod table;
#[cfg(test)]
mod tests;
mod upload;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutPayload};
use tokio::sync::Mutex;

use crate::database::Database;
use crate::env::{Env, TaskHandle};
use crate::log::Timestamp;
use catalog::{Catalog, CatalogTable};
pub use database::DatabaseSource;
use metadata::Loaded;
pub use source::{Items, Position, SourceError, SourceTable, TableSource, position};
use state::Removed;
use sweep::{ABANDONED, sweep};
use table::Publication;

/// How much of the past is kept, and how large files become.
#[derive(Clone, Debug)]
pub struct LakeOptions {
    /// How far back readers can go in time.
    pub history: Duration,
    /// Snapshots of a table kept at most, however young.
    pub max_snapshots: usize,
    /// How long files stay that no snapshot has any more: a reader may have just begun with them.
    pub grace: Duration,
    /// Size at which a data file is full, in bytes.
    pub file_bytes: u64,
}

impl Default for LakeOptions {
    fn default() -> Self {
        Self {
            history: Duration::from_secs(3600),
            max_snapshots: 100,
            grace: Duration::from_secs(15 * 60),
            file_bytes: 64 << 20,
        }
    }
}

/// What a publication did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PublishReport {
    /// The commit timestamp up to which all tables are complete, in ns.
    pub ts: Timestamp,
    /// The tables of which a new version was published, by folder.
    pub tables: BTreeMap<String, TableReport>,
}

/// What was written for a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableReport {
    /// Data files written.
    pub files: u64,
    /// Documents in them.
    pub rows: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Whether all of the table was written because a column got a wider type.
    pub widened: bool,
}

/// Why tables could not be published. Trying again is harmless, and goes on from what was published.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The object store failed.
    #[error("the store of the open tables failed: {0}")]
    Store(#[from] StoreError),
    /// The database could not be read.
    #[error("documents for the open tables could not be read: {0}")]
    Source(#[source] SourceError),
    /// An object is not what was once written there.
    #[error("`{path}` cannot be read: {reason}")]
    Corrupt {
        /// The object's path in the store.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// Others published the same table each time.
    #[error("table `{table}` is being published by others")]
    Contended {
        /// The table's folder.
        table: String,
    },
    /// So much time went by that the files written first may be gone.
    #[error("publishing table `{table}` took too long")]
    TooSlow {
        /// The table's folder.
        table: String,
    },
    /// Documents could not be encoded.
    #[error("documents could not be encoded: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// Documents could not be encoded.
    #[error("documents could not be encoded: {0}")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// A manifest could not be encoded.
    #[error("a manifest could not be encoded: {0}")]
    Avro(#[from] Box<apache_avro::Error>),
    /// Metadata could not be encoded.
    #[error("metadata could not be encoded: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<apache_avro::Error> for LakeError {
    fn from(error: apache_avro::Error) -> Self {
        Self::Avro(Box::new(error))
    }
}

/// The open tables of one branch.
pub struct Lake {
    store: Arc<dyn ObjectStore>,
    env: Env,
    branch: String,
    location: String,
    options: LakeOptions,
    tables: Mutex<BTreeMap<String, Table>>,
}

/// What is known of a table from the publication before.
#[derive(Default)]
struct Table {
    loaded: Option<Loaded>,
    swept_ns: Option<u64>,
}

impl Lake {
    /// The tables of `branch` in `store`, whose root readers know as the URL `root` (`s3://bucket/prefix`, or the path of a
    /// folder).
    pub fn new(store: Arc<dyn ObjectStore>, root: &str, branch: &str, env: Env, options: LakeOptions) -> Self {
        let location = format!("{}/tables/{branch}", root.trim_end_matches('/'));
        Self { store, env, branch: branch.to_owned(), location, options, tables: Mutex::default() }
    }

    /// Brings all tables up to the source's timestamp.
    ///
    /// # Errors
    /// [`LakeError`]; tables that were published until then stay so.
    pub async fn publish(&self, source: &dyn TableSource) -> Result<PublishReport, LakeError> {
        let mut known = self.tables.lock().await;
        let catalog_path = self.folder("catalog.json");
        let before = Catalog::load(&*self.store, &catalog_path).await?.unwrap_or_default();
        let same_timeline = before.timeline == source.timeline();
        let mut after = Catalog {
            format: catalog::FORMAT,
            timeline: source.timeline().to_owned(),
            ts: source.ts(),
            entry: source.entry(),
            published_ns: before.published_ns,
            location: self.location.clone(),
            dropped: before.dropped.clone(),
            tables: BTreeMap::new(),
        };
        let mut report = PublishReport { ts: source.ts(), tables: BTreeMap::new() };
        let tables = source.tables();
        known.retain(|folder, _| tables.iter().any(|table| table.folder == *folder));
        for table in &tables {
            let listed = before.tables.get(&table.folder).filter(|listed| listed.tablet == table.tablet.0);
            let since = listed.filter(|_| same_timeline).map(|_| before.ts);
            let slot = known.entry(table.folder.clone()).or_default();
            let publication = Publication { lake: self, source, table, since };
            if let Some(published) = publication.run(&mut slot.loaded).await? {
                report.tables.insert(table.folder.clone(), published);
            }
            let Some(loaded) = &slot.loaded else { continue };
            after.dropped.remove(&table.folder);
            let (rows, bytes) = (loaded.state.rows(), loaded.state.bytes());
            let metadata = metadata::version_path(loaded.version);
            after.tables.insert(table.folder.clone(), CatalogTable { tablet: table.tablet.0, metadata, rows, bytes });
            self.sweep(&table.folder, slot).await?;
        }
        let now_ns = self.env.now_ns();
        for folder in before.tables.keys().filter(|folder| !after.tables.contains_key(*folder)) {
            after.dropped.entry(folder.clone()).or_insert(now_ns);
        }
        self.remove_dropped(&mut after, now_ns).await?;
        if after != before {
            after.published_ns = self.env.now_ns();
            after.store(&*self.store, &catalog_path).await?;
        }
        Ok(report)
    }

    /// Publishes the tables of a database about every `interval` while there are changes, until it is dropped. Takes at most a
    /// quarter of the time: where publishing takes longer than a third of the interval, the pauses become longer.
    pub fn follow(self: Arc<Self>, database: &Arc<Database>, interval: Duration) -> TaskHandle {
        let env = self.env.clone();
        env.spawn("lake", database::follow(Arc::downgrade(database), self, interval))
    }

    /// Publishes, unless another server did within `interval`. Returns whether it published.
    async fn publish_unless_recent(&self, source: &dyn TableSource, interval: Duration) -> Result<bool, LakeError> {
        let published = Catalog::load(&*self.store, &self.folder("catalog.json")).await?;
        let recent = published.is_some_and(|catalog| {
            let age = self.env.now_ns().saturating_sub(catalog.published_ns);
            catalog.timeline == source.timeline() && age < nanos(interval)
        });
        if !recent {
            self.publish(source).await?;
        }
        Ok(!recent)
    }

    /// Deletes all open tables of a branch that is no more.
    ///
    /// # Errors
    /// [`LakeError::Store`]; what is left then may be deleted by hand.
    pub async fn remove(&self) -> Result<(), LakeError> {
        delete_all(&*self.store, &Path::from(format!("tables/{}", self.branch))).await
    }

    async fn sweep(&self, folder: &str, table: &mut Table) -> Result<(), LakeError> {
        let now_ns = self.env.now_ns();
        let due = table.swept_ns.is_none_or(|swept| now_ns.saturating_sub(swept) > nanos(ABANDONED));
        if let (true, Some(loaded)) = (due, &table.loaded) {
            sweep(&*self.store, &self.folder(folder), loaded, now_ns).await?;
            table.swept_ns = Some(now_ns);
        }
        Ok(())
    }

    /// Deletes the folders of tables that were dropped so long ago that nobody reads them.
    async fn remove_dropped(&self, catalog: &mut Catalog, now_ns: u64) -> Result<(), LakeError> {
        let kept_ns = nanos(self.options.history + self.options.grace);
        let due: Vec<String> = (catalog.dropped.iter())
            .filter(|(_, since)| now_ns.saturating_sub(**since) > kept_ns)
            .map(|(folder, _)| folder.clone())
            .collect();
        for folder in due {
            delete_all(&*self.store, &self.folder(&folder)).await?;
            catalog.dropped.remove(&folder);
        }
        Ok(())
    }

    fn folder(&self, name: &str) -> Path {
        Path::from(format!("tables/{}/{name}", self.branch))
    }

    fn table_location(&self, folder: &str) -> String {
        format!("{}/{folder}", self.location)
    }
}

impl LakeOptions {
    fn may_delete(&self, removed: &Removed, now_ns: u64) -> bool {
        removed.expired_ns.is_some_and(|since| now_ns.saturating_sub(since) > nanos(self.grace))
    }
}

/// Random names.
struct Ids {
    env: Env,
}

impl Ids {
    fn new(env: &Env) -> Self {
        Self { env: env.clone() }
    }

    fn bytes(&self) -> [u8; 16] {
        self.env.random_bytes()
    }

    fn name(&self) -> String {
        hex::encode(self.env.random_bytes::<8>())
    }

    fn uuid(&self) -> String {
        let mut bytes = self.bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let text = hex::encode(bytes);
        format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
    }
}

fn within(folder: &Path, path: &str) -> Path {
    Path::from(format!("{folder}/{path}"))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

async fn put(store: &dyn ObjectStore, path: &Path, bytes: Vec<u8>) -> Result<(), LakeError> {
    store.put(path, PutPayload::from(bytes)).await?;
    Ok(())
}

/// Deletes a file, unless it is gone already.
async fn remove(store: &dyn ObjectStore, folder: &Path, path: &str) -> Result<(), LakeError> {
    delete(store, &within(folder, path)).await
}

async fn delete_all(store: &dyn ObjectStore, folder: &Path) -> Result<(), LakeError> {
    let mut listed = store.list(Some(folder));
    while let Some(object) = listed.try_next().await? {
        delete(store, &object.location).await?;
    }
    Ok(())
}

async fn delete(store: &dyn ObjectStore, path: &Path) -> Result<(), LakeError> {
    match store.delete(path).await {
        Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
