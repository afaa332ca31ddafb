use std::sync::Arc;

use lakewire_storage::database::{Database, DatabaseOptions};
use lakewire_storage::env::Env;
use lakewire_storage::log::MemoryLog;
use lakewire_storage::segment::SegmentCache;
use lakewire_storage::timeline::{Segments, SegmentsOptions, TimelineId};
use object_store::memory::InMemory;

use super::{find, record};
use crate::udf::SessionRequest;

fn request(number: u32) -> SessionRequest {
    SessionRequest { session_id: "s".into(), request_id: number }
}

#[tokio::test]
async fn committed_records_are_found() {
    let env = Env::system();
    let store = Arc::new(InMemory::new());
    let cache = SegmentCache::new(store.clone(), env.clone(), 1 << 20);
    let segments = Segments::open(store, cache, env.clone(), TimelineId::main(), SegmentsOptions::default());
    let options = DatabaseOptions::new(Arc::new(MemoryLog::new()), segments.await.unwrap(), env.clone());
    let db = Database::open(options).await.unwrap();
    let mut tx = db.begin(db.head(), "test");
    assert_eq!(find(&mut tx, &request(1)).await.unwrap(), None);
    for number in 0..3 {
        record(&mut tx, &request(number), "\"x\"", &["[LOG] 1".to_owned()]).await.unwrap();
    }
    let ts = db.commit(tx).await.unwrap().ts;
    let mut tx = db.begin(db.latest(), "test");
    let found = find(&mut tx, &request(1)).await.unwrap().unwrap();
    assert_eq!((found.result.as_str(), found.lines.len(), found.ts), ("\"x\"", 1, ts));
    assert_eq!(find(&mut tx, &request(7)).await.unwrap(), None);
}
