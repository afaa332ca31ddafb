//! Reads of single documents and of counts.

use std::sync::Arc;

use super::{TableKind, Transaction, TxError};
use crate::catalog::{Namespace, SystemTable, TableInfo, TableState};
use crate::document::Document;
use crate::id::{DocumentId, InternalId};
use crate::interval::Interval;
use crate::key::Key;
use crate::names;

impl Transaction {
    /// The document with an id. `None` if there is none, or if its table is not there or not of the kind to be seen.
    ///
    /// # Errors
    /// `SystemTableError` if the id is of a table of the other kind; `TooManyDocumentsRead`, `TooManyBytesRead`,
    /// `TooManyReads`, [`TxError::Read`].
    pub async fn get(
        &mut self,
        namespace: Namespace,
        id: DocumentId,
        kind: TableKind,
    ) -> Result<Option<Arc<Document>>, TxError> {
        let Some(table) = self.table_of(namespace, id)? else { return Ok(None) };
        if let Some(system) = SystemTable::from_tablet(table.tablet) {
            match kind {
                TableKind::User => return Err(self.wrong_kind("db.system.get", id, &table)),
                TableKind::System if !system.is_public() => return Ok(None),
                TableKind::System | TableKind::Any => {}
            }
        } else if kind == TableKind::System {
            return Err(self.wrong_kind("db.get", id, &table));
        } else if table.state != TableState::Active && kind == TableKind::User {
            return Ok(None);
        }
        self.get_in(&table, id.internal).await
    }

    /// The id that a text is, if it is one of a table that apps can see.
    ///
    /// # Errors
    /// `TooManyReads`.
    pub fn normalize_id(
        &mut self,
        namespace: Namespace,
        table: &str,
        text: &str,
    ) -> Result<Option<DocumentId>, TxError> {
        let Some(table) = self.find_table(namespace, table)? else { return Ok(None) };
        Ok(text.parse::<DocumentId>().ok().filter(|id| id.table == table.number))
    }

    /// How many documents a table has, own writes included. Counts as a read of the whole table, not of each document.
    ///
    /// # Errors
    /// `TooManyReads`.
    pub async fn count(&mut self, namespace: Namespace, table: &str) -> Result<u64, TxError> {
        let Some(table) = self.find_table(namespace, table)? else { return Ok(0) };
        self.record_read(Interval::prefix(&table.by_id.0.to_be_bytes()))?;
        let stored = self.snapshot.count(table.by_id).await?;
        let (mut inserted, mut deleted) = (0, 0);
        for write in self.staged.of_table(table.tablet) {
            inserted += u64::from(write.old.is_none());
            deleted += u64::from(write.new.is_none());
        }
        Ok(stored + inserted - deleted)
    }

    /// A document of a known table, recorded and counted.
    pub(super) async fn get_in(&mut self, table: &TableInfo, id: InternalId) -> Result<Option<Arc<Document>>, TxError> {
        let key = Key::by_id(table.by_id, id);
        let found = match self.staged.overlay.get(&key) {
            Some(staged) => staged.clone(),
            None => self.snapshot.get(&key).await?,
        };
        self.record_read(Interval::point(key))?;
        if let Some(document) = &found
            && !table.is_system()
        {
            self.usage.read(document.size as usize, &self.limits)?;
        }
        Ok(found)
    }

    /// The table that an app sees under a name: private system tables are not there, unless the transaction is privileged.
    pub(super) fn find_table(&mut self, namespace: Namespace, name: &str) -> Result<Option<Arc<TableInfo>>, TxError> {
        if names::is_system_table_name(name) {
            let visible = SystemTable::from_name(name).filter(|table| table.is_public() || self.privileged);
            return Ok(visible.map(|table| table.info_in(namespace).clone()));
        }
        match self.staged.catalog.table(namespace, name) {
            Some(table) => Ok(Some(table.clone())),
            None => self.table_is_missing(),
        }
    }

    /// The table of an id, whatever its kind and state.
    pub(super) fn table_of(&mut self, namespace: Namespace, id: DocumentId) -> Result<Option<Arc<TableInfo>>, TxError> {
        match self.staged.catalog.table_of(namespace, id) {
            Some(table) => Ok(Some(table.clone())),
            None => self.table_is_missing(),
        }
    }

    /// Records that a table was looked for in vain: creating any table may change that. (One that is there stays, but for
    /// imports and deletions, and a commit checks tables that were written to anyway.)
    fn table_is_missing(&mut self) -> Result<Option<Arc<TableInfo>>, TxError> {
        self.record_read(Interval::prefix(&SystemTable::Tables.by_id().0.to_be_bytes()))?;
        Ok(None)
    }

    fn wrong_kind(&self, right: &str, id: DocumentId, table: &TableInfo) -> TxError {
        let kind = if table.is_system() { "a system table" } else { "not a system table" };
        TxError::developer(
            "SystemTableError",
            format!("`{}`, the table of `{id}`, is {kind}: use `{right}`", table.name),
        )
    }
}
