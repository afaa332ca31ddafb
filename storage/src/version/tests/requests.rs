//! How many requests reads make, and what becomes of them when something goes wrong.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use futures::FutureExt;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::interval::Interval;
use crate::key::Key;
use crate::query::Order;
use crate::segment::tests::store::TestStore;
use crate::segment::tests::{block_on, cache, document, write};
use crate::segment::{Row, SegmentRef};
use crate::version::{Version, raw};

const DOCUMENTS: usize = 8_000;

/// Documents of about 500 bytes under random ids, as compaction leaves them: one run.
async fn compacted(store: &Arc<TestStore>) -> (Vec<Row>, SegmentRef) {
    let mut random = ChaCha12Rng::seed_from_u64(7);
    let mut rows: Vec<Row> = (0..DOCUMENTS)
        .map(|_| {
            let mut id = [0; 16];
            random.fill_bytes(&mut id);
            let key = Key::from([&1u32.to_be_bytes()[..], &id].concat());
            let mut noise = [0; 100];
            random.fill_bytes(&mut noise);
            let json = format!("{{\"noise\":\"{}\",\"text\":\"{}\"}}", hex::encode(noise), "word ".repeat(56));
            Row { document: Some(document(&key, &json)), ts: 10, key }
        })
        .collect();
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    let segment = write(store, "compacted", &rows, 128 << 10).await;
    (rows, segment)
}

#[test]
fn cold_reads_of_a_compacted_database_make_few_requests() {
    block_on(async {
        let store = TestStore::new();
        let (rows, segment) = compacted(&store).await;
        let cold = || Version::new(vec![vec![segment.clone()]], cache(&store, 64 << 20));
        for at in (0..DOCUMENTS).step_by(397) {
            let row = &rows[at];
            assert_eq!(cold().get(&row.key, 20).await.expect("a read"), row.document);
            assert_eq!(store.take_gets(), 2, "a point");
            // One that is not there, which the filter knows all but always.
            let mut absent = row.key.to_vec();
            absent[19] ^= 1;
            assert_eq!(cold().get(&absent, 20).await.expect("a read"), None);
            assert!(store.take_gets() <= 2);
        }
        for at in (0..DOCUMENTS - 100).step_by(397) {
            let bounded = Interval::new(rows[at].key.clone(), rows[at + 100].key.clone());
            let (from, to) = (Interval::from(rows[at].key.clone()), rows[at + 100].key.clone());
            let to = Interval::new(Key::from(&[][..]), to);
            let cases = [(&bounded, Order::Asc), (&bounded, Order::Desc), (&from, Order::Asc), (&to, Order::Desc)];
            for (interval, order) in cases {
                let mut scan = cold().scan(interval.clone(), order, 20);
                for step in 0..100 {
                    let (key, _) = scan.next().await.expect("a read").expect("an entry");
                    let expected = if order == Order::Asc { at + step } else { at + 99 - step };
                    assert_eq!(key, rows[expected].key);
                }
                drop(scan);
                // What is read ahead counts.
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                let gets = store.take_gets();
                assert!(gets <= 4, "{gets} requests for 100 documents {order:?}");
            }
        }
    });
}

/// A long scan asks for many blocks at once, and never twice for one.
#[test]
fn a_scan_of_everything_merges_requests() {
    block_on(async {
        let store = TestStore::new();
        let (rows, segment) = compacted(&store).await;
        for order in [Order::Asc, Order::Desc] {
            store.ranges.lock().clear();
            let version = Version::new(vec![vec![segment.clone()]], cache(&store, 64 << 20));
            let mut scan = version.scan(Interval::all(), order, 20);
            let mut found = 0;
            while scan.next().await.expect("a read").is_some() {
                found += 1;
            }
            assert_eq!(found, rows.len());
            let gets = store.take_gets();
            let blocks = DOCUMENTS * 550 / (128 << 10);
            assert!((gets as usize) < blocks / 2, "{gets} requests for {blocks} blocks {order:?}");
            let mut ranges = std::mem::take(&mut *store.ranges.lock());
            ranges.sort_by_key(|range| range.start);
            assert!(ranges.is_sorted_by(|a, b| a.end <= b.start), "{ranges:?}");
        }
    });
}

#[test]
fn compaction_leaves_the_blocks_of_others_in_the_cache() {
    block_on(async {
        let store = TestStore::new();
        let (rows, segment) = compacted(&store).await;
        let cache = cache(&store, 400_000);
        let version = Version::new(vec![vec![segment.clone()]], cache.clone());
        version.get(&rows[5].key, 20).await.expect("a read");
        store.take_gets();
        let mut all = raw(vec![vec![segment]], cache.clone(), Interval::all());
        let mut found = 0;
        while all.next().await.expect("a read").is_some() {
            found += 1;
        }
        assert_eq!(found, rows.len());
        assert!(store.take_gets() <= 4, "16 blocks a request");
        version.get(&rows[5].key, 20).await.expect("a read");
        assert_eq!(store.take_gets(), 0);
    });
}

/// A scan whose reads fail or are dropped half-way gives every entry once all the same.
#[test]
fn a_scan_loses_nothing_by_errors_and_dropped_futures() {
    block_on(async {
        let store = TestStore::new();
        let (rows, segment) = compacted(&store).await;
        for order in [Order::Asc, Order::Desc] {
            let version = Version::new(vec![vec![segment.clone()]], cache(&store, 1 << 20));
            let mut scan = version.scan(Interval::all(), order, 20);
            let (mut found, mut errors, mut dropped) = (Vec::new(), 0, 0);
            loop {
                if found.len() % 500 == 100 && errors < 20 {
                    // Until the scan tells. Several reads can be under way, and all of them give up.
                    store.failures.store(u64::MAX, SeqCst);
                }
                let next = match scan.next().now_or_never() {
                    Some(next) => next,
                    None => {
                        dropped += 1;
                        scan.next().await
                    }
                };
                match next {
                    Ok(Some((key, _))) => found.push(key),
                    Ok(None) => break,
                    Err(error) => {
                        assert!(error.is_transient());
                        store.failures.store(0, SeqCst);
                        errors += 1;
                    }
                }
            }
            store.failures.store(0, SeqCst);
            assert!(errors > 1 && dropped > 1, "{errors} {dropped}");
            let mut expected: Vec<Key> = rows.iter().map(|row| row.key.clone()).collect();
            if order == Order::Desc {
                expected.reverse();
            }
            assert!(found == expected, "{} of {}", found.len(), expected.len());
        }
    });
}
