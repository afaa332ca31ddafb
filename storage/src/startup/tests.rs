use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use object_store::{Error, ObjectStoreExt};

use super::*;
use crate::env::Env;
use crate::segment::tests::store::TestStore;

async fn text(store: &impl ObjectStoreExt, path: &str) -> Option<Bytes> {
    match store.get(&Path::from(path)).await {
        Ok(found) => Some(found.bytes().await.expect("bytes")),
        Err(Error::NotFound { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

async fn list(store: &TestStore) -> Option<Vec<String>> {
    let bytes = store.inner.get(&Path::from("startup/main.json")).await.ok()?.bytes().await.expect("bytes");
    let List { reads, .. } = serde_json::from_slice(&bytes).expect("a list");
    Some(reads.into_iter().map(|read| serde_json::to_string(&read).expect("json")).collect())
}

/// Lets what runs in the background come to its end.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

fn begin(store: &Arc<TestStore>) -> StartupStore {
    StartupStore::begin(store.clone(), "main", &Env::system())
}

/// Reads three things, one of which is missing, two of them twice.
async fn start(store: &StartupStore) {
    for _ in 0..2 {
        assert_eq!(text(store, "a").await.as_deref(), Some(&b"first"[..]));
        assert_eq!(text(store, "missing").await, None);
    }
    assert_eq!(store.get_range(&Path::from("b"), 2..5).await.expect("a part"), "con");
    store.finish();
}

#[tokio::test(start_paused = true)]
async fn a_start_asks_once_for_what_it_reads_and_the_next_asks_for_it_at_once() {
    let counted = TestStore::new();
    counted.set("a", "first".into()).await;
    counted.set("b", "second".into()).await;

    start(&begin(&counted)).await;
    settle().await;
    assert_eq!(counted.take_gets(), 4, "the list and three reads");
    let listed = [r#"{"path":"a"}"#, r#"{"path":"b","range":[2,5]}"#, r#"{"path":"missing"}"#];
    assert_eq!(list(&counted).await.expect("a list"), listed);

    let second = begin(&counted);
    settle().await;
    assert_eq!(counted.take_gets(), 4, "all of them before anybody asked");
    start(&second).await;
    settle().await;
    assert_eq!(counted.take_gets(), 0);
    assert_eq!(list(&counted).await.expect("a list"), listed);
}

#[tokio::test(start_paused = true)]
async fn after_the_start_it_is_the_store() {
    let counted = TestStore::new();
    counted.set("a", "old".into()).await;
    let store = begin(&counted);
    assert_eq!(text(&store, "a").await.as_deref(), Some(&b"old"[..]));
    assert_eq!(text(&store, "b").await, None);
    counted.set("a", "new".into()).await;
    counted.set("b", "new".into()).await;
    assert_eq!(text(&store, "a").await.as_deref(), Some(&b"old"[..]), "as of the start");
    store.finish();
    assert_eq!(text(&store, "a").await.as_deref(), Some(&b"new"[..]));
    assert_eq!(text(&store, "b").await.as_deref(), Some(&b"new"[..]));
    store.finish();
}

#[tokio::test(start_paused = true)]
async fn a_write_ends_the_start_and_leaves_no_list() {
    let counted = TestStore::new();
    let store = begin(&counted);
    assert_eq!(text(&store, "a").await, None);
    counted.set("a", "another's".into()).await;
    store.put(&Path::from("b"), "own".into()).await.expect("a put");
    assert_eq!(text(&store, "a").await.as_deref(), Some(&b"another's"[..]));
    store.finish();
    settle().await;
    assert_eq!(list(&counted).await, None);

    let store = begin(&counted);
    assert_eq!(text(&store, "b").await.as_deref(), Some(&b"own"[..]));
    store.delete(&Path::from("b")).await.expect("a delete");
    assert_eq!(text(&store, "b").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_no_list_is_replaced() {
    for wrong in ["{", r#"{"format": 2, "reads": []}"#, r#"{"format": 1, "reads": [{"path": "//"}, {"path": "gone"}]}"#]
    {
        let counted = TestStore::new();
        counted.set("startup/main.json", wrong.into()).await;
        counted.set("a", "first".into()).await;
        let store = begin(&counted);
        settle().await;
        assert_eq!(text(&store, "a").await.as_deref(), Some(&b"first"[..]), "{wrong}");
        store.finish();
        settle().await;
        assert_eq!(list(&counted).await.expect("a list"), [r#"{"path":"a"}"#], "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn conditional_reads_and_those_of_an_unknown_part_are_the_stores() {
    let counted = TestStore::new();
    counted.set("a", "first".into()).await;
    let store = begin(&counted);
    settle().await;
    counted.gets.store(0, SeqCst);
    let path = Path::from("a");
    assert_eq!(store.head(&path).await.expect("there").size, 5);
    counted.set("a", "another first".into()).await;
    assert_eq!(store.head(&path).await.expect("there").size, 13);
    let last = GetOptions { range: Some(object_store::GetRange::Suffix(2)), ..GetOptions::default() };
    for _ in 0..2 {
        let bytes = store.get_opts(&path, last.clone()).await.expect("there").bytes().await.expect("bytes");
        assert_eq!(bytes, "st");
    }
    assert_eq!(counted.take_gets(), 2);
    let found: Vec<_> = store.list(None).collect().await;
    assert_eq!(found.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_list_what_was_missing_is_asked_for_again() {
    let counted = TestStore::new();
    counted.set("a", "first".into()).await;
    let store = begin(&counted);
    assert_eq!(text(&store, "b").await, None);
    assert_eq!(text(&store, "a").await.as_deref(), Some(&b"first"[..]));
    counted.set("b", "later".into()).await;
    assert_eq!(text(&store, "b").await, None, "kept");
    assert_eq!(store.list(None).count().await, 2);
    assert_eq!(text(&store, "b").await.as_deref(), Some(&b"later"[..]));
    let gets = counted.gets.load(SeqCst);
    assert_eq!(text(&store, "a").await.as_deref(), Some(&b"first"[..]));
    assert_eq!(counted.gets.load(SeqCst), gets, "what was there is kept");
}
