//! Why a stack was not made, changed or removed.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use thiserror::Error;

use crate::package::{Arch, PackageError};

/// A failure of `lakewire infra`.
#[derive(Debug, Error)]
pub enum InfraError {
    /// A file of the stack's folder can't be read or written.
    #[error("`{path}`: {source}")]
    File { path: PathBuf, source: io::Error },
    /// A file of ours does not have what we wrote.
    #[error("`{path}` is not what `lakewire infra` wrote: {reason}")]
    Unreadable { path: PathBuf, reason: String },
    /// The folder is that of another stack.
    #[error("`{path}` has the stack `{known}`, not `{given}`: choose another folder with --dir")]
    OtherStack { path: PathBuf, known: String, given: String },
    /// The folder's stack was made with the other tool.
    #[error("the stack in `{path}` was made with {known}, not {given}: choose another folder with --dir")]
    OtherTool { path: PathBuf, known: &'static str, given: &'static str },
    /// There is nothing to remove.
    #[error("there is no stack in `{path}`: `lakewire infra up` makes one")]
    NoStack { path: PathBuf },
    /// A name that AWS does not take everywhere.
    #[error("`{0}` is no name of a stack: 2 to 24 of a-z, 0-9 and `-`, first a letter, last no `-`")]
    Name(String),
    /// The relay on Fargate comes from a registry.
    #[error(
        "--relay fargate needs --relay-image: push the image that `lakewire package --format image` makes, \
         for example with `skopeo copy oci-archive:lakewire-image-{arch}.tar docker://REPOSITORY:TAG`"
    )]
    NoRelayImage { arch: Arch },
    /// Packages for another processor have to be made before.
    #[error(
        "there is no `{path}`, and this binary is for {}: make it with \
         `lakewire package --format zip --arch {arch} --binary PATH --out {folder}`",
        Arch::RUNNING
    )]
    NoPackage { path: PathBuf, arch: Arch, folder: String },
    /// No package could be made.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A program is not installed.
    #[error("there is no `{program}` in PATH: {advice}")]
    NoProgram { program: &'static str, advice: &'static str },
    /// A program can't be started.
    #[error("can't start `{program}`: {source}")]
    Start { program: &'static str, source: io::Error },
    /// A program failed, and has said why.
    #[error("`{command}` failed: {status}")]
    Failed { command: String, status: ExitStatus },
    /// The stack was made, but does not say what it is.
    #[error("the stack has no output `{name}`")]
    NoOutput { name: &'static str },
    /// Nobody typed the name.
    #[error("nothing was removed: that would have needed the name `{0}`")]
    NotConfirmed(String),
    /// The secret behind admin keys can't be read.
    #[error("the stack is up, but its secret can't be read, so that there is no admin key: {0}")]
    Secret(String),
}
