//! The cache: its bound, and that reads are shared and survive their readers.

use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use parking_lot::Mutex;

use super::store::TestStore;
use super::*;
use crate::env::{Spawner, TokioSpawner};
use crate::segment::ReadError;
use crate::version::Version;

/// 200 documents of about 1,000 bytes in blocks of 8 KB.
async fn segment(store: &Arc<TestStore>) -> Vec<SegmentRef> {
    let text = "z".repeat(1_000);
    let rows: Vec<Row> = (0..200).map(|id| row(&key(1, &[], id), 5, Some(&text))).collect();
    vec![write(store, "a", &rows, 8 << 10).await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_bound_holds_whatever_is_read_at_once() {
    for max_bytes in [0, 10_000, 50_000, 150_000] {
        let store = TestStore::new();
        let version = Version::new(vec![segment(&store).await], SegmentCache::new(store, Env::system(), max_bytes));
        let readers = (0..8u64).map(|reader| {
            let version = version.clone();
            tokio::spawn(async move {
                for step in 0..100 {
                    let id = (reader * 31 + step * (reader + 7)) % 200;
                    let found = version.get(&key(1, &[], id as u8), 9).await.expect("a read");
                    assert!(found.is_some());
                    let held = version.cache().usage().bytes_held;
                    assert!(held <= max_bytes as u64, "{held} of {max_bytes}");
                }
            })
        });
        for reader in join_all(readers).await {
            reader.expect("a reader");
        }
        let before = version.cache().usage();
        assert_eq!(before.bytes_held > max_bytes as u64 / 2, max_bytes > 0, "{before:?}");
        for _ in 0..2 {
            version.get(&key(1, &[], 100), 9).await.expect("a read");
        }
        // 10,000 bytes have room for the tail or a block, not for both.
        let hits = version.cache().usage().hits - before.hits;
        assert!(hits >= 2 || max_bytes < 50_000, "{hits} hits after {before:?}");
    }
}

#[test]
fn what_many_miss_is_read_once() {
    block_on(async {
        let store = TestStore::new();
        let version = Version::new(vec![segment(&store).await], cache(&store, 1 << 20));
        // The first row of a block: the one before has to be read too, as it could have newer versions.
        let point = key(1, &[], 7);
        let found = join_all((0..50).map(|_| version.get(&point, 9))).await;
        assert!(found.into_iter().all(|found| matches!(found, Ok(Some(_)))));
        assert_eq!(store.take_gets(), 2, "the tail, and two blocks at once");
        assert_eq!(version.cache().usage().gets, 2);
    });
}

/// A reader that nobody polls any more holds up no other, and what it asked for is not lost.
#[test]
fn a_reader_that_is_left_alone_holds_up_nobody() {
    block_on(async {
        let store = TestStore::new();
        let version = Version::new(vec![segment(&store).await], cache(&store, 1 << 20));
        let point = key(1, &[], 7);
        let mut stuck = Box::pin(version.get(&point, 9));
        assert!((&mut stuck).now_or_never().is_none());
        assert!(matches!(version.get(&point, 9).await, Ok(Some(_))));
        assert_eq!(store.take_gets(), 2);
        assert!(matches!(stuck.await, Ok(Some(_))));
        assert_eq!(store.take_gets(), 0);
    });
}

/// Drops what it should run when told to, as a process that ends does.
struct Mortal(Mutex<bool>);

impl Spawner for Mortal {
    fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>) {
        if *self.0.lock() {
            TokioSpawner.spawn(name, future);
        }
    }

    fn spawn_thread(&self, name: &str, body: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
        TokioSpawner.spawn_thread(name, body)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        TokioSpawner.sleep(duration)
    }
}

#[test]
fn a_read_whose_task_is_dropped_is_interrupted_and_can_be_repeated() {
    block_on(async {
        let store = TestStore::new();
        let spawner = Arc::new(Mortal(Mutex::new(false)));
        let env = Env { spawner: spawner.clone(), ..Env::deterministic(1) };
        let references = segment(&store).await;
        let version = Version::new(vec![references], SegmentCache::new(store, env, 1 << 20));
        let point = key(1, &[], 7);
        let error = version.get(&point, 9).await.expect_err("no task runs");
        assert!(matches!(error, ReadError::Interrupted { .. }) && error.is_transient());
        *spawner.0.lock() = true;
        assert!(matches!(version.get(&point, 9).await, Ok(Some(_))));
    });
}
