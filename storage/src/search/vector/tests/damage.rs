use super::super::merge::merge_within;
use super::*;
use crate::search::part::Kind;
use crate::segment::tests::block_on;

const KINDS: [Kind; 3] = [Kind::Centroids, Kind::Codes, Kind::Vectors];

/// A part with other rows.
async fn rewritten(part: &PartReader, change: impl Fn(usize, &[u8]) -> Option<Vec<u8>>) -> PartReader {
    let parts = Parts::new();
    let mut writer = parts.writer("rewritten");
    writer.start_part(INDEX);
    writer.push(Kind::Meta, &[0], vec![0]).await.expect("written");
    let mut at = 0;
    for kind in KINDS {
        for (key, value) in part.range(kind, &[], None).await.expect("read") {
            if let Some(value) = change(at, &value) {
                writer.push(kind, &key, value).await.expect("written");
            }
            at += 1;
        }
    }
    parts.finish(writer, INDEX).await
}

/// Searches and merges in all ways: whatever comes of it, it ends.
async fn try_all(part: &PartReader, count: usize, dimensions: usize) -> bool {
    let mut random = Random(9);
    let query = Normalised::new(&(0..dimensions).map(|_| random.normal()).collect::<Vec<_>>());
    let none = OrdinalSet::default();
    let (some, few) = (set(count, |ordinal| ordinal % 3 == 0), set(count, |ordinal| ordinal % 100 == 7));
    let mut right = true;
    for allowed in [None, Some(&some), Some(&few)] {
        let part = VectorPart { reader: part, documents: count as u32, dead: &none, allowed };
        let found = nearest(&query, 10, &part).await;
        right &= found.is_ok_and(|found| found.iter().all(|(_, ordinal)| (*ordinal as usize) < count));
    }
    let map: Vec<u32> = (0..count as u32).collect();
    let mut writer = Parts::new().writer("merged");
    writer.start_part(INDEX);
    right &= merge_within(
        Bounds { memory: 1 << 17, ..SMALL },
        &[(part.clone(), &map)],
        dimensions,
        count as u32,
        &mut writer,
    )
    .await
    .is_ok();
    writer.abort().await;
    right
}

#[test]
fn damaged_parts_are_errors() {
    block_on(async {
        for (count, dimensions) in [(300, 10), (4_000, 16)] {
            let vectors = clustered(count, dimensions, 6);
            let good = part(&Parts::new(), numbered(&vectors), dimensions).await;
            assert!(try_all(&good, count, dimensions).await);
            let mut rows = 0;
            for kind in KINDS {
                rows += good.range(kind, &[], None).await.expect("read").len();
            }
            // The first rows of each kind, and some of the others.
            for row in (0..rows).filter(|row| row % (rows / 6 + 1) < 2) {
                let gone = rewritten(&good, |at, value| (at != row).then(|| value.to_vec())).await;
                let _missing = try_all(&gone, count, dimensions).await;
                let short = |at, value: &[u8]| Some(value[..value.len() - usize::from(at == row)].to_vec());
                let _short = try_all(&rewritten(&good, short).await, count, dimensions).await;
                let empty = |at, value: &[u8]| Some(if at == row { Vec::new() } else { value.to_vec() });
                let _empty = try_all(&rewritten(&good, empty).await, count, dimensions).await;
                let ones = |at, value: &[u8]| Some(if at == row { vec![255; value.len()] } else { value.to_vec() });
                let _ones = try_all(&rewritten(&good, ones).await, count, dimensions).await;
            }
            for row in [0, 1, rows - 1] {
                let short = |at, value: &[u8]| Some(value[..value.len() - usize::from(at == row)].to_vec());
                assert!(!try_all(&rewritten(&good, short).await, count, dimensions).await);
                let ones = |at, value: &[u8]| Some(if at == row { vec![255; value.len()] } else { value.to_vec() });
                assert!(!try_all(&rewritten(&good, ones).await, count, dimensions).await, "{row}");
            }
        }
    });
}
