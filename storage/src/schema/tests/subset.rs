use proptest::prelude::*;

use super::tables;
use crate::schema::{FieldValidator, Validator};
use crate::value::Value;

fn literal(value: impl Into<Value>) -> Validator {
    Validator::Literal(value.into())
}

fn array(element: Validator) -> Validator {
    Validator::Array(Box::new(element))
}

fn record(keys: Validator, values: Validator) -> Validator {
    Validator::Record { keys: Box::new(keys), values: Box::new(values) }
}

fn union(members: impl IntoIterator<Item = Validator>) -> Validator {
    Validator::Union(members.into_iter().collect())
}

#[test]
fn subsets() {
    use Validator::{Any, Boolean, CommitTs, Float64, Id, Int64, Null, String};
    let users = || Id("users".to_owned());
    let object = |fields: Vec<(&str, FieldValidator)>| Validator::object(fields);
    for (a, b) in [
        (Null, Any),
        (union([]), Null),
        (literal("x"), String),
        (literal(true), Boolean),
        (literal(1.0), Float64),
        (literal(1), Int64),
        (users(), String),
        (Int64, CommitTs),
        (CommitTs, Int64),
        (array(users()), array(String)),
        (record(users(), literal(1)), record(String, Int64)),
        (Null, union([Null, String])),
        (union([Null, literal("x")]), union([String, Null])),
        (Boolean, union([literal(true), Null, literal(false)])),
        (object(vec![("a", Null.required())]), object(vec![("a", Null.optional())])),
        (object(vec![]), object(vec![("a", Null.optional())])),
        (object(vec![("a", users().optional())]), object(vec![("a", String.optional())])),
    ] {
        assert!(a.is_subset_of(&b), "{a} {b}");
        assert!(a.is_subset_of(&a), "{a}");
        assert!(a.is_subset_of(&union([b])));
    }
    for (a, b) in [
        (Any, Null),
        (Null, union([])),
        (String, literal("x")),
        (String, users()),
        (users(), Id("tasks".to_owned())),
        (Int64, Float64),
        (literal(1), Float64),
        (Boolean, union([literal(true), Null])),
        (union([Null, String]), Null),
        (array(Any), array(Null)),
        (object(vec![("a", Null.optional())]), object(vec![("a", Null.required())])),
        (object(vec![("a", Null.optional())]), object(vec![])),
        (object(vec![]), object(vec![("a", Null.required())])),
    ] {
        assert!(!a.is_subset_of(&b), "{a} {b}");
    }
}

/// Few types and small values, so that values often match.
fn validator() -> impl Strategy<Value = Validator> {
    let leaf = prop::sample::select(vec![
        Validator::Null,
        Validator::Int64,
        Validator::CommitTs,
        Validator::Boolean,
        Validator::String,
        Validator::Any,
        literal(true),
        literal(false),
        literal(1),
        literal("a"),
        Validator::Union(vec![]),
    ]);
    leaf.prop_recursive(3, 16, 3, |inner| {
        let field =
            (inner.clone(), any::<bool>()).prop_map(|(validator, optional)| FieldValidator { validator, optional });
        prop_oneof![
            inner.clone().prop_map(array),
            inner.clone().prop_map(|values| record(Validator::String, values)),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Validator::Union),
            prop::collection::btree_map("[ab]", field, 0..3).prop_map(Validator::Object),
        ]
    })
}

fn small_value() -> impl Strategy<Value = Value> {
    let leaf = prop::sample::select(vec![
        Value::Null,
        Value::Int64(1),
        Value::Int64(2),
        Value::CommitTs,
        true.into(),
        false.into(),
        "a".into(),
        "b".into(),
    ]);
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::btree_map("[ab]", inner, 0..3).prop_map(Value::Object),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn values_of_a_subset_match(a in validator(), b in validator(), value in small_value()) {
        if a.is_subset_of(&b) && a.check(&value, &tables()).is_ok() {
            prop_assert!(b.check(&value, &tables()).is_ok(), "{} matches {} but not {}", value, a, b);
        }
    }

    #[test]
    fn a_wider_validator_is_a_superset(a in validator(), b in validator()) {
        let wider = union([a.clone(), b]);
        prop_assert!(a.is_subset_of(&wider), "{} {}", a, wider);
    }

    #[test]
    fn json_reads_back(a in validator()) {
        prop_assert_eq!(Validator::from_json_value(&a.to_json_value()), Ok(a));
    }
}
