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

    /// Names the result of building this bundle with this engine: equal keys, equal programs.
    /// Fit to be a file name in an on-disk cache once written in hex.
    pub fn cache_key(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        part(super::platform::engine_version().as_bytes());
        part(&super::prelude::fingerprint());
        part(&self.import_seed);
        part(&self.import_now_ms.to_bits().to_le_bytes());
        for (name, value) in &self.env {
            part(name.as_bytes());
            part(value.as_bytes());
        }
        part(b"entries");
        for entry in &self.entries {
            part(entry.as_bytes());
        }
        part(b"modules");
        let mut modules: Vec<&ModuleSource> = self.modules.iter().collect();
        modules.sort_by(|a, b| a.path.cmp(&b.path));
        for module in modules {
            part(module.path.as_bytes());
            part(module.source.as_bytes());
        }
        hash.finalize().into()
    }
}
