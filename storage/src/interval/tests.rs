use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn key(text: &str) -> Key {
    Key::from(text.as_bytes())
}

fn range(start: &str, end: &str) -> Interval {
    Interval::new(key(start), key(end))
}

#[test]
fn intervals_know_what_they_contain() {
    assert!(range("b", "d").contains(b"b") && range("b", "d").contains(b"czz"));
    assert!(!range("b", "d").contains(b"d") && !range("b", "d").contains(b"a"));
    assert!(range("b", "b").is_empty() && range("c", "b").is_empty() && !Interval::all().is_empty());
    assert!(Interval::point(key("x")).is_point() && range("x", "x\0").is_point());
    assert!(!range("x", "x\0\0").is_point() && !Interval::from(key("x")).is_point() && !range("x", "").is_point());
    assert!(range("a", "c").overlaps(&range("b", "d")) && !range("a", "b").overlaps(&range("b", "c")));
    assert!(!range("b", "b").overlaps(&Interval::all()));
}

#[test]
fn prefixes_end_after_their_last_key() {
    assert_eq!(Interval::prefix(b"ab"), range("ab", "ac"));
    assert_eq!(end_of_prefix(&[1, 0xff, 0xff]), End::Before(Key::from(&[2][..])));
    assert_eq!(end_of_prefix(&[0xff, 0xff]), End::Unbounded);
    assert_eq!(Interval::prefix(b""), Interval::all());
    assert!(Interval::prefix(&[7, 0xff]).contains(&[7, 0xff, 0xff, 0xff]));
}

#[test]
fn read_sets_merge() {
    let mut set = ReadSet::new();
    for (start, end) in [("a", "b"), ("c", "d"), ("b", "c"), ("x", "z"), ("y", "y"), ("xx", "y")] {
        set.insert(range(start, end));
    }
    assert_eq!(set.iter().collect::<Vec<_>>(), [range("a", "d"), range("x", "z")]);
    set.insert(Interval::from(key("c")));
    assert_eq!(set.iter().collect::<Vec<_>>(), [Interval::from(key("a"))]);
    set.insert_point(key("q"));
    assert_eq!(set.len(), 1);
}

#[test]
fn rows_of_a_scan_become_one_interval() {
    let mut set = ReadSet::new();
    let mut from = key("t");
    for row in ["t1", "t2", "t3"] {
        let to = next_key(row.as_bytes());
        set.insert(Interval::new(from, to.clone()));
        from = to;
    }
    assert_eq!(set.iter().collect::<Vec<_>>(), [range("t", "t3\0")]);
}

#[test]
fn an_owner_is_replaced_and_removed() {
    let mut index = IntervalIndex::new();
    let points = |names: &[&str]| names.iter().map(|name| Interval::point(key(name))).collect::<ReadSet>();
    index.insert(&points(&["a", "c"]), 1);
    index.insert(&points(&["a"]), 2);
    assert_eq!(index.hits(b"a").copied().collect::<Vec<_>>(), [1, 2]);
    index.insert(&std::iter::once(Interval::prefix(b"c")).collect(), 1);
    assert_eq!(index.hits(b"a").copied().collect::<Vec<_>>(), [2]);
    assert_eq!(index.hits(b"cc").copied().collect::<Vec<_>>(), [1]);
    assert_eq!((index.len(), index.interval_count()), (2, 2));
    assert!(index.remove(&1) && index.remove(&2) && !index.remove(&2));
    assert!(index.is_empty() && index.interval_count() == 0);
}

#[test]
fn balanced_after_sorted_insertion_and_removal() {
    let mut index = IntervalIndex::new();
    let reads = |n: u32| ReadSet::from_iter([Interval::prefix(&n.to_be_bytes())]);
    for n in 0..2_000 {
        index.insert(&reads(n), n);
    }
    index.check();
    for n in (0..2_000).filter(|n| n % 3 != 0) {
        index.remove(&n);
    }
    index.check();
    assert_eq!(index.interval_count(), 667);
    assert_eq!(index.hits(&1_500_u32.to_be_bytes()).copied().collect::<Vec<_>>(), [1_500]);
    assert_eq!(index.hits(&1_501_u32.to_be_bytes()).count(), 0);
}

/// Short keys over a small alphabet, so that intervals meet, touch and coincide.
fn keys() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(0_u8), Just(1), Just(2), Just(0xff)], 0..4)
}

fn intervals() -> impl Strategy<Value = Interval> {
    prop_oneof![
        keys().prop_map(|key| Interval::point(Key::from(key))),
        keys().prop_map(|prefix| Interval::prefix(&prefix)),
        (keys(), keys()).prop_map(|(start, end)| Interval::new(Key::from(start), Key::from(end))),
        keys().prop_map(|start| Interval::from(Key::from(start))),
    ]
}

proptest! {
    #[test]
    fn a_read_set_contains_what_its_intervals_contain(inserted in vec(intervals(), 0..20), probes in vec(keys(), 50)) {
        let set: ReadSet = inserted.iter().cloned().collect();
        for probe in &probes {
            let expected = inserted.iter().any(|interval| interval.contains(probe));
            prop_assert_eq!(set.contains(probe), expected, "{:?}", probe);
        }
        let merged: Vec<Interval> = set.iter().collect();
        for pair in merged.windows(2) {
            let End::Before(end) = &pair[0].end else { panic!("only the last is unbounded: {merged:?}") };
            prop_assert!(*end < pair[1].start, "not merged: {:?}", merged);
        }
        let mut extended = ReadSet::new();
        extended.extend(&set);
        prop_assert_eq!(extended, set);
    }

    #[test]
    fn overlap_is_a_common_key(a in intervals(), b in intervals()) {
        // If two intervals share a key, they share the later of their starts.
        let later = a.start.clone().max(b.start.clone());
        prop_assert_eq!(a.overlaps(&b), a.contains(&later) && b.contains(&later));
    }

    #[test]
    fn the_index_agrees_with_brute_force(
        steps in vec((0..12_u32, proptest::option::weighted(0.7, vec(intervals(), 0..6))), 1..60),
        probes in vec(keys(), 30),
    ) {
        let mut index = IntervalIndex::new();
        let mut model: BTreeMap<u32, ReadSet> = BTreeMap::new();
        for (owner, reads) in steps {
            match reads {
                Some(reads) => {
                    let reads: ReadSet = reads.into_iter().collect();
                    index.insert(&reads, owner);
                    model.insert(owner, reads);
                }
                None => prop_assert_eq!(index.remove(&owner), model.remove(&owner).is_some()),
            }
            index.check();
        }
        for probe in &probes {
            let hits: Vec<u32> = index.hits(probe).copied().collect();
            let unique: BTreeSet<u32> = hits.iter().copied().collect();
            prop_assert_eq!(hits.len(), unique.len(), "an owner twice");
            let expected = model.iter().filter(|(_, reads)| reads.contains(probe)).map(|(owner, _)| *owner).collect();
            prop_assert_eq!(unique, expected);
        }
        for owner in model.into_keys() {
            index.remove(&owner);
        }
        prop_assert_eq!(index.interval_count(), 0);
    }
}
