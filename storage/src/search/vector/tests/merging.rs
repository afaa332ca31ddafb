use super::super::merge::merge_within;
use super::*;
use crate::search::part::Kind;
use crate::segment::tests::block_on;

/// All rows of vectors of a part.
async fn rows(part: &PartReader) -> Vec<(bytes::Bytes, bytes::Bytes)> {
    let mut rows = Vec::new();
    for kind in [Kind::Centroids, Kind::Codes, Kind::Vectors] {
        rows.extend(part.range(kind, &[], None).await.expect("read"));
    }
    rows
}

async fn merged(
    parts: &Parts,
    memory: usize,
    inputs: &[(PartReader, &[u32])],
    dimensions: usize,
    documents: usize,
) -> PartReader {
    let mut writer = parts.writer("merged");
    writer.start_part(INDEX);
    merge_within(Bounds { memory, ..SMALL }, inputs, dimensions, documents as u32, &mut writer).await.expect("merged");
    parts.finish(writer, INDEX).await
}

#[test]
fn the_same_vectors_give_the_same_bytes() {
    block_on(async {
        for (count, dimensions) in [(2_000, 16), (5_000, 24)] {
            let vectors = clustered(count, dimensions, 1);
            let (a, b) = (Parts::new(), Parts::new());
            let a = part(&a, numbered(&vectors), dimensions).await;
            let b = part(&b, numbered(&vectors).collect::<Vec<_>>().into_iter().rev(), dimensions).await;
            assert!(rows(&a).await == rows(&b).await);
        }
    });
}

#[test]
fn merged_parts_find_what_parts_found() {
    // Shares of the inputs: all alike, so that lists are new; and most of them in one, so that its lists are kept.
    for (shares, count, dimensions) in [(vec![1, 1, 1], 12_000, 24), (vec![9, 1, 0], 12_000, 24), (vec![2, 1], 500, 20)]
    {
        block_on(async {
            let vectors = clustered(count, dimensions, 4);
            let parts = Parts::new();
            let sum: usize = shares.iter().sum();
            let input_of = |ordinal: u32| {
                let mut at = (ordinal as usize).wrapping_mul(2_654_435_761) / 7 % sum;
                shares
                    .iter()
                    .position(|share| {
                        at < *share || {
                            at -= share;
                            false
                        }
                    })
                    .expect("within the sum")
            };
            // One in ten is gone; new ordinals are old ones in `vectors`, and old ones in parts are counted.
            let is_gone = |ordinal: u32| ordinal % 10 == 3;
            let mut inputs = Vec::new();
            let mut maps = Vec::new();
            for input in 0..shares.len() {
                let ordinals: Vec<u32> = (0..count as u32).filter(|ordinal| input_of(*ordinal) == input).collect();
                if ordinals.is_empty() {
                    continue;
                }
                let of_part = (0..).zip(ordinals.iter().map(|ordinal| &vectors[*ordinal as usize]));
                inputs.push(part(&Parts::new(), of_part, dimensions).await);
                let new = |ordinal: u32| if is_gone(ordinal) { u32::MAX } else { ordinal };
                maps.push(ordinals.into_iter().map(new).collect::<Vec<_>>());
            }
            let inputs: Vec<_> = inputs.into_iter().zip(maps.iter().map(|map| &map[..])).collect();
            let output = merged(&parts, 1 << 30, &inputs, dimensions, count).await;
            let gone = set(count, is_gone);
            assert!(recall(&output, &vectors, 10, &gone, None).await >= 0.95);
            let few = set(count, |ordinal| ordinal % 300 == 0);
            assert_eq!(recall(&output, &vectors, 10, &gone, Some(&few)).await, 1.0);
            // All are there.
            let all =
                VectorPart { reader: &output, documents: count as u32, dead: &OrdinalSet::default(), allowed: None };
            let zero = Normalised::new(&vec![0.0; dimensions]);
            let found = nearest(&zero, count, &all).await.expect("found");
            let ordinals: Vec<u32> = found.into_iter().map(|(_, ordinal)| ordinal).collect();
            assert!(ordinals == (0..count as u32).filter(|ordinal| !is_gone(*ordinal)).collect::<Vec<_>>());
            // Many passes make the same part.
            let passes = merged(&parts, 1 << 17, &inputs, dimensions, count).await;
            assert!(rows(&passes).await == rows(&output).await);
        });
    }
}

#[test]
fn a_part_of_which_all_are_gone_leaves_nothing() {
    block_on(async {
        let vectors = clustered(100, 4, 4);
        let parts = Parts::new();
        let input = part(&parts, numbered(&vectors), 4).await;
        let mut writer = parts.writer("merged");
        writer.start_part(INDEX);
        merge_within(SMALL, &[(input, &[u32::MAX; 100])], 4, 0, &mut writer).await.expect("merged");
        writer.push(Kind::Vectors, &[255; 9], vec![1]).await.expect("written");
        let output = parts.finish(writer, INDEX).await;
        let all = VectorPart { reader: &output, documents: 0, dead: &OrdinalSet::default(), allowed: None };
        assert_eq!(nearest(&vectors[0], 3, &all).await.expect("found"), []);
        assert_eq!(rows(&output).await.len(), 1);
    });
}
