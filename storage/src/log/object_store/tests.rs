use std::sync::atomic::{AtomicU32, Ordering};

use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;

use super::*;
use crate::aws;
use crate::log::{Append, CommitLog, conformance};

async fn conforms(store: Arc<dyn ObjectStore>) {
    let env = Env::deterministic(1);
    let made = AtomicU32::new(0);
    let make = async || {
        let folder = format!("log/{}", made.fetch_add(1, Ordering::Relaxed));
        ObjectStoreLog::open(Arc::clone(&store), &folder, &env).await.expect("open")
    };
    conformance::run_all(&env, make).await;
    let open = async |env: &Env, name: &str| {
        ObjectStoreLog::open(Arc::clone(&store), &format!("shared/{name}"), env).await.expect("open")
    };
    conformance::run_shared(&env, open).await;
    conformance::reopening(&env, async || open(&env, "reopened").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_log_in_memory_conforms() {
    conforms(Arc::new(InMemory::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_log_in_a_directory_conforms() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = LocalFileSystem::new_with_prefix(directory.path()).expect("a store").with_fsync(true);
    conforms(Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_log_in_s3_conforms() {
    let emulator = lakewire_emulators::Ministack::start();
    emulator.create_bucket("logs");
    let (key, secret) = (lakewire_emulators::ACCESS_KEY_ID, lakewire_emulators::SECRET_ACCESS_KEY);
    let config = aws::config_of(emulator.endpoint(), key, secret).await;
    conforms(aws::s3_store(&config, &Env::system(), "logs", "a/prefix").expect("configured")).await;
}

/// What the names of objects are is part of the format.
#[tokio::test]
async fn objects_are_where_they_are_looked_for() {
    let env = Env::deterministic(2);
    let store = Arc::new(InMemory::new());
    let log = ObjectStoreLog::open(store.clone(), "log/main", &env).await.expect("open");
    let entries: Vec<_> = (0..64).map(|_| conformance::sample_entry(&env, 10)).collect();
    for (n, entry) in (1..).zip(&entries) {
        assert_eq!(log.append_if_absent(n, entry).await.expect("append"), Append::Appended);
    }
    log.trim(2).await.expect("trim");
    tokio::task::yield_now().await;
    let content = async |path: &str| store.get(&Path::from(path)).await.expect(path).bytes().await.expect("content");
    assert_eq!(content("log/main/00000000000000000003.lwe").await, entries[2].encode().expect("small"));
    assert_eq!(&content("log/main/first").await[..], b"3 3\n");
    assert_eq!(&content("log/main/head").await[..], b"64\n");
    let gone = store.head(&Path::from("log/main/00000000000000000002.lwe")).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })));
}

/// A hint is where to look first, and nothing is believed.
#[tokio::test]
async fn a_wrong_hint_does_no_harm() {
    let env = Env::deterministic(3);
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let log = ObjectStoreLog::open(Arc::clone(&store), "log/main", &env).await.expect("open");
    for n in 1..=30 {
        log.append_if_absent(n, &conformance::sample_entry(&env, 10)).await.expect("append");
    }
    for hint in ["7", "31", "1000", "18446744073709551615", "-3", ""] {
        store.put(&Path::from("log/main/head"), hint.into()).await.expect("put");
        let log = ObjectStoreLog::open(Arc::clone(&store), "log/main", &env).await.expect("open");
        assert_eq!(log.head().await.expect("head"), 30, "hint {hint}");
    }
}

/// Trimming that was interrupted after any number of requests is finished by the next one.
#[tokio::test]
async fn trimming_is_resumed() {
    let env = Env::deterministic(4);
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let log = ObjectStoreLog::open(Arc::clone(&store), "log/main", &env).await.expect("open");
    for n in 1..=30 {
        log.append_if_absent(n, &conformance::sample_entry(&env, 10)).await.expect("append");
    }
    // The marker has moved, and of what is before it only some is gone.
    let folder = Folder { store: Arc::clone(&store), folder: Path::from("log/main") };
    folder.advance_marker(Marker { first: 21, swept: 1 }).await.expect("moved");
    folder.delete(5, 9).await.expect("deleted");
    let log = ObjectStoreLog::open(store, "log/main", &env).await.expect("open");
    assert_eq!((log.first().await.expect("first"), log.head().await.expect("head")), (21, 30));
    log.trim(10).await.expect("trim");
    let left = folder.present(&(1..=30).collect::<Vec<_>>()).await.expect("looked");
    assert_eq!(left.iter().position(|present| *present), Some(20));
    assert_eq!(folder.marker().await, Ok(Marker { first: 21, swept: 21 }));
    folder.advance_marker(Marker { first: 3, swept: 2 }).await.expect("a late one");
    assert_eq!(folder.marker().await, Ok(Marker { first: 21, swept: 21 }));
}
