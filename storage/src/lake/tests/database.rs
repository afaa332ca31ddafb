//! A database's tables are published as its transactions left them, whatever flushes, compactions and restarts there were.

use std::time::Duration;

use object_store::path::Path;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::files::rows;
use crate::document::Document;
use crate::lake::metadata;
use crate::lake::{DatabaseSource, Lake, LakeOptions};
use crate::testing::{ROOT, World, begin, collect, object, patch, scan};
use crate::value::Value;

#[derive(Clone, Debug)]
enum Step {
    Insert(u8),
    Patch(usize),
    Delete(usize),
    Flush,
    Compact,
    Reopen,
    Publish,
    /// So long that history is forgotten.
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..20u8).prop_map(Step::Insert),
        6 => any::<usize>().prop_map(Step::Patch),
        3 => any::<usize>().prop_map(Step::Delete),
        2 => Just(Step::Flush),
        2 => Just(Step::Compact),
        1 => Just(Step::Reopen),
        3 => Just(Step::Publish),
        1 => Just(Step::Wait),
    ]
}

#[tokio::test(start_paused = true)]
async fn tables_are_published_as_they_are() {
    let world = World::new(5);
    let mut database = world.open().await;
    let options = LakeOptions { file_bytes: 3000, ..LakeOptions::default() };
    let lake = || Lake::new(world.store.clone(), "s3://bucket", "main", world.env.clone(), options.clone());
    let mut current = lake();
    let mut runner = TestRunner::deterministic();
    let mut published = 0;
    let steps = proptest::collection::vec(step(), 400).new_tree(&mut runner).expect("a strategy").current();
    for (at, step) in steps.into_iter().enumerate() {
        let mut transaction = begin(&database);
        let there = match transaction.ensure_table(ROOT, "messages").await {
            Ok(_) => collect(&mut transaction, &scan("messages", "asc", "[]")).await.expect("a query"),
            Err(error) => panic!("no table: {error}"),
        };
        let pick = |n: usize| there.get(n % there.len().max(1)).map(|document| document.id);
        match step {
            Step::Insert(count) => {
                for _ in 0..count {
                    let json = format!(r#"{{"at": {at}, "text": "message {at}"}}"#);
                    transaction.insert(ROOT, "messages", object(&json)).await.expect("an insert");
                }
            }
            Step::Patch(n) => {
                if let Some(id) = pick(n) {
                    let change = patch(&format!(r#"{{"at": {at}}}"#));
                    transaction.patch(ROOT, id, change).await.expect("a patch");
                }
            }
            Step::Delete(n) => {
                if let Some(id) = pick(n) {
                    transaction.delete(ROOT, id).await.expect("a deletion");
                }
            }
            Step::Flush => database.checkpoint().await.expect("a flush"),
            Step::Compact => {
                database.checkpoint().await.expect("a flush");
                while database.segments().compact().await.expect("a compaction") {}
            }
            Step::Reopen => {
                database = world.open().await;
                current = lake();
                continue;
            }
            Step::Wait => world.env.sleep(Duration::from_secs(2 * 3600)).await,
            Step::Publish => {
                database.commit(transaction).await.expect("a commit");
                let report = current.publish(&DatabaseSource::new(&database)).await.expect("published");
                let folder = Path::from("tables/main/messages");
                let loaded =
                    metadata::load(&*world.store, &folder, 0).await.expect("it can be read").expect("it is there");
                assert!(report.ts >= loaded.state.ts);
                let wanted: Vec<_> = there.iter().map(|document| (document.id.to_string(), time(document))).collect();
                assert_eq!(rows(&*world.store, folder.as_ref(), &loaded.state).await, wanted, "at step {at}");
                published += 1;
                continue;
            }
        }
        database.commit(transaction).await.expect("a commit");
        world.env.sleep(Duration::from_millis(10)).await;
    }
    assert!(published > 20);
}

fn time(document: &Document) -> Option<Value> {
    document.value().expect("a document").field("at").cloned()
}

#[tokio::test(start_paused = true)]
async fn what_is_committed_is_published_in_time() {
    let world = World::new(6);
    let database = world.open().await;
    let lake = Lake::new(world.store.clone(), "s3://bucket", "main", world.env.clone(), LakeOptions::default());
    let interval = Duration::from_secs(60);
    let following = std::sync::Arc::new(lake).follow(&database, interval);
    let path = Path::from("tables/main/catalog.json");
    for _ in 0..5 {
        crate::testing::insert(&database, "messages", "{}").await;
        let ts = database.latest().ts();
        world.env.sleep(interval + interval / 8 + Duration::from_secs(1)).await;
        let catalog = crate::lake::catalog::Catalog::load(&*world.store, &path).await.expect("it can be read");
        assert!(catalog.expect("it is there").ts >= ts);
    }
    // It ends with the database.
    drop(database);
    following.join().await;
}
