use proptest::prelude::*;

use super::plan;
use crate::catalog::IndexId;
use crate::env::Env;
use crate::key::Key;
use crate::segment::SegmentRef;
use crate::timeline::{Manifest, Run, RunFile, TimelineId};

const UNIT: u64 = 64 << 10;

/// A run of one segment, of rows of 500 bytes.
fn run(bytes: u64) -> Run {
    let rows = bytes / 500;
    let segment = SegmentRef {
        path: String::new(),
        bytes,
        footer_bytes: 0,
        tail_bytes: 0,
        rows,
        tombstones: 0,
        first_key: Key::from(&[0, 0, 0, 7, 0][..]),
        last_key: Key::from(&[0, 0, 0, 7, 9][..]),
        min_ts: 0,
        max_ts: 0,
        cap_ts: None,
        live_bytes: bytes,
    };
    Run {
        files: vec![RunFile { segment, raw_bytes: bytes, garbage_bytes: 0, garbage_ts: 0, indexes: Vec::new() }],
        search: Vec::new(),
    }
}

fn empty() -> Manifest {
    Manifest::empty(&Env::deterministic(0), TimelineId::main())
}

/// Carries out everything that is planned; every merge of runs gives as much as `live` allows, at most. Returns what was
/// written.
fn settle(manifest: &mut Manifest, live: u64) -> u64 {
    let mut written = 0;
    let before = manifest.runs.len();
    for _ in 0..=before {
        let Some(plan) = plan(manifest, 0, UNIT) else { return written };
        assert!(!plan.runs.is_empty() && plan.runs.end <= manifest.runs.len());
        assert_eq!(plan.with_oldest, plan.runs.end == manifest.runs.len());
        let bytes: u64 = manifest.runs[plan.runs.clone()].iter().map(Run::bytes).sum();
        let merged = bytes.min(live);
        written += merged;
        manifest.runs.splice(plan.runs, [run(merged)]);
    }
    panic!("it does not end: {before} runs");
}

fn total(manifest: &Manifest) -> u64 {
    manifest.runs.iter().map(Run::bytes).sum()
}

/// How many classes there are up to a size.
fn classes(bytes: u64) -> u64 {
    u64::from((bytes >> 16).checked_ilog(4).unwrap_or(0)) + 1
}

fn flush_size() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 1_000..100_000u64, 4 => 1_000_000..8_000_000u64, 1 => 30_000_000..130_000_000u64]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn runs_and_write_amplification_are_logarithmic(sizes in prop::collection::vec(flush_size(), 1..400)) {
        let mut manifest = empty();
        let (mut flushed, mut written) = (0, 0);
        for size in sizes {
            flushed += size;
            manifest.runs.insert(0, run(size));
            written += settle(&mut manifest, u64::MAX);
            prop_assert!(manifest.runs.len() as u64 <= 3 * classes(flushed));
            prop_assert!(plan(&manifest, 0, UNIT).is_none());
        }
        prop_assert_eq!(total(&manifest), flushed);
        // Once a class, once more where sizes are mixed, and about thrice for space.
        prop_assert!(written <= flushed * (2 * classes(flushed) + 3), "{} / {}", written, flushed);
    }

    #[test]
    fn overwriting_does_not_grow(
        live in 1_000_000..1_000_000_000u64,
        sizes in prop::collection::vec(flush_size(), 1..400),
    ) {
        let mut manifest = empty();
        manifest.runs.push(run(live));
        for size in sizes {
            manifest.runs.insert(0, run(size));
            settle(&mut manifest, live);
            prop_assert!(total(&manifest) <= live * 3 / 2 + (64 << 10));
        }
    }
}

/// The load of the benchmark: as many equal flushes as ten million documents make.
#[test]
fn a_bulk_load_is_rewritten_a_few_times() {
    let mut manifest = empty();
    let mut written = 0;
    let (flushes, size) = (640, 8 << 20);
    for _ in 0..flushes {
        manifest.runs.insert(0, run(size));
        written += settle(&mut manifest, u64::MAX);
    }
    let amplification = (written + flushes * size) as f64 / (flushes * size) as f64;
    println!("write amplification {amplification:.1}");
    assert!(amplification < 8.0, "{amplification}");
}

#[test]
fn garbage_is_dropped_once_it_can_be() {
    let mut manifest = empty();
    manifest.runs = vec![run(1 << 20), run(100 << 20)];
    assert_eq!(plan(&manifest, 99, UNIT), None);
    let oldest = &mut manifest.runs[1].files[0];
    oldest.garbage_bytes = 30 << 20;
    oldest.garbage_ts = 100;
    assert_eq!(plan(&manifest, 99, UNIT), None, "snapshots may need it");
    assert_eq!(plan(&manifest, 100, UNIT).expect("a plan").runs, 1..2);
    manifest.keep_tombstones = vec![IndexId(7)];
    assert_eq!(plan(&manifest, 100, UNIT), None, "it would stay");

    manifest.runs[1].files[0].garbage_bytes = 0;
    manifest.dropped_indexes = vec![(IndexId(7), 100)];
    assert_eq!(plan(&manifest, 99, UNIT), None);
    assert_eq!(plan(&manifest, 100, UNIT).expect("a plan").runs, 1..2);

    // Few bytes of tombstones may stand for most of the data.
    let mut manifest = empty();
    manifest.runs = vec![run(2 << 20), run(100 << 20)];
    let newest = &mut manifest.runs[0].files[0].segment;
    (newest.rows, newest.tombstones) = (60_000, 60_000);
    assert_eq!(plan(&manifest, 0, UNIT).expect("a plan").runs, 0..2);
}
