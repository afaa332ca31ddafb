use proptest::collection::vec;
use proptest::prelude::*;

use super::{Key, after_fields, decode_value, encode_value};
use crate::catalog::IndexId;
use crate::id::InternalId;
use crate::value::Value;
use crate::value::strategy::maybe_value;

fn encode(values: &[Option<Value>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in values {
        encode_value(&mut bytes, value.as_ref());
    }
    bytes
}

fn decode(mut bytes: &[u8]) -> Vec<Option<Value>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        values.push(decode_value(&mut bytes).expect("own output"));
    }
    values
}

#[test]
fn worked_examples() {
    let object = Value::from_json(r#"{"k":{"$integer":"AQAAAAAAAAA="}}"#).expect("an object");
    let table = [
        (None, "01"),
        (Some(Value::Null), "03"),
        (Some(Value::Int64(5)), "0905"),
        (Some(Value::Int64(-5)), "07fb"),
        (Some(Value::Int64(300)), "0a012c"),
        (Some(Value::Int64(1 << 40)), "0c0000010000000000"),
        (Some(Value::Int64(0)), "08"),
        (Some(Value::CommitTs), "0c7fffffffffffffff"),
        (Some(Value::Float64(1.0)), "0dbff0000000000000"),
        (Some(Value::Float64(-1.5)), "0d4007ffffffffffff"),
        (Some(Value::Float64(-0.0)), "0d7fffffffffffffff"),
        (Some(Value::from(false)), "0e"),
        (Some(Value::from(true)), "0f"),
        (Some(Value::from("a\0b")), "106100ff6200"),
        (Some(Value::Bytes(vec![0, 1])), "1100ff0100"),
        (Some(Value::Array(vec![Value::Int64(1), "a".into()])), "12090110610000"),
        (Some(object), "156b00090100"),
        (Some(Value::from_json(r#"{"":null}"#).expect("an object")), "1500ff0300"),
    ];
    for (value, hex) in table {
        assert_eq!(hex::encode(encode(std::slice::from_ref(&value))), hex);
        assert_eq!(decode(&hex::decode(hex).expect("hex")), [value]);
    }
}

#[test]
fn keys_have_their_parts() {
    let id = InternalId([7; 16]);
    let key = Key::of_fields(IndexId(258), [Some(&Value::Int64(5)), None], 1.0, id);
    assert_eq!(hex::encode(&key), format!("000001020905010dbff0000000000000{}", "07".repeat(16)));
    assert_eq!(key.index(), Some(IndexId(258)));
    assert_eq!(key.internal_id(), Some(id));
    assert_eq!(key.after_index(), &key.as_bytes()[4..]);
    assert_eq!(Key::by_id(IndexId(1), id).len(), 20);
    assert_eq!(Key::by_creation_time(IndexId(1), 0.0, id).len(), 29);
    assert_eq!(Key::from(&[1, 2][..]).index(), None);
    assert_eq!(Key::from(&[1, 2][..]).after_index(), &[] as &[u8]);
}

#[test]
fn damaged_keys_are_errors() {
    for hex in ["", "00", "02", "09", "0a01", "0d00", "1061", "1209", "15", "156b00", "10ff00", "ff"] {
        let bytes = hex::decode(hex).expect("hex");
        assert!(decode_value(&mut bytes.as_slice()).is_err(), "{hex}");
    }
    let deep = [0x12; 100_000];
    assert!(decode_value(&mut deep.as_slice()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn order_of_bytes_is_order_of_values(a in vec(maybe_value(), 1..4), b in vec(maybe_value(), 1..4)) {
        // Keys of one index have the same number of components.
        let components = a.len().min(b.len());
        let (a, b) = (&a[..components], &b[..components]);
        prop_assert_eq!(encode(a).cmp(&encode(b)), a.cmp(b));
    }

    #[test]
    fn decodes_what_was_encoded(values in vec(maybe_value(), 0..4)) {
        prop_assert_eq!(decode(&encode(&values)), values);
    }

    #[test]
    fn after_fields_is_after_just_those(a in maybe_value(), b in maybe_value(), more in maybe_value()) {
        let end = after_fields(&encode(std::slice::from_ref(&a)));
        prop_assert_eq!(encode(&[b.clone(), more]) < end, b <= a);
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in vec(any::<u8>(), 0..40)) {
        let _ = decode_value(&mut bytes.as_slice());
    }
}
