//! Writes that are not committed yet.

use std::sync::Arc;

use imbl::OrdMap;
use smallvec::SmallVec;

use crate::catalog::{Catalog, RowError, TabletId};
use crate::document::Document;
use crate::id::InternalId;
use crate::key::Key;
use crate::log::KeyDelta;

/// The writes of a transaction, as documents and as a layer over the snapshot's indexes. A clone is a savepoint and costs
/// nothing.
#[derive(Clone)]
pub(super) struct Staged {
    /// What becomes of each document.
    pub documents: OrdMap<(TabletId, InternalId), StagedWrite>,
    /// Over the snapshot's entry at each key: the document now there, or that there is none.
    pub overlay: OrdMap<Key, Option<Arc<Document>>>,
    /// The snapshot's catalog, with own changes of system tables.
    pub catalog: Arc<Catalog>,
}

/// What becomes of one document.
#[derive(Clone)]
pub(crate) struct StagedWrite {
    /// The document in the snapshot.
    pub old: Option<Arc<Document>>,
    /// The document to be; `None` deletes it.
    pub new: Option<Arc<Document>>,
    /// From the snapshot's keys to the keys to be.
    pub keys: SmallVec<[KeyDelta; 4]>,
    /// Whether `new` holds the commit timestamp, not yet known.
    pub unresolved: bool,
}

/// A document with its key in every index of its table.
pub(super) struct Keyed {
    pub document: Arc<Document>,
    pub keys: Keys,
}

/// Keys by index, in the order of the catalog; `None` where the document is not in the index.
pub(crate) type Keys = SmallVec<[Option<Key>; 4]>;

impl Staged {
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Staged { documents: OrdMap::new(), overlay: OrdMap::new(), catalog }
    }

    /// The writes in one table.
    pub fn of_table(&self, table: TabletId) -> impl Iterator<Item = &StagedWrite> {
        let first = (table, InternalId([0; 16]));
        let last = (table, InternalId([u8::MAX; 16]));
        self.documents.range(first..=last).map(|(_, write)| write)
    }

    /// Puts `new` in the place of a document, or deletes it. `original` is what the snapshot has of the document; it is asked
    /// for only at the first write.
    pub fn put(
        &mut self,
        at: (TabletId, InternalId),
        original: impl FnOnce() -> Result<Option<Keyed>, RowError>,
        new: Option<Keyed>,
        unresolved: bool,
    ) -> Result<(), RowError> {
        let (old, removed) = match self.documents.remove(&at) {
            Some(earlier) => {
                let (removed, added): (Keys, Keys) =
                    earlier.keys.into_iter().map(|delta| (delta.removed, delta.added)).unzip();
                self.hide(added.into_iter().flatten());
                (earlier.old, removed)
            }
            None => match original()? {
                Some(Keyed { document, keys }) => {
                    self.hide(keys.iter().flatten().cloned());
                    (Some(document), keys)
                }
                None => (None, Keys::new()),
            },
        };
        let (new, added) = match new {
            Some(Keyed { document, keys }) => (Some(document), keys),
            // Inserted and deleted again: nothing happened.
            None if old.is_none() => return Ok(()),
            None => (None, Keys::new()),
        };
        if let Some(new) = &new {
            for key in added.iter().flatten() {
                self.overlay.insert(key.clone(), Some(new.clone()));
            }
        }
        let keys = pair(removed, added);
        self.documents.insert(at, StagedWrite { old, new, keys, unresolved });
        Ok(())
    }

    /// Adds a key in one index for a document that stays as it is.
    pub fn put_key(&mut self, at: (TabletId, InternalId), document: Arc<Document>, key: Key) {
        self.overlay.insert(key.clone(), Some(document.clone()));
        let mut keys = SmallVec::new();
        keys.push(KeyDelta { removed: None, added: Some(key) });
        let write = StagedWrite { old: Some(document.clone()), new: Some(document), keys, unresolved: false };
        self.documents.insert(at, write);
    }

    fn hide(&mut self, keys: impl Iterator<Item = Key>) {
        for key in keys {
            self.overlay.insert(key, None);
        }
    }
}

/// Pairs up keys of the same index. Both lists are in the order of the table's indexes; the shorter one, which is empty or
/// from before an index was added, is filled up.
fn pair(removed: Keys, added: Keys) -> SmallVec<[KeyDelta; 4]> {
    let mut removed = removed.into_iter();
    let mut added = added.into_iter();
    let mut keys = SmallVec::new();
    loop {
        match (removed.next(), added.next()) {
            (None, None) => return keys,
            (removed, added) => keys.push(KeyDelta { removed: removed.flatten(), added: added.flatten() }),
        }
    }
}
