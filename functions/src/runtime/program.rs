//! A bundle made runnable.

mod child;
mod format;
mod snapshot;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::bundle::Bundle;
use super::reuse::Verdicts;
use super::sources::Sources;

pub(super) use child::build;
pub use child::run_build_child;
pub(super) use snapshot::import_execution;

/// A bundle with its modules evaluated and frozen: one V8 startup snapshot that holds a context
/// for every entry module.
pub struct Program {
    /// Unique within the process.
    id: u64,
    bundle: Bundle,
    sources: Arc<Sources>,
    frozen: Frozen,
    verdicts: Verdicts,
}

/// A startup snapshot and what is where in it.
struct Frozen {
    manifest: Manifest,
    blob: Vec<u8>,
}

/// The contexts of a startup snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Manifest {
    /// Context that has the prelude and no modules.
    bare: usize,
    entries: HashMap<String, Entry>,
    /// The environment variables that modules looked at while they were evaluated, and what they saw.
    env_reads: BTreeMap<String, Option<String>>,
}

/// The context of an entry module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Index of the context. `None` if it can't be frozen: the modules are evaluated in every
    /// context anew.
    pub(super) context: Option<usize>,
    /// Paths of the modules in it, the entry first: in the order of the context's data.
    pub(super) modules: Vec<String>,
    /// The module asks for its context to be used again.
    pub(super) reuses: bool,
}

/// Why a bundle can't be made runnable.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BuildError {
    /// A module of the developer's failed.
    #[error("{0}")]
    Import(ImportError),
    /// The machinery failed.
    #[error("cannot build the program: {0}")]
    Internal(String),
}

/// The failure of a module to be parsed, linked or evaluated.
#[derive(Clone, Debug, thiserror::Error, Serialize, Deserialize)]
#[error("failed to load `{module}`: {message}")]
pub struct ImportError {
    /// Path of the entry module that led there.
    pub module: String,
    /// `Uncaught Error: boom`, then frames, one a line, mapped to the sources.
    pub message: String,
    /// The last lines that the console printed, at most 100, in their pretty form.
    pub console: Vec<String>,
}

impl Program {
    fn new(bundle: Bundle, frozen: Frozen) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let sources = Sources::new(&bundle);
        Self { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), bundle, sources, frozen, verdicts: Verdicts::default() }
    }

    /// The bundle that this was made from.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Whether evaluating the modules under `env` would have given the same.
    pub fn fits(&self, env: &BTreeMap<String, String>) -> bool {
        self.frozen.manifest.env_reads.iter().all(|(name, seen)| env.get(name) == seen.as_ref())
    }

    /// Tells apart the builds of one code key by what they saw of the environment.
    pub fn env_key(&self) -> [u8; 32] {
        Self::env_key_of(&self.frozen.manifest.env_reads)
    }

    /// The [`Self::env_key`] of a build that saw nothing of the environment, as most.
    pub fn plain_env_key() -> [u8; 32] {
        Self::env_key_of(&BTreeMap::new())
    }

    fn env_key_of(reads: &BTreeMap<String, Option<String>>) -> [u8; 32] {
        let mut hash = Sha256::new();
        for (name, seen) in reads {
            let seen = seen.as_deref();
            for part in [name.as_str(), seen.unwrap_or_default()] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part.as_bytes());
            }
            hash.update([u8::from(seen.is_some())]);
        }
        hash.finalize().into()
    }

    /// The result of the build, to be kept in a cache under its [`CodeKey`](super::CodeKey) and [`Self::env_key`].
    pub fn to_bytes(&self) -> Vec<u8> {
        format::encode(&self.frozen)
    }

    /// Takes a build of this `bundle` out of a cache. `None` if the bytes are of another engine,
    /// or damaged.
    pub fn from_bytes(bundle: Bundle, bytes: &[u8]) -> Option<Program> {
        Some(Self::new(bundle, format::decode(bytes)?))
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn sources(&self) -> &Arc<Sources> {
        &self.sources
    }

    /// The startup snapshot.
    pub(super) fn blob(&self) -> &[u8] {
        &self.frozen.blob
    }

    pub(super) fn entry(&self, path: &str) -> Option<&Entry> {
        self.frozen.manifest.entries.get(path)
    }

    /// Whether the calls of an entry module may share a context in which nothing can change.
    pub(super) fn may_be_immutable(&self, path: &str) -> bool {
        let entry = self.entry(path).filter(|entry| entry.context.is_some() && !entry.reuses);
        entry.is_some_and(|entry| self.verdicts.allow(&self.sources, &entry.modules))
    }

    /// From now on they may not.
    pub(super) fn refuse_immutable(&self, path: &str, why: &'static str) {
        self.verdicts.refuse(path, why);
    }

    /// Index of the context without modules.
    pub(super) fn bare_context(&self) -> usize {
        self.frozen.manifest.bare
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program")
            .field("id", &self.id)
            .field("entries", &self.frozen.manifest.entries.len())
            .field("bytes", &self.frozen.blob.len())
            .finish()
    }
}
