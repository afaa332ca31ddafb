//! Writes of documents of apps.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::staged::{Keyed, Keys};
use super::table::{document_keys, index_key, keyed, keys};
use super::{Transaction, TxError};
use crate::catalog::{Fields, IndexInfo, Namespace, RowError, SystemTable, TableInfo};
use crate::document::Document;
use crate::id::{DocumentId, InternalId};
use crate::value::Value;

const ID: &str = "_id";
const CREATION_TIME: &str = "_creationTime";
const NS_PER_DAY: u64 = 86_400_000_000_000;

impl Transaction {
    /// Inserts a document into a table, which is created if it is not there. Returns the new id.
    ///
    /// # Errors
    /// `InvalidIdError` or `InvalidCreationTimeError` if the fields have an `_id` or `_creationTime`; `SystemTableError`,
    /// `InvalidTableName`, `TooManyTables`; `InvalidDocumentError`, `ValueTooLargeError`, `SchemaEnforcementError`;
    /// `TooManyWrites`, `TooManyBytesWritten`.
    pub async fn insert(&mut self, namespace: Namespace, table: &str, fields: Fields) -> Result<DocumentId, TxError> {
        let table = self.ensure_table(namespace, table).await?;
        if fields.contains_key(ID) {
            return Err(TxError::developer(
                "InvalidIdError",
                "a document to insert cannot have an `_id`: ids are given by the database",
            ));
        }
        if fields.contains_key(CREATION_TIME) {
            return Err(TxError::developer(
                "InvalidCreationTimeError",
                "a document to insert cannot have a `_creationTime`: creation times are given by the database",
            ));
        }
        let id = DocumentId { table: table.number, internal: self.new_internal_id() };
        let creation_time = self.new_creation_time();
        let value = with_system_fields(fields, id, creation_time);
        self.check(&table, id, &value).await?;
        self.store(&table, id, creation_time, None, value)?;
        Ok(id)
    }

    /// Sets fields of a document, or removes those given as `None`. Returns the document as it then is.
    ///
    /// # Errors
    /// `InvalidArgument` if the id is of no table, `NonexistentDocument`; those of [`Self::insert`] and of reading.
    pub async fn patch(
        &mut self,
        namespace: Namespace,
        id: DocumentId,
        fields: BTreeMap<String, Option<Value>>,
    ) -> Result<Arc<Document>, TxError> {
        let (table, old) = self.read_to_change(namespace, id).await?;
        let old_value = parse(&table, &old)?;
        let old_keys = keys(&table, &old, &old_value);
        let Value::Object(mut merged) = old_value else { unreachable!("documents are objects") };
        for (name, value) in fields {
            match value {
                Some(value) => merged.insert(name, value),
                None => merged.remove(&name),
            };
        }
        self.change(&table, Old { document: old, keys: Some(old_keys) }, merged).await
    }

    /// Puts other fields in the place of a document's. Returns the document as it then is.
    ///
    /// # Errors
    /// As [`Self::patch`].
    pub async fn replace(
        &mut self,
        namespace: Namespace,
        id: DocumentId,
        fields: Fields,
    ) -> Result<Arc<Document>, TxError> {
        let (table, old) = self.read_to_change(namespace, id).await?;
        self.change(&table, Old { document: old, keys: None }, fields).await
    }

    /// Deletes a document. Returns it.
    ///
    /// # Errors
    /// `InvalidArgument`, `NonexistentDocument`, `TooManyWrites`, `TooManyBytesWritten`, and those of reading.
    pub async fn delete(&mut self, namespace: Namespace, id: DocumentId) -> Result<Arc<Document>, TxError> {
        let (table, old) = self.read_to_change(namespace, id).await?;
        self.usage.write(old.size as usize, &self.limits)?;
        self.unstore(&table, &old)?;
        Ok(old)
    }

    /// The document to change and its table, as read by this transaction.
    async fn read_to_change(
        &mut self,
        namespace: Namespace,
        id: DocumentId,
    ) -> Result<(Arc<TableInfo>, Arc<Document>), TxError> {
        let Some(table) = self.table_of(namespace, id)? else {
            return Err(TxError::developer("InvalidArgument", format!("Table for ID \"{id}\" not found")));
        };
        if table.is_system() {
            return Err(TxError::developer(
                "SystemTableError",
                format!("`{}`, the table of `{id}`, is a system table: apps cannot write to it", table.name),
            ));
        }
        match self.get_in(&table, id.internal).await? {
            Some(document) => Ok((table, document)),
            None => Err(TxError::developer("NonexistentDocument", format!("document with id `{id}` does not exist"))),
        }
    }

    async fn change(&mut self, table: &Arc<TableInfo>, old: Old, fields: Fields) -> Result<Arc<Document>, TxError> {
        let Document { id, creation_time, .. } = *old.document;
        let same_id = |given: &Value| given.as_str().is_some_and(|given| given.parse() == Ok(id));
        if fields.get(ID).is_some_and(|given| !same_id(given)) {
            return Err(TxError::developer(
                "InvalidIdError",
                format!("the `_id` of document `{id}` cannot be changed"),
            ));
        }
        if fields.get(CREATION_TIME).is_some_and(|given| *given != Value::Float64(creation_time)) {
            return Err(TxError::developer(
                "InvalidCreationTimeError",
                format!("the `_creationTime` of document `{id}` cannot be changed"),
            ));
        }
        let value = with_system_fields(fields, id, creation_time);
        self.check(table, id, &value).await?;
        self.store(table, id, creation_time, Some(old), value)
    }

    /// Checks a document's shape and the schemas.
    async fn check(&mut self, table: &Arc<TableInfo>, id: DocumentId, value: &Value) -> Result<(), TxError> {
        value.check_document()?;
        self.check_schemas(table, id, value).await
    }

    /// Buffers a document to insert or to change. A change that changes nothing is not written.
    pub(super) fn store(
        &mut self,
        table: &TableInfo,
        id: DocumentId,
        creation_time: f64,
        old: Option<Old>,
        value: Value,
    ) -> Result<Arc<Document>, TxError> {
        let json = value.to_json();
        if let Some(Old { document, .. }) = &old
            && *document.json == *json
        {
            return Ok(document.clone());
        }
        let size = value.size();
        if !table.is_system() {
            self.usage.write(size, &self.limits)?;
        }
        // Sizes of documents are limited to far below 4 GB, and by memory in system tables.
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let document = Arc::new(Document { id, creation_time, json: json.into(), size });
        let unresolved = value.has_commit_ts();
        let new = keyed(table, document.clone(), &value);
        let original = || old.map(|old| old.keyed(table)).transpose();
        self.staged.put((table.tablet, id.internal), original, Some(new), unresolved)?;
        Ok(document)
    }

    /// Buffers the deletion of a document.
    pub(super) fn unstore(&mut self, table: &TableInfo, old: &Arc<Document>) -> Result<(), TxError> {
        let original = || Old { document: old.clone(), keys: None }.keyed(table).map(Some);
        self.staged.put((table.tablet, old.id.internal), original, None, false)?;
        Ok(())
    }

    /// Buffers the key of a stored document, unchanged, in an index that is being built.
    pub(crate) fn stage_index_key(
        &mut self,
        table: &TableInfo,
        index: &IndexInfo,
        document: &Arc<Document>,
    ) -> Result<(), RowError> {
        let value = parse(table, document)?;
        if let Some(key) = index_key(index, document, &value) {
            self.staged.put_key((table.tablet, document.id.internal), document.clone(), key);
        }
        Ok(())
    }

    /// 14 random bytes and the day.
    pub(super) fn new_internal_id(&self) -> InternalId {
        let mut id: [u8; 16] = self.env.random_bytes();
        let day = self.env.now_ns() / NS_PER_DAY;
        id[14..].copy_from_slice(&(day as u16).to_be_bytes());
        InternalId(id)
    }

    /// Now for the first insert, and the next greater float for each further one.
    pub(super) fn new_creation_time(&mut self) -> f64 {
        let now =
            *self.next_creation_time.get_or_insert_with(|| self.snapshot.ts().max(self.env.now_ns()) as f64 / 1e6);
        self.next_creation_time = Some(now.next_up());
        now
    }
}

/// The version of a document that a write replaces, with its keys if they are known.
pub(super) struct Old {
    pub document: Arc<Document>,
    pub keys: Option<Keys>,
}

impl Old {
    fn keyed(self, table: &TableInfo) -> Result<Keyed, RowError> {
        let Old { document, keys: known } = self;
        let keys = match known {
            Some(keys) => keys,
            None => document_keys(table, &document)?,
        };
        Ok(Keyed { document, keys })
    }
}

/// The fields of a stored document, commit timestamps of own writes included.
pub(crate) fn parse(table: &TableInfo, document: &Document) -> Result<Value, RowError> {
    match Value::from_json_in_mutation(&document.json) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(value) => Err(unreadable(table, document, format!("it is not an object but {}", value.type_name()))),
        Err(error) => Err(unreadable(table, document, error.to_string())),
    }
}

fn unreadable(table: &TableInfo, document: &Document, problem: String) -> RowError {
    RowError { table: table.name.clone(), id: document.id.to_string(), problem }
}

fn with_system_fields(mut fields: Fields, id: DocumentId, creation_time: f64) -> Value {
    fields.insert(ID.to_owned(), Value::String(id.to_string()));
    fields.insert(CREATION_TIME.to_owned(), Value::Float64(creation_time));
    Value::Object(fields)
}

/// The whole document of a system table's row.
pub(super) fn system_document(
    fields: Fields,
    table: SystemTable,
    id: InternalId,
    creation_time: f64,
) -> (DocumentId, Value) {
    let id = DocumentId { table: table.number(), internal: id };
    (id, with_system_fields(fields, id, creation_time))
}
