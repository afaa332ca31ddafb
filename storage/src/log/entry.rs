//! What the log holds.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Timestamp;
use crate::catalog::TabletId;
use crate::document::Document;
use crate::id::InternalId;
use crate::key::Key;

/// Random bytes that name one attempt of one writer to commit, so that it can recognize its own entry.
pub type Nonce = [u8; 16];

/// One entry: transactions that become durable together, in the order of their timestamps.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// Who wrote it.
    pub nonce: Nonce,
    /// The transactions, their timestamps strictly ascending. May be empty.
    pub transactions: Vec<Arc<LoggedTransaction>>,
    /// Set if this is the last entry of its log; then it has no transactions.
    pub seal: Option<Seal>,
}

/// The end of a log: no entry can follow the one that carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The timeline on which the database goes on.
    pub successor: String,
}

/// One committed transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedTransaction {
    /// When it happened, in the order of all transactions.
    pub ts: Timestamp,
    /// What it changed; at most one write a document.
    pub writes: Vec<LoggedWrite>,
    /// The path of the function that wrote, for conflict messages and audit.
    pub source: String,
}

/// One changed document.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedWrite {
    /// Its table.
    pub table: TabletId,
    /// Its id in that table.
    pub id: InternalId,
    /// The new version; `None` if it was deleted.
    pub document: Option<Arc<Document>>,
    /// What happened to its key in every index of the table.
    pub keys: SmallVec<[KeyDelta; 4]>,
}

/// What a write did to one index.
///
/// Everything needed to check for conflicts and to invalidate subscriptions, without the old version of the document.
/// If the document changed but its key in the index did not, both are that key: who read it read the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDelta {
    /// The key of the old version, if it was in the index.
    pub removed: Option<Key>,
    /// The key of the new version, if it is in the index.
    pub added: Option<Key>,
}

impl LoggedWrite {
    /// The index keys that the write touched, old and new, each index's once if it did not change.
    pub fn touched_keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().flat_map(|delta| {
            let added = delta.added.as_ref().filter(|_| delta.added != delta.removed);
            delta.removed.iter().chain(added)
        })
    }
}

impl LogEntry {
    /// An entry of `transactions`, their timestamps strictly ascending.
    pub fn new(nonce: Nonce, transactions: Vec<Arc<LoggedTransaction>>) -> Self {
        Self { nonce, transactions, seal: None }
    }

    /// The entry that ends a log, because the database goes on as timeline `successor`.
    pub fn sealing(nonce: Nonce, successor: impl Into<String>) -> Self {
        Self { nonce, transactions: Vec::new(), seal: Some(Seal { successor: successor.into() }) }
    }

    /// The timestamp of the last transaction, `None` if there is none.
    pub fn last_ts(&self) -> Option<Timestamp> {
        self.transactions.last().map(|transaction| transaction.ts)
    }
}
