//! Damage is noticed, trouble that passes is not.

use std::sync::atomic::Ordering::SeqCst;

use super::store::TestStore;
use super::*;
use crate::segment::ReadError;

async fn small_segment(store: &Arc<TestStore>) -> (Vec<Row>, SegmentRef) {
    let rows: Vec<Row> = (0..12).map(|id| row(&key(1, &[], id), 5, (id % 4 > 0).then_some("{\"a\":1}"))).collect();
    let segment = write(store, "a", &rows, 200).await;
    (rows, segment)
}

/// Every byte of the file, one bit of it flipped: either nobody can tell, or the error names the file.
#[test]
fn a_flipped_bit_is_noticed_or_harmless() {
    block_on(async {
        let store = TestStore::new();
        let (rows, segment) = small_segment(&store).await;
        let bytes = store.bytes("a").await;
        let tail = bytes.len() - segment.footer_bytes as usize;
        let mut noticed = 0;
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            store.set("a", damaged).await;
            match read(&cache(&store, 1 << 20), &segment).await {
                Ok(read) => assert_eq!(read, rows, "byte {at}"),
                Err(error) => {
                    assert!(
                        matches!(&error, ReadError::Corrupt { path, .. } | ReadError::Format { path, .. } if path == "a")
                    );
                    assert!(!error.is_transient());
                    noticed += 1;
                }
            }
        }
        // All but the magic number in front and the Parquet footer.
        assert_eq!(noticed, tail + segment.tail_bytes as usize - 4);
    });
}

#[test]
fn an_object_that_is_cut_off_or_gone_is_named() {
    block_on(async {
        let store = TestStore::new();
        let (rows, segment) = small_segment(&store).await;
        let bytes = store.bytes("a").await;
        let tail = bytes.len() - segment.footer_bytes as usize;
        let tail_end = tail + segment.tail_bytes as usize;
        let is_named = |error: &ReadError| match error {
            ReadError::Corrupt { path, reason } => path == "a" && reason.contains("instead of"),
            _ => false,
        };
        for length in [0, tail / 2, tail, tail + 1, tail_end - 1] {
            store.set("a", bytes[..length].to_vec()).await;
            let error = read(&cache(&store, 1 << 20), &segment).await.expect_err("it is cut off");
            assert!(is_named(&error), "{length} bytes: {error}");
        }
        // The Parquet footer is for others.
        store.set("a", bytes[..tail_end].to_vec()).await;
        let cache_with_tail = cache(&store, 1 << 20);
        assert_eq!(read(&cache_with_tail, &segment).await.expect("rows"), rows);
        // Now the tail is known and the blocks are not there.
        for length in [0, tail / 2, tail - 1] {
            store.set("a", bytes[..length].to_vec()).await;
            let error = read(&cache_with_tail, &segment).await.expect_err("it is cut off");
            assert!(is_named(&error), "{length} bytes: {error}");
        }
        let gone = SegmentRef { path: "b".to_owned(), ..segment };
        let error = read(&cache(&store, 1 << 20), &gone).await.expect_err("it is not there");
        assert!(matches!(&error, ReadError::Missing { path } if path == "b"), "{error}");
    });
}

#[test]
fn another_version_is_refused_by_its_number() {
    block_on(async {
        let store = TestStore::new();
        let (_, segment) = small_segment(&store).await;
        let mut bytes = store.bytes("a").await;
        let tail = bytes.len() - segment.footer_bytes as usize;
        bytes[tail + 4] = 2;
        store.set("a", bytes).await;
        let error = read(&cache(&store, 1 << 20), &segment).await.expect_err("another version");
        let expected = "segment `a` has format version 2, and this version of Lakewire reads version 1";
        assert_eq!(error.to_string(), expected);
    });
}

#[test]
fn a_store_that_fails_is_asked_again_some_times() {
    block_on(async {
        let store = TestStore::new();
        let (rows, segment) = small_segment(&store).await;
        store.failures.store(4, SeqCst);
        assert_eq!(read(&cache(&store, 1 << 20), &segment).await.expect("rows"), rows);
        store.take_gets();
        store.failures.store(1_000, SeqCst);
        let error = read(&cache(&store, 1 << 20), &segment).await.expect_err("it fails on");
        assert!(matches!(&error, ReadError::Store { path, .. } if path == "a") && error.is_transient(), "{error}");
        assert_eq!(store.take_gets(), 5);
    });
}
