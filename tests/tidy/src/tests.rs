use crate::{Tree, rules};

/// Applies a rule to the repository; fails with all that breaks it.
fn check(rule: fn(&Tree) -> Vec<String>) {
    let tree = Tree::load().expect("the repository can be read");
    assert!(tree.get("Cargo.toml").is_some(), "this is not the repository");
    let broken = rule(&tree);
    assert!(broken.is_empty(), "{} places:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    check(rules::size::long_files);
}

#[test]
fn most_files_are_small() {
    check(rules::size::median_size);
}

#[test]
fn dependencies_point_downwards() {
    check(rules::layering::upward_dependencies);
}

#[test]
fn every_crate_is_documented() {
    check(rules::docs::undocumented_crates);
}

#[test]
fn every_crate_takes_the_common_lints() {
    check(rules::docs::crates_without_lints);
}

#[test]
fn no_path_of_one_machine() {
    check(rules::words::machine_paths);
}

#[test]
fn no_registry_host() {
    check(rules::words::registry_hosts);
}

#[test]
fn no_unfinished_work() {
    check(rules::words::unfinished_work);
}

#[test]
fn no_words_about_authorship() {
    check(rules::words::authorship);
}

#[test]
fn rust_is_ascii() {
    check(rules::words::beyond_ascii);
}
