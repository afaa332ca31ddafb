use super::{NameError, check_field_name, check_identifier, check_index_name, check_table_name};

#[test]
fn fields() {
    for good in ["", "a", "_a", "a b", "0", "~", &"x".repeat(1024)] {
        assert_eq!(check_field_name(good), Ok(()), "{good}");
    }
    for bad in ["$", "$a", "a\n", "\u{7f}", "\u{e9}", &"x".repeat(1025)] {
        assert!(check_field_name(bad).is_err(), "{bad}");
    }
}

#[test]
fn identifiers() {
    for good in ["a", "_a", "A1_", "a__b", &"x".repeat(64)] {
        assert_eq!(check_identifier(good), Ok(()), "{good}");
    }
    for bad in ["", "1a", "_", "___", "a-b", "a b", "a.b", "\u{e9}", &"x".repeat(65)] {
        assert!(check_identifier(bad).is_err(), "{bad}");
    }
}

#[test]
fn tables_and_indexes() {
    assert_eq!(check_table_name("tasks"), Ok(()));
    assert_eq!(check_table_name("_tasks"), Err(NameError::Underscore("_tasks".to_owned())));
    assert_eq!(check_index_name("by_owner"), Ok(()));
    assert_eq!(check_index_name("by_id"), Err(NameError::BuiltInIndex("by_id".to_owned())));
    assert_eq!(check_index_name("by_creation_time"), Err(NameError::BuiltInIndex("by_creation_time".to_owned())));
    assert_eq!(check_index_name("_x"), Err(NameError::Underscore("_x".to_owned())));
    assert!(check_index_name("1x").is_err());
}
