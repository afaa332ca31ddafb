//! Finds the shared libraries that a program needs, and those that they need, and sees that they fit.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::arch::Arch;
use super::elf::{self, Elf};
use super::error::PackageError;
use super::lambda::version;

#[cfg(test)]
#[path = "libraries_tests.rs"]
mod tests;

/// A version that the first C library has which resolves names without modules of its own.
const NAMES_BUILT_IN: &str = "GLIBC_2.34";

/// A shared library, or the loader.
#[derive(Debug)]
pub struct Library {
    /// Where it has to be, below the root and without a leading `/`: where it was in the sysroot.
    pub path: String,
    pub content: Vec<u8>,
}

/// Where libraries for `arch` are on this machine: `/`, or the folder of the cross compiler.
pub fn default_sysroot(arch: Arch) -> PathBuf {
    if arch == Arch::RUNNING { PathBuf::from("/") } else { PathBuf::from(format!("/usr/{}-linux-gnu", arch.cpu())) }
}

/// The loader that `program`, in `path`, asks for and all libraries that it needs, from `sysroot`; by path.
pub fn find(arch: Arch, path: &Path, program: &Elf, sysroot: &Path) -> Result<Vec<Library>, PackageError> {
    let folders = folders(arch);
    let mut libraries = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<(PathBuf, String)> = Vec::new();
    let mut versions: Vec<(PathBuf, Elf)> = Vec::new();
    let mut required = vec![requirements(path, program)];

    if let Some(interpreter) = &program.interpreter {
        let name = file_name(interpreter);
        // By the path that is in the program; some cross compilers have it elsewhere.
        let exact = interpreter.trim_start_matches('/').to_owned();
        let found = match read(&sysroot.join(&exact))? {
            Some(content) => Some(content),
            None => search(sysroot, &folders, &name)?.map(|(_, content)| content),
        };
        let content = found.ok_or_else(|| missing(path, &name, sysroot, &folders))?;
        versions.push((sysroot.join(&exact), fitting(arch, &sysroot.join(&exact), &content)?));
        libraries.push(Library { path: exact, content });
        seen.insert(name);
    }
    open.extend(program.needed.iter().rev().map(|library| (path.to_owned(), library.clone())));
    while let Some((needed_by, name)) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let (place, content) =
            search(sysroot, &folders, &name)?.ok_or_else(|| missing(&needed_by, &name, sysroot, &folders))?;
        let full = sysroot.join(&place);
        let library = fitting(arch, &full, &content)?;
        if name == "libc.so.6" && !library.provided.contains(NAMES_BUILT_IN) {
            return Err(PackageError::OldLibc { library: full });
        }
        open.extend(library.needed.iter().rev().map(|needed| (full.clone(), needed.clone())));
        required.push(requirements(&full, &library));
        versions.push((full, library));
        libraries.push(Library { path: place, content });
    }
    check_versions(&required, &versions)?;
    libraries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(libraries)
}

/// By whom, from which library, which version.
type Required = (PathBuf, Vec<(String, String)>);

fn requirements(path: &Path, elf: &Elf) -> Required {
    (path.to_owned(), elf.required.keys().cloned().collect())
}

/// The newest versions first: one that is missing is most likely one of those.
fn check_versions(required: &[Required], libraries: &[(PathBuf, Elf)]) -> Result<(), PackageError> {
    for (needed_by, wanted) in required {
        let mut wanted: Vec<_> = wanted.iter().collect();
        wanted.sort_by_key(|(_, name)| std::cmp::Reverse(version(name)));
        for (file, name) in wanted {
            let named = |path: &Path| path.file_name().is_some_and(|found| found == file.as_str());
            if let Some((path, library)) = libraries.iter().find(|(path, _)| named(path))
                && !library.provided.contains(name)
            {
                return Err(PackageError::OldLibrary {
                    library: path.clone(),
                    version: name.clone(),
                    needed_by: needed_by.clone(),
                });
            }
        }
    }
    Ok(())
}

/// Where loaders look by themselves, on all common distributions.
fn folders(arch: Arch) -> Vec<String> {
    let multiarch = format!("{}-linux-gnu", arch.cpu());
    vec![
        format!("lib/{multiarch}"),
        format!("usr/lib/{multiarch}"),
        "lib64".to_owned(),
        "usr/lib64".to_owned(),
        "lib".to_owned(),
        "usr/lib".to_owned(),
    ]
}

fn search(sysroot: &Path, folders: &[String], name: &str) -> Result<Option<(String, Vec<u8>)>, PackageError> {
    for folder in folders {
        let place = format!("{folder}/{name}");
        if let Some(content) = read(&sysroot.join(&place))? {
            return Ok(Some((place, content)));
        }
    }
    Ok(None)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, PackageError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PackageError::Read { path: path.to_owned(), source }),
    }
}

fn fitting(arch: Arch, path: &Path, content: &[u8]) -> Result<Elf, PackageError> {
    let elf = elf::read(path, content)?;
    elf.check_arch(path, arch)?;
    Ok(elf)
}

fn missing(needed_by: &Path, library: &str, sysroot: &Path, folders: &[String]) -> PackageError {
    let folders: Vec<_> = folders.iter().map(|folder| format!("`{}`", sysroot.join(folder).display())).collect();
    PackageError::NoLibrary {
        needed_by: needed_by.to_owned(),
        library: library.to_owned(),
        folders: folders.join(", "),
    }
}

fn file_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}
