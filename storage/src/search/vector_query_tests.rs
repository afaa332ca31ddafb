use serde_json::{Value as Json, json};

use super::VectorQuery;
use crate::search::SearchError;
use crate::value::Value;

fn read(members: Json) -> Result<VectorQuery, SearchError> {
    let mut query = json!({ "indexName": "notes.by_vector", "vector": [1, 0.5], "expressions": null });
    query.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
    VectorQuery::from_json(&json!({ "requestId": "", "version": "1.48.0", "query": query }).to_string())
}

fn eq(field: &str, value: Json) -> Json {
    json!({ "$eq": [{ "$field": field }, { "$literal": value }] })
}

fn code(members: Json) -> &'static str {
    read(members).expect_err("refused").code()
}

#[test]
fn queries_are_read() {
    let query = read(json!({})).expect("a query");
    assert_eq!((query.table.as_str(), query.index.as_str(), query.limit), ("notes", "by_vector", 10));
    assert_eq!((query.vector.as_slice(), &query.filter), ([1.0, 0.5].as_slice(), &None));
    assert_eq!(
        VectorQuery::from_json(r#"{"query":{"indexName":"a.b","vector":[1]}}"#).map(|query| query.limit),
        Ok(10)
    );
    assert_eq!(read(json!({ "limit": 256.0 })).map(|query| query.limit), Ok(256));

    let filter = |expression| read(json!({ "expressions": expression })).map(|query| query.filter);
    let a = ("a".parse().expect("a path"), Some(Value::Int64(7)));
    let b = ("b.c".parse().expect("a path"), None);
    let (eq_a, eq_b) = (eq("a", json!({ "$integer": "BwAAAAAAAAA=" })), eq("b.c", json!({ "$undefined": null })));
    assert_eq!(filter(eq_a.clone()), Ok(Some(vec![a.clone()])));
    assert_eq!(filter(json!({ "$or": [eq_a, { "$or": [eq_b] }] })), Ok(Some(vec![a, b])));
    assert_eq!(filter(json!({ "$or": [] })), Ok(Some(vec![])));
}

#[test]
fn wrong_queries_have_their_codes() {
    for text in ["", "{}", r#"{"query":{}}"#, r#"{"query":{"indexName":"notes","vector":[1]}}"#] {
        assert_eq!(VectorQuery::from_json(text).expect_err(text).code(), "InvalidQuery");
    }
    for vector in [json!([]), json!(null), json!("x"), json!([1, null]), json!([1, "2"]), json!([1, 1e300])] {
        assert_eq!(code(json!({ "vector": vector })), "InvalidVectorError");
    }
    for (limit, expected) in [
        (json!(257), "VectorLimitTooLargeError"),
        (json!(1e300), "VectorLimitTooLargeError"),
        (json!(0), "InvalidVectorLimitError"),
        (json!(-1), "InvalidVectorLimitError"),
        (json!(1.5), "InvalidVectorLimitError"),
        (json!("1"), "InvalidVectorLimitError"),
    ] {
        assert_eq!(code(json!({ "limit": limit })), expected);
    }
    for filter in [
        json!({}),
        json!([]),
        json!("x"),
        json!({ "$literal": true }),
        json!({ "$or": [{ "$literal": true }] }),
        json!({ "$or": eq("a", json!(1)) }),
        json!({ "$and": [eq("a", json!(1))] }),
        json!({ "$eq": [{ "$field": "a" }] }),
        json!({ "$eq": [{ "$literal": 1 }, { "$literal": 1 }] }),
        json!({ "$eq": [{ "$field": "a" }, { "$field": "b" }] }),
        json!({ "$eq": [{ "$field": "a" }, { "$literal": 1 }], "$or": [] }),
    ] {
        assert_eq!(code(json!({ "expressions": filter })), "InvalidVectorSearchFilter", "{filter}");
    }
    assert_eq!(code(json!({ "expressions": eq("a..b", json!(1)) })), "InvalidFieldPath");
    let many = |count: usize| json!({ "expressions": { "$or": vec![eq("a", json!(1)); count] } });
    assert!(read(many(64)).is_ok());
    assert_eq!(code(many(65)), "TooManyElementsInVectorQueryError");
}
