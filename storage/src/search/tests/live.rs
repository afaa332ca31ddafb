//! Which versions are to be seen, and what a merge keeps, against looking at all of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use crate::catalog::{IndexId, SearchKind};
use crate::id::InternalId;
use crate::key::Key;
use crate::log::Timestamp;
use crate::search::build::{TailRow, build, merge};
use crate::search::documents::Documents;
use crate::search::key::{DocKey, PayloadWriter, search_key, split};
use crate::search::live::{live, without};
use crate::search::part::PartReader;
use crate::search::part::tests::Parts;
use crate::segment::tests::block_on;

fn index() -> IndexId {
    IndexId::of_kind(9, Some(SearchKind::Text))
}

/// A key of one of a few documents, in one of a few versions; the version has as many tokens.
fn key(document: u8, version: u8) -> Key {
    let payload = PayloadWriter::new(u32::from(version), &[]).text([("word", 1)].into_iter());
    search_key(index(), f64::from(document), InternalId([document; 16]), &payload)
}

fn rows() -> impl Strategy<Value = Vec<TailRow>> {
    let row = (0..6_u8, 1..4_u8, 1..30_u64, any::<bool>());
    let row = row.prop_map(|(document, version, ts, gone)| (key(document, version), ts, gone));
    prop::collection::vec(row, 0..25).prop_map(|mut rows| {
        rows.sort_by_key(|(key, ts, _)| (key.clone(), Reverse(*ts)));
        rows.dedup_by(|a, b| (&a.0, a.1) == (&b.0, b.1));
        rows
    })
}

/// Runs, newest first: a commit is in one run, except that some are in two.
fn runs() -> impl Strategy<Value = Vec<Vec<TailRow>>> {
    (rows(), prop::collection::vec(1..30_u64, 0..4), 0..3_u64).prop_map(|(rows, mut cuts, twice)| {
        cuts.sort_unstable();
        cuts.push(Timestamp::MAX);
        let mut from = 0;
        let mut runs = Vec::new();
        for to in cuts {
            let since = if from == 0 { 0 } else { from - twice.min(from) };
            runs.insert(0, rows.iter().filter(|(_, ts, _)| *ts >= since && *ts < to).cloned().collect::<Vec<_>>());
            from = to;
        }
        runs.retain(|run| !run.is_empty());
        runs
    })
}

fn document(key: &Key) -> DocKey {
    *split(key).expect("a key").0
}

/// The documents that a reader sees.
fn visible(runs: &[Vec<TailRow>], ts: Timestamp) -> BTreeSet<DocKey> {
    let mut newest: BTreeMap<DocKey, (Timestamp, bool)> = BTreeMap::new();
    for (key, at, gone) in runs.iter().flatten().filter(|(_, at, _)| *at <= ts) {
        let entry = newest.entry(document(key)).or_insert((*at, *gone));
        if *at > entry.0 {
            *entry = (*at, *gone);
        }
    }
    newest.into_iter().filter(|(_, (_, gone))| !gone).map(|(key, _)| key).collect()
}

async fn write(parts: &Parts, runs: &[Vec<TailRow>]) -> Vec<PartReader> {
    let mut readers = Vec::new();
    for (at, run) in runs.iter().enumerate() {
        let mut writer = parts.writer(&format!("run-{at}"));
        build(index(), run, &mut writer).await.expect("written");
        readers.push(parts.finish(writer, index()).await);
    }
    readers
}

/// What is live in the parts, each once.
async fn seen(parts: &Parts, readers: &[PartReader], ts: Timestamp, above: &[DocKey]) -> BTreeSet<DocKey> {
    let mut documents = Vec::new();
    for reader in readers {
        documents.push(Documents::open(reader.clone()).await.expect("a part"));
    }
    let mut all = BTreeSet::new();
    let lives = live(&parts.cache, &documents, ts).await.expect("read");
    for (part, live) in documents.iter().zip(lives) {
        let live = without(&live, part, &above.iter().collect::<Vec<_>>()).await.expect("read");
        let ordinals: Vec<u32> = (0..part.totals.documents).filter(|ordinal| !live.dead.contains(*ordinal)).collect();
        let rows = part.rows(&ordinals).await.expect("read");
        assert_eq!(rows.len(), live.count as usize);
        assert_eq!(rows.iter().map(|row| u64::from(row.tokens)).sum::<u64>(), live.tokens);
        for row in rows {
            assert!(all.insert(row.key), "a document is live twice");
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn live_documents_are_those_that_are_visible(runs in runs(), ts in 0..32_u64, above in 0..6_u8) {
        block_on(async {
            let parts = Parts::new();
            let readers = write(&parts, &runs).await;
            let right = visible(&runs, ts);
            assert_eq!(seen(&parts, &readers, ts, &[]).await, right);
            // Those that are known from elsewhere are left out.
            let above: Vec<DocKey> = right.iter().copied().filter(|key| key[23] == above).collect();
            let rest = right.iter().copied().filter(|key| !above.contains(key)).collect();
            assert_eq!(seen(&parts, &readers, ts, &above).await, rest);
        });
    }

    #[test]
    fn a_merge_of_everything_has_what_is_visible(runs in runs(), horizon in 0..32_u64) {
        block_on(async {
            let parts = Parts::new();
            let readers = write(&parts, &runs).await;
            let mut settled = None;
            let keeps = |key: &DocKey, ts: Timestamp, gone: bool| {
                if ts > horizon {
                    return true;
                }
                let first = settled != Some(*key);
                settled = Some(*key);
                first && !gone
            };
            let mut writer = parts.writer("merged");
            merge(index(), readers, keeps, &mut writer).await.expect("merged");
            let files = writer.finish().await.unwrap_or_else(|(error, _)| panic!("{error}"));
            let merged = parts.reader(files, index());
            for ts in [horizon, horizon + 3, 40] {
                assert_eq!(seen(&parts, merged.as_slice(), ts, &[]).await, visible(&runs, ts));
            }
        });
    }
}

#[test]
fn what_is_live_is_found_once() {
    block_on(async {
        let parts = Parts::new();
        let run = |rows: &[(u8, u64)]| rows.iter().map(|(document, ts)| (key(*document, 1), *ts, false)).collect();
        let readers = write(&parts, &[run(&[(1, 9)]), run(&[(1, 5), (0, 5)])]).await;
        let mut documents = Vec::new();
        for reader in readers {
            documents.push(Documents::open(reader).await.expect("a part"));
        }
        let first = live(&parts.cache, &documents, 100).await.expect("read");
        let later = live(&parts.cache, &documents, 200).await.expect("read");
        assert!(first.iter().zip(&later).all(|(a, b)| Arc::ptr_eq(a, b)));
        let earlier = live(&parts.cache, &documents, 7).await.expect("read");
        assert_eq!(earlier.iter().map(|live| live.count).collect::<Vec<_>>(), [0, 2]);
    });
}
