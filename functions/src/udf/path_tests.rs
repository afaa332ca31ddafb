use super::{ComponentPath, FunctionPath};

fn canonical(text: &str) -> String {
    FunctionPath::parse(text).expect(text).udf_path()
}

#[test]
fn canonical_forms() {
    assert_eq!(canonical("messages"), "messages:default");
    assert_eq!(canonical("messages.js"), "messages:default");
    assert_eq!(canonical("dir/file.js:fn"), "dir/file:fn");
    assert_eq!(canonical("dir/file:fn"), "dir/file:fn");
    assert_eq!(canonical("a/b:default"), "a/b:default");
    assert_eq!(canonical("_system/cli/tables"), "_system/cli/tables:default");
}

#[test]
fn display_drops_default_and_extension() {
    assert_eq!(FunctionPath::parse("a.js:default").unwrap().to_string(), "a");
    assert_eq!(FunctionPath::parse("a/b.js:f").unwrap().to_string(), "a/b:f");
    assert_eq!(&*FunctionPath::parse("a/b:f").unwrap().module, "a/b.js");
}

#[test]
fn refuses_what_is_not_a_path() {
    for text in [
        "", ":", ":f", "a:", "/a:f", "a//b:f", "a/../b:f", "a/b/:f", "a b:f", "a-b:f", "a:1f", "a:__", "a.ts:f",
        "a:f-g", "\u{e9}:f", "__:f",
    ] {
        assert!(FunctionPath::parse(text).is_err(), "{text:?} was accepted");
    }
    assert!(FunctionPath::parse(&format!("{}:f", "a".repeat(64))).is_ok());
    assert!(FunctionPath::parse(&format!("{}:f", "a".repeat(65))).is_err());
    assert!(FunctionPath::parse(&format!("a:{}", "f".repeat(65))).is_err());
}

#[test]
fn component_paths() {
    assert!(ComponentPath::parse("").unwrap().is_root());
    assert_eq!(ComponentPath::parse("a/b").unwrap().as_str(), "a/b");
    assert!(ComponentPath::parse("a//b").is_err());
    assert!(ComponentPath::parse("a/").is_err());
}
