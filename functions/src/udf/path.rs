//! Function paths: parsing the forms clients send and the one canonical form used inside.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest path component and longest function name, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Why a function or component path could not be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The module part is empty, absolute, or has a component with forbidden characters.
    #[error("`{path}` is not a valid path to a function: {reason}")]
    Function {
        /// The text as it was received.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A component path whose segments are not identifiers.
    #[error("`{0}` is not a valid component path")]
    Component(String),
}

/// Slash-separated component instance names; empty for the app itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ComponentPath(Arc<str>);

impl ComponentPath {
    /// The app.
    pub fn root() -> Self {
        Self::default()
    }

    /// Parses `""` or `a/b/c`.
    ///
    /// # Errors
    /// [`PathError::Component`] if a segment is empty or not an identifier.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if !text.is_empty() && !text.split('/').all(is_identifier) {
            return Err(PathError::Component(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// The child of a name.
    ///
    /// # Errors
    /// [`PathError::Component`] if the name is not an identifier.
    pub fn child(&self, name: &str) -> Result<Self, PathError> {
        if name.contains('/') {
            return Err(PathError::Component(name.to_owned()));
        }
        let path = if self.is_root() { name.to_owned() } else { format!("{self}/{name}") };
        Self::parse(&path)
    }

    /// Whether this is the app.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<ComponentPath> for String {
    fn from(path: ComponentPath) -> Self {
        path.to_string()
    }
}

impl TryFrom<String> for ComponentPath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        Self::parse(&text)
    }
}

impl fmt::Display for ComponentPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The canonical address of one exported function.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FunctionPath {
    /// The component that holds the module.
    pub component: ComponentPath,
    /// Module path with its extension: `a/b.js`.
    pub module: Arc<str>,
    /// Name of the export: `default` when the caller named none.
    pub export: Arc<str>,
}

impl FunctionPath {
    /// Parses a path of the app (root component) in any form that clients send:
    /// `a/b:fn`, `a/b.js:fn`, `a/b` (the default export).
    ///
    /// # Errors
    /// [`PathError::Function`] naming the text and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        Self::parse_in(ComponentPath::root(), text)
    }

    /// As [`FunctionPath::parse`], for a function of `component`.
    ///
    /// # Errors
    /// [`PathError::Function`].
    pub fn parse_in(component: ComponentPath, text: &str) -> Result<Self, PathError> {
        let error = |reason| PathError::Function { path: text.to_owned(), reason };
        let (module, export) = text.rsplit_once(':').unwrap_or((text, "default"));
        let stem = module.strip_suffix(".js").unwrap_or(module);
        check_module(stem).map_err(error)?;
        if !is_identifier(export) {
            return Err(error("the function name must be an identifier of at most 64 bytes"));
        }
        Ok(Self { component, module: format!("{stem}.js").into(), export: export.into() })
    }

    /// The module without its extension: `a/b`.
    pub fn module_stem(&self) -> &str {
        self.module.strip_suffix(".js").unwrap_or(&self.module)
    }

    /// The canonical text: `a/b:fn`, `a/b:default`.
    pub fn udf_path(&self) -> String {
        format!("{}:{}", self.module_stem(), self.export)
    }

    /// Whether the function is one of the server's own, under `_system/`.
    pub fn is_system(&self) -> bool {
        self.module.starts_with("_system/")
    }
}

/// The form shown to developers: without `.js` and without `:default`.
impl fmt::Display for FunctionPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.module_stem())?;
        if &*self.export != "default" {
            write!(f, ":{}", self.export)?;
        }
        Ok(())
    }
}

fn check_module(stem: &str) -> Result<(), &'static str> {
    if stem.is_empty() {
        return Err("the module path is empty");
    }
    if stem.starts_with('/') {
        return Err("the module path must be relative");
    }
    let mut parts = stem.split('/').peekable();
    while let Some(part) = parts.next() {
        if part.is_empty() || part.len() > MAX_NAME_BYTES {
            return Err("each path component must have 1 to 64 bytes");
        }
        if !part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.') {
            return Err("path components may only contain ASCII letters, digits, underscores and periods");
        }
        if !part.bytes().any(|b| b.is_ascii_alphanumeric()) {
            return Err("each path component must contain a letter or a digit");
        }
        if parts.peek().is_none() && part.contains('.') {
            return Err("the extension of a module, if any, must be `js`");
        }
    }
    Ok(())
}

/// A letter or `_` first, then letters, digits, `_`; not only underscores; at most 64 bytes.
fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= MAX_NAME_BYTES
        && bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && text.bytes().any(|b| b != b'_')
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
