//! The check that makes transactions serializable.

use std::sync::Arc;

use super::{Conflict, Inner};
use crate::catalog::{Catalog, IndexId, Namespace, SystemTable, TabletId};
use crate::id::DocumentId;
use crate::log::{LoggedTransaction, LoggedWrite};
use crate::state::index_of;
use crate::transaction::Finished;

impl Inner {
    /// Whether a transaction would have read and written just the same at the head as it did at its snapshot.
    pub(super) fn validate(&self, finished: &Finished) -> Result<(), Conflict> {
        if !self.is_lineage(&finished.snapshot) {
            return Err(unknown());
        }
        let since = self.history.after(finished.snapshot.ts()).ok_or_else(unknown)?;
        // The newest first: on a hot document that is where the conflict is.
        self.unaffected(finished, since.rev())
    }

    /// Whether a transaction does not depend on anything that others changed, nor on definitions that the head has no more.
    pub(super) fn unaffected<'a>(
        &self,
        finished: &Finished,
        others: impl Iterator<Item = &'a Arc<LoggedTransaction>>,
    ) -> Result<(), Conflict> {
        for transaction in others {
            for write in &transaction.writes {
                if write.touched_keys().any(|key| finished.reads.contains(key)) {
                    return Err(self.conflict(write, &transaction.source));
                }
            }
        }
        let (before, now) = (finished.snapshot.catalog(), self.head.catalog());
        if Arc::ptr_eq(before, now) { Ok(()) } else { same_definitions(finished, before, now) }
    }

    fn conflict(&self, write: &LoggedWrite, writer: &str) -> Conflict {
        let table = self.head.catalog().tablet(write.table);
        Conflict {
            table: table.map(|table| table.name.clone()).unwrap_or_default(),
            namespace: table.map(|table| table.namespace).unwrap_or_default(),
            id: table.map(|table| DocumentId { table: table.number, internal: write.id }),
            writer: writer.to_owned(),
        }
    }
}

/// Writes depend on the definition of their table and on the schemas, reads on the existence of their index, without recording
/// that as reads: every transaction would drag it along, and it almost never changes.
fn same_definitions(finished: &Finished, before: &Catalog, now: &Catalog) -> Result<(), Conflict> {
    for tablet in finished.written_tablets() {
        if Catalog::depends_on(tablet) {
            // The transaction changes definitions itself: two of those at a time are one too many.
            return Err(redefined(SystemTable::Tables, Namespace::ROOT));
        }
        same_table(tablet, before, now)?;
    }
    let intervals = finished.reads.iter().map(|interval| index_of(&interval.start));
    for index in intervals.chain(finished.reads.searches().map(|search| search.index)) {
        if exists(index, before) && !exists(index, now) {
            return Err(redefined(SystemTable::Indexes, Namespace::ROOT));
        }
    }
    Ok(())
}

fn same_table(tablet: TabletId, before: &Catalog, now: &Catalog) -> Result<(), Conflict> {
    // A table that the transaction made is in neither; making it changed definitions, see above.
    let (Some(old), Some(new)) = (before.tablet(tablet), now.tablet(tablet)) else {
        return Err(redefined(SystemTable::Tables, Namespace::ROOT));
    };
    if !Arc::ptr_eq(old, new) {
        return Err(redefined(SystemTable::Indexes, old.namespace));
    }
    let same_schemas = match (before.schemas(old.namespace), now.schemas(old.namespace)) {
        (Some(old), Some(new)) => Arc::ptr_eq(old, new),
        (old, new) => old.is_none() && new.is_none(),
    };
    if old.is_system() || same_schemas { Ok(()) } else { Err(redefined(SystemTable::Schemas, old.namespace)) }
}

fn exists(index: IndexId, catalog: &Catalog) -> bool {
    catalog.table_of_index(index).is_some()
}

fn redefined(table: SystemTable, namespace: Namespace) -> Conflict {
    Conflict { table: table.name().to_owned(), namespace, id: None, writer: String::new() }
}

pub(super) fn unknown() -> Conflict {
    Conflict { table: String::new(), namespace: Namespace::ROOT, id: None, writer: String::new() }
}
