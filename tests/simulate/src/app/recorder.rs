//! A transaction that remembers what it read and wrote.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakewire_storage::catalog::Namespace;
use lakewire_storage::document::Document;
use lakewire_storage::id::DocumentId;
use lakewire_storage::query::{CursorKey, Query};
use lakewire_storage::segment::ReadError;
use lakewire_storage::transaction::{PageOptions, TableKind, Transaction, TxError};
use lakewire_storage::value::Value;
use serde_json::{Value as Json, json};

use super::spec::{Read, Table};

/// One step of a transaction.
#[derive(Clone, Debug)]
pub enum Op {
    /// It read this, and got that.
    Read(Read, Json),
    /// From then on a document is this.
    Put(Table, DocumentId, Arc<str>),
    /// From then on a document is gone.
    Delete(Table, DocumentId),
}

/// Why a step failed.
#[derive(Debug)]
pub enum Failed {
    /// The index is not there, or not ready.
    NoIndex,
    /// What is stored could not be read at present.
    Unavailable(String),
    /// It must not fail.
    Wrong(String),
}

impl From<TxError> for Failed {
    fn from(error: TxError) -> Self {
        match error {
            TxError::Developer {
                code: "IndexNotFoundError" | "IndexBackfillingError" | "IndexStagedError", ..
            } => Failed::NoIndex,
            TxError::Read(error) if error.is_transient() || matches!(error, ReadError::Missing { .. }) => {
                Failed::Unavailable(error.to_string())
            }
            error => Failed::Wrong(error.to_string()),
        }
    }
}

/// A transaction and its steps so far.
pub struct Recorder {
    /// The transaction.
    pub tx: Transaction,
    /// What it did.
    pub ops: Vec<Op>,
}

impl Recorder {
    /// Records `tx`.
    pub fn new(tx: Transaction) -> Self {
        Recorder { tx, ops: Vec::new() }
    }

    /// Reads.
    pub async fn read(&mut self, read: &Read) -> Result<Json, Failed> {
        let result = match evaluate(&mut self.tx, read).await {
            Err(Failed::NoIndex) if !read.is_fleeting() => {
                return Err(Failed::Wrong("an index that was never dropped is not there".to_owned()));
            }
            result => result?,
        };
        self.ops.push(Op::Read(read.clone(), result.clone()));
        Ok(result)
    }

    /// Adds a document.
    pub async fn insert(&mut self, table: Table, fields: Json) -> Result<(), Failed> {
        let fields = object(&fields)?;
        let id = self.tx.insert(Namespace::ROOT, table.name(), fields).await?;
        let inserted = self.tx.get(Namespace::ROOT, id, TableKind::User).await?;
        let inserted = inserted.ok_or_else(|| Failed::Wrong(format!("inserted `{id}` and cannot see it")))?;
        self.ops.push(Op::Put(table, id, inserted.json.clone()));
        Ok(())
    }

    /// Sets fields of a document; null removes them.
    pub async fn patch(&mut self, table: Table, id: &Json, fields: Json) -> Result<(), Failed> {
        let id = id_of(id)?;
        let fields: BTreeMap<_, _> =
            object(&fields)?.into_iter().map(|(name, value)| (name, (value != Value::Null).then_some(value))).collect();
        let patched = self.tx.patch(Namespace::ROOT, id, fields).await?;
        self.ops.push(Op::Put(table, id, patched.json.clone()));
        Ok(())
    }

    /// Deletes a document.
    pub async fn delete(&mut self, table: Table, id: &Json) -> Result<(), Failed> {
        let id = id_of(id)?;
        self.tx.delete(Namespace::ROOT, id).await?;
        self.ops.push(Op::Delete(table, id));
        Ok(())
    }
}

fn id_of(id: &Json) -> Result<DocumentId, Failed> {
    let id = id.as_str().and_then(|id| id.parse().ok());
    id.ok_or_else(|| Failed::Wrong("a document without an id".to_owned()))
}

fn object(fields: &Json) -> Result<BTreeMap<String, Value>, Failed> {
    let value = Value::from_json_in_mutation(&fields.to_string()).map_err(|error| Failed::Wrong(error.to_string()))?;
    value.into_object().ok_or_else(|| Failed::Wrong("fields are not an object".to_owned()))
}

fn parsed(document: &Document) -> Json {
    serde_json::from_str(&document.json).unwrap_or(Json::Null)
}

/// Runs a query in a transaction.
pub async fn evaluate(tx: &mut Transaction, read: &Read) -> Result<Json, Failed> {
    match read {
        Read::Get { id, .. } => {
            let found = tx.get(Namespace::ROOT, id_of(&json!(id))?, TableKind::User).await?;
            Ok(found.map_or(Json::Null, |document| parsed(&document)))
        }
        Read::Count { table } => Ok(json!(tx.count(Namespace::ROOT, table.name()).await?)),
        Read::Range { page: None, .. } => all(tx, &query(read)?).await,
        Read::Search { index, words, group } => {
            let mut filters = vec![json!({"type": "Search", "fieldPath": "text", "value": words})];
            filters.extend(group.map(|group| json!({"type": "Eq", "fieldPath": "group", "value": group})));
            let source = json!({"type": "Search", "indexName": format!("items.{}", index.name()), "filters": filters});
            all(tx, &parse(&json!({"source": source, "operators": []}))?).await
        }
        Read::Range { page: Some(size), .. } => {
            let (query, key) = (query(read)?, CursorKey::derive(b"simulated"));
            let mut options = PageOptions { page_size: *size, ..PageOptions::default() };
            let mut found = Vec::new();
            loop {
                let page = tx.paginate(Namespace::ROOT, &query, &options, &key).await?;
                found.extend(page.documents.iter().map(|document| parsed(document)));
                if page.is_done {
                    return Ok(Json::Array(found));
                }
                options.cursor = Some(page.continue_cursor);
            }
        }
    }
}

async fn all(tx: &mut Transaction, query: &Query) -> Result<Json, Failed> {
    let mut stream = tx.open_query(Namespace::ROOT, query)?;
    let mut found = Vec::new();
    while let Some(document) = tx.next(&mut stream).await? {
        found.push(parsed(&document));
    }
    Ok(Json::Array(found))
}

fn parse(query: &Json) -> Result<Query, Failed> {
    Query::from_json(&query.to_string()).map_err(|error| Failed::Wrong(error.to_string()))
}

fn query(read: &Read) -> Result<Query, Failed> {
    let Read::Range { index, equal, from, to, descending, limit, page } = read else {
        return Err(Failed::Wrong("not a range".to_owned()));
    };
    let fields = index.fields();
    let mut range: Vec<Json> = Vec::new();
    for (field, value) in fields.iter().zip(equal) {
        range.push(json!({"type": "Eq", "fieldPath": field, "value": value}));
    }
    let next = fields.get(equal.len());
    for (operator, bound) in [("Gte", from), ("Lt", to)] {
        if let (Some(field), Some(value)) = (next, bound) {
            range.push(json!({"type": operator, "fieldPath": field, "value": value}));
        }
    }
    let limit = limit.filter(|_| page.is_none());
    let operators: Vec<_> = limit.iter().map(|limit| json!({"limit": limit})).collect();
    let name = format!("{}.{}", index.table().name(), index.name());
    let order = if *descending { "desc" } else { "asc" };
    let query = json!({
        "source": {"type": "IndexRange", "indexName": name, "range": range, "order": order},
        "operators": operators,
    });
    parse(&query)
}
