//! The database as it is at one timestamp: the newest commits in memory, the rest in segments.
//!
//! Both hold *versions*: what is at a key from a timestamp on. So one [`State`] answers for every timestamp from its horizon to
//! its newest commit, and a [`Snapshot`], a state and a timestamp, costs nothing to take and stays as it is while commits,
//! flushes and compactions go on.

mod catalogs;
mod counts;
mod cursor;
pub(crate) mod file;
pub(crate) mod history;
#[cfg(test)]
pub(crate) mod model;
mod scan;
mod snapshot;
mod tail;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::future::try_join_all;

use crate::catalog::{Catalog, IndexId, RowChange, RowError, SystemTable};
use crate::document::Document;
use crate::log::{LoggedTransaction, Timestamp};
use crate::segment::Row;
use crate::timeline::Manifest;
use crate::version::{ReadError, Version};

use catalogs::Catalogs;
pub(crate) use counts::Counts;
pub use scan::Scan;
pub use snapshot::Snapshot;
pub(crate) use tail::Tail;

/// Every index at every timestamp from the horizon on, and what is derived from the newest. A clone costs nothing.
#[derive(Clone)]
pub(crate) struct State {
    tail: Tail,
    version: Arc<Version>,
    catalogs: Catalogs,
    /// `None` if the manifest did not have them, or at another timestamp than the newest.
    counts: Option<Counts>,
    /// Indexes that were dropped, when, and that no manifest knows of yet. In order.
    dropped: Arc<[(IndexId, Timestamp)]>,
    horizon: Timestamp,
}

/// What a manifest says of its segments.
#[derive(Clone)]
pub(crate) struct Installed {
    pub version: Arc<Version>,
    /// The segments have every commit up to here.
    pub flushed_ts: Timestamp,
    /// No version is missing that a reader at this timestamp or later can see.
    pub horizon_ts: Timestamp,
}

impl Installed {
    /// The segments of a manifest.
    pub fn new(manifest: &Manifest, version: Arc<Version>) -> Self {
        Installed { version, flushed_ts: manifest.flushed_ts, horizon_ts: manifest.horizon_ts }
    }
}

/// The definitions in a database cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoadError {
    /// Their rows could not be fetched.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A row is not what it should be.
    #[error(transparent)]
    Row(#[from] RowError),
}

/// The documents of a system table.
async fn rows_of(snapshot: Snapshot, table: SystemTable) -> Result<Vec<Arc<Document>>, ReadError> {
    let mut documents = snapshot.documents(table.by_id());
    let mut rows = Vec::new();
    while let Some((_, row)) = documents.next().await? {
        rows.push(row);
    }
    Ok(rows)
}

impl State {
    /// Without any document.
    pub fn empty(version: Arc<Version>) -> Self {
        State {
            tail: Tail::default(),
            version,
            catalogs: Catalogs::new(0, Catalog::default()),
            counts: Some(Counts::default()),
            dropped: Arc::default(),
            horizon: 0,
        }
    }

    /// What segments hold. `counts` are those at `flushed_ts`.
    ///
    /// # Errors
    /// If the definitions of tables, indexes and schemas cannot be read.
    pub async fn load(installed: Installed, counts: Option<Counts>) -> Result<Self, LoadError> {
        let ts = installed.flushed_ts;
        let mut state = State { counts, ..State::empty(installed.version.clone()) };
        state.catalogs = Catalogs::new(ts, state.load_catalog(ts).await?);
        state.install(installed);
        Ok(state)
    }

    /// Reads the catalog as it was.
    async fn load_catalog(&self, ts: Timestamp) -> Result<Catalog, LoadError> {
        let then = Snapshot::new(ts, 0, self.clone());
        let tables = [SystemTable::Tables, SystemTable::Indexes, SystemTable::Schemas];
        // At the same time: who starts waits for each of them.
        let rows = try_join_all(tables.map(|table| rows_of(then.clone(), table))).await?;
        let mut catalog = Catalog::default();
        for (table, rows) in tables.into_iter().zip(rows) {
            for row in rows {
                catalog.apply([RowChange { table, id: row.id.internal, document: Some(&row) }])?;
            }
        }
        Ok(catalog)
    }

    /// The document at a key of any index.
    pub async fn get(&self, key: &[u8], ts: Timestamp) -> Result<Option<Arc<Document>>, ReadError> {
        match self.tail.get(key, ts) {
            Some(document) => Ok(document.clone()),
            None if self.version.is_empty() => Ok(None),
            None => self.version.get(key, ts).await,
        }
    }

    /// The newest catalog.
    pub fn catalog(&self) -> &Arc<Catalog> {
        self.catalogs.newest()
    }

    /// How many documents each table has, if that is known.
    pub fn counts(&self) -> Option<&Counts> {
        self.counts.as_ref()
    }

    /// The first timestamp that can be read.
    pub fn horizon(&self) -> Timestamp {
        self.horizon
    }

    pub fn version(&self) -> &Arc<Version> {
        &self.version
    }

    /// What is not flushed, or was just now.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// About the bytes of memory that [`Self::tail`] takes.
    pub fn tail_bytes(&self) -> usize {
        self.tail.bytes()
    }

    /// The indexes that were dropped since the last flush, and when.
    pub fn dropped_indexes(&self) -> &[(IndexId, Timestamp)] {
        &self.dropped
    }

    /// Applies the writes of a transaction that comes after all others.
    ///
    /// # Errors
    /// When a row of the catalog cannot be read; the state must then be thrown away.
    pub fn apply(&mut self, transaction: &LoggedTransaction) -> Result<(), RowError> {
        let active = self.tail.active_mut();
        for write in &transaction.writes {
            for delta in &write.keys {
                let key = delta.added.as_ref().filter(|_| delta.added == delta.removed);
                if key.is_some_and(|key| index_of(key).search_kind().is_some()) {
                    // To a search index the document is the same as before.
                    continue;
                }
                if let Some(removed) = &delta.removed
                    && delta.added.as_ref() != Some(removed)
                {
                    active.insert(removed.clone(), transaction.ts, None);
                }
                if let (Some(added), Some(document)) = (&delta.added, &write.document) {
                    active.insert(added.clone(), transaction.ts, Some(document.clone()));
                }
            }
        }
        let before = self.catalogs.newest().clone();
        if self.catalogs.apply(transaction)? {
            self.take_note_of_drops(&before, transaction.ts);
        }
        if let Some(counts) = &mut self.counts {
            counts.apply(transaction, self.catalogs.newest());
        }
        Ok(())
    }

    fn take_note_of_drops(&mut self, before: &Catalog, ts: Timestamp) {
        let dropped = self.catalogs.newest().dropped_since(before);
        if dropped.is_empty() {
            return;
        }
        if let Some(counts) = &mut self.counts {
            dropped.iter().for_each(|index| counts.forget(*index));
        }
        self.dropped = self.dropped.iter().copied().chain(dropped.into_iter().map(|index| (index, ts))).collect();
    }

    /// Freezes what was applied so far, to be flushed: [`Self::frozen_rows`].
    pub fn rotate(&mut self) {
        self.tail.rotate();
    }

    /// Every row of the frozen layers: keys ascending, then the newest first.
    pub fn frozen_rows(&self) -> impl Iterator<Item = Row> + Send + use<> {
        self.tail.frozen_rows()
    }

    /// Forgets the layers in memory that have nothing after a timestamp.
    pub fn forget_through(&mut self, ts: Timestamp) {
        self.tail.forget_through(ts);
    }

    /// Reads other segments from now on, and forgets what they have.
    pub fn install(&mut self, installed: Installed) {
        let Installed { version, flushed_ts, horizon_ts } = installed;
        self.version = version;
        self.horizon = self.horizon.max(horizon_ts);
        self.forget_through(flushed_ts);
        if self.dropped.iter().any(|(_, ts)| *ts <= flushed_ts) {
            self.dropped = self.dropped.iter().copied().filter(|(_, ts)| *ts > flushed_ts).collect();
        }
    }
}

/// The index a key belongs to: its first four bytes. A shorter key, which no index has, counts as filled up with zeros.
pub(crate) fn index_of(key: &[u8]) -> IndexId {
    let mut id = [0; 4];
    let known = key.len().min(4);
    id[..known].copy_from_slice(&key[..known]);
    IndexId(u32::from_be_bytes(id))
}
