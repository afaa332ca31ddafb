use serde_json::json;

use crate::query::{EvalError, Expression};
use crate::value::Value;

fn parse_expression(json: serde_json::Value) -> Expression {
    Expression::from_json_value(&json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

#[test]
fn filters_evaluate() {
    let document = Value::from_json(r#"{"a":{"b":3},"flag":true,"i":{"$integer":"BwAAAAAAAAA="},"n":null,"s":"x"}"#)
        .expect("a document");
    let int = |integer: i64| json!({ "$literal": Value::Int64(integer) });
    for (expression, expected) in [
        (json!({ "$eq": [{ "$field": "a.b" }, { "$literal": 3 }] }), true),
        (json!({ "$eq": [{ "$field": "a.b" }, int(3)] }), false),
        (json!({ "$neq": [{ "$field": "missing" }, { "$literal": 1 }] }), true),
        (json!({ "$eq": [{ "$field": "missing" }, { "$literal": { "$undefined": null } }] }), true),
        (json!({ "$eq": [{ "$field": "n" }, { "$literal": { "$undefined": null } }] }), false),
        (json!({ "$lt": [{ "$field": "missing" }, { "$literal": null }] }), true),
        (json!({ "$lt": [{ "$field": "i" }, { "$literal": -1000 }] }), true),
        (json!({ "$lte": [{ "$field": "s" }, { "$literal": "x" }] }), true),
        (json!({ "$gt": [{ "$field": "s" }, { "$literal": "x" }] }), false),
        (json!({ "$gte": [{ "$field": "s" }, { "$literal": "w" }] }), true),
        (json!({ "$eq": [{ "$add": [{ "$field": "a.b" }, { "$literal": 4 }] }, { "$literal": 7 }] }), true),
        (json!({ "$eq": [{ "$div": [int(-7), int(2)] }, int(-3)] }), true),
        (json!({ "$eq": [{ "$mod": [int(-7), int(2)] }, int(-1)] }), true),
        (json!({ "$eq": [{ "$mod": [{ "$literal": -7.5 }, { "$literal": 2 }] }, { "$literal": -1.5 }] }), true),
        (json!({ "$eq": [{ "$mul": [{ "$field": "i" }, int(2)] }, int(14)] }), true),
        (json!({ "$eq": [{ "$sub": [{ "$field": "i" }, int(8)] }, int(-1)] }), true),
        (json!({ "$eq": [{ "$neg": { "$field": "a.b" } }, { "$literal": -3 }] }), true),
        (json!({ "$not": { "$field": "flag" } }), false),
        (json!({ "$and": [] }), true),
        (json!({ "$or": [] }), false),
        (json!({ "$and": [{ "$field": "flag" }, { "$not": { "$field": "flag" } }] }), false),
        // Neither looks further than it must.
        (json!({ "$and": [{ "$literal": false }, { "$field": "s" }] }), false),
        (json!({ "$or": [{ "$literal": true }, { "$field": "s" }] }), true),
    ] {
        assert_eq!(parse_expression(expression.clone()).matches(&document), Ok(expected), "{expression}");
    }
}

#[test]
fn filters_fail() {
    let document = Value::from_json(r#"{"s":"x"}"#).expect("a document");
    let int = |integer: i64| json!({ "$literal": Value::Int64(integer) });
    let fails = |expression: serde_json::Value| parse_expression(expression).matches(&document).expect_err("fails");
    assert_eq!(
        fails(json!({ "$add": [int(1), { "$literal": 1 }] })),
        EvalError::Arithmetic { operator: "add", left: "int64", right: "float64" }
    );
    assert_eq!(
        fails(json!({ "$sub": [{ "$field": "missing" }, int(1)] })).to_string(),
        "cannot apply `sub` to undefined and int64: both must be int64, or both float64"
    );
    assert_eq!(fails(json!({ "$add": [int(i64::MAX), int(1)] })), EvalError::Overflow { operator: "add" });
    assert_eq!(fails(json!({ "$neg": int(i64::MIN) })), EvalError::Overflow { operator: "neg" });
    assert_eq!(fails(json!({ "$div": [int(i64::MIN), int(-1)] })), EvalError::Overflow { operator: "div" });
    assert_eq!(fails(json!({ "$div": [int(1), int(0)] })), EvalError::DivisionByZero { operator: "div" });
    assert_eq!(fails(json!({ "$mod": [int(1), int(0)] })), EvalError::DivisionByZero { operator: "mod" });
    assert_eq!(fails(json!({ "$neg": { "$field": "s" } })), EvalError::Negation { operand: "string" });
    for expression in [
        json!({ "$field": "s" }),
        json!({ "$not": { "$field": "missing" } }),
        json!({ "$and": [{ "$literal": 1 }] }),
        json!({ "$or": [{ "$literal": null }] }),
    ] {
        assert!(matches!(fails(expression), EvalError::NotBoolean { .. }));
    }
}
