//! What is written is read.

use std::sync::atomic::Ordering::SeqCst;

use super::store::TestStore;
use super::*;
use crate::segment::WriteError;

proptest! {
    #[test]
    fn rows_come_back(rows in rows(), block_bytes in 1..3_000usize, cache_bytes in prop_oneof![Just(0), Just(2_000), Just(1 << 20)]) {
        block_on(async {
            let store = TestStore::new();
            let segment = write(&store, "a/b", &rows, block_bytes).await;
            let documents = || rows.iter().filter_map(|row| row.document.as_ref());
            prop_assert_eq!(segment.rows as usize, rows.len());
            prop_assert_eq!(segment.tombstones as usize, rows.len() - documents().count());
            prop_assert_eq!(segment.live_bytes as usize, documents().map(|document| document.json.len()).sum::<usize>());
            prop_assert_eq!(&segment.first_key, &rows[0].key);
            prop_assert_eq!(&segment.last_key, &rows[rows.len() - 1].key);
            prop_assert_eq!(segment.min_ts, rows.iter().map(|row| row.ts).min().unwrap_or_default());
            prop_assert_eq!(segment.max_ts, rows.iter().map(|row| row.ts).max().unwrap_or_default());
            prop_assert_eq!(segment.bytes as usize, store.bytes("a/b").await.len());
            let json = serde_json::to_string(&segment).expect("JSON");
            prop_assert_eq!(&serde_json::from_str::<SegmentRef>(&json).expect("a reference"), &segment);
            prop_assert_eq!(read(&cache(&store, cache_bytes), &segment).await.expect("rows"), rows);
            Ok(())
        })?;
    }
}

/// Documents of 1 MB, empty ones, and a file of several parts.
#[test]
fn large_documents_come_back_from_a_file_of_parts() {
    block_on(async {
        let store = TestStore::new();
        // Not compressible, so that the file has a part of its own every 8 documents.
        let mut state = 1u64;
        let mut noise = |length: usize| -> String {
            let letter = |_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b' ' + (state >> 58) as u8)
            };
            (0..length).map(letter).collect()
        };
        let lengths = (0..40).map(|at| if at % 3 == 0 { 0 } else { 1 << 20 });
        let texts: Vec<String> = lengths.map(&mut noise).collect();
        let rows: Vec<Row> =
            texts.iter().zip(0..).map(|(text, id)| row(&key(1, &[], id), 5, Some(text.as_str()))).collect();
        let mut writer = SegmentWriter::new(store.clone(), Path::from("large"));
        for row in &rows {
            writer.push(row).await.expect("a row in order");
        }
        let segment = writer.finish().await.expect("a segment");
        assert_eq!(store.parts.load(SeqCst), 1, "one multipart upload");
        assert!(segment.bytes > 16 << 20, "more than two parts: {segment:?}");
        assert_eq!(read(&cache(&store, 64 << 20), &segment).await.expect("rows"), rows);
    });
}

#[test]
fn rows_out_of_order_are_refused_and_nothing_is_left() {
    block_on(async {
        let store = TestStore::new();
        for (second_key, second_ts) in [(1, 5), (1, 6), (0, 1)] {
            let mut writer = SegmentWriter::new(store.clone(), Path::from("x"));
            writer.push(&row(&key(1, &[], 1), 5, Some("{}"))).await.expect("the first row");
            let second = writer.push(&row(&key(1, &[], second_key), second_ts, None)).await;
            assert!(matches!(second, Err(WriteError::Order { .. })), "{second:?}");
            writer.abort().await;
        }
        let empty = SegmentWriter::new(store.clone(), Path::from("x")).finish().await;
        assert!(matches!(empty, Err(WriteError::Empty { .. })), "{empty:?}");
        use futures::StreamExt;
        assert_eq!(store.list(None).count().await, 0);
    });
}
