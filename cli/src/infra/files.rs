//! Writes the files of Terraform and CDK into the stack's folder, and leaves what somebody changed there as it is.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::error::InfraError;

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;

/// Path and text of each file of `infra/`, as this binary was built with.
pub const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/infra.rs"));

/// What was written, by path: SHA-256 in hexadecimal.
const WRITTEN: &str = ".lakewire-files.json";
/// What no repository should have: packages, state with secrets in it, what tools put there.
const GITIGNORE: (&str, &str) =
    (".gitignore", "packages/\noutputs.json\n*.tfstate\n*.tfstate.*\n.terraform/\nnode_modules/\ndist/\ncdk.out/\n");
/// Of a new version of a file that somebody changed.
const BESIDE: &str = "lakewire-new";

/// What happened to a file that is not as this binary has it.
#[derive(Debug, PartialEq, Eq)]
pub enum Kept {
    /// Somebody changed it; the one of this binary is in the file that is named.
    Changed { path: PathBuf, beside: PathBuf },
    /// Somebody changed it, and this binary has none.
    Gone { path: PathBuf },
}

impl std::fmt::Display for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Changed { path, beside } => {
                write!(f, "kept `{}`, which you changed; this version's is `{}`", path.display(), beside.display())
            }
            Self::Gone { path } => {
                write!(f, "kept `{}`, which you changed; this version has no such file", path.display())
            }
        }
    }
}

/// Writes `files` below `folder`, which is made when missing; says which ones were left.
pub fn write(folder: &Path, files: &[(&str, &str)]) -> Result<Vec<Kept>, InfraError> {
    // Only for the user: the state of Terraform has secrets.
    on(folder, fs::DirBuilder::new().recursive(true).mode(0o700).create(folder))?;
    let list = folder.join(WRITTEN);
    let known: BTreeMap<String, String> = match read(&list)? {
        Some(text) => serde_json::from_slice(&text)
            .map_err(|error| InfraError::Unreadable { path: list.clone(), reason: error.to_string() })?,
        None => BTreeMap::new(),
    };
    let mut written = BTreeMap::new();
    let mut kept = Vec::new();
    for (name, text) in files.iter().chain([&GITIGNORE]) {
        let (path, wanted) = (folder.join(name), digest(text.as_bytes()));
        let beside = with_suffix(&path);
        let found = read(&path)?.map(|content| digest(&content));
        let is_ours = found.is_none() || found.as_ref() == Some(&wanted) || found.as_ref() == known.get(*name);
        if is_ours {
            put(&path, text)?;
            remove(&beside)?;
        } else if known.get(*name) != Some(&wanted) || beside.exists() {
            // There is something new in it. Said again until the file beside is gone.
            put(&beside, text)?;
            kept.push(Kept::Changed { path, beside });
        }
        written.insert((*name).to_owned(), wanted);
    }
    for (name, old) in known.iter().filter(|(name, _)| !written.contains_key(*name)) {
        let path = folder.join(name);
        match read(&path)? {
            Some(content) if digest(&content) == *old => remove(&path)?,
            Some(_) => kept.push(Kept::Gone { path }),
            None => {}
        }
    }
    put(&list, &serde_json::to_string_pretty(&written).unwrap_or_default())?;
    Ok(kept)
}

/// The content of `path`, if there is one.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, InfraError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(InfraError::File { path: path.to_owned(), source }),
    }
}

/// Writes `text`, beside at first, so that half a file is never found; makes its folder.
pub fn put(path: &Path, text: &str) -> Result<(), InfraError> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let partial = PathBuf::from(name);
    let write = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&partial, text)?;
        fs::rename(&partial, path)
    };
    on(path, write())
}

fn remove(path: &Path) -> Result<(), InfraError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(InfraError::File { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

fn with_suffix(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{BESIDE}"));
    PathBuf::from(name)
}

fn on<T>(path: &Path, result: io::Result<T>) -> Result<T, InfraError> {
    result.map_err(|source| InfraError::File { path: path.to_owned(), source })
}

fn digest(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}
