//! What the catalog was in the recent past.

use std::sync::Arc;

use crate::catalog::{Catalog, RowError};
use crate::log::{LoggedTransaction, Timestamp};

/// How many catalogs of the past are kept. Those before are read from the rows of their time.
const KEPT: usize = 64;

/// The catalog, and what it was before. A clone costs nothing.
#[derive(Clone)]
pub(crate) struct Catalogs {
    newest: Arc<Catalog>,
    /// From when on each catalog is in force, oldest first; the last is `newest`.
    since: Arc<[(Timestamp, Arc<Catalog>)]>,
}

impl Catalogs {
    /// What is known is the catalog at `ts`.
    pub fn new(ts: Timestamp, catalog: Catalog) -> Self {
        let newest = Arc::new(catalog);
        Catalogs { since: Arc::new([(ts, newest.clone())]), newest }
    }

    pub fn newest(&self) -> &Arc<Catalog> {
        &self.newest
    }

    /// The catalog that was in force at `ts`; `None` if that is too long ago to be known.
    pub fn at(&self, ts: Timestamp) -> Option<&Arc<Catalog>> {
        let after = self.since.partition_point(|(since, _)| *since <= ts);
        Some(&self.since[after.checked_sub(1)?].1)
    }

    /// Takes over what a transaction changed, if it changed any definition. Returns whether it did.
    pub fn apply(&mut self, transaction: &LoggedTransaction) -> Result<bool, RowError> {
        if !transaction.writes.iter().any(|write| Catalog::depends_on(write.table)) {
            return Ok(false);
        }
        let mut catalog = Catalog::clone(&self.newest);
        catalog.apply_writes(&transaction.writes)?;
        self.newest = Arc::new(catalog);
        let kept = &self.since[self.since.len().saturating_sub(KEPT - 1)..];
        self.since = kept.iter().cloned().chain([(transaction.ts, self.newest.clone())]).collect();
        Ok(true)
    }
}
