//! A version made of any overlapping runs against a map.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use crate::document::Document;
use crate::interval::{End, Interval};
use crate::key::Key;
use crate::log::Timestamp;
use crate::query::Order;
use crate::segment::tests::store::TestStore;
use crate::segment::tests::{block_on, cache, key, row, sort, write};
use crate::segment::{Row, SegmentRef};
use crate::version::{Version, raw};

const LAST_TS: Timestamp = 24;
const RUNS: usize = 4;

/// Every version, as the map has it.
type Model = BTreeMap<(Key, Reverse<Timestamp>), Option<Arc<Document>>>;

/// A row, in which runs it is, and whether a segment ends after its key.
type Placed = (Row, [bool; RUNS], bool);

fn keys() -> impl Strategy<Value = Key> {
    let fields = prop_oneof![Just(Vec::new()), prop::collection::vec(0..3u8, 0..3)];
    // Few keys, one of them hot.
    prop_oneof![2 => Just(key(1, &[], 1)), 5 => (0..2u32, fields, 0..3u8).prop_map(|(index, fields, id)| key(index, &fields, id))]
}

fn placed() -> impl Strategy<Value = Placed> {
    let json = prop_oneof![1 => Just(None), 3 => (1..400usize).prop_map(|length| Some("j".repeat(length)))];
    // Some rows are in several runs, as after a compaction whose inputs are still there.
    let runs =
        prop_oneof![5 => (0..RUNS).prop_map(|run| std::array::from_fn(|at| at == run)), 1 => any::<[bool; RUNS]>()];
    (keys(), 0..LAST_TS, json, runs, any::<bool>())
        .prop_map(|(key, ts, json, runs, ends)| (row(&key, ts, json.as_deref()), runs, ends))
}

fn intervals() -> impl Strategy<Value = Interval> {
    (keys(), prop::option::of(keys()), any::<bool>()).prop_map(|(start, end, all)| match end {
        _ if all => Interval::all(),
        Some(end) => Interval::new(start, end),
        None => Interval::from(start),
    })
}

/// Writes the runs, and says what can be read of them.
async fn build(
    store: &Arc<TestStore>,
    rows: &[Placed],
    caps: &[Option<Timestamp>],
    block_bytes: usize,
) -> (Vec<Vec<SegmentRef>>, Model) {
    let mut model = Model::new();
    let mut runs = Vec::new();
    for run in 0..RUNS {
        let mut mine: Vec<Row> = rows.iter().filter(|placed| placed.1[run]).map(|placed| placed.0.clone()).collect();
        sort(&mut mine);
        let ends_after = |row: &Row| rows.iter().any(|(other, _, ends)| *ends && other.key == row.key);
        let mut segments = Vec::new();
        for part in mine.chunk_by(|a, b| a.key == b.key || !ends_after(a)) {
            let path = format!("{run}/{}", segments.len());
            let cap_ts = caps[(run * 7 + segments.len()) % caps.len()];
            let segment = write(store, &path, part, block_bytes).await;
            segments.push(SegmentRef { cap_ts, ..segment });
            let seen = part.iter().filter(|row| cap_ts.is_none_or(|cap| row.ts <= cap));
            model.extend(seen.map(|row| ((row.key.clone(), Reverse(row.ts)), row.document.clone())));
        }
        runs.push(segments);
    }
    (runs, model)
}

/// What is live at `ts`.
fn live(model: &Model, ts: Timestamp) -> BTreeMap<Key, Arc<Document>> {
    let mut live = BTreeMap::new();
    // The newest version comes last and stays.
    for ((key, _), document) in model.iter().rev().filter(|((_, at), _)| at.0 <= ts) {
        match document {
            Some(document) => live.insert(key.clone(), document.clone()),
            None => live.remove(key),
        };
    }
    live
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_version_reads_like_a_map(
        placed in prop::collection::vec(placed(), 0..120),
        caps in prop::collection::vec(prop_oneof![2 => Just(None), 1 => (0..LAST_TS).prop_map(Some)], 1..9),
        block_bytes in prop_oneof![1 => Just(1), 2 => 100..2_000usize],
        cache_bytes in prop_oneof![Just(0), Just(4_000), Just(1 << 20)],
        timestamps in prop::collection::vec(0..=LAST_TS, 4),
        scans in prop::collection::vec((intervals(), 0..=LAST_TS), 6),
    ) {
        // One row for each (key, ts): what was committed.
        let mut committed: BTreeMap<(Key, Timestamp), Placed> = BTreeMap::new();
        for placed in placed {
            committed.entry((placed.0.key.clone(), placed.0.ts)).or_insert(placed);
        }
        let placed: Vec<Placed> = committed.into_values().collect();
        block_on(async {
            let store = TestStore::new();
            let (runs, model) = build(&store, &placed, &caps, block_bytes).await;
            let cache = cache(&store, cache_bytes);
            let version = Version::new(runs.clone(), cache.clone());
            let keys: BTreeSet<&Key> = placed.iter().map(|(row, ..)| &row.key).collect();
            for ts in timestamps {
                let live = live(&model, ts);
                // Those at which scans start are not there, mostly.
                for key in keys.iter().copied().chain(scans.iter().map(|(interval, _)| &interval.start)) {
                    let found = version.get(key, ts).await.expect("a read");
                    prop_assert_eq!(found.as_ref(), live.get(key), "{:?} at {}", key, ts);
                }
            }
            for (interval, ts) in &scans {
                let live = live(&model, *ts);
                let mut expected: Vec<_> = live.into_iter().filter(|(key, _)| interval.contains(key)).collect();
                for order in [Order::Asc, Order::Desc] {
                    let mut scan = version.scan(interval.clone(), order, *ts);
                    let mut found = Vec::new();
                    while let Some(entry) = scan.next().await.expect("a read") {
                        found.push(entry);
                    }
                    prop_assert_eq!(&found, &expected, "{:?} {:?} at {}", interval, order, ts);
                    expected.reverse();
                }
            }
            for (interval, _) in &scans {
                let mut rows = raw(runs.clone(), cache.clone(), interval.clone());
                let mut found = Model::new();
                let mut before: Option<(Key, Reverse<Timestamp>)> = None;
                while let Some(row) = rows.next().await.expect("a read") {
                    let place = (row.key, Reverse(row.ts));
                    prop_assert!(before.as_ref().is_none_or(|before| *before < place), "in order, once each");
                    before = Some(place.clone());
                    found.insert(place, row.document);
                }
                let expected: Model = model.clone().into_iter().filter(|((key, _), _)| interval.contains(key)).collect();
                prop_assert_eq!(found, expected);
                let estimate = version.rows_estimate(interval);
                prop_assert!(estimate as usize <= runs.iter().flatten().map(|segment| segment.rows as usize).sum());
            }
            prop_assert_eq!(version.rows_estimate(&Interval::all()), runs.iter().flatten().map(|segment| segment.rows).sum::<u64>());
            Ok(())
        })?;
    }
}

/// A key with 10,000 versions in many blocks is passed by seeking: at an old timestamp, both ways.
#[test]
fn a_hot_key_is_passed_without_reading_its_versions() {
    block_on(async {
        let store = TestStore::new();
        let text = "h".repeat(500);
        let mut rows: Vec<Row> = (1..=10_000).map(|ts| row(&key(1, &[], 2), ts, Some(&text))).collect();
        rows.extend([row(&key(1, &[], 1), 1, Some("first")), row(&key(1, &[], 3), 1, Some("last"))]);
        sort(&mut rows);
        let segment = write(&store, "hot", &rows, 16 << 10).await;
        for order in [Order::Asc, Order::Desc] {
            let version = Version::new(vec![vec![segment.clone()]], cache(&store, 16 << 20));
            let mut scan = version.scan(Interval::all(), order, 5_000);
            let mut found = Vec::new();
            while let Some((key, _)) = scan.next().await.expect("a read") {
                found.push(key);
            }
            assert_eq!(found.len(), 3);
            assert!(version.cache().usage().misses < 12, "{order:?} {:?}", version.cache().usage());
        }
    });
}

#[test]
fn an_interval_that_is_empty_or_outside_reads_nothing() {
    block_on(async {
        let store = TestStore::new();
        let segment = write(&store, "a", &[row(&key(1, &[], 5), 1, Some("{}"))], 100).await;
        let version = Version::new(vec![vec![segment]], cache(&store, 1 << 20));
        let backwards = Interval { start: key(1, &[], 9), end: End::Before(key(1, &[], 1)) };
        for interval in [backwards, Interval::from(key(1, &[], 6)), Interval::new(key(0, &[], 0), key(1, &[], 5))] {
            for order in [Order::Asc, Order::Desc] {
                assert!(matches!(version.scan(interval.clone(), order, 9).next().await, Ok(None)));
            }
            assert_eq!(version.rows_estimate(&interval), 0);
        }
        assert!(matches!(version.scan(Interval::all(), Order::Asc, 0).next().await, Ok(None)), "before its first row");
        assert_eq!(store.take_gets(), 0);
    });
}
