//! Every crate says what it is, and takes part in the common lints.

use crate::Tree;

/// Crates whose root file does not begin with a `//!` text.
pub fn undocumented_crates(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for manifest in tree.manifests() {
        let folder = manifest.path.trim_end_matches("/Cargo.toml");
        let roots = ["src/lib.rs", "src/main.rs"].map(|root| tree.get(&format!("{folder}/{root}")));
        for root in roots.into_iter().flatten() {
            if !root.text.starts_with("//! ") {
                broken.push(format!("{}:1: begin with `//!` and what the crate is for", root.path));
            }
        }
    }
    broken
}

/// Crates that do not take the lints of the workspace.
pub fn crates_without_lints(tree: &Tree) -> Vec<String> {
    tree.manifests()
        .filter(|manifest| !manifest.text.contains("[lints]\nworkspace = true"))
        .map(|manifest| format!("{}: add `[lints]` with `workspace = true`", manifest.path))
        .collect()
}
