//! Reads at one timestamp.

use std::sync::Arc;

use super::{LoadError, Scan, State};
use crate::catalog::{Catalog, IndexId};
use crate::document::Document;
use crate::interval::{Interval, ReadSet, SearchRead};
use crate::log::Timestamp;
use crate::query::Order;
use crate::version::ReadError;

/// The database at one timestamp: immutable and cheap to clone.
///
/// Its reads leave no trace: see [`Transaction`](crate::transaction::Transaction) for recorded ones. They answer from memory
/// where they can, and otherwise from the object store; then they can fail, and succeed when tried again.
#[derive(Clone)]
pub struct Snapshot(Arc<Inner>);

struct Inner {
    ts: Timestamp,
    /// Counts the times that accepted commits had to be taken back; see [`crate::commit`].
    epoch: u64,
    state: State,
    catalog: Arc<Catalog>,
    /// Whether this is the timestamp that the counts of the state are of.
    is_newest: bool,
}

impl Snapshot {
    /// A state at its newest timestamp, or a later one.
    pub(crate) fn new(ts: Timestamp, epoch: u64, state: State) -> Self {
        let catalog = state.catalog().clone();
        Snapshot(Arc::new(Inner { ts, epoch, state, catalog, is_newest: true }))
    }

    /// The same database at an earlier timestamp, which is not before its horizon.
    ///
    /// # Errors
    /// If the catalog of that time has to be read, and cannot be.
    pub(crate) async fn at(&self, ts: Timestamp) -> Result<Self, LoadError> {
        let state = self.0.state.clone();
        let catalog = match state.catalogs.at(ts) {
            Some(catalog) => catalog.clone(),
            None => Arc::new(state.load_catalog(ts).await?),
        };
        Ok(Snapshot(Arc::new(Inner {
            ts,
            epoch: self.0.epoch,
            state,
            catalog,
            is_newest: ts == self.0.ts && self.0.is_newest,
        })))
    }

    /// The timestamp: every commit up to and including it is visible, and no other. In ns since the Unix epoch.
    pub fn ts(&self) -> Timestamp {
        self.0.ts
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.0.epoch
    }

    pub(crate) fn state(&self) -> &State {
        &self.0.state
    }

    /// Its tables, indexes and schemas.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.0.catalog
    }

    /// The document at a key of any index.
    ///
    /// # Errors
    /// If it has to be fetched, and cannot be.
    pub async fn get(&self, key: &[u8]) -> Result<Option<Arc<Document>>, ReadError> {
        self.0.state.get(key, self.0.ts).await
    }

    /// The entries of an interval that lies within one index. Reads nothing yet.
    pub fn scan(&self, interval: Interval, order: Order) -> Scan {
        Scan::new(self.clone(), interval, order)
    }

    /// Whether a commit after `since`, and up to this snapshot, may touch `reads`. `None` if it is not known, because commits after
    /// `since` are not in memory any more. Reads nothing. A search counts as touched by any change of its table: where a document
    /// changed, but not in what the search index has of it, memory does not say so.
    pub fn touched_since(&self, since: Timestamp, reads: &ReadSet) -> Option<bool> {
        if reads.is_empty() {
            return Some(false);
        }
        let changed = |interval: &Interval| !self.0.state.tail().changed(interval, since, self.0.ts).is_empty();
        let of_search = |search: &Arc<SearchRead>| {
            let table = self.catalog().table_of_index(search.index);
            table.is_none_or(|table| changed(&Interval::prefix(&table.by_id.0.to_be_bytes())))
        };
        if reads.iter().any(|interval| changed(&interval)) || reads.searches().any(of_search) {
            return Some(true);
        }
        self.0.state.version().segments_after(since).is_empty().then_some(false)
    }

    /// The documents of an index in the order of its keys. Reads nothing yet.
    pub fn documents(&self, index: IndexId) -> Scan {
        self.scan(Interval::prefix(&index.0.to_be_bytes()), Order::Asc)
    }

    /// How many documents an index has, if that is known without reading them: of `by_id` of tables, in new snapshots.
    pub fn known_count(&self, index: IndexId) -> Option<u64> {
        let counts = self.0.state.counts().filter(|_| self.0.is_newest)?;
        let is_by_id = self.catalog().table_of_index(index).is_some_and(|table| table.by_id == index);
        is_by_id.then(|| counts.get(index))
    }

    /// How many documents an index has. Reads them all unless that is known.
    ///
    /// # Errors
    /// If they have to be fetched, and cannot be.
    pub async fn count(&self, index: IndexId) -> Result<u64, ReadError> {
        if let Some(known) = self.known_count(index) {
            return Ok(known);
        }
        let mut documents = self.documents(index);
        let mut count = 0;
        while documents.next().await?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// About how many documents an index has. Reads nothing.
    pub fn estimated_count(&self, index: IndexId) -> u64 {
        let interval = Interval::prefix(&index.0.to_be_bytes());
        self.known_count(index).unwrap_or_else(|| self.0.state.version().rows_estimate(&interval))
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("ts", &self.ts()).field("epoch", &self.epoch()).finish_non_exhaustive()
    }
}
