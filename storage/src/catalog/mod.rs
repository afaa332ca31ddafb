//! The catalog: which tables, indexes and schemas there are at one snapshot.
//!
//! It is derived from the documents of `_tables`, `_indexes` and `_schemas`, immutable, and shared by every snapshot until a
//! commit touches one of those tables. An [`Arc<TableInfo>`] stays the same object as long as the table's rows do not change,
//! which is how a commit tells cheaply whether a transaction ran against a table as it still is.

mod ids;
mod rows;
mod schema;
mod system_tables;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

pub use ids::{IndexId, Namespace, SearchKind, TabletId};
pub(crate) use rows::read as read_row;
pub use rows::{Fields, IndexConfigRow, IndexRow, RowError, SchemaRow, SchemaState, Sequences, TableRow, fields};
pub use schema::{LoadedSchema, NamespaceSchemas};
pub use system_tables::{FIRST_USER_INDEX, FIRST_USER_TABLE, SystemTable, is_system_index, is_system_tablet};
pub use table::{IndexConfig, IndexInfo, IndexState, TableInfo, TableState};

use crate::document::Document;
use crate::id::{DocumentId, InternalId, TableNumber};
use crate::log::LoggedWrite;

/// The tables, indexes and schemas of one snapshot. Cheap to clone.
#[derive(Clone, Default)]
pub struct Catalog {
    tablets: OrdMap<TabletId, Arc<TableInfo>>,
    numbers: OrdMap<(Namespace, TableNumber), Arc<TableInfo>>,
    names: OrdMap<Namespace, OrdMap<String, Arc<TableInfo>>>,
    schemas: OrdMap<Namespace, Arc<NamespaceSchemas>>,
    /// Where each index of an app's table is, `by_id` and `by_creation_time` included.
    indexes: OrdMap<IndexId, TabletId>,
    /// The rows of `_indexes` by their own id: a removed row no longer says which table it was of.
    index_rows: OrdMap<InternalId, TabletId>,
    table_rows: OrdMap<InternalId, TabletId>,
}

/// One changed row of a table the catalog is derived from.
pub(crate) struct RowChange<'a> {
    pub table: SystemTable,
    pub id: InternalId,
    pub document: Option<&'a Document>,
}

impl Catalog {
    /// Whether the catalog is derived from this tablet's documents.
    pub(crate) fn depends_on(tablet: TabletId) -> bool {
        [SystemTable::Tables, SystemTable::Indexes, SystemTable::Schemas].iter().any(|table| table.tablet() == tablet)
    }

    /// The app's or a component's table of a name, or a system table if the name starts with an underscore.
    /// Tables that are hidden or being deleted are not found.
    pub fn table(&self, namespace: Namespace, name: &str) -> Option<&Arc<TableInfo>> {
        if name.starts_with('_') {
            return SystemTable::from_name(name).map(|table| table.info_in(namespace));
        }
        self.names.get(&namespace)?.get(name)
    }

    /// The table whose number an id carries, whatever its state.
    pub fn table_by_number(&self, namespace: Namespace, number: TableNumber) -> Option<&Arc<TableInfo>> {
        if number.0 < FIRST_USER_TABLE {
            let system = SystemTable::ALL.iter().find(|table| table.number() == number)?;
            return Some(system.info_in(namespace));
        }
        self.numbers.get(&(namespace, number))
    }

    /// The table of a document.
    pub fn table_of(&self, namespace: Namespace, id: DocumentId) -> Option<&Arc<TableInfo>> {
        self.table_by_number(namespace, id.table)
    }

    /// The table of a permanent name.
    pub fn tablet(&self, tablet: TabletId) -> Option<&Arc<TableInfo>> {
        SystemTable::info_of_tablet(tablet).or_else(|| self.tablets.get(&tablet))
    }

    /// The table an index belongs to.
    pub fn table_of_index(&self, index: IndexId) -> Option<&Arc<TableInfo>> {
        if is_system_index(index) {
            return SystemTable::info_of_index(index);
        }
        self.tablet(*self.indexes.get(&index)?)
    }

    /// The active tables of a namespace by name, without system tables.
    pub fn tables(&self, namespace: Namespace) -> impl Iterator<Item = &Arc<TableInfo>> {
        self.names.get(&namespace).into_iter().flat_map(|tables| tables.values())
    }

    /// Every table of apps and components in whatever state, without system tables.
    pub fn all_tables(&self) -> impl Iterator<Item = &Arc<TableInfo>> {
        self.tablets.values()
    }

    /// The schemas of a namespace.
    pub fn schemas(&self, namespace: Namespace) -> Option<&Arc<NamespaceSchemas>> {
        self.schemas.get(&namespace)
    }

    /// The schemas of all namespaces.
    pub fn all_schemas(&self) -> impl Iterator<Item = (Namespace, &Arc<NamespaceSchemas>)> {
        self.schemas.iter().map(|(namespace, schemas)| (*namespace, schemas))
    }

    /// The indexes of apps' tables that were there before and are not any more, `by_id` and `by_creation_time` included.
    pub(crate) fn dropped_since(&self, before: &Catalog) -> Vec<IndexId> {
        let changes = before.indexes.diff(&self.indexes);
        let dropped = changes.filter_map(|change| match change {
            DiffItem::Remove(index, _) => Some(*index),
            DiffItem::Add(..) | DiffItem::Update { .. } => None,
        });
        dropped.collect()
    }

    /// Takes over changed rows. Rows of other tables are ignored.
    pub(crate) fn apply<'a>(&mut self, changes: impl IntoIterator<Item = RowChange<'a>>) -> Result<(), RowError> {
        // Tables first: an index row can only be put under a table that is there.
        let mut changes: Vec<_> =
            changes.into_iter().filter(|change| Self::depends_on(change.table.tablet())).collect();
        changes.sort_by_key(|change| change.table);
        for RowChange { table, id, document } in changes {
            match table {
                SystemTable::Tables => self.apply_table(id, document)?,
                SystemTable::Indexes => self.apply_index(id, document)?,
                _ => schema::apply(&mut self.schemas, id, document)?,
            }
        }
        Ok(())
    }

    /// Takes over what writes changed.
    pub(crate) fn apply_writes(&mut self, writes: &[LoggedWrite]) -> Result<(), RowError> {
        self.apply(writes.iter().filter_map(|write| {
            let table = SystemTable::from_tablet(write.table)?;
            Some(RowChange { table, id: write.id, document: write.document.as_deref() })
        }))
    }

    fn apply_table(&mut self, row: InternalId, document: Option<&Document>) -> Result<(), RowError> {
        let old = self.table_rows.get(&row).and_then(|tablet| self.tablets.get(tablet)).cloned();
        if let Some(old) = &old {
            self.forget_table(old);
        }
        let Some(document) = document else {
            let indexes = old.iter().flat_map(|old| old.indexes.iter());
            for index in indexes {
                self.indexes.remove(&index.id);
                self.index_rows.remove(&index.row);
            }
            return Ok(());
        };
        let TableRow { name, tablet, number, namespace, state, by_id, by_creation_time } =
            rows::read(SystemTable::Tables.name(), document)?;
        let indexes = old.map(|old| old.indexes.clone()).unwrap_or_default();
        self.put_table(TableInfo { row, tablet, number, namespace, name, state, by_id, by_creation_time, indexes });
        Ok(())
    }

    fn apply_index(&mut self, row: InternalId, document: Option<&Document>) -> Result<(), RowError> {
        if let Some(table) = self.index_rows.remove(&row).and_then(|tablet| self.tablets.get(&tablet)).cloned() {
            let mut table = TableInfo::clone(&table);
            if let Some(at) = table.indexes.iter().position(|index| index.row == row) {
                let removed = table.indexes.remove(at);
                self.indexes.remove(&removed.id);
            }
            self.put_table(table);
        }
        let Some(document) = document else { return Ok(()) };
        let name = SystemTable::Indexes.name();
        let read: IndexRow = rows::read(name, document)?;
        let config = read.config.parse().map_err(|error| RowError {
            table: name.to_owned(),
            id: document.id.to_string(),
            problem: error.to_string(),
        })?;
        // An index may outlive its table by the rest of a transaction; it is then of no use.
        let Some(table) = self.tablets.get(&read.tablet) else { return Ok(()) };
        let mut table = TableInfo::clone(table);
        let IndexRow { index_id, tablet, name, state, staged, .. } = read;
        table.indexes.push(Arc::new(IndexInfo { row, id: index_id, tablet, name, config, state, staged }));
        table.indexes.sort_by_key(|index| index.id);
        self.indexes.insert(index_id, tablet);
        self.index_rows.insert(row, tablet);
        self.put_table(table);
        Ok(())
    }

    fn put_table(&mut self, table: TableInfo) {
        let table = Arc::new(table);
        self.table_rows.insert(table.row, table.tablet);
        self.indexes.insert(table.by_id, table.tablet);
        self.indexes.insert(table.by_creation_time, table.tablet);
        self.tablets.insert(table.tablet, table.clone());
        self.numbers.insert((table.namespace, table.number), table.clone());
        if table.state == TableState::Active {
            self.names.entry(table.namespace).or_default().insert(table.name.clone(), table);
        }
    }

    fn forget_table(&mut self, table: &TableInfo) {
        self.table_rows.remove(&table.row);
        self.indexes.remove(&table.by_id);
        self.indexes.remove(&table.by_creation_time);
        self.tablets.remove(&table.tablet);
        self.numbers.remove(&(table.namespace, table.number));
        if let Some(names) = self.names.get_mut(&table.namespace)
            && names.get(&table.name).is_some_and(|named| named.tablet == table.tablet)
        {
            names.remove(&table.name);
        }
    }
}
