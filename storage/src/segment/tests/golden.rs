//! The golden file never changes. A new version of the format gets a new one, and this stays readable.

use super::store::TestStore;
use super::*;

/// What is in the file.
fn golden_rows() -> Vec<Row> {
    let texts = ["{}", "{\"name\":\"Zo\u{eb}\",\"n\":1.5}", "{\"text\":\"\u{1f98a}\"}"];
    let mut rows: Vec<Row> = (0..30u8)
        .flat_map(|id| {
            let text = Some(texts[usize::from(id) % 3]).filter(|_| id % 5 > 0);
            [(1, &[][..]), (2, &[0x26, id / 7])]
                .map(|(index, fields)| row(&key(index, fields, id), 100 + u64::from(id), text))
        })
        .collect();
    rows.push(row(&key(1, &[], 3), 50, Some("{\"older\":true}")));
    sort(&mut rows);
    rows
}

/// With `LAKEWIRE_WRITE_GOLDEN` set to a folder, it writes the files of a new version there first.
#[test]
fn the_golden_segment_stays_readable() {
    block_on(async {
        let store = TestStore::new();
        let written = write(&store, "golden", &golden_rows(), 700).await;
        if let Some(folder) = std::env::var_os("LAKEWIRE_WRITE_GOLDEN") {
            let folder = std::path::PathBuf::from(folder);
            let json = serde_json::to_string_pretty(&written).expect("JSON");
            std::fs::write(folder.join("segment-v1.json"), json + "\n").expect("a file");
            std::fs::write(folder.join("segment-v1.parquet"), store.bytes("golden").await).expect("a file");
        }
        let golden: &[u8] = include_bytes!("../golden/segment-v1.parquet");
        let reference: SegmentRef =
            serde_json::from_str(include_str!("../golden/segment-v1.json")).expect("what a manifest says of it");
        store.set("golden", golden.to_vec()).await;
        assert_eq!(read(&cache(&store, 1 << 20), &reference).await.expect("rows"), golden_rows());
        // What is written now differs in what the Parquet library says of itself at most.
        assert_eq!(SegmentRef { bytes: reference.bytes, footer_bytes: reference.footer_bytes, ..written }, reference);
    });
}
