//! Canonical module paths.

/// A module path that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is not a valid path to a Convex module: {reason}")]
pub struct ModulePathError {
    pub path: String,
    pub reason: &'static str,
}

const MAX_COMPONENT_BYTES: usize = 64;

/// Checks `path` and gives its canonical form: relative, `/`-separated, ending in `.js`.
///
/// # Errors
/// Components other than 1-64 characters of `[A-Za-z0-9_.]` with at least one alphanumeric; another extension
/// than `js` is kept as part of the name and gets `.js` appended; `_system` as first component is reserved.
pub fn canonical_module_path(path: &str) -> Result<String, ModulePathError> {
    let error = |reason| ModulePathError { path: path.to_owned(), reason };
    if path.starts_with('/') {
        return Err(error("module paths must be relative"));
    }
    let stem = path.strip_suffix(".js").unwrap_or(path);
    for (i, component) in stem.split('/').enumerate() {
        if component.is_empty() {
            return Err(error("a path component is empty"));
        }
        if component.len() > MAX_COMPONENT_BYTES {
            return Err(error("a path component is longer than 64 characters"));
        }
        if !component.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.') {
            return Err(error("path components can only contain alphanumeric characters, underscores, or periods"));
        }
        if !component.bytes().any(|b| b.is_ascii_alphanumeric()) {
            return Err(error("path components must contain at least one alphanumeric character"));
        }
        if i == 0 && component == "_system" {
            return Err(error("modules under `_system` are reserved"));
        }
    }
    Ok(format!("{stem}.js"))
}

#[cfg(test)]
mod tests {
    use super::canonical_module_path;

    #[test]
    fn canonical_forms() {
        for (path, canonical) in [
            ("notes.js", "notes.js"),
            ("notes", "notes.js"),
            ("lib/a.b.js", "lib/a.b.js"),
            ("_deps/4KXQ2TPL.js", "_deps/4KXQ2TPL.js"),
            ("notes.ts", "notes.ts.js"),
        ] {
            assert_eq!(canonical_module_path(path).as_deref(), Ok(canonical), "{path}");
        }
    }

    #[test]
    fn refused() {
        let long = "a".repeat(65);
        for path in ["", "/a.js", "a//b.js", "a-b.js", "..", "../a.js", "a/_/b.js", "_system/cli.js", "a b.js", &long] {
            assert!(canonical_module_path(path).is_err(), "{path}");
        }
    }
}
