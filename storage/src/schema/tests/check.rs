use serde_json::{Value as Json, json};

use super::{tables, validator};
use crate::id::{DocumentId, InternalId, TableNumber};
use crate::value::Value;

/// The error's text; empty if the value matches.
fn check(validator_json: Json, value: Json) -> String {
    let value = Value::from_json_value_in_mutation(&value).unwrap_or_else(|error| panic!("{value}: {error}"));
    match validator(validator_json).check(&value, &tables()) {
        Ok(()) => String::new(),
        Err(error) => error.to_string(),
    }
}

fn object(fields: &[(&str, Json, bool)]) -> Json {
    let fields: serde_json::Map<_, _> = fields
        .iter()
        .map(|(name, json, optional)| ((*name).to_owned(), json!({ "fieldType": json, "optional": optional })))
        .collect();
    json!({ "type": "object", "value": fields })
}

fn id(table: u32) -> String {
    DocumentId { table: TableNumber(table), internal: InternalId([5; 16]) }.to_string()
}

fn string() -> Json {
    json!({ "type": "string" })
}

#[test]
fn primitives_match_their_own_type() {
    let values = [
        ("null", json!(null)),
        ("number", json!(1)),
        ("bigint", json!({ "$integer": "AQAAAAAAAAA=" })),
        ("boolean", json!(true)),
        ("string", json!("x")),
        ("bytes", json!({ "$bytes": "" })),
        ("other", json!([])),
    ];
    for (kind, _) in &values[..6] {
        for (type_of_value, value) in &values {
            let matches = check(json!({ "type": kind }), value.clone()).is_empty();
            assert_eq!(matches, kind == type_of_value, "{kind} {value}");
            assert_eq!(check(json!({ "type": "any" }), value.clone()), "");
            assert_ne!(check(json!({ "type": "union", "value": [] }), value.clone()), "");
        }
    }
    for kind in ["commitTs", "bigint"] {
        assert_eq!(check(json!({ "type": kind }), json!({ "$commitTs": null })), "");
        assert_eq!(check(json!({ "type": kind }), json!({ "$integer": "AQAAAAAAAAA=" })), "");
        assert_ne!(check(json!({ "type": kind }), json!(1)), "");
    }
}

#[test]
fn objects_are_strict() {
    let person = object(&[("name", string(), false), ("age", json!({ "type": "number" }), true)]);
    assert_eq!(check(person.clone(), json!({ "name": "Ada" })), "");
    assert_eq!(check(person.clone(), json!({ "name": "Ada", "age": 36 })), "");
    assert_eq!(
        check(person.clone(), json!({ "age": 36 })),
        "Object is missing the required field `name`. Consider wrapping the field validator in `v.optional(...)` if this \
         is expected.\n\n\
         Object: {age: 36.0}\n\
         Validator: v.object({age: v.optional(v.float64()), name: v.string()})"
    );
    assert_eq!(
        check(person.clone(), json!({ "name": "Ada", "email": "a@b.c" })),
        "Object contains extra field `email` that is not in the validator.\n\n\
         Object: {email: \"a@b.c\", name: \"Ada\"}\n\
         Validator: v.object({age: v.optional(v.float64()), name: v.string()})"
    );
    // Optional is not nullable.
    assert_eq!(
        check(person, json!({ "name": "Ada", "age": null })),
        "Value does not match validator.\nPath: .age\nValue: null\nValidator: v.float64()"
    );
}

#[test]
fn paths_lead_to_the_value() {
    let inner = object(&[("b", string(), false)]);
    let nested = object(&[("a", json!({ "type": "array", "value": inner }), false)]);
    assert_eq!(
        check(nested.clone(), json!({ "a": [{ "b": "x" }, { "b": 1 }] })),
        "Value does not match validator.\nPath: .a[1].b\nValue: 1.0\nValidator: v.string()"
    );
    assert_eq!(
        check(nested, json!({ "a": [{}] })),
        "Object is missing the required field `b`. Consider wrapping the field validator in `v.optional(...)` if this is \
         expected.\n\n\
         Path: .a[0]\nObject: {}\nValidator: v.object({b: v.string()})"
    );
}

#[test]
fn ids_belong_to_their_table() {
    let users = json!({ "type": "id", "tableName": "users" });
    assert_eq!(check(users.clone(), json!(id(10_001))), "");
    assert_eq!(check(json!({ "type": "id", "tableName": "_storage" }), json!(id(600))), "");
    let (other, system) = (id(10_002), id(600));
    assert_eq!(
        check(users.clone(), json!(other)),
        format!(
            "Found ID \"{other}\" from table `tasks`, which does not match the table name in validator \
             `v.id(\"users\")`.\nValue: \"{other}\"\nValidator: v.id(\"users\")"
        )
    );
    assert!(check(users.clone(), json!(system)).contains("from system table `_storage`"));
    assert!(check(users.clone(), json!("abc")).starts_with("Value does not match validator.\nValue: \"abc\""));
    assert!(check(users.clone(), json!(id(9))).starts_with("Value does not match validator."));
    assert!(check(users, json!(1)).starts_with("Value does not match validator."));
}

#[test]
fn records_check_names_and_values() {
    let scores = json!({ "type": "record", "keys": { "type": "id", "tableName": "users" },
                         "values": { "fieldType": { "type": "number" }, "optional": false } });
    assert_eq!(check(scores.clone(), json!({ id(10_001): 1 })), "");
    assert_eq!(check(scores.clone(), json!({})), "");
    assert!(check(scores.clone(), json!({ "x": 1 })).contains("Path: .keys()\nValue: \"x\""));
    assert!(check(scores, json!({ id(10_001): "x" })).contains("Path: .values()\nValue: \"x\""));
}

#[test]
fn unions_and_literals() {
    let one = json!({ "type": "union", "value": [object(&[("a", string(), false)])] });
    assert!(check(one, json!({ "a": 1 })).contains("Path: .a"));
    let literal = |value: Json| json!({ "type": "literal", "value": value });
    let many = json!({ "type": "union", "value": [literal(json!("x")), literal(json!(1))] });
    assert_eq!(check(many.clone(), json!("x")), "");
    assert_eq!(check(many.clone(), json!(1)), "");
    assert_eq!(
        check(many, json!("y")),
        "Value does not match validator.\nValue: \"y\"\nValidator: v.union(v.literal(\"x\"), v.literal(1.0))"
    );
}

#[test]
fn long_values_are_cut_off() {
    let text = check(json!({ "type": "number" }), json!("\u{e9}".repeat(100_000)));
    assert!(text.len() < 10_000, "{}", text.len());
    assert!(text.contains("[...truncated]"));
}
