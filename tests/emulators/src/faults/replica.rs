//! What eventually consistent reads of DynamoDB see: a second one, to which every write comes later.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::http::request::Parts;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::upstream::{Answer, NoAnswer, Upstream};
use crate::{Dynoxide, timer};

/// How many items one `BatchWriteItem` may have.
const BATCH: usize = 25;

const NAME: &str = "DynamoDB_20120810";

/// Has the tables that were read, from then on. Dropping it ends it.
pub(super) struct Replica {
    database: Dynoxide,
    upstream: Upstream,
    tables: BTreeSet<String>,
    writes: mpsc::UnboundedSender<Write>,
    last_due: Instant,
}

struct Write {
    due: Instant,
    head: Parts,
    body: Bytes,
}

impl Replica {
    pub fn start(upstream: Upstream) -> Self {
        let database = Dynoxide::start();
        let (writes, queue) = mpsc::unbounded_channel();
        tokio::spawn(apply(database.endpoint().to_owned(), upstream.clone(), queue));
        Self { database, upstream, tables: BTreeSet::new(), writes, last_due: Instant::now() }
    }

    /// Its URL.
    pub fn endpoint(&self) -> &str {
        self.database.endpoint()
    }

    /// Copies the tables of a request that it does not have. To be called while nothing is written to them.
    ///
    /// # Errors
    /// If the service at `target` does not give them, for example because it checks signatures.
    pub async fn copy(&mut self, target: &str, request: &Value) -> Result<(), NoAnswer> {
        for table in tables(request) {
            if !self.tables.contains(&table) {
                self.copy_table(target, &table).await?;
                self.tables.insert(table);
            }
        }
        Ok(())
    }

    /// Whether a write concerns a table that it has.
    pub fn concerns(&self, request: &Value) -> bool {
        tables(request).iter().any(|table| self.tables.contains(table))
    }

    /// Does a write that was done, after `lag`, and after all before it.
    pub fn write(&mut self, head: Parts, body: Bytes, lag: Duration) {
        self.last_due = self.last_due.max(Instant::now() + lag);
        let _ended = self.writes.send(Write { due: self.last_due, head, body });
    }

    async fn copy_table(&self, target: &str, table: &str) -> Result<(), NoAnswer> {
        let described = self.call(target, "DescribeTable", &json!({"TableName": table})).await?;
        let mut make = json!({"TableName": table, "BillingMode": "PAY_PER_REQUEST"});
        for name in ["KeySchema", "AttributeDefinitions"] {
            make[name] = described["Table"][name].clone();
        }
        for name in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
            if let Some(indexes) = described["Table"][name].as_array() {
                let bare = |index: &Value| json!({"IndexName": index["IndexName"], "KeySchema": index["KeySchema"], "Projection": index["Projection"]});
                make[name] = indexes.iter().map(bare).collect();
            }
        }
        self.call(self.endpoint(), "CreateTable", &make).await?;
        let mut scan = json!({"TableName": table, "ConsistentRead": true});
        loop {
            let page = self.call(target, "Scan", &scan).await?;
            for items in page["Items"].as_array().map_or(&[][..], Vec::as_slice).chunks(BATCH) {
                let puts: Vec<_> = items.iter().map(|item| json!({"PutRequest": {"Item": item}})).collect();
                self.call(self.endpoint(), "BatchWriteItem", &json!({"RequestItems": {table: puts}})).await?;
            }
            match page.get("LastEvaluatedKey") {
                Some(key) => scan["ExclusiveStartKey"] = key.clone(),
                None => return Ok(()),
            }
        }
    }

    async fn call(&self, endpoint: &str, operation: &str, body: &Value) -> Result<Value, NoAnswer> {
        let target = format!("{NAME}.{operation}");
        let headers = [
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", target.as_str()),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
            ),
            ("x-amz-date", "20260101T000000Z"),
        ];
        let Answer { status, body, .. } = self.upstream.post(&format!("{endpoint}/"), &headers, body).await?;
        if !status.is_success() {
            return Err(format!("{operation}: {status}: {}", String::from_utf8_lossy(&body)).into());
        }
        Ok(serde_json::from_slice(&body)?)
    }
}

/// Does all writes in their order, when they are due.
async fn apply(endpoint: String, upstream: Upstream, mut queue: mpsc::UnboundedReceiver<Write>) {
    while let Some(Write { due, head, body }) = queue.recv().await {
        timer::sleep(due.saturating_duration_since(Instant::now())).await;
        if let Err(error) = upstream.send(&endpoint, &head, body).await {
            // Whoever stops the replica stops this.
            eprintln!("a write did not come to the replica: {error}");
        }
    }
}

/// The tables that a request is about.
fn tables(request: &Value) -> BTreeSet<String> {
    let mut tables: BTreeSet<String> = request["TableName"].as_str().map(ToOwned::to_owned).into_iter().collect();
    tables.extend(request["RequestItems"].as_object().into_iter().flatten().map(|(table, _)| table.clone()));
    for item in request["TransactItems"].as_array().into_iter().flatten() {
        let parts = item.as_object().into_iter().flatten();
        tables.extend(parts.filter_map(|(_, part)| part["TableName"].as_str().map(ToOwned::to_owned)));
    }
    tables
}

/// Whether a request reads, and is content with what was a moment ago.
pub(super) fn is_eventual_read(operation: &str, request: &Value) -> bool {
    let wants_now = |request: &Value| request["ConsistentRead"] == true;
    match operation {
        "GetItem" | "Query" | "Scan" => !wants_now(request),
        "BatchGetItem" => !request["RequestItems"].as_object().into_iter().flatten().any(|(_, of)| wants_now(of)),
        _ => false,
    }
}
