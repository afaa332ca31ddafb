use lakewire_storage::env::Env;

use super::{AdminKeys, split_key};
use crate::auth::AuthError;

fn keys() -> AdminKeys {
    AdminKeys::new("demo", [7; 32])
}

#[test]
fn issued_keys_verify_with_and_without_a_type_prefix() {
    let key = keys().issue(&Env::deterministic(1));
    assert!(key.starts_with("demo|01"));
    assert!(key[5..].bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(keys().verify(&key), Ok(()));
    assert_eq!(keys().verify(&format!("prod:{key}")), Ok(()));
    assert_eq!(keys().verify(&format!("preview:team:project:{key}")), Ok(()));
}

#[test]
fn every_changed_digit_is_refused() {
    let key = keys().issue(&Env::deterministic(2));
    for at in 5..key.len() {
        let mut bytes = key.clone().into_bytes();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(keys().verify(&changed).is_err(), "changed digit {at}");
    }
}

#[test]
fn keys_of_other_instances_and_secrets_are_refused() {
    let env = Env::deterministic(3);
    let other_name = AdminKeys::new("other", [7; 32]).issue(&env);
    let other_secret = AdminKeys::new("demo", [8; 32]).issue(&env);
    let renamed = other_name.replace("other|", "demo|");
    for key in [other_name, other_secret, renamed] {
        assert!(matches!(keys().verify(&key), Err(AuthError::BadDeployKey { .. })), "{key}");
    }
    for key in ["", "demo", "demo|xyz", "|"] {
        assert!(keys().verify(key).is_err(), "{key}");
    }
    assert_eq!(keys().verify("no bar"), Err(AuthError::MalformedAdminKey));
}

#[test]
fn splitting_respects_the_type_prefix() {
    assert_eq!(split_key("demo|0a"), ("demo|0a", None));
    assert_eq!(split_key("prod:demo|0a"), ("prod:demo|0a", None));
    assert_eq!(split_key("prod:demo|0a:e30="), ("prod:demo|0a", Some("e30=")));
}
