use std::collections::BTreeMap;

use lakewire_storage::limits::Limits;

use super::{EnvVarChange, EnvVarError, check_name};

fn set(name: &str, value: impl Into<String>) -> EnvVarChange {
    EnvVarChange { name: name.to_owned(), value: Some(value.into()) }
}

fn apply(
    current: &BTreeMap<String, String>,
    changes: &[EnvVarChange],
) -> Result<BTreeMap<String, String>, EnvVarError> {
    super::apply(current, changes, &Limits::default())
}

fn code(current: &BTreeMap<String, String>, changes: &[EnvVarChange]) -> &'static str {
    apply(current, changes).expect_err("refused").code()
}

#[test]
fn names() {
    for name in ["A", "a1_B", "_X", &"n".repeat(256)] {
        assert_eq!(check_name(name), Ok(()), "{name}");
    }
    for (name, code) in [
        ("", "EnvironmentVariableNameInvalid"),
        ("1A", "EnvironmentVariableNameInvalid"),
        ("A-B", "EnvironmentVariableNameInvalid"),
        ("A B", "EnvironmentVariableNameInvalid"),
        ("\u{e9}", "EnvironmentVariableNameInvalid"),
        (&"n".repeat(257), "EnvironmentVariableNameTooLong"),
        ("CONVEX_CLOUD_URL", "EnvVarNameForbidden"),
        ("CONVEX_SITE_URL", "EnvVarNameForbidden"),
    ] {
        assert_eq!(check_name(name).expect_err(name).code(), code, "{name}");
    }
}

#[test]
fn changes_apply_in_order_and_all_or_none() {
    let current = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
    let remove = EnvVarChange { name: "A".to_owned(), value: None };
    let next = apply(&current, &[set("B", "2"), remove.clone(), set("A", "3"), set("B", "4")]).expect("valid");
    assert_eq!(next, BTreeMap::from([("A".to_owned(), "3".to_owned()), ("B".to_owned(), "4".to_owned())]));
    // Removing what is not there succeeds, also under a name that could not be set.
    let missing = EnvVarChange { name: "not-a-name".to_owned(), value: None };
    assert_eq!(apply(&current, &[missing]).expect("valid"), current);
    assert_eq!(code(&current, &[set("B", "2"), set("1", "x")]), "EnvironmentVariableNameInvalid");
}

#[test]
fn limits() {
    let limits = Limits::default();
    let (most, largest) = (limits.environment_variables, limits.environment_variable_value_size);
    let none = BTreeMap::new();
    assert!(apply(&none, &[set("A", "x".repeat(largest))]).is_ok());
    assert_eq!(code(&none, &[set("A", "x".repeat(largest + 1))]), "EnvironmentVariableValueTooLarge");
    let many: Vec<_> = (0..most).map(|i| set(&format!("V{i}"), "x")).collect();
    let full = apply(&none, &many).expect("exactly at the limit");
    assert_eq!(code(&full, &[set("ONE_MORE", "x")]), "EnvVarLimitMet");
    assert!(apply(&full, &[set("V0", "changed")]).is_ok());
    let heavy: Vec<_> =
        (0..limits.environment_variables_size / largest).map(|i| set(&format!("V{i}"), "x".repeat(largest))).collect();
    assert_eq!(code(&none, &heavy), "EnvVarTotalSizeLimitMet");
}
