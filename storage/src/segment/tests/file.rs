//! The file is plain Parquet: the reader of the parquet crate finds the same rows in it, by the footer alone.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Encoding;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;

use super::store::TestStore;
use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn parquet_readers_find_the_same_rows(rows in rows(), block_bytes in 1..3_000usize) {
        let bytes = block_on(async {
            let store = TestStore::new();
            write(&store, "a", &rows, block_bytes).await;
            Bytes::from(store.bytes("a").await)
        });
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a Parquet file");
        let mut found = Vec::new();
        for batch in builder.build().expect("a reader") {
            let batch = batch.expect("a batch");
            let column = |name: &str| batch.column_by_name(name).expect("a column").clone();
            let (keys, values, deleted) = (column("key"), column("value"), column("deleted"));
            let (ts, tables) = (column("ts"), column("table_number"));
            let (times, sizes) = (column("creation_time"), column("size"));
            for at in 0..batch.num_rows() {
                let key = Key::from(keys.as_binary::<i32>().value(at));
                let is_deleted = deleted.as_boolean().value(at);
                prop_assert_eq!(is_deleted, values.is_null(at));
                let json = (!is_deleted).then(|| values.as_string::<i32>().value(at));
                let row = row(&key, ts.as_primitive::<Int64Type>().value(at) as u64, json);
                let document = row.document.as_deref();
                let table = document.map_or(0, |document| document.id.table.0 as i32);
                prop_assert_eq!(tables.as_primitive::<Int32Type>().value(at), table);
                let time = document.map_or(0.0, |document| document.creation_time);
                prop_assert_eq!(times.as_primitive::<Float64Type>().value(at), time);
                let size = document.map_or(0, |document| document.size as i32);
                prop_assert_eq!(sizes.as_primitive::<Int32Type>().value(at), size);
                found.push(row);
            }
        }
        prop_assert_eq!(found, rows);
    }
}

/// What the format promises to other readers, and to itself.
#[test]
fn row_groups_are_blocks_with_one_page_a_column_and_statistics_of_the_order() {
    let (segment, bytes) = block_on(async {
        let store = TestStore::new();
        let text = "y".repeat(1_000);
        let rows: Vec<Row> = (0..200).map(|id| row(&key(1, &[], id), 5, Some(&text))).collect();
        (write(&store, "a", &rows, 128 << 10).await, Bytes::from(store.bytes("a").await))
    });
    let reader = SerializedFileReader::new(bytes).expect("a Parquet file");
    let metadata = reader.metadata();
    assert_eq!(metadata.num_row_groups(), 2, "200 KB make two blocks");
    let pairs = metadata.file_metadata().key_value_metadata().expect("metadata");
    let pair = |name: &str| pairs.iter().find(|pair| pair.key == name).and_then(|pair| pair.value.clone());
    assert_eq!(pair("lakewire.segment.version").as_deref(), Some("1"));
    let tail = format!("{},{}", segment.bytes - u64::from(segment.footer_bytes), segment.tail_bytes);
    assert_eq!(pair("lakewire.segment.tail"), Some(tail));
    for (at, group) in metadata.row_groups().iter().enumerate() {
        let pages = reader.get_row_group(at).expect("a row group");
        for (number, column) in group.columns().iter().enumerate() {
            let has_statistics = ["key", "ts"].contains(&column.column_path().string().as_str());
            assert_eq!(column.statistics().is_some(), has_statistics, "{:?}", column.column_path());
            assert_eq!(column.column_index_range().or(column.offset_index_range()), None);
            let pages: Vec<_> = pages.get_column_page_reader(number).expect("pages").collect();
            assert_eq!(pages.len(), 1);
            assert_eq!(pages[0].as_ref().expect("a page").encoding(), Encoding::PLAIN);
        }
        let keys = group.column(0).statistics().expect("statistics of keys");
        assert_eq!(keys.max_bytes_opt().expect("the greatest key").len(), 20, "it is not cut off");
    }
}
