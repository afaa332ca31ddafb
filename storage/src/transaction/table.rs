//! What a write needs to know of its table, and making tables.

use std::sync::Arc;

use super::staged::{Keyed, Keys};
use super::write::parse;
use super::{Transaction, TxError};
use crate::catalog::{
    IndexConfig, IndexId, IndexInfo, Namespace, RowError, Sequences, SystemTable, TableInfo, TableRow, TableState,
    TabletId,
};
use crate::document::Document;
use crate::id::{InternalId, TableNumber};
use crate::key::Key;
use crate::names;
use crate::search::document::document_key;
use crate::value::Value;

/// The internal id of rows that are alone in their table.
pub const SINGLETON: InternalId = InternalId([0; 16]);

impl Transaction {
    /// The table to insert into, which is created if it is not there.
    ///
    /// # Errors
    /// `SystemTableError`, `InvalidTableName`, `TooManyTables`, [`TxError::Read`].
    pub async fn ensure_table(&mut self, namespace: Namespace, name: &str) -> Result<Arc<TableInfo>, TxError> {
        if let Some(table) = self.staged.catalog.table(namespace, name)
            && !table.is_system()
        {
            return Ok(table.clone());
        }
        if names::is_system_table_name(name) {
            return Err(TxError::developer(
                "SystemTableError",
                format!("`{name}` is a system table: apps cannot write to it"),
            ));
        }
        names::check_table_name(name).map_err(|error| TxError::developer("InvalidTableName", error.to_string()))?;
        let tables = self.staged.catalog.all_tables().count();
        if tables >= self.limits.tables {
            return Err(TxError::developer(
                "TooManyTables",
                format!("cannot create table `{name}`: the limit is {} tables", self.limits.tables),
            ));
        }
        self.create_table(namespace, name).await
    }

    /// A namespace that no other transaction, earlier or later, is given.
    ///
    /// # Errors
    /// [`TxError::Read`].
    pub async fn new_namespace(&mut self) -> Result<Namespace, TxError> {
        // Numbers of tablets are never given out twice, which is all that a namespace needs.
        Ok(Namespace(self.allocate(1, 0).await?.0))
    }

    async fn create_table(&mut self, namespace: Namespace, name: &str) -> Result<Arc<TableInfo>, TxError> {
        // Another transaction that created it first would have changed `_tables`.
        let _none = self.find_table(namespace, name)?;
        let (tablet, indexes) = self.allocate(1, 2).await?;
        let row = TableRow {
            name: name.to_owned(),
            tablet: TabletId(tablet),
            number: TableNumber(tablet),
            namespace,
            state: TableState::Active,
            by_id: IndexId(indexes),
            by_creation_time: IndexId(indexes + 1),
        };
        self.insert_system(SystemTable::Tables, row.fields()).await?;
        let created = self.staged.catalog.table(namespace, name);
        Ok(created.expect("the row that was just written made it").clone())
    }

    /// Takes the given numbers of tablets and index ids, never given out before. Returns the first of each.
    pub(crate) async fn allocate(&mut self, tablets: u32, indexes: u32) -> Result<(u32, u32), TxError> {
        let row = self.get_in(SystemTable::Sequences.info(), SINGLETON).await?;
        let sequences = match &row {
            Some(row) => crate::catalog::read_row(SystemTable::Sequences.name(), row)?,
            None => Sequences::default(),
        };
        let next =
            Sequences { next_tablet: sequences.next_tablet + tablets, next_index: sequences.next_index + indexes };
        self.put_system(SystemTable::Sequences, SINGLETON, next.fields()).await?;
        Ok((sequences.next_tablet, sequences.next_index))
    }
}

/// The document with its key in every index of the table. `value` is the whole document, parsed.
pub(super) fn keyed(table: &TableInfo, document: Arc<Document>, value: &Value) -> Keyed {
    let keys = keys(table, &document, value);
    Keyed { document, keys }
}

/// The keys of a document: in `by_id`, `by_creation_time` and every other index, in the order of the catalog. It may be in no place
/// of a search index.
pub(crate) fn keys(table: &TableInfo, document: &Document, value: &Value) -> Keys {
    let id = document.id.internal;
    let mut keys = Keys::new();
    keys.push(Some(Key::by_id(table.by_id, id)));
    keys.push(Some(Key::by_creation_time(table.by_creation_time, document.creation_time, id)));
    keys.extend(table.indexes.iter().map(|index| index_key(index, document, value)));
    keys
}

/// The key of a document in an index besides those two.
pub(super) fn index_key(index: &IndexInfo, document: &Document, value: &Value) -> Option<Key> {
    match &index.config {
        IndexConfig::Database { fields } => {
            let fields = fields.iter().map(|field| field.get(value));
            Some(Key::of_fields(index.id, fields, document.creation_time, document.id.internal))
        }
        IndexConfig::Search { .. } | IndexConfig::Vector { .. } => document_key(index, document, value),
    }
}

/// The keys of a stored document.
pub(crate) fn document_keys(table: &TableInfo, document: &Document) -> Result<Keys, RowError> {
    // `by_id` and `by_creation_time` do not need the fields.
    if table.indexes.is_empty() {
        return Ok(keys(table, document, &Value::Null));
    }
    Ok(keys(table, document, &parse(table, document)?))
}
