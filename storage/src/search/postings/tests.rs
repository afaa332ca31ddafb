//! Lists that are written, merged, read and damaged.

mod damage;
mod merge;

use std::collections::BTreeMap;

use super::read::{postings, prefix_end};
use super::{Cursor, END, Match, PostingsBuilder, filter, terms_with_prefix};
use crate::catalog::IndexId;
use crate::search::part::PartReader;
use crate::search::part::tests::Parts;
use crate::segment::tests::block_on;

/// A generator of numbers below something.
pub(crate) fn numbers(mut state: u64) -> impl FnMut(u32) -> u32 {
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % u64::from(below)) as u32
    }
}

/// Ordinals and frequencies by term.
pub(super) type Lists = BTreeMap<Vec<u8>, Vec<(u32, u32)>>;

/// Lists of all lengths that are of interest, in a part with so many documents.
pub(super) fn lists(documents: u32, seed: u64) -> Lists {
    let mut number = numbers(seed);
    let mut lists = Lists::new();
    let lengths = [1, 2, 15, 16, 17, 127, 128, 129, 255, 256, 257, 8_191, 8_192, 8_193, 20_000, documents];
    for (term, length) in (0_u8..).zip(lengths) {
        let step = documents / length.min(documents);
        let mut list = Vec::new();
        let mut ordinal = number(step);
        while ordinal < documents && list.len() < length as usize {
            let frequency = if number(50) == 0 { 1 + number(u32::MAX - 1) } else { 1 + number(4) };
            list.push((ordinal, frequency));
            ordinal += 1 + number(2 * step - 1);
        }
        lists.insert(vec![term / 4, b'a', term], list);
    }
    lists
}

pub(super) fn norms(documents: u32) -> Vec<u8> {
    let mut number = numbers(5);
    (0..documents).map(|_| 1 + number(60) as u8).collect()
}

pub(super) async fn part(store: &Parts, name: &str, lists: &Lists, norms: &[u8], spool_bytes: usize) -> PartReader {
    let mut builder = PostingsBuilder::new();
    let mut all: Vec<_> =
        lists.iter().flat_map(|(term, list)| list.iter().map(move |(ordinal, tf)| (*ordinal, term, *tf))).collect();
    all.sort_unstable();
    all.into_iter().for_each(|(ordinal, term, frequency)| builder.add(term, ordinal, frequency));
    let mut writer = store.writer(name);
    writer.start_part(IndexId(1));
    builder.write_with(&mut writer, norms, spool_bytes).await.expect("written");
    store.finish(writer, IndexId(1)).await
}

const DOCUMENTS: u32 = 50_000;

#[test]
fn what_is_written_is_read() {
    block_on(async {
        let (store, norms) = (Parts::new(), norms(DOCUMENTS));
        let lists = lists(DOCUMENTS, 1);
        for spool_bytes in [usize::MAX, 30_000, 0] {
            let part = part(&store, &format!("a{spool_bytes}"), &lists, &norms, spool_bytes).await;
            let mut number = numbers(2);
            for (term, list) in &lists {
                let read = postings(&part, DOCUMENTS, term).await.expect("read").expect("there");
                assert_eq!(read.documents() as usize, list.len());
                // One after the other.
                let mut cursor = Cursor::new(&read);
                let mut ordinal = cursor.seek(0).expect("read");
                for expected in list {
                    assert_eq!((ordinal, cursor.frequency().expect("read")), *expected);
                    ordinal = cursor.next().expect("read");
                }
                assert_eq!((ordinal, cursor.next(), cursor.seek(0)), (END, Ok(END), Ok(END)));
                // In leaps.
                for leap in [3, 100, 1_000, 30_000] {
                    let (mut cursor, mut wanted) = (Cursor::new(&read), number(leap));
                    while wanted < DOCUMENTS + leap {
                        let expected = list.get(list.partition_point(|(ordinal, _)| *ordinal < wanted));
                        let found = cursor.seek(wanted).expect("read");
                        assert_eq!(found, expected.map_or(END, |(ordinal, _)| *ordinal));
                        if let Some((_, frequency)) = expected {
                            assert_eq!(cursor.frequency(), Ok(*frequency));
                        }
                        wanted = wanted.max(found.saturating_add(number(3))).saturating_add(number(leap));
                    }
                }
                // By blocks, with bounds.
                let (mut cursor, mut blocks) = (Cursor::new(&read), Vec::new());
                assert!(cursor.shallow_seek(0));
                loop {
                    let (impacts, last) = cursor.impacts_of(cursor.block()).expect("a block");
                    let (ordinals, frequencies) = cursor.postings().expect("read");
                    assert_eq!(ordinals.last(), Some(&last));
                    for (ordinal, frequency) in ordinals.iter().zip(frequencies) {
                        let norm = norms[*ordinal as usize];
                        let is_bound = |bound: &super::impacts::Impact| {
                            (u32::from(bound.frequency) >= *frequency || bound.frequency == super::UNBOUNDED)
                                && bound.norm <= norm
                        };
                        assert!(impacts.iter().any(is_bound));
                        assert!(read.impacts().iter().any(|impacts| impacts.iter().any(is_bound)));
                        blocks.push((*ordinal, *frequency));
                    }
                    if !cursor.next_block() {
                        break;
                    }
                }
                assert_eq!(blocks, *list);
            }
            assert!(postings(&part, DOCUMENTS, &[0, b'b']).await.expect("read").is_none());
        }
    });
}

#[test]
fn terms_are_found_by_prefix() {
    assert_eq!(prefix_end(&[1, b'a']), Some(vec![1, b'b']));
    assert_eq!(prefix_end(&[1, 255, 255]), Some(vec![2]));
    assert_eq!(prefix_end(&[255]), None);
    block_on(async {
        let lists = lists(DOCUMENTS, 1);
        let part = part(&Parts::new(), "a", &lists, &[], 0).await;
        for prefix in [&[][..], &[1], &[1, b'a'], &[1, b'a', 5], &[1, b'b'], &[200]] {
            let mut found = Vec::new();
            let take = |term: &[u8], documents| found.push((term.to_vec(), documents));
            terms_with_prefix(&part, prefix, take).await.expect("read");
            let expected = lists.iter().filter(|(term, _)| term.starts_with(prefix));
            let expected: Vec<_> = expected.map(|(term, list)| (term.clone(), list.len() as u32)).collect();
            assert_eq!(found, expected);
        }
    });
}

#[test]
fn filters_are_unions_and_intersections() {
    block_on(async {
        let lists = lists(DOCUMENTS, 3);
        let part = part(&Parts::new(), "a", &lists, &[], usize::MAX).await;
        let terms: Vec<_> = lists.keys().cloned().collect();
        let mut choices = vec![vec![], vec![vec![9]], vec![vec![9], terms[15].clone()]];
        choices.extend((0..16).map(|at| vec![terms[at].clone()]));
        choices.extend((0..14).map(|at| vec![terms[15].clone(), terms[at + 1].clone(), terms[at].clone()]));
        for choice in choices {
            let has = |term: &Vec<u8>, ordinal: u32| {
                lists.get(term).is_some_and(|list| list.binary_search_by_key(&ordinal, |(ordinal, _)| *ordinal).is_ok())
            };
            let any: Vec<_> = (0..DOCUMENTS).filter(|ordinal| choice.iter().any(|term| has(term, *ordinal))).collect();
            let all: Vec<_> = (0..DOCUMENTS).filter(|ordinal| choice.iter().all(|term| has(term, *ordinal))).collect();
            for (matches, expected) in [(Match::Any, any), (Match::All, all)] {
                let found = filter(&part, DOCUMENTS, &choice, matches).await.expect("read");
                assert_eq!(found.count() as usize, expected.len());
                assert!(expected.iter().all(|ordinal| found.contains(*ordinal)));
                assert!(found.iter().eq(expected));
            }
        }
    });
}
