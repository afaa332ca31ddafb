//! What the tests of this crate share.

use std::collections::BTreeMap;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::memory::InMemory;

use crate::catalog::{IndexConfig, IndexId, Namespace};
use crate::commit::CommitError;
use crate::database::{Database, DatabaseOptions};
use crate::document::Document;
use crate::env::Env;
use crate::id::DocumentId;
use crate::log::{CommitLog, FaultyLog, MemoryLog};
use crate::query::Query;
use crate::segment::SegmentCache;
use crate::state::Snapshot;
use crate::timeline::{Segments, SegmentsOptions, TimelineId};
use crate::transaction::{Transaction, TxError};
use crate::value::Value;

pub(crate) const ROOT: Namespace = Namespace::ROOT;

/// A log and an object store that outlive databases.
pub(crate) struct World {
    pub log: Arc<dyn CommitLog>,
    pub store: Arc<dyn ObjectStore>,
    pub env: Env,
    pub segments: SegmentsOptions,
}

impl World {
    pub fn new(seed: u64) -> Self {
        World::with_log(seed, |_| Arc::new(MemoryLog::new()))
    }

    pub fn with_log(seed: u64, log: impl FnOnce(&Env) -> Arc<dyn CommitLog>) -> Self {
        let env = Env::deterministic(seed);
        World { log: log(&env), store: Arc::new(InMemory::new()), env, segments: SegmentsOptions::default() }
    }

    /// A world whose log fails as planned, and that log.
    pub fn with_faulty_log(seed: u64) -> (Self, Arc<FaultyLog<MemoryLog>>) {
        let mut world = World::new(seed);
        let log = Arc::new(FaultyLog::planned(MemoryLog::new(), world.env.clone()));
        world.log = log.clone();
        (world, log)
    }

    /// Segments as another process would open them: with a cache of its own.
    pub async fn segments(&self) -> Arc<Segments> {
        let cache = SegmentCache::new(self.store.clone(), self.env.clone(), 8 << 20);
        let opened =
            Segments::open(self.store.clone(), cache, self.env.clone(), TimelineId::main(), self.segments.clone());
        opened.await.expect("the segments open")
    }

    pub async fn options(&self) -> DatabaseOptions {
        DatabaseOptions::new(self.log.clone(), self.segments().await, self.env.clone())
    }

    pub async fn open(&self) -> Arc<Database> {
        Database::open(self.options().await).await.expect("the database opens")
    }
}

/// A transaction on the head.
pub(crate) fn begin(database: &Database) -> Transaction {
    database.begin(database.head(), "test")
}

pub(crate) fn object(json: &str) -> BTreeMap<String, Value> {
    Value::from_json_in_mutation(json).expect("a value").into_object().expect("an object")
}

pub(crate) fn patch(json: &str) -> BTreeMap<String, Option<Value>> {
    Value::patch_from_json(json).expect("a patch")
}

/// Inserts one document in a transaction of its own.
pub(crate) async fn insert(database: &Database, table: &str, json: &str) -> DocumentId {
    let mut transaction = begin(database);
    let id = transaction.insert(ROOT, table, object(json)).await.expect("an insert");
    database.commit(transaction).await.expect("a commit");
    id
}

/// Adds an enabled index to a table, which is created if need be.
pub(crate) async fn index(database: &Database, table: &str, name: &str, fields: &[&str]) {
    let mut transaction = begin(database);
    let table = transaction.ensure_table(ROOT, table).await.expect("a table");
    let fields = fields.iter().map(|field| field.parse().expect("a field path")).collect();
    let id = transaction.add_index(&table, name, &IndexConfig::Database { fields }, false).await.expect("an index");
    database.commit(transaction).await.expect("a commit");
    crate::definition::backfill(database, id).await.expect("a backfill");
    let mut transaction = begin(database);
    transaction.enable_index(id).await.expect("a complete index");
    database.commit(transaction).await.expect("a commit");
}

pub(crate) fn scan(table: &str, order: &str, operators: &str) -> Query {
    let json = format!(
        r#"{{"source":{{"type":"FullTableScan","tableName":"{table}","order":"{order}"}},"operators":{operators}}}"#
    );
    Query::from_json(&json).expect("a query")
}

pub(crate) fn range(index: &str, range: &str, order: &str, operators: &str) -> Query {
    let json = format!(
        r#"{{"source":{{"type":"IndexRange","indexName":"{index}","range":{range},"order":"{order}"}},"operators":{operators}}}"#
    );
    Query::from_json(&json).expect("a query")
}

pub(crate) async fn collect(transaction: &mut Transaction, query: &Query) -> Result<Vec<Arc<Document>>, TxError> {
    let mut stream = transaction.open_query(ROOT, query)?;
    let mut documents = Vec::new();
    while let Some(document) = transaction.next(&mut stream).await? {
        documents.push(document);
    }
    Ok(documents)
}

/// Every document of an index of a snapshot.
pub(crate) async fn all(snapshot: &Snapshot, index: IndexId) -> Vec<Arc<Document>> {
    let mut documents = snapshot.documents(index);
    let mut all = Vec::new();
    while let Some((_, document)) = documents.next().await.expect("a read") {
        all.push(document);
    }
    all
}

/// The field `n` of each document.
pub(crate) fn numbers(documents: &[Arc<Document>]) -> Vec<f64> {
    let number = |document: &Arc<Document>| {
        let value = Value::from_json_in_mutation(&document.json).expect("a document");
        match value.field("n") {
            Some(Value::Float64(n)) => *n,
            other => panic!("`n` is {other:?}"),
        }
    };
    documents.iter().map(number).collect()
}

pub(crate) fn is_conflict(error: &CommitError) -> bool {
    matches!(error, CommitError::Conflict(_))
}
