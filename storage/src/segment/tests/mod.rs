mod cache;
mod damage;
mod file;
mod golden;
mod round_trip;
pub(crate) mod store;

use std::future::Future;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use proptest::prelude::*;

use super::{Row, SegmentCache, SegmentRef, SegmentWriter};
use crate::document::Document;
use crate::env::Env;
use crate::id::{DocumentId, TableNumber};
use crate::interval::Interval;
use crate::key::{Key, internal_id};
use crate::version::raw;

/// Runs a test in a runtime with paused time.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(future)
}

pub(crate) fn cache(store: &Arc<impl ObjectStore>, max_bytes: usize) -> Arc<SegmentCache> {
    SegmentCache::new(store.clone(), Env::deterministic(1), max_bytes)
}

/// The key of a `by_id` index if there are no `fields`, else of another one.
pub(crate) fn key(index: u32, fields: &[u8], id: u8) -> Key {
    Key::from([&index.to_be_bytes(), fields, &[id; 16]].concat())
}

pub(crate) fn document(key: &Key, json: &str) -> Arc<Document> {
    let internal = internal_id(key).expect("a key with an id");
    let id = DocumentId { table: TableNumber(10_001), internal };
    Arc::new(Document { id, creation_time: json.len() as f64 + 0.5, json: json.into(), size: json.len() as u32 + 7 })
}

pub(crate) fn row(key: &Key, ts: u64, json: Option<&str>) -> Row {
    Row { key: key.clone(), ts, document: json.map(|json| document(key, json)) }
}

pub(crate) fn sort(rows: &mut Vec<Row>) {
    rows.sort_by(|a, b| a.key.cmp(&b.key).then(b.ts.cmp(&a.ts)));
    rows.dedup_by(|b, a| a.key == b.key && a.ts == b.ts);
}

pub(crate) async fn write(store: &Arc<impl ObjectStore>, path: &str, rows: &[Row], block_bytes: usize) -> SegmentRef {
    let mut writer = SegmentWriter::new(store.clone(), Path::from(path)).with_block_bytes(block_bytes);
    for row in rows {
        writer.push(row).await.expect("a row in order");
    }
    writer.finish().await.expect("a segment")
}

/// All rows of a segment.
async fn read(cache: &Arc<SegmentCache>, segment: &SegmentRef) -> Result<Vec<Row>, super::ReadError> {
    let mut raw = raw(vec![vec![segment.clone()]], cache.clone(), Interval::all());
    let mut rows = Vec::new();
    while let Some(row) = raw.next().await? {
        rows.push(row);
    }
    Ok(rows)
}

/// Rows in order, at least one: of few keys, so that they have several versions.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let json = prop_oneof![
        2 => Just(None),
        6 => "\\PC{0,40}".prop_map(Some),
        1 => (0..4_000usize).prop_map(|length| Some("x".repeat(length))),
    ];
    let fields = prop_oneof![Just(Vec::new()), prop::collection::vec(0..3u8, 0..4)];
    let row = (0..3u32, fields, 0..4u8, 0..30u64, json)
        .prop_map(|(index, fields, id, ts, json)| row(&key(index, &fields, id), ts, json.as_deref()));
    prop::collection::vec(row, 1..80).prop_map(|mut rows| {
        sort(&mut rows);
        rows
    })
}
