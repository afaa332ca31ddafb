use serde_json::json;

use super::bound;
use crate::query::RangeOperator::{Eq, Gte};
use crate::query::{Operator, Order, Query, SearchFilter, Source};
use crate::value::Value;

#[test]
fn queries_are_read() {
    let query = Query::from_json(
        r#"{"source":{"type":"IndexRange","indexName":"tasks.by_owner","order":"desc","range":[
              {"type":"Eq","fieldPath":"owner","value":{"$undefined":null}},
              {"type":"Gte","fieldPath":"at","value":{"$commitTs":null}}]},
            "operators":[{"filter":{"$eq":[{"$field":"a.b"},{"$literal":1}]}},{"limit":2}]}"#,
    )
    .expect("a query");
    assert_eq!(
        query.source,
        Source::IndexRange {
            table: "tasks".to_owned(),
            index: "by_owner".to_owned(),
            range: vec![bound(Eq, "owner", None), bound(Gte, "at", Value::CommitTs)],
            order: Order::Desc,
        }
    );
    assert_eq!(query.operators.len(), 2);
    assert_eq!(query.operators[1], Operator::Limit(2));

    let query = Query::from_json_value(&json!({
        "source": { "type": "FullTableScan", "tableName": "tasks", "order": null },
        "operators": [],
    }))
    .expect("a query");
    assert_eq!(query.source, Source::FullTableScan { table: "tasks".to_owned(), order: Order::Asc });

    let query = Query::from_json_value(&json!({
        "source": { "type": "Search", "indexName": "tasks.s", "filters": [
            { "type": "Search", "fieldPath": "body", "value": "hello" },
            { "type": "Eq", "fieldPath": "owner", "value": "ada" },
        ] },
        "operators": [],
    }))
    .expect("a query");
    let Source::Search { filters, .. } = query.source else { panic!("a search") };
    assert_eq!(filters.len(), 2);
    assert_eq!(filters[1], SearchFilter::Eq { field: "owner".parse().expect("a path"), value: Some("ada".into()) });
}

#[test]
fn malformed_queries_are_errors() {
    let scan = json!({ "type": "FullTableScan", "tableName": "t", "order": null });
    for (operators, code) in [
        (json!([{ "limit": -1 }]), "InvalidQuery"),
        (json!([{ "limit": 1.5 }]), "InvalidQuery"),
        (json!([{ "skip": 1 }]), "InvalidQuery"),
        (json!([{ "filter": { "$eq": [1] } }]), "InvalidQuery"),
        (json!([{ "filter": { "$xor": [] } }]), "InvalidQuery"),
        (json!([{ "filter": { "$field": "a..b" } }]), "InvalidFieldPath"),
        (json!([{ "filter": { "$literal": { "$commitTs": null } } }]), "InvalidValue"),
        (json!(vec![json!({ "limit": 1 }); 257]), "TooManyQueryOperators"),
    ] {
        let query = json!({ "source": scan, "operators": operators });
        assert_eq!(Query::from_json_value(&query).expect_err("malformed").code(), code, "{query}");
    }
    assert!(
        Query::from_json_value(&json!({ "source": scan, "operators": vec![json!({ "limit": 1.0 }); 256] })).is_ok()
    );
    assert!(Query::from_json("{}").is_err());
    assert!(Query::from_json(r#"{"source":{"type":"IndexRange","indexName":"t","range":[]},"operators":[]}"#).is_err());
}
