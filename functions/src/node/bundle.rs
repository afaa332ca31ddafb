//! What a Node process is made from.

use sha2::{Digest, Sha256};

use crate::model::{Definition, ModuleEnvironment, NodeDependency};

/// The Node modules of an app and the packages they import, without their texts.
#[derive(Clone, Debug)]
pub struct NodeBundle {
    /// Hex hash of everything below.
    pub(super) key: String,
    /// Hex hash of the packages; `None` without any.
    pub(super) packages_key: Option<String>,
    /// In order of name.
    pub(super) packages: Vec<NodeDependency>,
}

impl NodeBundle {
    /// A bundle of modules given by path and content hash, in the order of the paths.
    pub fn new<'a>(modules: impl Iterator<Item = (&'a str, &'a str)>, packages: &[NodeDependency]) -> Self {
        let mut packages = packages.to_vec();
        packages.sort();
        packages.dedup();
        let names = packages.iter().map(|package| (package.name.as_str(), package.version.as_str()));
        let packages_key = (!packages.is_empty()).then(|| hash(names));
        let modules_key = hash(modules);
        let key = hash([(modules_key.as_str(), packages_key.as_deref().unwrap_or_default())].into_iter());
        Self { key, packages_key, packages }
    }

    /// The bundle of a deployed definition.
    pub fn of(definition: &Definition, packages: &[NodeDependency]) -> Self {
        let node = definition.modules.values().filter(|module| module.environment == ModuleEnvironment::Node);
        Self::new(node.map(|module| (module.path.as_str(), module.sha256.as_str())), packages)
    }
}

/// Hex hash of pairs of texts.
pub(super) fn hash<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut hash = Sha256::new();
    for part in pairs.flat_map(|(a, b)| [a, b]) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}
