//! Which files are written, and which are deleted when.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::model::Model;
use crate::catalog::TabletId;
use crate::env::{Env, ManualClock};
use crate::lake::metadata::{self, Loaded};
use crate::lake::state::TableState;
use crate::lake::{Lake, LakeOptions};
use crate::testing::object;
use crate::value::Value;

const FOLDER: &str = "tables/main/messages";

struct World {
    store: Arc<InMemory>,
    env: Env,
    model: Model,
    messages: TabletId,
}

impl World {
    fn new() -> Self {
        let mut model = Model::new();
        let messages = model.table(10_001, "messages", None);
        let env = Env::deterministic(3);
        model.ts = env.now_ns();
        World { store: Arc::new(InMemory::new()), env, model, messages }
    }

    fn lake(&self) -> Lake {
        self.lake_at("s3://bucket")
    }

    fn lake_at(&self, root: &str) -> Lake {
        let options = LakeOptions { file_bytes: 6000, ..LakeOptions::default() };
        Lake::new(self.store.clone(), root, "main", self.env.clone(), options)
    }

    fn put(&mut self, numbers: impl IntoIterator<Item = u64>) {
        for n in numbers {
            // Hardly to be compressed.
            let noise: String = (0..8).map(|i| format!("{:x}", (n + i).wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
            let json = format!(r#"{{"n": {n}, "at": {}, "noise": "{noise}"}}"#, self.model.ts);
            self.model.put(self.messages, n, Some(object(&json)));
        }
    }

    /// Lets time pass.
    async fn wait(&mut self, duration: Duration) {
        self.env.sleep(duration).await;
        self.model.ts = self.env.now_ns();
    }

    async fn newest(&self) -> Loaded {
        let loaded = metadata::load(&*self.store, &Path::from(FOLDER), 0).await.expect("it can be read");
        loaded.expect("it was published")
    }

    /// Whether the newest snapshot has just the documents of the model, in order.
    async fn check(&self) {
        let documents = self.model.documents(self.messages);
        let wanted = documents.iter().map(|document| {
            let value = document.value().expect("documents are JSON");
            (document.id.to_string(), value.field("at").cloned())
        });
        let state = self.newest().await.state;
        assert_eq!(rows(&*self.store, FOLDER, &state).await, wanted.collect::<Vec<_>>());
        let files = state.files;
        assert!(files.windows(2).all(|pair| pair[0].start < pair[1].start && pair[0].last < pair[1].start));
        assert!(files.first().is_none_or(|first| first.start.is_empty()));
    }

    async fn objects(&self) -> BTreeSet<String> {
        let listed: Vec<_> =
            self.store.list(Some(&Path::from(FOLDER))).try_collect().await.expect("memory can be listed");
        listed.into_iter().map(|object| object.location.to_string()).collect()
    }
}

/// The ids and the column `at` in the data files of a snapshot, in order.
pub(super) async fn rows(store: &dyn ObjectStore, folder: &str, state: &TableState) -> Vec<(String, Option<Value>)> {
    let mut rows = Vec::new();
    for file in &state.files {
        let path = Path::from(format!("{folder}/{}", file.path));
        let bytes = store.get(&path).await.expect("the file is there").bytes().await.expect("it can be read");
        assert_eq!(bytes.len() as u64, file.bytes);
        let batches = ParquetRecordBatchReaderBuilder::try_new(bytes).and_then(|file| file.build());
        for batch in batches.expect("the file is Parquet") {
            let batch = batch.expect("a batch can be read");
            let ids = batch.column_by_name("_id").and_then(|ids| ids.as_string_opt::<i32>()).expect("there are ids");
            let at = batch.column_by_name("at").and_then(|at| at.as_primitive_opt::<Float64Type>()).expect("and times");
            let pairs = ids.iter().zip(at);
            rows.extend(pairs.map(|(id, at)| (id.expect("a document has an id").to_owned(), at.map(Value::Float64))));
        }
    }
    rows
}

#[tokio::test(start_paused = true)]
async fn only_files_with_changes_are_written() {
    let mut world = World::new();
    let lake = world.lake();
    world.put(0..2000);
    let first = lake.publish(&world.model).await.expect("published").tables["messages"].clone();
    assert_eq!(first.rows, 2000);
    assert!(first.files >= 4, "{first:?}");
    world.wait(Duration::from_secs(60)).await;
    assert!(lake.publish(&world.model).await.expect("published").tables.is_empty());

    world.wait(Duration::from_secs(60)).await;
    world.put([700]);
    let update = lake.publish(&world.model).await.expect("published").tables["messages"].clone();
    assert!(update.rows * 2 < first.rows, "{update:?}");
    world.check().await;

    // Appending one by one writes each document O(log n) times.
    let mut rows = 0;
    for n in 2000..2128 {
        world.wait(Duration::from_secs(60)).await;
        world.put([n]);
        rows += lake.publish(&world.model).await.expect("published").tables["messages"].rows;
    }
    assert!(rows < 128 * 12, "{rows} rows were written for 128");
    world.check().await;
}

#[tokio::test(start_paused = true)]
async fn racing_publishers_do_no_harm() {
    let mut world = World::new();
    let lakes = [world.lake(), world.lake(), world.lake()];
    let mut runner = TestRunner::deterministic();
    let changes = proptest::collection::vec((0..300u64, proptest::bool::weighted(0.7)), 0..80);
    for round in 0..40 {
        for (n, there) in changes.new_tree(&mut runner).expect("a strategy").current() {
            if there {
                world.put([n]);
            } else {
                world.model.put(world.messages, n, None);
            }
        }
        world.model.forgetful = round % 10 == 9;
        // One of them is late: it publishes what was there before.
        let earlier = world.model.clone();
        world.wait(Duration::from_secs(30)).await;
        world.put([round]);
        let (a, b, c) =
            futures::join!(lakes[0].publish(&world.model), lakes[1].publish(&earlier), lakes[2].publish(&world.model));
        a.and(b).and(c).expect("published");
        lakes[round as usize % 3].publish(&world.model).await.expect("published");
        world.check().await;
        world.wait(Duration::from_secs(30)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn files_stay_as_long_as_a_snapshot_needs_them() {
    let mut world = World::new();
    let lake = world.lake();
    let mut alive: Vec<(u64, BTreeSet<String>)> = Vec::new();
    for n in 0..50 {
        world.put([n, n * 3, 7]);
        lake.publish(&world.model).await.expect("published");
        let state = world.newest().await.state;
        let files = state.files.iter().map(|file| &file.path).chain(&state.manifests);
        alive.push((state.ts, files.map(|path| format!("{FOLDER}/{path}")).collect()));
        let objects = world.objects().await;
        let kept_from = world.model.ts - Duration::from_secs(3600).as_nanos() as u64;
        for (ts, files) in alive.iter().filter(|(ts, _)| *ts >= kept_from) {
            assert!(files.is_subset(&objects), "a file of {ts} is gone at {}", world.model.ts);
        }
        world.wait(Duration::from_secs(300)).await;
    }
    // Later nothing is left but what the newest snapshot needs.
    for _ in 0..3 {
        world.wait(Duration::from_secs(3600)).await;
        lake.publish(&world.model).await.expect("published");
    }
    let newest = world.newest().await;
    assert_eq!(newest.metadata.snapshots.len(), 1);
    let left: BTreeSet<String> = world
        .objects()
        .await
        .into_iter()
        .filter(|path| path.ends_with(".parquet") || path.ends_with(".avro"))
        .collect();
    assert_eq!(left, alive[alive.len() - 1].1);
}

#[tokio::test(start_paused = true)]
async fn a_new_history_place_or_table_starts_over() {
    let mut world = World::new();
    world.put(0..100);
    world.lake().publish(&world.model).await.expect("published");

    // The bucket was copied: the same files, under another name.
    let copy = world.lake_at("s3://copy");
    copy.publish(&world.model).await.expect("published");
    let newest = world.newest().await;
    assert_eq!(newest.metadata.snapshots.len(), 1);
    assert!(newest.metadata.snapshots[0].manifest_list.starts_with("s3://copy/tables/main/messages/metadata/snap-"));

    // The branch was restored: what was written after is not there any more, and nothing tells which.
    let mut restored = Model { timeline: "00000000000000aa".to_owned(), ..world.model.clone() };
    restored.put(world.messages, 5, None);
    restored.ts -= 1_000_000_000;
    world.model = restored;
    copy.publish(&world.model).await.expect("published");
    world.check().await;

    // Dropped and made anew under the same name.
    world.model.tables.clear();
    let (old, new) = (world.messages, world.model.table(10_002, "messages", None));
    world.messages = new;
    world.put(0..3);
    assert_ne!(old, new);
    world.wait(Duration::from_secs(1)).await;
    copy.publish(&world.model).await.expect("published");
    world.check().await;

    // Dropped for good.
    world.model.tables.clear();
    copy.publish(&world.model).await.expect("published");
    world.wait(Duration::from_secs(3600)).await;
    copy.publish(&world.model).await.expect("published");
    assert!(!world.objects().await.is_empty());
    world.wait(Duration::from_secs(3600)).await;
    copy.publish(&world.model).await.expect("published");
    assert!(world.objects().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_publication_left_is_swept() {
    let mut world = World::new();
    world.put(0..10);
    let orphan = Path::from(format!("{FOLDER}/data/orphan.parquet"));
    world.store.put(&orphan, "half".into()).await.expect("put");
    let written = world.store.head(&orphan).await.expect("it is there").last_modified;
    let since_epoch = Duration::from_millis(written.timestamp_millis() as u64);
    // The store has a clock of its own.
    let lake_at = |world: &World, hours: u64| {
        let now = since_epoch + Duration::from_secs(hours * 3600);
        let clock = Arc::new(ManualClock::new(now.as_nanos() as u64));
        let env = Env { clock, ..world.env.clone() };
        Lake::new(world.store.clone(), "s3://bucket", "main", env, LakeOptions::default())
    };
    lake_at(&world, 23).publish(&world.model).await.expect("published");
    assert!(world.objects().await.contains(&orphan.to_string()));
    lake_at(&world, 25).publish(&world.model).await.expect("published");
    assert!(!world.objects().await.contains(&orphan.to_string()));
    world.check().await;
}
