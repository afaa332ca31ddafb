//! `lakewire package`: what AWS runs, as files. The same input makes the same bytes.

mod arch;
mod archive;
mod certificates;
mod elf;
mod error;
mod image;
mod lambda;
mod libraries;
mod rootfs;
mod strip;

#[cfg(test)]
mod made;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use crate::args::{PackageFormat, PackageOptions};

pub use arch::Arch;
pub use error::PackageError;

use archive::Member;
use rootfs::{Layer, Users};

/// A package that was written.
#[derive(Debug)]
pub struct Package {
    pub path: PathBuf,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of the files in it.
    pub unpacked: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}

/// Makes the packages that `options` ask for and prints what they are. `node` are the files of the Node function: name, text.
pub fn run(options: &PackageOptions, node: &[(&str, &str)]) -> Result<(), PackageError> {
    for package in make(options, node)? {
        println!(
            "{}  {} bytes, {} unpacked, sha256 {}",
            package.path.display(),
            package.size,
            package.unpacked,
            package.sha256
        );
    }
    Ok(())
}

/// Makes the packages that `options` ask for.
pub fn make(options: &PackageOptions, node: &[(&str, &str)]) -> Result<Vec<Package>, PackageError> {
    let PackageOptions { out, arch, format, .. } = options;
    let path = binary(options)?;
    let built = read(&path)?;
    let program = elf::read(&path, &built)?;
    program.check_arch(&path, *arch)?;
    let (zip, image) = (*format != PackageFormat::Image, *format != PackageFormat::Zip);
    // All that can be wrong is found before the first of the slow steps.
    let system = match image {
        true => {
            let sysroot = options.sysroot.clone().unwrap_or_else(|| libraries::default_sysroot(*arch));
            let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
            Some((libraries::find(*arch, &path, &program, &sysroot)?, certificates::read(named)?))
        }
        false => None,
    };
    if zip {
        lambda::check_program(&path, &program)?;
    }
    let stripped = strip::strip(&path, &built)?;
    drop(built);

    let mut packages = Vec::new();
    if zip {
        let name = zip_name(*arch);
        let content = archive::zip(vec![Member { name: "bootstrap", mode: 0o755, content: &stripped }])?;
        lambda::check_zip(&name, content.len() as u64, stripped.len() as u64)?;
        packages.push(write(out, &name, &content, stripped.len() as u64)?);

        let members: Vec<_> =
            node.iter().map(|(name, text)| Member { name, mode: 0o644, content: text.as_bytes() }).collect();
        let unpacked = members.iter().map(|member| member.content.len() as u64).sum();
        let content = archive::zip(members)?;
        lambda::check_zip(NODE_ZIP, content.len() as u64, unpacked)?;
        packages.push(write(out, NODE_ZIP, &content, unpacked)?);
    }
    if let Some((libraries, certificates)) = &system {
        let name = image_name(*arch);
        let users = Users::default();
        let layers = [Layer::system(libraries, certificates, &users), Layer::program(&stripped)];
        let unpacked = layers.iter().map(Layer::bytes).sum();
        lambda::check_image(&name, unpacked)?;
        let content = image::archive(*arch, env!("CARGO_PKG_VERSION"), &layers)?;
        packages.push(write(out, &name, &content, unpacked)?);
    }
    Ok(packages)
}

/// The zip of the Node function.
pub const NODE_ZIP: &str = "lakewire-node.zip";

/// The zip of the functions in Rust.
pub fn zip_name(arch: Arch) -> String {
    format!("lakewire-lambda-{arch}.zip")
}

/// The image of functions and relay.
pub fn image_name(arch: Arch) -> String {
    format!("lakewire-image-{arch}.tar")
}

/// The binary to package: the one that is named, or this one.
fn binary(options: &PackageOptions) -> Result<PathBuf, PackageError> {
    match &options.binary {
        Some(path) => Ok(path.clone()),
        None if options.arch != Arch::RUNNING => Err(PackageError::NoBinary { wanted: options.arch }),
        None => std::env::current_exe()
            .map_err(|source| PackageError::Read { path: PathBuf::from("/proc/self/exe"), source }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PackageError> {
    fs::read(path).map_err(|source| PackageError::Read { path: path.to_owned(), source })
}

/// Writes beside and renames, so that nobody finds half a package.
fn write(out: &Path, name: &str, content: &[u8], unpacked: u64) -> Result<Package, PackageError> {
    let path = out.join(name);
    let beside = out.join(format!("{name}.{}", std::process::id()));
    let put = || {
        fs::create_dir_all(out)?;
        fs::write(&beside, content)?;
        fs::rename(&beside, &path)
    };
    put().map_err(|source| PackageError::Write { path: path.clone(), source })?;
    Ok(Package { size: content.len() as u64, unpacked, sha256: image::digest(content), path })
}
