//! How many documents each table has.

use std::collections::BTreeMap;

use imbl::OrdMap;

use crate::catalog::{Catalog, IndexId};
use crate::key::Key;
use crate::log::LoggedTransaction;

/// The number of documents of every table, by its index `by_id`. A table that is not there has none.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Counts(OrdMap<IndexId, u64>);

impl Counts {
    pub fn get(&self, by_id: IndexId) -> u64 {
        self.0.get(&by_id).copied().unwrap_or(0)
    }

    /// As manifests hold them.
    pub fn to_map(&self) -> BTreeMap<IndexId, u64> {
        self.0.iter().map(|(index, count)| (*index, *count)).collect()
    }

    pub fn forget(&mut self, by_id: IndexId) {
        self.0.remove(&by_id);
    }

    /// Counts what a transaction inserts and deletes. Not idempotent.
    pub fn apply(&mut self, transaction: &LoggedTransaction, catalog: &Catalog) {
        for write in &transaction.writes {
            let Some(by_id) = catalog.tablet(write.table).map(|table| table.by_id) else { continue };
            let is_by_id = |key: &Option<Key>| key.as_ref().is_some_and(|key| key.index() == Some(by_id));
            for delta in &write.keys {
                match (is_by_id(&delta.removed), is_by_id(&delta.added)) {
                    (false, true) => *self.0.entry(by_id).or_default() += 1,
                    (true, false) => {
                        let count = self.0.entry(by_id).or_default();
                        *count = count.saturating_sub(1);
                    }
                    (true, true) | (false, false) => {}
                }
            }
        }
    }
}

impl FromIterator<(IndexId, u64)> for Counts {
    fn from_iter<I: IntoIterator<Item = (IndexId, u64)>>(counts: I) -> Self {
        Counts(counts.into_iter().collect())
    }
}
