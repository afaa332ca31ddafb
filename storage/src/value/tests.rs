use std::cmp::Ordering;

use proptest::prelude::*;

use super::strategy::{maybe_value, value};
use super::{FieldPath, Value, ValueError};
use crate::limits;

fn parse(json: &str) -> Value {
    Value::from_json(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn parse_error(json: &str) -> ValueError {
    Value::from_json(json).expect_err(json)
}

#[test]
fn special_numbers_have_their_texts() {
    let table = [
        (Value::Int64(0), r#"{"$integer":"AAAAAAAAAAA="}"#),
        (Value::Int64(1), r#"{"$integer":"AQAAAAAAAAA="}"#),
        (Value::Int64(-1), r#"{"$integer":"//////////8="}"#),
        (Value::Int64(42), r#"{"$integer":"KgAAAAAAAAA="}"#),
        (Value::Int64(i64::MAX), r#"{"$integer":"/////////38="}"#),
        (Value::Int64(i64::MIN), r#"{"$integer":"AAAAAAAAAIA="}"#),
        (Value::Float64(f64::NAN), r#"{"$float":"AAAAAAAA+H8="}"#),
        (Value::Float64(f64::INFINITY), r#"{"$float":"AAAAAAAA8H8="}"#),
        (Value::Float64(f64::NEG_INFINITY), r#"{"$float":"AAAAAAAA8P8="}"#),
        (Value::Float64(-0.0), r#"{"$float":"AAAAAAAAAIA="}"#),
        (Value::Bytes(vec![0x00, 0x01, 0xfe, 0xff]), r#"{"$bytes":"AAH+/w=="}"#),
        (Value::Bytes(vec![]), r#"{"$bytes":""}"#),
    ];
    for (value, json) in table {
        assert_eq!(value.to_json(), json);
        assert_eq!(parse(json), value);
    }
}

#[test]
fn numbers_look_as_in_javascript() {
    for (float, text) in [
        (0.0, "0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (1e21, "1e+21"),
        (123_456_789_012_345_680_000.0, "123456789012345680000"),
        (1e-7, "1e-7"),
        (f64::MAX, "1.7976931348623157e+308"),
    ] {
        assert_eq!(Value::Float64(float).to_json(), text);
        assert_eq!(parse(text), Value::Float64(float));
    }
    assert_eq!(parse("[1,1.0,1e0]"), Value::Array(vec![Value::Float64(1.0); 3]));
    assert_eq!(parse("-0"), Value::Float64(-0.0));
    assert_eq!(parse("18446744073709551616"), Value::Float64(18_446_744_073_709_551_616.0));
}

#[test]
fn trees_have_integers_where_texts_have() {
    assert_eq!(parse("[1,-2,0.5]").to_json_value(), serde_json::json!([1, -2, 0.5]));
}

#[test]
fn special_objects_are_checked() {
    assert_eq!(parse_error(r#"{"$integer":"AAAA"}"#), ValueError::Width { key: "$integer", actual: 3 });
    assert_eq!(parse_error(r#"{"$integer":"AAAAAAAAAAA"}"#), ValueError::Base64 { key: "$integer" });
    assert_eq!(parse_error(r#"{"$float":"AAAAAAAA8D8="}"#), ValueError::OrdinaryFloat("1".to_owned()));
    assert_eq!(parse_error(r#"{"$float":"AAAAAAAAAAA="}"#), ValueError::OrdinaryFloat("0".to_owned()));
    assert_eq!(parse_error(r#"{"$set":[]}"#), ValueError::Removed("Set"));
    assert_eq!(parse_error(r#"{"$map":[]}"#), ValueError::Removed("Map"));
    assert_eq!(parse_error(r#"{"$undefined":null}"#), ValueError::Undefined);
    assert_eq!(parse_error(r#"{"$commitTs":null}"#), ValueError::UnresolvedCommitTs);
    assert!(matches!(parse_error(r#"{"$bytes":3}"#), ValueError::Malformed(_)));
    assert!(matches!(parse_error(r#"{"a":1,"$bytes":""}"#), ValueError::FieldName(_)));
    assert!(matches!(parse_error(r#"{"$bytes":"","a":1}"#), ValueError::FieldName(_)));
    assert!(matches!(parse_error(r#"{"$other":1}"#), ValueError::FieldName(_)));
    assert!(matches!(parse_error("{\"\u{e9}\":1}"), ValueError::FieldName(_)));
    assert!(matches!(parse_error(r#"{"a\n":1}"#), ValueError::FieldName(_)));
    for unpaired in [r#""\ud800""#, r#""\ud800b""#, r#""\udc00""#, r#""\ud800\ud800""#] {
        assert!(parse_error(unpaired).to_string().contains("unpaired surrogate"), "{unpaired}");
    }
    assert!(matches!(parse_error("1 2"), ValueError::Malformed(_)));
    assert!(matches!(parse_error(""), ValueError::Malformed(_)));
    // URL-safe letters are accepted, also in the last, partly used one.
    assert_eq!(parse(r#"{"$bytes":"-_-_"}"#), parse(r#"{"$bytes":"+/+/"}"#));
    assert_eq!(parse(r#"{"$bytes":"AB=="}"#), Value::Bytes(vec![0]));
    // Names that are not at the top of a document may start with an underscore or be empty.
    assert_eq!(parse(r#"{"":1,"_x":2}"#).size(), 2 + (1 + 9) + (3 + 9));
}

#[test]
fn commit_timestamp_belongs_to_mutations() {
    let json = r#"{"a":[{"$commitTs":null}]}"#;
    let mut value = Value::from_json_in_mutation(json).expect("a mutation has commit timestamps");
    assert!(value.has_commit_ts());
    assert_eq!(value.to_json(), json);
    assert!(value.resolve_commit_ts(7));
    assert_eq!(value.to_json(), r#"{"a":[{"$integer":"BwAAAAAAAAA="}]}"#);
    assert!(!value.resolve_commit_ts(8));
    assert_eq!(Value::CommitTs, Value::Int64(i64::MAX));
    assert_eq!(Value::CommitTs.size(), 9);
    assert!(Value::CommitTs < Value::Float64(-f64::NAN));
    assert!(Value::from_json_in_mutation(r#"{"$commitTs":1}"#).is_err());
}

#[test]
fn undefined_is_for_patches_and_filters() {
    let patch = Value::patch_from_json(r#"{"a":{"$undefined":null},"b":1}"#).expect("a patch");
    assert_eq!(patch["a"], None);
    assert_eq!(patch["b"], Some(Value::Float64(1.0)));
    assert!(Value::patch_from_json(r#"{"a":{"b":{"$undefined":null}}}"#).is_err());
    assert!(Value::patch_from_json("[]").is_err());
    assert!(Value::patch_from_json(r#"{"$integer":"AAAAAAAAAAA="}"#).is_err());
    let undefined = serde_json::json!({ "$undefined": null });
    assert_eq!(Value::maybe_from_json_value(&undefined), Ok(None));
    assert_eq!(Value::maybe_from_json_value(&serde_json::json!(null)), Ok(Some(Value::Null)));
    assert!(Value::from_json_value(&serde_json::json!([undefined])).is_err());
}

#[test]
fn limits_of_values_are_enforced() {
    let array = |length: usize| format!("[{}]", vec!["1"; length].join(","));
    assert!(Value::from_json(&array(limits::MAX_ARRAY_LENGTH)).is_ok());
    assert_eq!(parse_error(&array(limits::MAX_ARRAY_LENGTH + 1)).code(), "ArrayTooLong");

    let object = |fields: usize| {
        let fields: Vec<_> = (0..fields).map(|i| format!("\"f{i}\":1")).collect();
        format!("{{{}}}", fields.join(","))
    };
    assert!(Value::from_json(&object(limits::MAX_OBJECT_FIELDS)).is_ok());
    assert_eq!(parse_error(&object(limits::MAX_OBJECT_FIELDS + 1)).code(), "TooManyFieldsError");

    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(parse(&nested(64)).nesting(), 64);
    assert_eq!(parse_error(&nested(65)).code(), "TooNestedError");

    let name = |length: usize| format!("{{\"{}\":1}}", "x".repeat(length));
    assert!(Value::from_json(&name(1024)).is_ok());
    assert!(matches!(parse_error(&name(1025)), ValueError::FieldName(_)));

    let text = |length: usize| format!("\"{}\"", "x".repeat(length));
    assert!(Value::from_json(&text(limits::MAX_VALUE_SIZE - 2)).is_ok());
    assert_eq!(parse_error(&text(limits::MAX_VALUE_SIZE - 1)).code(), "ValueTooLargeError");
}

#[test]
fn documents_have_tighter_limits() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert_eq!(parse(&nested(16)).check_document(), Ok(()));
    assert_eq!(parse(&nested(17)).check_document().expect_err("too deep").code(), "InvalidDocumentError");
    assert_eq!(parse("[]").check_document().expect_err("an array").code(), "InvalidDocumentError");
    assert_eq!(parse(r#"{"_a":1}"#).check_document().expect_err("reserved").code(), "InvalidDocumentError");
    assert_eq!(parse(r#"{"a":{"_a":1},"_id":"x","_creationTime":1}"#).check_document(), Ok(()));
    let text = |length: usize| parse(&format!("{{\"a\":\"{}\"}}", "x".repeat(length)));
    let overhead = 2 + 2 + 2;
    assert_eq!(text(limits::MAX_DOCUMENT_SIZE - overhead).check_document(), Ok(()));
    let error = text(limits::MAX_DOCUMENT_SIZE - overhead + 1).check_document().expect_err("too large");
    assert_eq!(error.code(), "ValueTooLargeError");
}

#[test]
fn sizes_of_documents() {
    let body = parse(r#"{"name":"Ada"}"#);
    assert_eq!(body.size(), 12);
    let mut fields = body.into_object().expect("an object");
    fields.insert("_id".into(), "0400000000000000000000000000248".into());
    fields.insert("_creationTime".into(), Value::Float64(1.0));
    assert_eq!(Value::Object(fields).size(), 72);
}

#[test]
fn types_and_floats_are_ordered() {
    let ascending = [
        Value::Null,
        Value::Int64(i64::MIN),
        Value::Int64(0),
        Value::Int64(i64::MAX),
        Value::Float64(-f64::NAN),
        Value::Float64(f64::NEG_INFINITY),
        Value::Float64(-1.0),
        Value::Float64(-0.0),
        Value::Float64(0.0),
        Value::Float64(f64::INFINITY),
        Value::Float64(f64::NAN),
        false.into(),
        true.into(),
        "".into(),
        "a".into(),
        "a\0".into(),
        "aa".into(),
        "\u{ffff}".into(),
        "\u{1f600}".into(),
        Value::Bytes(vec![]),
        Value::Bytes(vec![0]),
        Value::Bytes(vec![1]),
        parse("[]"),
        parse("[null]"),
        parse("[null,null]"),
        parse("[1]"),
        parse("{}"),
        parse(r#"{"":1}"#),
        parse(r#"{"a":1}"#),
        parse(r#"{"a":1,"b":0}"#),
        parse(r#"{"a":2}"#),
        parse(r#"{"b":0}"#),
    ];
    for (i, a) in ascending.iter().enumerate() {
        assert!(None < Some(a));
        for (j, b) in ascending.iter().enumerate() {
            assert_eq!(a.cmp(b), i.cmp(&j), "{a} and {b}");
        }
    }
}

#[test]
fn clean_and_export_forms() {
    let value = Value::from_json(
        r#"{"b":{"$bytes":"AAH+/w=="},"f":1,"h":0.5,"i":{"$integer":"KgAAAAAAAAA="},
            "m":{"$float":"AAAAAAAA8P8="},"n":{"$float":"AAAAAAAA+H8="},"p":{"$float":"AAAAAAAA8H8="},
            "s":"a\"b","z":{"$float":"AAAAAAAAAIA="}}"#,
    )
    .expect("a value");
    let mut clean = String::new();
    value.write_clean_json(&mut clean);
    assert_eq!(
        clean,
        r#"{"b":"AAH+/w==","f":1,"h":0.5,"i":"42","m":"-Infinity","n":"NaN","p":"Infinity","s":"a\"b","z":-0.0}"#
    );
    let mut export = String::new();
    value.write_export_json(&mut export);
    assert_eq!(
        export,
        concat!(
            r#"{"b":{"$bytes":"AAH+/w=="},"f":1.0,"h":0.5,"i":42,"m":{"$float":"AAAAAAAA8P8="},"#,
            r#""n":{"$float":"AAAAAAAA+H8="},"p":{"$float":"AAAAAAAA8H8="},"s":"a\"b","z":-0.0}"#
        )
    );
}

#[test]
fn strings_are_escaped_as_by_javascript() {
    let text = "\0\u{8}\t\n\u{b}\u{c}\r\u{1f}\"\\/\u{7f}\u{2028}\u{1f600}";
    assert_eq!(Value::from(text).to_json(), "\"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\\\"\\\\/\u{7f}\u{2028}\u{1f600}\"");
}

#[test]
fn field_paths() {
    let value = parse(r#"{"a":{"b":1},"c":[]}"#);
    let get = |path: &str| path.parse::<FieldPath>().expect(path).get(&value).cloned();
    assert_eq!(get("a.b"), Some(Value::Float64(1.0)));
    assert_eq!(get("a.x"), None);
    assert_eq!(get("c.b"), None);
    assert_eq!("a.b".parse::<FieldPath>().expect("a path").to_string(), "a.b");
    for bad in ["", ".", "a.", ".a", "a..b", "$a", "a.$b"] {
        assert!(bad.parse::<FieldPath>().is_err(), "{bad}");
    }
}

#[test]
fn printed_for_messages() {
    let value = parse(r#"{"a":["x",1,true,null,{"$integer":"AQAAAAAAAAA="}],"b c":{"$bytes":"AAE="}}"#);
    assert_eq!(value.to_string(), r#"{a: ["x", 1.0, true, null, 1n], "b c": bytes(0001)}"#);
}

proptest! {
    #[test]
    fn text_reads_back(value in value()) {
        let json = value.to_json();
        prop_assert_eq!(&Value::from_json(&json).expect("own output"), &value);
        prop_assert_eq!(&serde_json::from_str::<Value>(&json).expect("own output"), &value);
        let tree: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
        prop_assert_eq!(&Value::from_json_value(&tree).expect("own output"), &value);
        prop_assert_eq!(&Value::from_json_value(&value.to_json_value()).expect("own output"), &value);
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in ".*") {
        let _ = Value::from_json(&text);
        let _ = Value::patch_from_json(&text);
    }

    #[test]
    fn order_is_total(a in maybe_value(), b in maybe_value(), c in maybe_value()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        if a <= b && b <= c {
            prop_assert!(a <= c);
        }
        prop_assert_eq!(a.cmp(&a), Ordering::Equal);
    }
}
