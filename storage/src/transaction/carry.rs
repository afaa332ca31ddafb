//! A transaction whose function ran in one process, on its way to be committed by another.
//!
//! Both have the same snapshot. What the function read and wrote there is all that the committing process has to know; it goes
//! on with the transaction as if the function had run here.

use std::sync::Arc;

use super::staged::StagedWrite;
use super::{Transaction, Usage};
use crate::catalog::{Catalog, RowError};
use crate::interval::{DecodeError, ReadSet};
use crate::log::{CorruptEntry, EntryTooLarge, LogEntry, LoggedTransaction, LoggedWrite};

/// Reads and writes of a transaction as bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarriedTransaction {
    /// The read set.
    pub reads: Vec<u8>,
    /// A log entry with the writes as its one transaction; empty if there are none.
    pub writes: Vec<u8>,
    /// Positions of the writes whose documents hold the commit timestamp, which is not known yet.
    pub unresolved: Vec<u32>,
    /// What was used of the limits.
    pub usage: Usage,
}

/// Bytes that are not a transaction.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// The reads are none.
    #[error(transparent)]
    Reads(#[from] DecodeError),
    /// The writes are none.
    #[error("the writes of a transaction are damaged: {0}")]
    Writes(#[from] CorruptEntry),
    /// The tables that the writes change do not fit together.
    #[error(transparent)]
    Row(#[from] RowError),
    /// They are not those of one transaction.
    #[error("the writes of one transaction are expected")]
    NotOne,
}

impl Transaction {
    /// What has to be known of this transaction to commit it elsewhere.
    ///
    /// # Errors
    /// If it writes more than one entry of the log can have.
    pub fn carry(self) -> Result<CarriedTransaction, EntryTooLarge> {
        let reads = self.reads.encode();
        let usage = self.usage;
        let documents = self.staged.documents;
        if documents.is_empty() {
            return Ok(CarriedTransaction { reads, usage, ..CarriedTransaction::default() });
        }
        let mut unresolved = Vec::new();
        let mut writes = Vec::with_capacity(documents.len());
        for ((table, id), write) in documents {
            if write.unresolved {
                unresolved.push(writes.len() as u32);
            }
            writes.push(LoggedWrite { table, id, document: write.new, keys: write.keys });
        }
        let transaction = LoggedTransaction { ts: 0, writes, source: String::new() };
        let writes = LogEntry::new([0; 16], vec![Arc::new(transaction)]).encode()?;
        Ok(CarriedTransaction { reads, writes, unresolved, usage })
    }

    /// Adds what was carried here to this transaction, which has written nothing yet. Its snapshot must be that of the other
    /// process.
    ///
    /// # Errors
    /// [`CarryError`].
    pub fn resume(mut self, carried: &CarriedTransaction) -> Result<Self, CarryError> {
        self.reads.extend(&ReadSet::decode(&carried.reads)?);
        self.usage = carried.usage;
        if carried.writes.is_empty() {
            return Ok(self);
        }
        let mut transactions = LogEntry::decode(&carried.writes)?.transactions;
        let (Some(transaction), true) = (transactions.pop(), transactions.is_empty()) else {
            return Err(CarryError::NotOne);
        };
        let staged = &mut self.staged;
        if transaction.writes.iter().any(|write| Catalog::depends_on(write.table)) {
            let mut catalog = Catalog::clone(&staged.catalog);
            catalog.apply_writes(&transaction.writes)?;
            staged.catalog = Arc::new(catalog);
        }
        for (position, write) in transaction.writes.iter().enumerate() {
            for delta in &write.keys {
                if let Some(removed) = &delta.removed {
                    staged.overlay.insert(removed.clone(), None);
                }
                if let Some(added) = &delta.added {
                    staged.overlay.insert(added.clone(), write.document.clone());
                }
            }
            let carried = StagedWrite {
                // Only its own function would ask what was there before.
                old: None,
                new: write.document.clone(),
                keys: write.keys.clone(),
                unresolved: carried.unresolved.contains(&(position as u32)),
            };
            staged.documents.insert((write.table, write.id), carried);
        }
        Ok(self)
    }
}

#[cfg(test)]
#[path = "carry_tests.rs"]
mod tests;
