use serde_json::json;

use super::{bound, float, paths};
use crate::query::RangeOperator::Eq;
use crate::query::{CursorKey, Operator, Order, Position, Query, Source};
use crate::value::Value;

fn scan(order: Order, limit: u64) -> Query {
    Query {
        source: Source::FullTableScan { table: "tasks".to_owned(), order },
        operators: vec![Operator::Limit(limit)],
    }
}

#[test]
fn cursors_open_for_their_query_only() {
    let key = CursorKey::derive(b"secret");
    let fields = paths(&["a"]);
    let query = scan(Order::Asc, 1).fingerprint(&fields);
    for position in [Position::End, Position::After(vec![]), Position::After(b"some key".to_vec())] {
        let cursor = key.seal(&position, &query);
        assert_eq!(cursor, key.seal(&position, &query), "the same position gives the same text");
        assert_eq!(key.open(&cursor, &query), Ok(position));

        let others = [scan(Order::Desc, 1).fingerprint(&fields), scan(Order::Asc, 2).fingerprint(&fields)];
        for other in others.into_iter().chain([scan(Order::Asc, 1).fingerprint(&paths(&["b"]))]) {
            let error = key.open(&cursor, &other).expect_err("another query");
            assert_eq!(error.code(), "InvalidCursor");
            assert!(error.to_string().contains("InvalidCursor"));
            let data = json!({ "isConvexSystemError": true, "paginationError": "InvalidCursor" });
            assert_eq!(error.data(), Some(data));
        }
        assert!(CursorKey::derive(b"other").open(&cursor, &query).is_err());
        for at in 0..cursor.len() {
            let mut damaged = cursor.clone().into_bytes();
            damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(damaged).expect("ASCII");
            assert!(key.open(&damaged, &query).is_err());
        }
    }
    for bad in ["", "A", "!", "AAAA", "\u{e9}"] {
        assert!(key.open(bad, &query).is_err(), "{bad}");
    }
}

#[test]
fn fingerprints_tell_undefined_from_null() {
    let with = |value: Option<Value>| Query {
        source: Source::IndexRange {
            table: "t".to_owned(),
            index: "i".to_owned(),
            range: vec![bound(Eq, "a", value)],
            order: Order::Asc,
        },
        operators: vec![],
    };
    assert_ne!(with(None).fingerprint(&[]), with(Some(Value::Null)).fingerprint(&[]));
    assert_ne!(with(Some(float(0.0))).fingerprint(&[]), with(Some(float(-0.0))).fingerprint(&[]));
    assert_ne!(with(Some(Value::Int64(1))).fingerprint(&[]), with(Some(float(1.0))).fingerprint(&[]));
}

/// Clients keep cursors: this must change only together with the version inside.
#[test]
fn cursors_do_not_change_by_accident() {
    let query = scan(Order::Asc, 1).fingerprint(&paths(&["a", "b.c"]));
    let cursor = CursorKey::derive(b"secret").seal(&Position::After(vec![1, 2, 3]), &query);
    assert_eq!(cursor, "tJOAYIobNEavosvFRnXPivxFr14");
}
