//! The source code a program is made from.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// One ES module as the bundler of the client package made it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModuleSource {
    /// Canonical path with its extension: `a/b.js`, `_deps/4KXQ2TPL.js`.
    pub path: String,
    /// JavaScript text.
    pub source: Arc<str>,
    /// Source map, JSON text.
    pub source_map: Option<Arc<str>>,
}

/// Modules that import one another, and what they may see while they are evaluated.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Bundle {
    pub modules: Vec<ModuleSource>,
    /// Paths of the modules that can be invoked or analyzed; each gets a context of its own.
    pub entries: Vec<String>,
    /// `process.env` during evaluation.
    pub env: BTreeMap<String, String>,
    /// Seed of `Math.random` during evaluation.
    pub import_seed: [u8; 32],
    /// `Date.now()` during evaluation, milliseconds since 1970.
    pub import_now_ms: f64,
}

impl Bundle {
    /// The module at `path`, if the bundle has it.
    pub fn module(&self, path: &str) -> Option<&ModuleSource> {
        self.modules.iter().find(|module| module.path == path)
    }
}

/// Names what building a bundle gives, the environment aside: equal keys and an environment that the program
/// [fits](super::Program::fits), equal programs. Can be told without the texts of the modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CodeKey([u8; 32]);

impl CodeKey {
    /// Of the modules with the given paths and content hashes, in the order of the paths.
    pub fn new<'a>(
        import_seed: &[u8; 32],
        import_now_ms: f64,
        entries: impl Iterator<Item = &'a str>,
        modules: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        part(super::platform::engine_version().as_bytes());
        part(&super::prelude::fingerprint());
        part(import_seed);
        part(&import_now_ms.to_bits().to_le_bytes());
        entries.for_each(|entry| part(entry.as_bytes()));
        part(b"modules");
        for (path, content) in modules {
            part(path.as_bytes());
            part(content.as_bytes());
        }
        Self(hash.finalize().into())
    }
}

/// In hex, fit to be part of a file name.
impl std::fmt::Display for CodeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
