use serde_json::json;

use super::validator;
use crate::schema::Validator;
use crate::value::Value;

#[test]
fn json_and_notation_of_every_type() {
    for (json, notation) in [
        (json!({ "type": "null" }), "v.null()"),
        (json!({ "type": "number" }), "v.float64()"),
        (json!({ "type": "bigint" }), "v.int64()"),
        (json!({ "type": "commitTs" }), "v.commitTs()"),
        (json!({ "type": "boolean" }), "v.boolean()"),
        (json!({ "type": "string" }), "v.string()"),
        (json!({ "type": "bytes" }), "v.bytes()"),
        (json!({ "type": "any" }), "v.any()"),
        (json!({ "type": "literal", "value": "a\"b" }), "v.literal(\"a\\\"b\")"),
        (json!({ "type": "literal", "value": true }), "v.literal(true)"),
        (json!({ "type": "literal", "value": 1 }), "v.literal(1.0)"),
        (json!({ "type": "literal", "value": Value::Int64(-1) }), "v.literal(-1n)"),
        (json!({ "type": "id", "tableName": "users" }), "v.id(\"users\")"),
        (json!({ "type": "array", "value": { "type": "null" } }), "v.array(v.null())"),
        (
            json!({ "type": "record", "keys": { "type": "string" },
                    "values": { "fieldType": { "type": "any" }, "optional": false } }),
            "v.record(v.string(), v.any())",
        ),
        (json!({ "type": "union", "value": [] }), "v.union()"),
        (
            json!({ "type": "union", "value": [{ "type": "null" }, { "type": "string" }] }),
            "v.union(v.null(), v.string())",
        ),
        (
            json!({ "type": "object", "value": {
                "a": { "fieldType": { "type": "null" }, "optional": true },
                "b": { "fieldType": { "type": "string" }, "optional": false } } }),
            "v.object({a: v.optional(v.null()), b: v.string()})",
        ),
    ] {
        let parsed = validator(json.clone());
        assert_eq!(parsed.to_string(), notation);
        assert_eq!(validator(parsed.to_json_value()), parsed);
        assert_eq!(parsed.to_json_value(), json);
    }
}

#[test]
fn old_exports_are_read() {
    assert_eq!(validator(json!({ "type": "map", "keys": 1, "values": 2 })), Validator::Any);
    assert_eq!(validator(json!({ "type": "set", "value": 1 })), Validator::Any);
    let object = json!({ "type": "object", "value": { "a": { "fieldType": { "type": "null" } } } });
    assert_eq!(validator(object), Validator::object([("a", Validator::Null.required())]));
}

#[test]
fn malformed_validators_are_errors() {
    let string = json!({ "fieldType": { "type": "string" }, "optional": false });
    for (json, code) in [
        (json!({}), "InvalidSchema"),
        (json!({ "type": "date" }), "InvalidSchema"),
        (json!({ "type": "array" }), "InvalidSchema"),
        (json!({ "type": "literal", "value": null }), "InvalidSchema"),
        (json!({ "type": "literal", "value": Value::Float64(f64::NAN) }), "InvalidSchema"),
        (json!({ "type": "id", "tableName": "a b" }), "InvalidTableName"),
        (json!({ "type": "object", "value": { "a b": string } }), "InvalidFieldName"),
        (json!({ "type": "record", "keys": { "type": "number" }, "values": string }), "InvalidRecordType"),
        (
            json!({ "type": "record", "keys": { "type": "literal", "value": "a" }, "values": string }),
            "InvalidRecordType",
        ),
        (
            json!({ "type": "record", "keys": { "type": "string" },
                    "values": { "fieldType": { "type": "string" }, "optional": true } }),
            "InvalidRecordType",
        ),
    ] {
        assert_eq!(Validator::from_json_value(&json).expect_err("malformed").code(), code, "{json}");
    }
    assert_eq!(Validator::from_json("{").expect_err("not JSON").code(), "InvalidSchema");
}
