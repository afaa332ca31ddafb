use super::*;

#[test]
fn a_key_carries_what_the_index_knows() {
    let filters = vec![filter_term(0, Some(&Value::from("a"))), filter_term(1, None)];
    let payload = PayloadWriter::new(7, &filters).text([("bird", 2), ("fish", 5)].into_iter());
    let key = search_key(IndexId(9), 12.5, InternalId([3; 16]), &payload);
    assert_eq!(key.index(), Some(IndexId(9)));
    let (document, rest) = split(&key).expect("a key");
    assert_eq!((internal_id(document), rest), (InternalId([3; 16]), &payload[..]));
    let read = Payload::parse(rest).expect("a payload");
    assert_eq!((read.tokens, read.filters.to_vec()), (7, filters.iter().map(|filter| &filter[..]).collect()));
    assert_eq!(read.terms().collect::<Vec<_>>(), [(&b"bird"[..], 2), (b"fish", 5)]);
    assert!(read.passes(&filters[1..]) && !read.passes(&[filter_term(1, Some(&Value::Null))]));

    let payload = PayloadWriter::new(0, &[]).vector(&[1, 2, 3, 4]);
    assert_eq!(Payload::parse(&payload).expect("a payload").vector(), [1, 2, 3, 4]);
}

#[test]
fn the_newest_documents_come_first() {
    let key = |time| search_key(IndexId(1), time, InternalId([0; 16]), &[]);
    assert!(key(2.0) < key(1.0) && key(1.0) < key(0.0) && key(0.0) < key(-1.0) && key(-1.0) < key(-2.0));
}

#[test]
fn long_values_of_filters_are_digested_and_stay_apart() {
    let term = |text: &str| filter_term(0, Some(&Value::from(text)));
    let (a, b) = (term(&"x".repeat(1000)), term(&("x".repeat(999) + "y")));
    assert!(a != b && a.len() == b.len() && a.len() < 50);
    assert_ne!(filter_term(0, None), filter_term(0, Some(&Value::Null)));
    assert_ne!(filter_term(0, None), filter_term(1, None));
}

#[test]
fn bytes_that_are_no_payload_are_refused() {
    let payload = PayloadWriter::new(7, &[vec![1; 200]]).text([("bird", 2)].into_iter());
    for end in 0..payload.len() {
        if let Some(read) = Payload::parse(&payload[..end]) {
            assert_eq!(read.terms().count(), 0);
        }
    }
}
