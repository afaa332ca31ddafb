//! The two processors that Lambda and Fargate have.

use std::fmt;

use clap::ValueEnum;
use object::elf;
use serde::{Deserialize, Serialize};

/// A processor, by the name that Lambda has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arch {
    /// Intel and AMD, 64 bits.
    #[value(name = "x86_64")]
    #[serde(rename = "x86_64")]
    X86_64,
    /// Graviton.
    Arm64,
}

impl Arch {
    /// The one that this binary was built for.
    pub const RUNNING: Self = if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::X86_64 };

    /// The one of an ELF file's `e_machine`.
    pub fn of_machine(machine: elf::Machine) -> Option<Self> {
        match machine {
            elf::EM_X86_64 => Some(Self::X86_64),
            elf::EM_AARCH64 => Some(Self::Arm64),
            _ => None,
        }
    }

    /// What image manifests call it.
    pub fn oci(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The first word of target triples.
    pub fn cpu(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// What has to be typed to build the binary on a machine with another processor.
    pub fn build_commands(self) -> String {
        let cpu = self.cpu();
        let linker = format!("CARGO_TARGET_{}_UNKNOWN_LINUX_GNU_LINKER", cpu.to_uppercase());
        format!(
            "  apt-get install gcc-{package}-linux-gnu g++-{package}-linux-gnu libc6-dev-{oci}-cross\n  \
             rustup target add {cpu}-unknown-linux-gnu\n  \
             {linker}={cpu}-linux-gnu-gcc RUSTY_V8_ARCHIVE=PATH cargo build --release --locked -p lakewire --target {cpu}-unknown-linux-gnu\n  \
             lakewire package --arch {self} --binary target/{cpu}-unknown-linux-gnu/release/lakewire\n\
             where PATH is librusty_v8_simdutf_release_{cpu}-unknown-linux-gnu.a.gz of the v8 crate's release",
            package = cpu.replace('_', "-"),
            oci = self.oci(),
        )
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}
