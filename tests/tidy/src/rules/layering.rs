//! Crates depend downwards only: cli -> sync-relay -> functions -> storage.

use crate::Tree;

/// Folder and crate name, lowest layer first. A crate may name those before it, and no other crate of ours.
const LAYERS: [(&str, &str); 4] = [
    ("storage", "lakewire-storage"),
    ("functions", "lakewire-functions"),
    ("sync-relay", "lakewire-relay"),
    ("cli", "lakewire"),
];

/// Manifests and Rust files that name a crate of a higher layer.
pub fn upward_dependencies(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (i, (folder, _)) in LAYERS.iter().enumerate() {
        let above = &LAYERS[i + 1..];
        for file in tree.files.iter().filter(|file| file.path.starts_with(&format!("{folder}/"))) {
            let names = |line: &str, name: &str| match file.extension() {
                "toml" => declares_dependency(line, name),
                "rs" => names_crate(line, &name.replace('-', "_")),
                _ => false,
            };
            for (number, line) in file.lines() {
                let upward = above.iter().filter(|(_, name)| names(line, name));
                broken.extend(upward.map(|(_, name)| format!("{}:{number}: names `{name}`, a layer above", file.path)));
            }
        }
    }
    broken
}

/// Whether a line of a manifest declares the dependency: `name = ...` or `name.workspace = true`.
fn declares_dependency(line: &str, name: &str) -> bool {
    line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(['=', '.']))
}

/// Whether a line of code has a path that starts at the crate: `name::`, not as the end of another word.
fn names_crate(line: &str, name: &str) -> bool {
    if line.trim_start().starts_with("//") {
        return false;
    }
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let starts_word = before.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == ':'));
        starts_word && line[at + name.len()..].starts_with("::")
    })
}

#[cfg(test)]
mod tests {
    use super::{declares_dependency, names_crate};

    #[test]
    fn recognises_dependencies() {
        assert!(declares_dependency("lakewire-relay.workspace = true", "lakewire-relay"));
        assert!(declares_dependency("lakewire = { path = \"cli\" }", "lakewire"));
        assert!(!declares_dependency("lakewire-storage.workspace = true", "lakewire"));
    }

    #[test]
    fn recognises_paths() {
        assert!(names_crate("use lakewire_relay::Relay;", "lakewire_relay"));
        assert!(names_crate("    lakewire_relay::run()", "lakewire_relay"));
        assert!(!names_crate("// see lakewire_relay::Relay", "lakewire_relay"));
        assert!(!names_crate("use lakewire_storage::log;", "lakewire"));
        assert!(!names_crate("my_lakewire_relay::run()", "lakewire_relay"));
    }
}
