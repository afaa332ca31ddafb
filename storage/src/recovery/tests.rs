use std::sync::Arc;

use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::OpenError;
use crate::catalog::{SystemTable, TableInfo};
use crate::database::Database;
use crate::interval::Interval;
use crate::log::{CommitLog, EntryNumber, LogEntry, MemoryLog};
use crate::query::Order;
use crate::state::Snapshot;
use crate::state::file::writer::Writer;
use crate::testing::{ROOT, World, begin, collect, index, insert, numbers, range};

/// A file of the last version that wrote them: at entry 8, with a table `t` of documents with `n` from 0 to 4, and the index
/// `by_n` of it.
const GOLDEN: &[u8] = include_bytes!("golden/snapshot-v1.lws");
const GOLDEN_ENTRY: EntryNumber = 8;

fn path(entry: EntryNumber) -> Path {
    Path::from(format!("snapshots/{entry:020}.lws"))
}

/// What earlier versions wrote for a snapshot.
async fn old_file(snapshot: &Snapshot, entry: EntryNumber) -> Vec<u8> {
    let mut writer = Writer::new(entry, snapshot.ts());
    let system = SystemTable::ALL.iter().map(|table| table.info());
    let tables: Vec<Arc<TableInfo>> = system.chain(snapshot.catalog().all_tables()).cloned().collect();
    for table in tables {
        let mut documents = snapshot.scan(Interval::prefix(&table.by_id.0.to_be_bytes()), Order::Asc);
        while let Some((_, document)) = documents.next().await.unwrap() {
            writer.push(table.tablet, &document);
        }
    }
    writer.finish()
}

async fn by_n(database: &Database) -> Vec<f64> {
    let mut tx = database.begin(database.latest(), "test");
    let found = numbers(&collect(&mut tx, &range("t.by_n", "[]", "desc", "[]")).await.unwrap());
    assert_eq!(tx.count(ROOT, "t").await.unwrap(), found.len() as u64);
    found
}

async fn old_files(store: &dyn ObjectStore) -> usize {
    let listed: Vec<_> = store.list(Some(&Path::from("snapshots"))).try_collect().await.unwrap();
    listed.len()
}

#[tokio::test(start_paused = true)]
async fn an_old_data_directory_is_taken_over() {
    let mut world = World::new(1);
    let database = world.open().await;
    index(&database, "t", "by_n", &["n"]).await;
    for n in 0..3 {
        insert(&database, "t", &format!(r#"{{"n":{n}}}"#)).await;
    }
    let older = world.log.head().await.unwrap();
    let file = old_file(&database.latest(), older).await;
    let gone = insert(&database, "t", r#"{"n":3}"#).await;
    let newer = world.log.head().await.unwrap();
    let mut tx = begin(&database);
    tx.delete(ROOT, gone).await.unwrap();
    database.commit(tx).await.unwrap();
    insert(&database, "t", r#"{"n":4}"#).await;
    drop(database);
    world.log.trim(older).await.unwrap();

    world.store = Arc::new(InMemory::new());
    let gap = Database::open(world.options().await).await;
    assert!(matches!(gap, Err(OpenError::Gap { newest: 0, .. })), "{gap:?}");
    world.store.put(&path(older), file.clone().into()).await.unwrap();
    world.store.put(&path(newer), vec![1, 2, 3].into()).await.unwrap();
    for _ in 0..3 {
        let database = world.open().await;
        assert_eq!(by_n(&database).await, [4.0, 2.0, 1.0, 0.0]);
        assert_eq!(old_files(&*world.store).await, 0);
        assert!(database.segments().manifest().flushed >= older);
        drop(database);
        // As if the process had ended before the files were removed.
        world.store.put(&path(older), file.clone().into()).await.unwrap();
    }
    let database = world.open().await;
    insert(&database, "t", r#"{"n":5}"#).await;
    database.close().await.unwrap();
    let database = world.open().await;
    assert_eq!(by_n(&database).await, [5.0, 4.0, 2.0, 1.0, 0.0]);
}

#[tokio::test(start_paused = true)]
async fn files_of_the_first_format_can_be_read() {
    let log = Arc::new(MemoryLog::new());
    let world = World::with_log(1, |_| log.clone());
    world.store.put(&path(GOLDEN_ENTRY), GOLDEN.to_vec().into()).await.unwrap();
    let behind = Database::open(world.options().await).await;
    assert!(matches!(behind, Err(OpenError::LogBehind { flushed: GOLDEN_ENTRY, head: 0 })), "{behind:?}");
    for n in 1..=GOLDEN_ENTRY {
        let entry = LogEntry { nonce: [0; 16], transactions: Vec::new(), seal: None };
        log.append_if_absent(n, &entry).await.unwrap();
    }
    let database = world.open().await;
    assert_eq!(by_n(&database).await, [4.0, 3.0, 2.0, 1.0, 0.0]);
}

#[tokio::test(start_paused = true)]
async fn a_log_larger_than_the_memory_is_flushed_on_the_way() {
    let mut world = World::new(1);
    let database = world.open().await;
    index(&database, "t", "by_n", &["n"]).await;
    for n in 0..300 {
        insert(&database, "t", &format!(r#"{{"n":{n}}}"#)).await;
    }
    drop(database);
    world.segments.flush_bytes = 16 << 10;
    let database = world.open().await;
    assert!(database.tail_bytes() <= 16 << 10 && database.segments().manifest().version > 3);
    assert_eq!(by_n(&database).await, (0..300).rev().map(f64::from).collect::<Vec<_>>());
}
