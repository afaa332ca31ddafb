use lakewire_storage::id::TableNumber;
use lakewire_storage::limits::MAX_VALUE_NESTING;
use lakewire_storage::schema::{TableLookup, Validator};
use serde_json::json;

use super::{Placeholders, arguments, positional, result};
use crate::model::{AnalyzedFunction, FunctionKind};
use crate::udf::{Failure, FunctionPath};

struct NoTables;

impl TableLookup for NoTables {
    fn table_name(&self, _number: TableNumber) -> Option<&str> {
        None
    }
}

fn function(args: Option<serde_json::Value>, returns: Option<serde_json::Value>) -> AnalyzedFunction {
    let validator = |json: serde_json::Value| Validator::from_json(&json.to_string()).unwrap();
    AnalyzedFunction {
        name: "f".to_owned(),
        pos: None,
        kind: FunctionKind::Query,
        visibility: None,
        args: args.map(validator),
        returns: returns.map(validator),
    }
}

fn path() -> FunctionPath {
    FunctionPath::parse("a:f").unwrap()
}

fn check_args(function: &AnalyzedFunction, args: &str) -> Result<(), Failure> {
    arguments(function, &path(), args, Placeholders::Refused, 100, &NoTables)
}

fn object() -> serde_json::Value {
    json!({"type": "object", "value": {"a": {"fieldType": {"type": "string"}, "optional": false}}})
}

#[test]
fn bare_arguments_become_positional() {
    assert_eq!(positional(r#" {"a":1} "#), r#"[{"a":1}]"#);
    assert_eq!(positional(r#"[{"a":1},2]"#), r#"[{"a":1},2]"#);
}

#[test]
fn arguments_are_decoded_measured_and_validated() {
    let validated = function(Some(object()), None);
    assert!(check_args(&validated, r#"[{"a":"x"}]"#).is_ok());
    let message = |args: &str| check_args(&validated, args).unwrap_err().message;
    assert!(message(r#"[{}]"#).starts_with("ArgumentValidationError: "));
    for args in ["[]", r#"[{"a":"x"},1]"#, "[1]"] {
        assert!(message(args).contains("a single object"), "{args}");
    }
    assert!(message("7").starts_with("Invalid arguments for a:f: "));
    assert!(message(r#"[{"$x":1}]"#).starts_with("Invalid arguments for a:f: "));
    assert!(message(r#"[{"a":"\ud800"}]"#).starts_with("Invalid arguments for a:f: "));
    assert!(message(r#"[{"a":{"$commitTs":null}}]"#).starts_with("Invalid arguments for a:f: "));
    let text = "x".repeat(100);
    assert!(message(&format!(r#"[{{"a":"{text}"}}]"#)).contains("too large (actual: 106 bytes, limit: 100 bytes)"));
    let unvalidated = function(None, None);
    assert!(check_args(&unvalidated, "[1,2]").is_ok());
    assert!(check_args(&unvalidated, r#"[{"$integer":"x"}]"#).is_err());
}

#[test]
fn deep_arguments_do_not_count_the_array_around_them() {
    let nested = |depth: usize| format!("[{}{}]", "[".repeat(depth), "]".repeat(depth));
    let check = |depth| {
        arguments(&function(None, None), &path(), &nested(depth), Placeholders::Refused, 10_000, &NoTables).is_ok()
    };
    assert!(check(MAX_VALUE_NESTING) && !check(MAX_VALUE_NESTING + 1));
}

#[test]
fn results_are_measured_and_validated() {
    let check = |function: &AnalyzedFunction, json: &str, placeholders| {
        result(Some(function), &path(), json, placeholders, 100, &NoTables).map_err(|failure| failure.message)
    };
    let any = function(None, None);
    let typed = function(None, Some(json!({"type": "string"})));
    assert!(check(&any, r#"{"a":[1,"x"]}"#, Placeholders::Refused).is_ok());
    assert!(check(&typed, "\"x\"", Placeholders::Refused).is_ok());
    assert!(check(&typed, "1", Placeholders::Refused).unwrap_err().starts_with("ReturnsValidationError: "));
    assert!(check(&any, "{", Placeholders::Refused).is_err());
    assert!(check(&any, &format!("\"{}\"", "x".repeat(100)), Placeholders::Refused).unwrap_err().contains("too large"));
    // Escapes make the text longer than the value.
    assert!(check(&any, &format!("\"{}\"", "\\n".repeat(90)), Placeholders::Refused).is_ok());
    let stamp = r#"{"at":{"$commitTs":null}}"#;
    assert!(check(&any, stamp, Placeholders::Allowed).is_ok());
    assert!(check(&any, stamp, Placeholders::Refused).unwrap_err().contains("unresolved commit timestamp"));
}

#[test]
fn results_are_not_nested_without_end() {
    let check = |json: &str| result(None, &path(), json, Placeholders::Refused, 1 << 20, &NoTables);
    let nested = |levels: usize, inner: &str| format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(check(&nested(MAX_VALUE_NESTING, "")).is_ok());
    assert!(check(&nested(MAX_VALUE_NESTING, r#""[[{\"""#)).is_ok());
    assert!(check(&nested(MAX_VALUE_NESTING + 1, "")).is_err());
    assert!(check(&nested(100_000, "")).is_err());
    // Brackets in strings close nothing.
    let hidden = format!("{}1{}", r#"["]","\"]",["#.repeat(100), "]]".repeat(100));
    assert!(check(&hidden).is_err());
}
