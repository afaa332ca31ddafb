//! Adding, changing and dropping indexes in a transaction.

use std::sync::Arc;

use crate::catalog::{
    IndexConfig, IndexConfigRow, IndexId, IndexInfo, IndexRow, IndexState, SystemTable, TableInfo, TabletId, fields,
};
use crate::transaction::{Transaction, TxError};
use crate::value::Value;

impl Transaction {
    /// Adds an index to a table, in state [`IndexState::Backfilling`]: call [`super::backfill`] after the commit. An index of
    /// the same name may exist, enabled, until it is dropped.
    ///
    /// # Errors
    /// When a row of a system table cannot be read.
    pub async fn add_index(
        &mut self,
        table: &TableInfo,
        name: &str,
        config: &IndexConfig,
        staged: bool,
    ) -> Result<IndexId, TxError> {
        let (_, number) = self.allocate(0, 1).await?;
        let row = IndexRow {
            index_id: IndexId::of_kind(number, config.search_kind()),
            tablet: table.tablet,
            name: name.to_owned(),
            state: IndexState::Backfilling,
            staged,
            config: config.into(),
        };
        self.insert_system(SystemTable::Indexes, row.fields()).await?;
        Ok(row.index_id)
    }

    /// Drops an index, and the record of its backfill.
    ///
    /// # Errors
    /// `IndexNotFoundError` if it is not there.
    pub async fn drop_index(&mut self, id: IndexId) -> Result<(), TxError> {
        let index = self.index_info(id).await?;
        self.delete_system(SystemTable::Indexes, index.row).await?;
        let key = [Value::Float64(f64::from(id.0))];
        for progress in self.find_system(SystemTable::IndexBackfills, "by_index", &key).await? {
            self.delete_system(SystemTable::IndexBackfills, progress.id.internal).await?;
        }
        Ok(())
    }

    /// Sets whether an index is staged. One that is enabled is to be disabled with [`Self::disable_index`].
    ///
    /// # Errors
    /// `IndexNotFoundError` if it is not there.
    pub async fn set_index_staged(&mut self, id: IndexId, staged: bool) -> Result<(), TxError> {
        let index = self.index_info(id).await?;
        self.put_index(&index, index.state, staged).await
    }

    /// Makes an index that is backfilled queryable.
    ///
    /// # Errors
    /// `IndexNotFoundError`, or `IndexBackfillingError` if it is not complete yet.
    pub async fn enable_index(&mut self, id: IndexId) -> Result<(), TxError> {
        let index = self.index_info(id).await?;
        if index.state == IndexState::Backfilling {
            let name = self.catalog().tablet(index.tablet).map_or("", |table| table.name.as_str());
            return Err(TxError::developer(
                "IndexBackfillingError",
                format!("Index {name}.{} is currently backfilling and cannot be enabled yet.", index.name),
            ));
        }
        self.put_index(&index, IndexState::Enabled, false).await
    }

    /// Makes an enabled index staged: complete and maintained, but not queryable.
    ///
    /// # Errors
    /// `IndexNotFoundError` if it is not there.
    pub async fn disable_index(&mut self, id: IndexId) -> Result<(), TxError> {
        let index = self.index_info(id).await?;
        let state = if index.state == IndexState::Enabled { IndexState::Backfilled } else { index.state };
        self.put_index(&index, state, true).await
    }

    /// Takes note that every document is in the index.
    pub(super) async fn index_is_complete(&mut self, index: &IndexInfo) -> Result<(), TxError> {
        self.put_index(index, IndexState::Backfilled, index.staged).await
    }

    /// An index in the transaction's catalog, recorded as read.
    pub(super) async fn index_info(&mut self, id: IndexId) -> Result<Arc<IndexInfo>, TxError> {
        let table = self.catalog().table_of_index(id);
        let index = table.and_then(|table| table.indexes.iter().find(|index| index.id == id)).cloned();
        let index =
            index.ok_or_else(|| TxError::developer("IndexNotFoundError", format!("Index with id {id} not found")))?;
        self.get_system(SystemTable::Indexes, index.row).await?;
        Ok(index)
    }

    async fn put_index(&mut self, index: &IndexInfo, state: IndexState, staged: bool) -> Result<(), TxError> {
        let row = IndexRow {
            index_id: index.id,
            tablet: index.tablet,
            name: index.name.clone(),
            state,
            staged,
            config: IndexConfigRow::from(&index.config),
        };
        self.put_system(SystemTable::Indexes, index.row, row.fields()).await?;
        Ok(())
    }

    /// Drops a table with its indexes. Its documents are gone with it.
    ///
    /// # Errors
    /// `InvalidArgument` if there is no such table.
    pub async fn drop_table(&mut self, tablet: TabletId) -> Result<(), TxError> {
        let table = self.catalog().tablet(tablet).filter(|table| !table.is_system()).cloned();
        let Some(table) = table else {
            return Err(TxError::developer("InvalidArgument", format!("there is no table {tablet}")));
        };
        self.record_read(crate::interval::Interval::prefix(&table.by_id.0.to_be_bytes()))?;
        for index in &table.indexes {
            self.drop_index(index.id).await?;
        }
        self.delete_system(SystemTable::Tables, table.row).await?;
        Ok(())
    }

    /// Writes the progress of the backfill of an index.
    pub(super) async fn put_backfill(
        &mut self,
        id: IndexId,
        progress: super::Progress,
        cursor: &str,
    ) -> Result<(), TxError> {
        let number = |number: u64| Value::Float64(number as f64);
        let row = fields([
            ("indexId", Value::Float64(f64::from(id.0))),
            ("numDocsIndexed", number(progress.done)),
            ("totalDocs", number(progress.total)),
            ("cursor", cursor.into()),
        ]);
        let key = [Value::Float64(f64::from(id.0))];
        match self.find_system(SystemTable::IndexBackfills, "by_index", &key).await?.first() {
            Some(old) => self.put_system(SystemTable::IndexBackfills, old.id.internal, row).await.map(drop),
            None => self.insert_system(SystemTable::IndexBackfills, row).await.map(drop),
        }
    }
}
