//! How much a cold search reads.

use super::{add_index, search, text_index, vector_index};
use crate::search::VectorQuery;
use crate::testing::{ROOT, World, begin, collect, object};

#[tokio::test(start_paused = true)]
async fn a_cold_search_asks_for_few_things() {
    let world = World::new(3);
    let database = world.open().await;
    add_index(&database, "by_body", &text_index()).await;
    add_index(&database, "by_v", &vector_index()).await;
    for round in 0..40_u32 {
        let mut transaction = begin(&database);
        for n in 0..100 {
            let (word, x) = (round * 100 + n, f64::from(n) - 50.0);
            let fields = format!(r#"{{"body":"common word{word} kind{}","v":[{x},{round}]}}"#, n % 10);
            transaction.insert(ROOT, "notes", object(&fields)).await.expect("an insert");
        }
        database.commit(transaction).await.expect("a commit");
    }
    database.checkpoint().await.expect("a flush");
    database.segments().compact_all().await.expect("a compaction");
    drop(database);

    let database = world.open().await;
    let cache = database.segments().cache().clone();
    let gets = |before: crate::segment::Usage| cache.usage().gets - before.gets;
    let mut transaction = begin(&database);
    cache.clear();
    let before = cache.usage();
    let query = search("common word7", "", r#"[{"limit":10}]"#);
    let found = collect(&mut transaction, &query).await.expect("results");
    assert_eq!(found.len(), 10);
    // The tail of the part, its rows, and for each document the block of the table.
    assert!(gets(before) <= 10 + 10, "{} requests", gets(before));
    let before = cache.usage();
    collect(&mut transaction, &query).await.expect("results");
    assert_eq!(gets(before), 0, "what was read is in the cache");

    cache.clear();
    let before = cache.usage();
    let query = VectorQuery::from_json(r#"{"query":{"indexName":"notes.by_v","vector":[1,1]}}"#).expect("a query");
    let hits = database.head().vector_search(ROOT, &query).await.expect("results");
    assert_eq!(hits.len(), 10);
    assert!(gets(before) <= 10, "{} requests", gets(before));
    assert!(cache.usage().bytes_held <= 8 << 20);
}
