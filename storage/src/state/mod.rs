//! The database in memory, as it is at one timestamp.
//!
//! Every index is a persistent ordered map from key to document, so a [`Snapshot`] is a few pointers: it costs nothing to take
//! and stays as it is while commits go on. Indexes share the documents.

pub(crate) mod file;
pub(crate) mod history;
mod range;

use std::sync::Arc;

use imbl::OrdMap;

use crate::catalog::{Catalog, IndexId, RowChange, RowError, SystemTable};
use crate::document::Document;
use crate::key::Key;
use crate::log::{LoggedTransaction, Timestamp};

/// One index: every document of a table in the order of its keys.
pub(crate) type Tree = OrdMap<Key, Arc<Document>>;

/// Every index, and the catalog derived from the system tables among them.
#[derive(Clone, Default)]
pub(crate) struct State {
    trees: OrdMap<IndexId, Tree>,
    catalog: Arc<Catalog>,
}

impl State {
    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    pub(crate) fn tree(&self, index: IndexId) -> Option<&Tree> {
        self.trees.get(&index)
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&Arc<Document>> {
        self.trees.get(&index_of(key))?.get(key)
    }

    pub(crate) fn insert(&mut self, key: Key, document: Arc<Document>) {
        self.trees.entry(index_of(&key)).or_default().insert(key, document);
    }

    /// Applies the writes of a transaction. Idempotent.
    ///
    /// # Errors
    /// When a row of the catalog cannot be read; the state must then be thrown away.
    pub(crate) fn apply(&mut self, transaction: &LoggedTransaction) -> Result<(), RowError> {
        let mut catalog_changed = false;
        for write in &transaction.writes {
            catalog_changed |= Catalog::depends_on(write.table);
            for delta in &write.keys {
                if let Some(removed) = &delta.removed
                    && delta.added.as_ref() != Some(removed)
                    && let Some(tree) = self.trees.get_mut(&index_of(removed))
                {
                    tree.remove(removed);
                }
                if let (Some(added), Some(document)) = (&delta.added, &write.document) {
                    self.insert(added.clone(), document.clone());
                }
            }
        }
        if catalog_changed {
            self.apply_catalog(transaction)?;
        }
        Ok(())
    }

    fn apply_catalog(&mut self, transaction: &LoggedTransaction) -> Result<(), RowError> {
        let before = self.catalog.clone();
        let mut catalog = Catalog::clone(&before);
        catalog.apply(transaction.writes.iter().filter_map(|write| {
            Some(RowChange {
                table: SystemTable::from_tablet(write.table)?,
                id: write.id,
                document: write.document.as_deref(),
            })
        }))?;
        self.catalog = Arc::new(catalog);
        self.drop_orphans();
        Ok(())
    }

    /// Gives up the trees of indexes that are no longer in the catalog.
    fn drop_orphans(&mut self) {
        let orphans: Vec<_> =
            self.trees.keys().copied().filter(|index| self.catalog.table_of_index(*index).is_none()).collect();
        for index in orphans {
            self.trees.remove(&index);
        }
    }

    /// Derives the catalog anew from all rows.
    pub(crate) fn load_catalog(&mut self) -> Result<(), RowError> {
        let mut catalog = Catalog::default();
        for table in [SystemTable::Tables, SystemTable::Indexes, SystemTable::Schemas] {
            let rows = self.trees.get(&table.by_id()).cloned().unwrap_or_default();
            catalog.apply(rows.values().map(|document| RowChange {
                table,
                id: document.id.internal,
                document: Some(document),
            }))?;
        }
        self.catalog = Arc::new(catalog);
        Ok(())
    }
}

/// The database at one timestamp: immutable and cheap to clone.
#[derive(Clone)]
pub struct Snapshot(Arc<SnapshotInner>);

struct SnapshotInner {
    ts: Timestamp,
    /// Counts the times that accepted commits had to be taken back; see [`crate::commit`].
    epoch: u64,
    state: State,
}

impl Snapshot {
    pub(crate) fn new(ts: Timestamp, epoch: u64, state: State) -> Self {
        Snapshot(Arc::new(SnapshotInner { ts, epoch, state }))
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
        self.0.state.catalog()
    }

    /// The document at a key of any index. Reads without a trace: see [`crate::transaction::Transaction`] for recorded reads.
    pub fn get(&self, key: &[u8]) -> Option<&Arc<Document>> {
        self.0.state.get(key)
    }

    /// The documents of an index in the order of its keys, without a trace.
    pub fn documents(&self, index: IndexId) -> impl DoubleEndedIterator<Item = &Arc<Document>> {
        self.0.state.tree(index).into_iter().flat_map(Tree::values)
    }

    /// How many documents an index has.
    pub fn index_len(&self, index: IndexId) -> usize {
        self.0.state.tree(index).map_or(0, Tree::len)
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("ts", &self.ts()).field("epoch", &self.epoch()).finish_non_exhaustive()
    }
}

/// The index a key belongs to: its first four bytes. A shorter key, which no index has, counts as filled up with zeros.
pub(crate) fn index_of(key: &[u8]) -> IndexId {
    let mut id = [0; 4];
    let known = key.len().min(4);
    id[..known].copy_from_slice(&key[..known]);
    IndexId(u32::from_be_bytes(id))
}
