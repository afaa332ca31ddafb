//! What an ELF file says of itself: processor, libraries that it needs, versions of their symbols.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use object::Endianness;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader as _, ProgramHeader as _};

use super::arch::Arch;
use super::error::PackageError;

#[cfg(test)]
#[path = "elf_tests.rs"]
mod tests;

/// A program or a shared library.
#[derive(Debug)]
pub struct Elf {
    /// Its processor; none for others than those that we package for.
    pub arch: Option<Arch>,
    /// `e_machine`.
    pub machine: u16,
    /// Absolute path of the loader that a program asks for.
    pub interpreter: Option<String>,
    /// Names of the shared libraries that it needs, in their order.
    pub needed: Vec<String>,
    /// Symbols that it needs, by library and version of the symbol (`libc.so.6`, `GLIBC_2.34`).
    pub required: BTreeMap<(String, String), BTreeSet<String>>,
    /// Versions that its own symbols have.
    pub provided: BTreeSet<String>,
}

/// Reads `data`, the content of `path`.
pub fn read(path: &Path, data: &[u8]) -> Result<Elf, PackageError> {
    parse(data).map_err(|reason| PackageError::Elf { path: path.to_owned(), reason })
}

fn parse(data: &[u8]) -> Result<Elf, String> {
    let failed = |error: object::Error| error.to_string();
    let header = FileHeader64::<Endianness>::parse(data).map_err(failed)?;
    let endian = header.endian().map_err(failed)?;
    let sections = header.sections(endian, data).map_err(failed)?;
    let mut interpreter = None;
    for segment in header.program_headers(endian, data).map_err(failed)? {
        if let Some(path) = segment.interpreter(endian, data).map_err(failed)? {
            interpreter = Some(text(path)?);
        }
    }

    let mut needed = Vec::new();
    let dynamic = sections.dynamic_table(endian, data).map_err(failed)?;
    for entry in dynamic.iter().filter(|entry| entry.tag == elf::DT_NEEDED) {
        needed.push(text(dynamic.string(entry).map_err(failed)?)?);
    }
    if dynamic.is_empty() && interpreter.is_some() {
        return Err("its table of sections was taken out, and with it what it needs".to_owned());
    }

    let mut provided = BTreeSet::new();
    let mut required = BTreeMap::<_, BTreeSet<String>>::new();
    let symbols = sections.symbols(endian, data, elf::SHT_DYNSYM).map_err(failed)?;
    if let Some((mut definitions, link)) = sections.gnu_verdef(endian, data).map_err(failed)? {
        let strings = sections.strings(endian, data, link).map_err(failed)?;
        while let Some((_, mut names)) = definitions.next().map_err(failed)? {
            if let Some(name) = names.next().map_err(failed)? {
                provided.insert(text(name.name(endian, strings).map_err(failed)?)?);
            }
        }
    }
    if let Some((mut files, link)) = sections.gnu_verneed(endian, data).map_err(failed)? {
        let strings = sections.strings(endian, data, link).map_err(failed)?;
        while let Some((file, mut versions)) = files.next().map_err(failed)? {
            let file = text(file.file(endian, strings).map_err(failed)?)?;
            while let Some(version) = versions.next().map_err(failed)? {
                // Also those that no symbol has, as `GLIBC_ABI_DT_RELR`.
                required.insert((file.clone(), text(version.name(endian, strings).map_err(failed)?)?), BTreeSet::new());
            }
        }
    }
    if let Some(versions) = sections.versions(endian, data).map_err(failed)? {
        for (index, symbol) in symbols.enumerate() {
            let Some(version) = versions.version(versions.version_index(endian, index).index()).map_err(failed)? else {
                continue;
            };
            if let Some(file) = version.file() {
                let name = text(symbols.symbol_name(endian, symbol).map_err(failed)?)?;
                required.entry((text(file)?, text(version.name())?)).or_default().insert(name);
            }
        }
    }
    let machine = header.e_machine(endian);
    Ok(Elf { arch: Arch::of_machine(machine), machine: machine.0, interpreter, needed, required, provided })
}

fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|error| format!("a name in it is no text: {error}"))
}

impl Elf {
    /// Checks that this, the content of `path`, is for `wanted`.
    pub fn check_arch(&self, path: &Path, wanted: Arch) -> Result<(), PackageError> {
        if self.arch == Some(wanted) {
            return Ok(());
        }
        let found = self.arch.map_or_else(|| format!("machine {}", self.machine), |arch| arch.to_string());
        Err(PackageError::OtherArch { path: path.to_owned(), found, wanted })
    }
}
