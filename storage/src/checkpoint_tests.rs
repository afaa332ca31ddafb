use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::commit::CommitError;
use crate::database::{Database, DatabaseOptions};
use crate::env::Env;
use crate::id::DocumentId;
use crate::interval::Interval;
use crate::log::{CommitLog, MemoryLog};
use crate::query::Order;
use crate::state::Snapshot;
use crate::testing::{ROOT, World, begin, index, insert, is_conflict, object, patch};

/// A store that hangs for ever at one operation, as if the process ended there, or is down, or slow.
struct TestStore {
    inner: InMemory,
    env: Env,
    /// How many operations there were.
    operations: AtomicUsize,
    /// At which one everything hangs, just before it or just after.
    hang_at: AtomicUsize,
    hang_after: AtomicBool,
    is_down: AtomicBool,
    delay: Duration,
}

impl TestStore {
    fn new(env: &Env, delay: Duration) -> Arc<Self> {
        Arc::new(TestStore {
            inner: InMemory::new(),
            env: env.clone(),
            operations: AtomicUsize::new(0),
            hang_at: AtomicUsize::new(usize::MAX),
            hang_after: AtomicBool::new(false),
            is_down: AtomicBool::new(false),
            delay,
        })
    }

    fn hangs(&self) -> bool {
        self.operations.load(Ordering::SeqCst) > self.hang_at.load(Ordering::SeqCst)
    }

    /// Lets the operations from the `n`th from now on hang.
    fn hang(&self, n: usize, after: bool) {
        self.hang_after.store(after, Ordering::SeqCst);
        self.hang_at.store(self.operations.load(Ordering::SeqCst) + n, Ordering::SeqCst);
    }

    fn go_on(&self) {
        self.hang_at.store(usize::MAX, Ordering::SeqCst);
    }

    async fn with<T>(&self, operation: impl Future<Output = Result<T>>) -> Result<T> {
        let number = self.operations.fetch_add(1, Ordering::SeqCst) + 1;
        let is_first = number == self.hang_at.load(Ordering::SeqCst).saturating_add(1);
        if self.hangs() && !(is_first && self.hang_after.load(Ordering::SeqCst)) {
            std::future::pending::<()>().await;
        }
        self.env.sleep(self.delay).await;
        if self.is_down.load(Ordering::SeqCst) {
            return Err(Error::Generic { store: "test", source: "the store is down".into() });
        }
        let result = operation.await;
        if self.hangs() {
            std::future::pending::<()>().await;
        }
        result
    }
}

impl fmt::Display for TestStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("test")
    }
}

impl fmt::Debug for TestStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TestStore")
    }
}

#[async_trait]
impl ObjectStore for TestStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.with(self.inner.put_opts(location, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.with(self.inner.put_multipart_opts(location, options)).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.with(self.inner.get_opts(location, options)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// What every document of a table is, in the order of one of its indexes.
type Contents = Vec<(Vec<u8>, Arc<str>)>;

async fn contents(snapshot: &Snapshot, index: &str) -> Contents {
    let Some(table) = snapshot.catalog().table(ROOT, "t").cloned() else { return Vec::new() };
    let id = match index {
        "by_id" => table.by_id,
        name => table.index(name).expect("the index").id,
    };
    let mut scan = snapshot.scan(Interval::prefix(&id.0.to_be_bytes()), Order::Asc);
    let mut contents = Vec::new();
    while let Some((key, document)) = scan.next().await.unwrap() {
        contents.push((key.as_bytes().to_vec(), document.json.clone()));
    }
    let count = snapshot.count(table.by_id).await.unwrap();
    assert_eq!(count, contents.len() as u64, "{index} at {}", snapshot.ts());
    contents
}

/// What the log makes of every index.
async fn replayed(log: &dyn CommitLog) -> BTreeMap<Vec<u8>, Arc<str>> {
    let mut rows = BTreeMap::new();
    for (_, entry) in log.read(1, usize::MAX).await.unwrap() {
        for write in entry.transactions.iter().flat_map(|transaction| &transaction.writes) {
            for delta in &write.keys {
                if let Some(removed) = &delta.removed {
                    rows.remove(removed.as_bytes());
                }
                if let (Some(added), Some(document)) = (&delta.added, &write.document) {
                    rows.insert(added.as_bytes().to_vec(), document.json.clone());
                }
            }
        }
    }
    rows
}

/// Compares two indexes of the table `t` with what the log says.
async fn check(snapshot: &Snapshot, log: &dyn CommitLog) {
    let rows = replayed(log).await;
    let table = snapshot.catalog().table(ROOT, "t").cloned().expect("the table");
    for (name, id) in [("by_id", table.by_id), ("by_n", table.index("by_n").expect("the index").id)] {
        let prefix = id.0.to_be_bytes();
        let expected: Contents =
            rows.iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(k, v)| (k.clone(), v.clone())).collect();
        assert_eq!(contents(snapshot, name).await, expected, "{name}");
    }
}

/// Random inserts, patches and deletes; conflicts are left at that.
async fn work(database: Arc<Database>, seed: u64, commits: usize, longest_pause: Duration) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut mine: Vec<DocumentId> = Vec::new();
    for _ in 0..commits {
        let mut tx = begin(&database);
        let n = random.random_range(0..50);
        let text = "x".repeat(random.random_range(0..500));
        match random.random_range(0..4) {
            0 if !mine.is_empty() => {
                let id = mine[random.random_range(0..mine.len())];
                tx.patch(ROOT, id, patch(&format!(r#"{{"n":{n}}}"#))).await.unwrap();
            }
            1 if mine.len() > 5 => {
                let id = mine.swap_remove(random.random_range(0..mine.len()));
                tx.delete(ROOT, id).await.unwrap();
            }
            _ => {
                let id = tx.insert(ROOT, "t", object(&format!(r#"{{"n":{n},"text":"{text}"}}"#))).await.unwrap();
                if database.commit(tx).await.is_ok() {
                    mine.push(id);
                }
                continue;
            }
        }
        if let Err(error) = database.commit(tx).await {
            assert!(is_conflict(&error), "{error}");
            // Of a delete that lost nothing is known any more.
            mine.clear();
        }
        let pause = longest_pause.as_micros() as u64;
        database.env().sleep(Duration::from_micros(random.random_range(0..=pause))).await;
    }
}

/// Takes snapshots, and reads each one again after a while: the same must be there.
async fn look_twice(database: Arc<Database>, rounds: usize) {
    for _ in 0..rounds {
        let snapshot = if database.env().random_u64().is_multiple_of(2) { database.latest() } else { database.head() };
        let (ts, is_durable) = (snapshot.ts(), snapshot.ts() <= database.latest().ts());
        let seen = contents(&snapshot, "by_n").await;
        database.env().sleep(Duration::from_millis(database.env().random_u64() % 20_000)).await;
        assert_eq!(contents(&snapshot, "by_n").await, seen);
        if is_durable {
            let again = database.snapshot_at(ts).await.unwrap();
            assert_eq!(scanned(&again, "by_n").await, seen);
        }
    }
}

/// [`contents`] without the count.
async fn scanned(snapshot: &Snapshot, index: &str) -> Contents {
    let table = snapshot.catalog().table(ROOT, "t").cloned().expect("the table");
    let id = table.index(index).expect("the index").id;
    let mut scan = snapshot.scan(Interval::prefix(&id.0.to_be_bytes()), Order::Asc);
    let mut contents = Vec::new();
    while let Some((key, document)) = scan.next().await.unwrap() {
        contents.push((key.as_bytes().to_vec(), document.json.clone()));
    }
    contents
}

/// So many databases on one log and one store, all committing, flushing, compacting and collecting.
async fn run(seed: u64, writers: usize) {
    let log = Arc::new(if writers == 1 { MemoryLog::new() } else { MemoryLog::shared() });
    let mut world = World::with_log(seed, |_| log.clone());
    world.store = TestStore::new(&world.env, Duration::from_millis(10));
    world.segments.flush_bytes = 24 << 10;
    world.segments.history = Duration::from_secs(30);
    world.segments.grace = Duration::from_secs(45);
    let mut databases = Vec::new();
    for _ in 0..writers {
        let options = DatabaseOptions { flush_interval: Duration::from_secs(7), ..world.options().await };
        databases.push(Database::open(options).await.unwrap());
    }
    index(&databases[0], "t", "by_n", &["n"]).await;
    for database in &databases {
        database.refresh().await.unwrap();
    }
    let mut tasks = Vec::new();
    for task in 0..6 {
        let database = databases[task as usize % writers].clone();
        tasks.push(tokio::spawn(work(database, seed * 10 + task, 400, Duration::from_millis(1000))));
    }
    for database in &databases {
        tasks.push(tokio::spawn(look_twice(database.clone(), 10)));
    }
    for task in tasks {
        task.await.unwrap();
    }
    for database in &databases {
        database.refresh().await.unwrap();
        check(&database.latest(), &*log).await;
        database.checkpoint().await.unwrap();
        check(&database.latest(), &*log).await;
    }
    let manifest = databases[0].segments().refresh().await.unwrap();
    assert!(manifest.version > 20, "there were flushes: version {}", manifest.version);
    assert_eq!(manifest.flushed, log.head().await.unwrap());
    for database in databases {
        database.close().await.unwrap();
    }
    // From segments alone.
    log.trim(log.head().await.unwrap()).await.unwrap();
    let database = world.open().await;
    let reopened = contents(&database.latest(), "by_n").await;
    while database.segments().compact_all().await.unwrap() {}
    drop(database);
    let database = world.open().await;
    assert_eq!(contents(&database.latest(), "by_n").await, reopened);
    assert_eq!(contents(&database.latest(), "by_id").await.len(), reopened.len());
}

#[tokio::test(start_paused = true)]
async fn flushes_under_concurrent_commits_change_nothing() {
    for seed in 0..2 {
        run(seed, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn two_databases_flush_and_compact_one_timeline() {
    for seed in 0..2 {
        run(seed, 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_step_of_a_flush_loses_nothing() {
    let mut steps = 0;
    for step in 0..100 {
        let mut world = World::new(step as u64);
        world.segments.log_kept = Duration::ZERO;
        let store = TestStore::new(&world.env, Duration::ZERO);
        world.store = store.clone();
        let database = world.open().await;
        index(&database, "t", "by_n", &["n"]).await;
        work(database.clone(), 1, 30, Duration::ZERO).await;
        database.checkpoint().await.unwrap();
        work(database.clone(), 2, 30, Duration::ZERO).await;
        let (by_id, by_n) = (contents(&database.latest(), "by_id").await, contents(&database.latest(), "by_n").await);
        store.hang(step / 2, step % 2 == 1);
        let flushed = world.env.timeout(Duration::from_millis(500), database.checkpoint()).await;
        drop(database);
        store.go_on();
        for _ in 0..2 {
            let database = world.open().await;
            let latest = database.latest();
            assert_eq!(contents(&latest, "by_id").await, by_id, "step {step}");
            assert_eq!(contents(&latest, "by_n").await, by_n, "step {step}");
            let id = insert(&database, "t", r#"{"n":1}"#).await;
            let mut tx = begin(&database);
            tx.delete(ROOT, id).await.unwrap();
            database.commit(tx).await.unwrap();
            database.checkpoint().await.unwrap();
            assert_eq!(contents(&database.latest(), "by_n").await, by_n, "step {step}");
        }
        if flushed.is_ok() {
            steps = step;
            break;
        }
    }
    assert!(steps > 8, "a flush takes several steps, not {steps}");
}

#[tokio::test(start_paused = true)]
async fn commits_wait_while_the_store_is_down() {
    let mut world = World::new(1);
    let store = TestStore::new(&world.env, Duration::from_millis(20));
    world.store = store.clone();
    world.segments.flush_bytes = 64 << 10;
    let database = world.open().await;
    let text = "x".repeat(400);
    insert(&database, "t", r#"{"n":0}"#).await;
    store.is_down.store(true, Ordering::SeqCst);
    let mut stored = 1;
    let refused = loop {
        let mut tx = begin(&database);
        tx.insert(ROOT, "t", object(&format!(r#"{{"n":{stored},"text":"{text}"}}"#))).await.unwrap();
        match database.commit(tx).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 10_000);
    };
    let CommitError::Unavailable(reason) = refused else { panic!("{refused}") };
    assert!(reason.contains("no room") && reason.contains("the store is down"), "{reason}");
    assert!(database.tail_bytes() < 5 * (64 << 10) && stored > 100);
    // It waits, and goes on by itself.
    let waiting = tokio::spawn({
        let database = database.clone();
        async move { insert(&database, "t", r#"{"n":1}"#).await }
    });
    tokio::time::sleep(Duration::from_secs(3)).await;
    store.is_down.store(false, Ordering::SeqCst);
    waiting.await.unwrap();
    stored += 1;
    let count = |database: Arc<Database>| async move {
        let latest = database.latest();
        latest.count(latest.catalog().table(ROOT, "t").unwrap().by_id).await.unwrap()
    };
    assert_eq!(count(database.clone()).await, stored);
    database.close().await.unwrap();
    assert_eq!(count(world.open().await).await, stored);
}

/// Upkeep has failed often and pauses for a minute, and what it learned last has all that there is no room for.
#[tokio::test(start_paused = true)]
async fn who_has_no_room_soon_forgets_what_another_has_flushed() {
    for more_seconds in [0, 15, 30, 45] {
        let mut world = World::with_log(1, |_| Arc::new(MemoryLog::shared()));
        let store = TestStore::new(&world.env, Duration::from_millis(20));
        world.store = store.clone();
        let a = world.open().await;
        world.segments.flush_bytes = 8 << 10;
        let b = world.open().await;
        store.is_down.store(true, Ordering::SeqCst);
        let text = "x".repeat(1000);
        for n in 0..100 {
            insert(&a, "t", &format!(r#"{{"n":{n},"text":"{text}"}}"#)).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_secs(300 + more_seconds)).await;
        let had = b.entry();
        assert!(had < a.entry());
        store.is_down.store(false, Ordering::SeqCst);
        a.checkpoint().await.unwrap();
        b.segments().refresh().await.unwrap();
        assert_eq!(b.entry(), had);
        // The longest pause after flushes that failed.
        tokio::time::sleep(Duration::from_secs(31)).await;
        assert_eq!(b.entry(), a.entry(), "{more_seconds}");
        assert_eq!(contents(&b.latest(), "by_id").await, contents(&a.latest(), "by_id").await);
    }
}

#[tokio::test(start_paused = true)]
async fn the_memory_of_a_long_load_is_bounded() {
    let mut world = World::new(1);
    world.store = TestStore::new(&world.env, Duration::from_millis(20));
    world.segments.flush_bytes = 256 << 10;
    let database = world.open().await;
    index(&database, "t", "by_n", &["n"]).await;
    let text = "x".repeat(450);
    let tasks = (0..8).map(|task| {
        let (database, text) = (database.clone(), text.clone());
        tokio::spawn(async move {
            let mut most = 0;
            for batch in 0..50 {
                let mut tx = begin(&database);
                for n in 0..50 {
                    let n = task * 10_000 + batch * 50 + n;
                    tx.insert(ROOT, "t", object(&format!(r#"{{"n":{n},"text":"{text}"}}"#))).await.unwrap();
                }
                database.commit(tx).await.unwrap();
                most = most.max(database.tail_bytes());
            }
            most
        })
    });
    let most = futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).max().unwrap();
    // Nothing is accepted above four times; eight may be on their way then.
    assert!(most < 5 * (256 << 10) + 8 * 100_000, "{most}");
    let latest = database.latest();
    assert_eq!(contents(&latest, "by_n").await.len(), 20_000);
    database.close().await.unwrap();
    drop(database);
    assert_eq!(contents(&world.open().await.latest(), "by_id").await.len(), 20_000);
}
