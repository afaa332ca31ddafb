//! Why nothing was packaged.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::arch::Arch;

/// A failure of `lakewire package`.
#[derive(Debug, Error)]
pub enum PackageError {
    /// A file that goes into a package can't be read.
    #[error("can't read `{path}`: {source}")]
    Read { path: PathBuf, source: io::Error },
    /// A package can't be written.
    #[error("can't write `{path}`: {source}")]
    Write { path: PathBuf, source: io::Error },
    /// The binary, or a library, is none.
    #[error("`{path}` is no program or library for 64-bit Linux: {reason}")]
    Elf { path: PathBuf, reason: String },
    /// A binary for another processor than was asked for.
    #[error("`{path}` is for {found}, and the package for {wanted}: name the right one with --binary")]
    OtherArch { path: PathBuf, found: String, wanted: Arch },
    /// The running binary can't be packaged for another processor.
    #[error(
        "this binary is for {}, so that one for {wanted} has to be named with --binary; it is built by\n{}",
        Arch::RUNNING,
        wanted.build_commands()
    )]
    NoBinary { wanted: Arch },
    /// The C library of Lambda's runtime is older than what the binary was linked with.
    #[error(
        "`{path}` needs a newer C library than the {newest} of Lambda's `provided.al2023`: {symbols}. \
         Build it on a system with that or an older one, or use the image, which brings its own"
    )]
    NewLibc { path: PathBuf, newest: &'static str, symbols: String },
    /// A shared library that Lambda's runtime does not have.
    #[error(
        "`{path}` needs `{library}`, which Lambda's `provided.al2023` does not have: use the image, which brings it"
    )]
    NotInRuntime { path: PathBuf, library: String },
    /// A shared library that this machine does not have.
    #[error(
        "`{needed_by}` needs `{library}`, which is in none of {folders}: name a folder that has them with --sysroot"
    )]
    NoLibrary { needed_by: PathBuf, library: String, folders: String },
    /// A shared library that is too old for the binary.
    #[error("`{library}` has no {version}, which `{needed_by}` needs: name a folder with a newer one with --sysroot")]
    OldLibrary { library: PathBuf, version: String, needed_by: PathBuf },
    /// The libraries' C library finds no hosts by itself.
    #[error(
        "`{library}` is older than glibc 2.34, and can't resolve names alone: name a folder with a newer one with --sysroot"
    )]
    OldLibc { library: PathBuf },
    /// Nothing to verify the certificates of AWS with.
    #[error("no certificate authorities in {searched}: install `ca-certificates`, or name a bundle in SSL_CERT_FILE")]
    NoCertificates { searched: String },
    /// More than Lambda takes.
    #[error("{what} has {size} bytes, and Lambda takes {limit}{advice}")]
    TooLarge { what: String, size: u64, limit: u64, advice: &'static str },
    /// The archive could not be made.
    #[error("can't pack `{path}`: {reason}")]
    Pack { path: String, reason: String },
}
