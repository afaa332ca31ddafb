use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

fn set(intervals: impl IntoIterator<Item = Interval>) -> ReadSet {
    intervals.into_iter().collect()
}

#[test]
fn points_and_prefixes_cost_little_more_than_what_tells_them_apart() {
    let key = |n: u16| {
        let mut key = b"\0\0\0\x07 a key of forty bytes, of which few differ".to_vec();
        key.extend(n.to_be_bytes());
        Key::from(key)
    };
    let points = set((0..1_000).map(|n| Interval::point(key(7 * n))));
    assert_eq!(points.len(), 1_000);
    let bytes = points.encode().len();
    assert!(bytes < 5_100, "{bytes}");
    let prefixes = set((0..1_000).map(|n| Interval::prefix(&key(7 * n))));
    let bytes = prefixes.encode().len();
    assert!(bytes < 5_100, "{bytes}");
}

#[test]
fn what_is_no_read_set_is_refused() {
    assert_eq!(ReadSet::decode(&[9, 0, 0]), Err(DecodeError::Version(9)));
    assert_eq!(ReadSet::decode(&[1, 1, 0, 1, b'k', 4, 0]), Err(DecodeError::Kind(4)));
    assert_eq!(ReadSet::decode(&[1, 1, 1, 1, b'k', 0, 0]), Err(DecodeError::Beyond));
    assert_eq!(ReadSet::decode(&[1, 1, 0, 1, b'k', 0, 0]), Ok(set([Interval::point(Key::from(&b"k"[..]))])));
    assert!(matches!(ReadSet::decode(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f]), Err(DecodeError::Bytes(_))));
    assert!(matches!(ReadSet::decode(&[1, 0, 0, 0]), Err(DecodeError::Bytes(_))));
}

/// Short keys over a small alphabet, so that intervals meet, touch and coincide.
fn keys() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(0_u8), Just(1), Just(2), Just(0xff)], 0..5)
}

fn intervals() -> impl Strategy<Value = Interval> {
    prop_oneof![
        keys().prop_map(|key| Interval::point(Key::from(key))),
        keys().prop_map(|prefix| Interval::prefix(&prefix)),
        (keys(), keys()).prop_map(|(start, end)| Interval::new(Key::from(start), Key::from(end))),
        keys().prop_map(|start| Interval::from(Key::from(start))),
    ]
}

fn searches() -> impl Strategy<Value = SearchRead> {
    let term = (keys(), option::of(keys()), 0..3_u8).prop_map(|(term, prefix, typos)| TermRead {
        term: term.into(),
        prefix: prefix.map(Into::into),
        typos,
    });
    (any::<u32>(), vec(term, 0..4), vec(keys(), 0..4)).prop_map(|(index, terms, filters)| SearchRead {
        index: IndexId(index),
        terms,
        filters,
    })
}

fn read_sets() -> impl Strategy<Value = ReadSet> {
    (vec(intervals(), 0..20), vec(searches(), 0..4)).prop_map(|(intervals, searches)| {
        let mut reads = set(intervals);
        searches.into_iter().for_each(|search| reads.insert_search(Arc::new(search)));
        reads
    })
}

proptest! {
    #[test]
    fn a_read_set_comes_back(reads in read_sets()) {
        let encoded = reads.encode();
        prop_assert_eq!(ReadSet::decode(&encoded), Ok(reads));
        for cut in 0..encoded.len() {
            prop_assert!(ReadSet::decode(&encoded[..cut]).is_err(), "cut at {}", cut);
        }
    }

    #[test]
    fn anything_is_decoded_or_refused(mut bytes in vec(any::<u8>(), 0..60), versioned: bool) {
        if let (Some(first), true) = (bytes.first_mut(), versioned) {
            *first = VERSION;
        }
        if let Ok(reads) = ReadSet::decode(&bytes) {
            prop_assert_eq!(ReadSet::decode(&reads.encode()), Ok(reads));
        }
    }
}
