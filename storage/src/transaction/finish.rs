//! From a transaction to what the log takes.

use std::sync::Arc;

use super::Transaction;
use super::staged::StagedWrite;
use super::table::keys;
use super::write::parse;
use crate::catalog::{Catalog, RowError, TabletId};
use crate::document::Document;
use crate::id::InternalId;
use crate::interval::ReadSet;
use crate::log::{LoggedTransaction, LoggedWrite, Timestamp};
use crate::sabotage::{self, Rule};
use crate::state::Snapshot;

/// A transaction that has ended and is to be committed.
pub(crate) struct Finished {
    pub snapshot: Snapshot,
    pub source: Arc<str>,
    pub reads: ReadSet,
    /// The snapshot's catalog with the transaction's own changes.
    pub catalog: Arc<Catalog>,
    writes: Vec<(TabletId, InternalId, StagedWrite)>,
}

impl Transaction {
    /// Whether a key that this transaction removes or adds lies in `reads`: then who has read them loses if this commits first.
    pub fn writes_into(&self, reads: &ReadSet) -> bool {
        let deltas = self.staged.documents.values().flat_map(|write| &write.keys);
        deltas.flat_map(|delta| delta.removed.iter().chain(&delta.added)).any(|key| reads.contains(key.as_bytes()))
    }

    pub(crate) fn finish(self) -> Finished {
        let writes = self.staged.documents.into_iter().map(|((table, id), write)| (table, id, write));
        Finished {
            snapshot: self.snapshot,
            source: self.source,
            reads: self.reads,
            catalog: self.staged.catalog,
            writes: writes.collect(),
        }
    }
}

impl Finished {
    pub fn is_read_only(&self) -> bool {
        self.writes.is_empty()
    }

    /// Each table written to, at least once.
    pub fn written_tablets(&self) -> impl Iterator<Item = TabletId> {
        // Writes are ordered by table, so this finds each just once.
        let mut last = None;
        self.writes.iter().filter_map(move |(table, ..)| (last.replace(*table) != Some(*table)).then_some(*table))
    }

    /// Whether a document or key holds the commit timestamp, so that [`Self::resolve`] depends on it.
    pub fn has_commit_ts(&self) -> bool {
        self.writes.iter().any(|(.., write)| write.unresolved)
    }

    /// The transaction as of its commit at `ts`. May be called again for another timestamp.
    pub fn resolve(&self, ts: Timestamp) -> Result<LoggedTransaction, RowError> {
        let writes = self
            .writes
            .iter()
            .map(|(table, id, write)| {
                let mut write = write.clone();
                if write.unresolved {
                    resolve(&self.catalog, *table, &mut write, ts)?;
                }
                if sabotage::is(Rule::KeyDeltaDropped) && write.keys.len() > 2 {
                    write.keys.pop();
                }
                Ok(LoggedWrite { table: *table, id: *id, document: write.new, keys: write.keys })
            })
            .collect::<Result<_, RowError>>()?;
        Ok(LoggedTransaction { ts, writes, source: self.source.to_string() })
    }
}

/// Puts the commit timestamp into a document and its keys.
fn resolve(catalog: &Catalog, table: TabletId, write: &mut StagedWrite, ts: Timestamp) -> Result<(), RowError> {
    let (Some(document), Some(table)) = (&write.new, catalog.tablet(table)) else { return Ok(()) };
    let mut value = parse(table, document)?;
    // Timestamps of the next 250 years fit.
    value.resolve_commit_ts(i64::try_from(ts).unwrap_or(i64::MAX));
    let document = Arc::new(Document { json: value.to_json().into(), ..Document::clone(document) });
    let mut keys = keys(table, &document, &value).into_iter().flatten();
    for delta in write.keys.iter_mut().filter(|delta| delta.added.is_some()) {
        delta.added = keys.next();
    }
    write.new = Some(document);
    Ok(())
}
