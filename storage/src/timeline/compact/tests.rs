use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use object_store::memory::InMemory;
use proptest::prelude::*;

use super::Plan;
use super::merge::Filter;
use crate::catalog::IndexId;
use crate::env::Env;
use crate::interval::Interval;
use crate::log::Timestamp;
use crate::query::Order;
use crate::segment::tests::{block_on, document, key, row, sort};
use crate::segment::{Row, SegmentCache};
use crate::timeline::{Flushed, Manifest, Segments, SegmentsOptions, TimelineId};

/// What a snapshot at `ts` has.
fn visible(rows: &[Row], ts: Timestamp) -> BTreeMap<&[u8], &Row> {
    let mut newest: BTreeMap<&[u8], &Row> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.ts <= ts) {
        let entry = newest.entry(&row.key).or_insert(row);
        if row.ts > entry.ts {
            *entry = row;
        }
    }
    newest.retain(|_, row| row.document.is_some());
    newest
}

fn some_rows() -> impl Strategy<Value = Vec<Row>> {
    let one = (0..4u8, 1..30u64, any::<bool>());
    prop::collection::vec(one, 0..60).prop_map(|rows| {
        let made = rows.into_iter().map(|(id, ts, there)| row(&key(1, &[], id), ts, there.then_some("{}")));
        let mut rows: Vec<Row> = made.collect();
        sort(&mut rows);
        rows
    })
}

proptest! {
    #[test]
    fn what_is_dropped_is_seen_by_nobody(merged in some_rows(), older in some_rows(), horizon in 0..32u64, oldest: bool) {
        let manifest = Manifest::empty(&Env::deterministic(0), TimelineId::main());
        let mut filter = Filter::new(&manifest, &Plan { runs: 0..1, with_oldest: oldest }, horizon);
        let kept: Vec<Row> = merged.iter().filter(|row| filter.keeps(row)).cloned().collect();
        let older = if oldest { Vec::new() } else { older };
        let (before, after) = ([&merged[..], &older[..]].concat(), [&kept[..], &older[..]].concat());
        for ts in horizon..32 {
            let differs = |row: &&Row| visible(&before, ts).get(&row.key[..]).map(|row| row.ts) != visible(&after, ts).get(&row.key[..]).map(|row| row.ts);
            prop_assert!(!before.iter().any(|row| differs(&row)), "at {}", ts);
        }
        // And nothing else is kept.
        let settled: Vec<&Row> = kept.iter().filter(|row| row.ts <= horizon).collect();
        let keys: BTreeSet<&[u8]> = settled.iter().map(|row| &row.key[..]).collect();
        prop_assert_eq!(keys.len(), settled.len());
        prop_assert!(!oldest || settled.iter().all(|row| row.document.is_some()));
    }
}

/// A timeline of random documents of about 400 bytes, written by the test.
struct Load {
    env: Env,
    segments: Arc<Segments>,
    entry: u64,
}

const HISTORY: Duration = Duration::from_secs(300);

impl Load {
    async fn new(options: SegmentsOptions) -> Load {
        let env = Env::deterministic(3);
        let store = Arc::new(InMemory::new());
        let cache = SegmentCache::new(store.clone(), env.clone(), 8 << 20);
        let options = SegmentsOptions { history: HISTORY, ..options };
        let segments = Segments::open(store, cache, env.clone(), TimelineId::main(), options).await.expect("opened");
        Load { env, segments, entry: 0 }
    }

    fn key(&self, index: u32, id: u64) -> crate::key::Key {
        crate::key::Key::from([&index.to_be_bytes()[..], &id.to_be_bytes(), &[7; 8]].concat())
    }

    fn random_row(&self, index: u32, id: u64) -> Row {
        let key = self.key(index, id);
        let json = hex::encode(self.env.random_bytes::<200>());
        Row { ts: self.env.now_ns(), document: Some(document(&key, &json)), key }
    }

    fn tombstone(&self, index: u32, id: u64) -> Row {
        Row { key: self.key(index, id), ts: self.env.now_ns(), document: None }
    }

    async fn flush(&mut self, mut rows: Vec<Row>, upto: Flushed) {
        rows.sort_by(|a, b| (&a.key, Reverse(a.ts)).cmp(&(&b.key, Reverse(b.ts))));
        self.entry += 1;
        let upto = Flushed { entry: self.entry, ts: self.env.now_ns(), ..upto };
        self.segments.flush(rows.into_iter(), upto).await.expect("a flush");
    }

    async fn settle(&self) {
        while self.segments.compact().await.expect("a compaction") {}
    }

    async fn len(&self) -> usize {
        let mut scan = self.segments.version().scan(Interval::all(), Order::Asc, self.env.now_ns());
        let mut count = 0;
        while scan.next().await.expect("a row").is_some() {
            count += 1;
        }
        count
    }
}

/// Documents that are overwritten for hours cost twice their size at most, beside what the window of history holds.
#[test]
fn steady_overwriting_does_not_grow() {
    block_on(async {
        let mut load = Load::new(SegmentsOptions { file_bytes: 64 << 10, ..SegmentsOptions::default() }).await;
        let (documents, overwritten) = (2_000, 40);
        load.flush((0..documents).map(|id| load.random_row(1, id)).collect(), Flushed::default()).await;
        let live = load.segments.manifest().bytes();
        // Five flushes are in the window.
        let window = live * 5 * overwritten / documents;
        let mut worst = 0;
        for _ in 0..400 {
            load.env.sleep(Duration::from_secs(60)).await;
            let ids: BTreeSet<u64> = (0..overwritten).map(|_| load.env.random_u64() % documents).collect();
            load.flush(ids.into_iter().map(|id| load.random_row(1, id)).collect(), Flushed::default()).await;
            load.settle().await;
            worst = worst.max(load.segments.manifest().bytes());
        }
        let written = load.segments.written();
        let amplification = (written.compacted_bytes + written.flushed_bytes) as f64 / written.flushed_bytes as f64;
        let ratio = worst as f64 / (live + window) as f64;
        println!("stored / live: {ratio:.2} at worst, write amplification {amplification:.1}");
        assert!(ratio <= 2.0, "{ratio}");
        assert!(amplification < 10.0, "{amplification}");
        assert_eq!(load.len().await, 2_000);

        // A burst, and then nothing but time.
        for _ in 0..20 {
            load.env.sleep(Duration::from_secs(1)).await;
            load.flush((0..documents).step_by(4).map(|id| load.random_row(1, id)).collect(), Flushed::default()).await;
            load.settle().await;
        }
        assert!(load.segments.manifest().bytes() > 2 * live, "the window of history has it all");
        load.env.sleep(2 * HISTORY).await;
        load.flush(vec![load.random_row(1, 0)], Flushed::default()).await;
        load.settle().await;
        assert!(load.segments.manifest().bytes() <= 2 * live, "{}", load.segments.manifest().bytes());

        // Deleting everything leaves nothing.
        load.flush((0..documents).map(|id| load.tombstone(1, id)).collect(), Flushed::default()).await;
        load.env.sleep(2 * HISTORY).await;
        load.flush(vec![load.random_row(1, 0)], Flushed::default()).await;
        load.settle().await;
        assert!(load.segments.manifest().bytes() <= 64 << 10, "{}", load.segments.manifest().bytes());
        assert_eq!(load.len().await, 1);
    });
}

#[test]
fn dropped_indexes_go_and_tombstones_of_incomplete_ones_stay() {
    block_on(async {
        let mut load = Load::new(SegmentsOptions::default()).await;
        load.flush(
            (1..=3)
                .flat_map(|index| (0..50).map(move |id| (index, id)))
                .map(|(index, id)| load.random_row(index, id))
                .collect(),
            Flushed::default(),
        )
        .await;
        load.env.sleep(Duration::from_secs(1)).await;
        let (dropped_indexes, keep_tombstones) = (vec![(IndexId(2), load.env.now_ns())], vec![IndexId(3)]);
        let upto = Flushed { dropped_indexes, keep_tombstones: keep_tombstones.clone(), ..Flushed::default() };
        load.flush(vec![load.tombstone(1, 7), load.tombstone(3, 7)], upto).await;

        assert!(load.segments.compact_all().await.expect("a compaction"));
        let indexes =
            |manifest: &Manifest| manifest.segments().map(|segment| segment.first_key.index()).collect::<Vec<_>>();
        assert_eq!(indexes(&load.segments.manifest()).len(), 3, "snapshots may have index 2");
        load.env.sleep(2 * HISTORY).await;
        load.flush(vec![load.random_row(1, 0)], Flushed { keep_tombstones, ..Flushed::default() }).await;
        assert!(load.segments.compact_all().await.expect("a compaction"));
        let manifest = load.segments.manifest();
        assert_eq!(indexes(&manifest), [Some(IndexId(1)), Some(IndexId(3))]);
        assert_eq!(manifest.dropped_indexes, [], "nothing is left of it");
        assert_eq!(manifest.segments().map(|segment| segment.tombstones).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(load.len().await, 49 + 49);
    });
}

#[test]
fn segments_that_overlap_nothing_are_moved() {
    block_on(async {
        let mut load = Load::new(SegmentsOptions { file_bytes: 16 << 10, ..SegmentsOptions::default() }).await;
        for part in 0..3 {
            let ids = part * 1_000..part * 1_000 + 1_000;
            load.flush(ids.map(|id| load.random_row(1, id)).collect(), Flushed::default()).await;
        }
        let before: BTreeSet<String> =
            load.segments.manifest().segments().map(|segment| segment.path.clone()).collect();
        assert!(load.segments.compact_all().await.expect("a compaction"));
        let manifest = load.segments.manifest();
        assert_eq!(manifest.runs.len(), 1);
        assert_eq!(manifest.segments().map(|segment| segment.path.clone()).collect::<BTreeSet<_>>(), before);
        assert_eq!((manifest.obsolete.len(), load.segments.written().compacted_bytes), (0, 0));
        assert!(!load.segments.compact_all().await.expect("nothing to do"));
        assert_eq!(load.len().await, 3_000);

        load.flush(vec![load.random_row(1, 1_500)], Flushed::default()).await;
        assert!(load.segments.compact_all().await.expect("a compaction"));
        let manifest = load.segments.manifest();
        let kept = manifest.segments().filter(|segment| before.contains(&segment.path)).count();
        assert_eq!((kept, manifest.obsolete.len()), (2, 2));
        assert!(manifest.segments().count() > 3, "cut at the size that was set");
        assert_eq!(load.len().await, 3_000);
    });
}
