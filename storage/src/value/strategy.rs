//! Random values for property tests.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::Value;

/// Any value that clients can send, a few levels deep. Small alphabets and special numbers make near misses likely.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            btree_map(field_name(), inner, 0..6).prop_map(Value::Object),
        ]
    })
}

/// A value, or undefined.
#[allow(dead_code, reason = "not every test that includes this file needs it")]
pub(crate) fn maybe_value() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![1 => Just(None), 9 => value().prop_map(Some)]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        integer().prop_map(Value::Int64),
        float().prop_map(Value::Float64),
        text().prop_map(Value::String),
        vec(prop_oneof![Just(0u8), Just(0xff), any::<u8>()], 0..6).prop_map(Value::Bytes),
    ]
}

fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        -3..3i64,
        // Around the widths that keys have encodings for.
        (0..63u32, -2..2i64, any::<bool>()).prop_map(|(bit, offset, negative)| {
            let integer = (1i64 << bit).wrapping_add(offset);
            if negative { integer.wrapping_neg() } else { integer }
        }),
        Just(i64::MIN),
        Just(i64::MAX),
    ]
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        // One NaN of each sign: JavaScript engines do not promise to keep the others.
        any::<u64>().prop_map(f64::from_bits).prop_map(|float| if float.is_nan() { f64::NAN } else { float }),
        (-5..5i32).prop_map(f64::from),
        any::<i32>().prop_map(|integer| f64::from(integer) / 16.0),
        prop::sample::select(vec![
            0.0,
            -0.0,
            f64::NAN,
            -f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            5e-324,
            1e21,
            1e-7,
            123_456_789_012_345_680_000.0,
            9_007_199_254_740_993.0,
        ]),
    ]
}

fn text() -> impl Strategy<Value = String> {
    let letters = prop::sample::select(vec![
        '\0',
        '\u{1}',
        '\t',
        '\n',
        '"',
        '\\',
        ' ',
        'a',
        'b',
        '~',
        '\u{7f}',
        '\u{e9}',
        '\u{2028}',
        '\u{ffff}',
        '\u{1f600}',
        '\u{10ffff}',
    ]);
    prop_oneof![
        4 => vec(letters, 0..5).prop_map(|letters| letters.into_iter().collect()),
        1 => any::<String>(),
    ]
}

fn field_name() -> impl Strategy<Value = String> {
    // Names that look like array indexes are left out: JavaScript does not keep their order.
    prop_oneof!["[a-c]{0,2}", "[A-Za-z_ .~][ -~]{0,8}"]
}
