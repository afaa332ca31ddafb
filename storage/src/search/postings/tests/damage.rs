//! Damaged rows are errors.

use bytes::Bytes;

use super::{lists, norms, numbers, part};
use crate::search::part::tests::Parts;
use crate::search::part::{Kind, PartReader};
use crate::search::postings::read::DictionaryEntry;
use crate::search::postings::{BLOCK, Cursor, Damage, END};
use crate::segment::tests::block_on;

const DOCUMENTS: u32 = 20_000;

/// Reads all of a list in every way; whatever it says ascends and is of the part.
fn read_all(row: &[u8], chunks: Vec<Bytes>) -> Result<(), Damage> {
    let list = DictionaryEntry::parse(row, DOCUMENTS)?.with_chunks(chunks)?;
    let mut results = Vec::new();
    results.push((|| {
        let mut cursor = Cursor::new(&list);
        let mut before = None;
        let mut ordinal = cursor.seek(0)?;
        while ordinal != END {
            assert!(before < Some(ordinal) && ordinal < DOCUMENTS);
            cursor.frequency()?;
            before = Some(ordinal);
            ordinal = cursor.next()?;
        }
        Ok(())
    })());
    for leap in [1, 700, 9_000] {
        results.push((|| {
            let mut cursor = Cursor::new(&list);
            let mut wanted = 0;
            while wanted < DOCUMENTS {
                let found = cursor.seek(wanted)?;
                assert!(found >= wanted);
                if found == END {
                    break;
                }
                assert!(found < DOCUMENTS);
                wanted = found + leap;
            }
            Ok(())
        })());
    }
    results.push((|| {
        let mut cursor = Cursor::new(&list);
        let mut more = cursor.shallow_seek(0);
        while more {
            cursor.block_base();
            let (ordinals, frequencies) = cursor.postings()?;
            assert!(ordinals.len() <= BLOCK && ordinals.len() == frequencies.len());
            assert!(ordinals.is_sorted() && ordinals.iter().all(|ordinal| *ordinal < DOCUMENTS));
            more = cursor.next_block();
        }
        Ok(())
    })());
    results.into_iter().collect()
}

async fn rows(part: &PartReader, kind: Kind) -> Vec<(Bytes, Bytes)> {
    part.range(kind, &[], None).await.expect("read")
}

#[test]
fn damaged_lists_are_errors_and_never_panic() {
    block_on(async {
        let lists = lists(DOCUMENTS, 1);
        let part = part(&Parts::new(), "a", &lists, &norms(DOCUMENTS), usize::MAX).await;
        let all_chunks: Vec<_> = rows(&part, Kind::Postings).await.into_iter().map(|(_, chunk)| chunk).collect();
        let mut number = numbers(1);
        let mut damaged = 0;
        for (_, row) in rows(&part, Kind::Terms).await {
            let (first, count) = DictionaryEntry::parse(&row, DOCUMENTS).expect("good").chunks();
            let chunks = &all_chunks[if count == 0 { 0..0 } else { first as usize..first as usize + count }];
            assert_eq!(read_all(&row, chunks.to_vec()), Ok(()));
            for length in 0..row.len() {
                assert!(read_all(&row[..length], chunks.to_vec()).is_err());
            }
            if count > 0 {
                assert!(read_all(&row, chunks[1..].to_vec()).is_err());
            }
            for _ in 0..200 {
                let (mut row, mut chunks) = (row.to_vec(), chunks.to_vec());
                if chunks.is_empty() || number(4) == 0 {
                    let at = number(row.len() as u32) as usize;
                    row[at] ^= 1 << number(8);
                } else {
                    let which = number(chunks.len() as u32) as usize;
                    let mut chunk = chunks[which].to_vec();
                    match number(5) {
                        0 => chunk.truncate(number(chunk.len() as u32) as usize),
                        // Mostly in the table.
                        1 | 2 => {
                            let at = number(64.min(chunk.len() as u32)) as usize;
                            chunk[at] = number(256) as u8;
                        }
                        _ => {
                            let at = number(chunk.len() as u32) as usize;
                            chunk[at] ^= 1 << number(8);
                        }
                    }
                    chunks[which] = chunk.into();
                }
                damaged += u32::from(read_all(&row, chunks).is_err());
            }
        }
        assert!(damaged > 1_000, "{damaged}");
    });
}

#[test]
fn counts_that_cannot_be_take_no_memory() {
    let mut row = Vec::new();
    crate::log::codec::bytes::put_varint(&mut row, u64::from(u32::MAX));
    row.push(0);
    assert!(DictionaryEntry::parse(&row, DOCUMENTS).is_err());
    assert!(DictionaryEntry::parse(&row, u32::MAX).is_err());
}
