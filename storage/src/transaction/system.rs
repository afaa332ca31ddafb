//! Reads and writes of system tables, for Lakewire's own code.

use std::sync::Arc;

use super::walk::Walk;
use super::write::{Old, system_document};
use super::{Transaction, TxError};
use crate::catalog::{Catalog, Fields, IndexId, Namespace, RowChange, SystemTable};
use crate::document::Document;
use crate::id::{DocumentId, InternalId};
use crate::interval::{End, Interval};
use crate::key::{Key, after_fields, encode_creation_time, encode_value};
use crate::query::Order;
use crate::value::Value;

impl Transaction {
    /// Inserts a row and returns its id. System tables have no limits and no schema.
    ///
    /// # Errors
    /// When the row is one the catalog cannot be derived from; [`TxError::Read`].
    pub async fn insert_system(&mut self, table: SystemTable, fields: Fields) -> Result<DocumentId, TxError> {
        let id = self.new_internal_id();
        self.put_system(table, id, fields).await?;
        Ok(DocumentId { table: table.number(), internal: id })
    }

    /// Puts other fields in the place of a row's, or inserts it under that id.
    ///
    /// # Errors
    /// As [`Self::insert_system`].
    pub async fn put_system(
        &mut self,
        table: SystemTable,
        id: InternalId,
        fields: Fields,
    ) -> Result<Arc<Document>, TxError> {
        self.put_system_in(Namespace::ROOT, table, id, fields).await
    }

    /// [`Self::put_system`] in the table that a namespace has of that name.
    ///
    /// # Errors
    /// As [`Self::insert_system`].
    pub async fn put_system_in(
        &mut self,
        namespace: Namespace,
        table: SystemTable,
        id: InternalId,
        fields: Fields,
    ) -> Result<Arc<Document>, TxError> {
        let info = table.info_in(namespace);
        let old = self.get_in(info, id).await?;
        let creation_time = old.as_ref().map_or_else(|| self.new_creation_time(), |old| old.creation_time);
        let (id, value) = system_document(fields, table, id, creation_time);
        let document = self.store(info, id, creation_time, old.map(|document| Old { document, keys: None }), value)?;
        self.row_changed(table, id.internal, Some(&document))?;
        Ok(document)
    }

    /// Deletes a row; returns it, `None` if it was not there.
    ///
    /// # Errors
    /// When the catalog cannot be derived without it; [`TxError::Read`].
    pub async fn delete_system(
        &mut self,
        table: SystemTable,
        id: InternalId,
    ) -> Result<Option<Arc<Document>>, TxError> {
        self.delete_system_in(Namespace::ROOT, table, id).await
    }

    /// [`Self::delete_system`] in the table that a namespace has of that name.
    ///
    /// # Errors
    /// As [`Self::delete_system`].
    pub async fn delete_system_in(
        &mut self,
        namespace: Namespace,
        table: SystemTable,
        id: InternalId,
    ) -> Result<Option<Arc<Document>>, TxError> {
        let info = table.info_in(namespace);
        let old = self.get_in(info, id).await?;
        if let Some(old) = &old {
            self.unstore(info, old)?;
            self.row_changed(table, id, None)?;
        }
        Ok(old)
    }

    /// The row with an id, recorded as read.
    ///
    /// # Errors
    /// [`TxError::Read`].
    pub async fn get_system(&mut self, table: SystemTable, id: InternalId) -> Result<Option<Arc<Document>>, TxError> {
        self.get_in(table.info(), id).await
    }

    /// [`Self::get_system`] in the table that a namespace has of that name.
    ///
    /// # Errors
    /// [`TxError::Read`].
    pub async fn get_system_in(
        &mut self,
        namespace: Namespace,
        table: SystemTable,
        id: InternalId,
    ) -> Result<Option<Arc<Document>>, TxError> {
        self.get_in(table.info_in(namespace), id).await
    }

    /// A new random id.
    pub fn new_system_id(&self) -> InternalId {
        self.new_internal_id()
    }

    /// The rows whose first fields of an index are `values`, in the order of the index; all rows if there are no values.
    /// `index` may be `by_creation_time`. Recorded as read.
    ///
    /// # Errors
    /// `IndexNotFoundError`, [`TxError::Read`].
    pub async fn find_system(
        &mut self,
        table: SystemTable,
        index: &str,
        values: &[Value],
    ) -> Result<Vec<Arc<Document>>, TxError> {
        let id = match index {
            "by_creation_time" => table.by_creation_time(),
            _ => system_index(table, index)?,
        };
        let mut start = id.0.to_be_bytes().to_vec();
        for value in values {
            encode_value(&mut start, Some(value));
        }
        let interval = Interval { end: End::Before(Key::from(after_fields(&start))), start: Key::from(start) };
        let mut walk = Walk::new(interval, Order::Asc);
        let mut rows = Vec::new();
        while let Some((_, row)) = self.step(&mut walk).await? {
            rows.push(row);
        }
        Ok(rows)
    }

    /// The oldest rows, at most `most`, that were created before a time in ms. Recorded as read.
    ///
    /// # Errors
    /// [`TxError::Read`].
    pub async fn system_rows_before(
        &mut self,
        table: SystemTable,
        before_ms: f64,
        most: usize,
    ) -> Result<Vec<Arc<Document>>, TxError> {
        let start = table.by_creation_time().0.to_be_bytes().to_vec();
        let mut end = start.clone();
        encode_creation_time(&mut end, before_ms);
        let mut walk = Walk::new(Interval::new(Key::from(start), Key::from(end)), Order::Asc);
        let mut rows = Vec::new();
        while rows.len() < most
            && let Some((_, row)) = self.step(&mut walk).await?
        {
            rows.push(row);
        }
        Ok(rows)
    }

    /// The rows, at most `most`, whose first fields of an index are `values`, and the next one a number from `from`
    /// (inclusive) to `to` (exclusive); the smallest first. Recorded as read.
    ///
    /// # Errors
    /// `IndexNotFoundError`, [`TxError::Read`].
    pub async fn system_rows_between(
        &mut self,
        table: SystemTable,
        index: &str,
        values: &[Value],
        (from, to): (f64, f64),
        most: usize,
    ) -> Result<Vec<Arc<Document>>, TxError> {
        let id = system_index(table, index)?;
        let bound = |number: f64| {
            let mut key = id.0.to_be_bytes().to_vec();
            for value in values.iter().chain([&Value::Float64(number)]) {
                encode_value(&mut key, Some(value));
            }
            Key::from(key)
        };
        let mut walk = Walk::new(Interval::new(bound(from), bound(to)), Order::Asc);
        let mut rows = Vec::new();
        while rows.len() < most
            && let Some((_, row)) = self.step(&mut walk).await?
        {
            rows.push(row);
        }
        Ok(rows)
    }

    fn row_changed(&mut self, table: SystemTable, id: InternalId, document: Option<&Document>) -> Result<(), TxError> {
        if Catalog::depends_on(table.tablet()) {
            let mut catalog = Catalog::clone(&self.staged.catalog);
            catalog.apply([RowChange { table, id, document }])?;
            self.staged.catalog = Arc::new(catalog);
        }
        Ok(())
    }
}

fn system_index(table: SystemTable, name: &str) -> Result<IndexId, TxError> {
    table
        .info()
        .index(name)
        .map(|index| index.id)
        .ok_or_else(|| TxError::developer("IndexNotFoundError", format!("Index {}.{name} not found", table.name())))
}
