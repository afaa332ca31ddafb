//! Options of `package`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::package::Arch;

/// Options of `package`.
#[derive(Args, Clone, Debug)]
pub struct PackageOptions {
    /// The folder that the packages are written to; made when missing.
    #[arg(long, value_name = "DIR", default_value = "lakewire-packages")]
    pub out: PathBuf,
    /// The binary to package; this one by default.
    #[arg(long, value_name = "PATH")]
    pub binary: Option<PathBuf>,
    /// The processor it is for.
    #[arg(long, value_name = "ARCH", default_value_t = Arch::RUNNING)]
    pub arch: Arch,
    /// Zips for Lambda, an image for Lambda and the relay, or both.
    #[arg(long, value_name = "FORMAT", default_value = "all")]
    pub format: PackageFormat,
    /// The folder whose `lib` has the shared libraries for the image; by default `/`, or that of the cross compiler.
    #[arg(long, value_name = "DIR")]
    pub sysroot: Option<PathBuf>,
}

/// What is packaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PackageFormat {
    /// `lakewire-lambda-ARCH.zip` and `lakewire-node.zip`.
    Zip,
    /// `lakewire-image-ARCH.tar`.
    Image,
    /// All of them.
    All,
}
