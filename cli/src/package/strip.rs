//! Takes out of a program what the loader does not read: debug information and symbol tables, most of its size.
//!
//! All that is loaded stays byte for byte where it was: the file is cut behind its last segment, and gets a new table of the
//! sections that are left. Rewriting the whole file, as `object::build` would, renumbers dynamic symbols and strings.

use std::path::Path;

use object::elf::{self, FileHeader64, SectionHeader64};
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _};
use object::{Endianness, U16, U32, U64, pod};

use super::error::PackageError;

#[cfg(test)]
#[path = "strip_tests.rs"]
mod tests;

const SECTION_NAMES: &[u8] = b".shstrtab";

/// `data`, the content of `path`, without debug information and symbol tables.
pub fn strip(path: &Path, data: &[u8]) -> Result<Vec<u8>, PackageError> {
    let elf = |reason: String| PackageError::Elf { path: path.to_owned(), reason };
    let failed = |error: object::Error| elf(error.to_string());
    let header = FileHeader64::<Endianness>::parse(data).map_err(failed)?;
    let endian = header.endian().map_err(failed)?;
    let mut end = pod::bytes_of(header).len();
    let segments = header.program_headers(endian, data).map_err(failed)?;
    let table_end = header.e_phoff(endian).saturating_add(std::mem::size_of_val(segments) as u64);
    for last in segments.iter().map(|segment| segment.p_offset(endian).saturating_add(segment.p_filesz(endian))) {
        end = end.max(usize::try_from(last.max(table_end)).unwrap_or(usize::MAX));
    }
    let mut stripped = data.get(..end).ok_or_else(|| elf("it ends before its last segment".to_owned()))?.to_vec();

    let sections = header.sections(endian, data).map_err(failed)?;
    let mut names = vec![0];
    let mut kept = Vec::new();
    // Where a kept section is in the new table; others are not pointed at any more.
    let mut places = vec![0; sections.len()];
    for (index, section) in sections.enumerate() {
        let loaded = section.sh_flags(endian).contains(elf::SHF_ALLOC);
        if index.0 != 0 && !loaded {
            continue;
        }
        places[index.0] = u32::try_from(kept.len()).map_err(|_| elf("it has too many sections".to_owned()))?;
        let mut section = *section;
        if index.0 != 0 {
            section.sh_name =
                U32::new(endian, name(&mut names, sections.section_name(endian, &section).map_err(failed)?));
        }
        kept.push(section);
    }
    for section in &mut kept {
        let place = |index: u32| places.get(index as usize).copied().unwrap_or(0);
        section.sh_link = U32::new(endian, place(section.sh_link(endian)));
        if section.sh_flags(endian).contains(elf::SHF_INFO_LINK) {
            section.sh_info = U32::new(endian, place(section.sh_info(endian)));
        }
    }
    let names_at = stripped.len() as u64;
    let names_name = name(&mut names, SECTION_NAMES);
    let names_index = kept.len();
    kept.push(SectionHeader64 {
        sh_name: U32::new(endian, names_name),
        sh_type: U32::new(endian, elf::SHT_STRTAB),
        sh_flags: U64::new(endian, elf::SectionFlags(0)),
        sh_addr: U64::new(endian, 0),
        sh_offset: U64::new(endian, names_at),
        sh_size: U64::new(endian, names.len() as u64),
        sh_link: U32::new(endian, 0),
        sh_info: U32::new(endian, 0),
        sh_addralign: U64::new(endian, 1),
        sh_entsize: U64::new(endian, 0),
    });
    stripped.extend_from_slice(&names);
    stripped.resize(stripped.len().next_multiple_of(align_of::<u64>()), 0);
    let table_at = stripped.len() as u64;
    stripped.extend_from_slice(pod::bytes_of_slice(&kept));

    let small = |number: usize| u16::try_from(number).map_err(|_| elf("it has too many sections".to_owned()));
    let mut header = *header;
    header.e_shoff = U64::new(endian, table_at);
    header.e_shnum = U16::new(endian, small(kept.len())?);
    header.e_shstrndx = U16::new(endian, elf::SymbolSection(small(names_index)?));
    let bytes = pod::bytes_of(&header);
    stripped[..bytes.len()].copy_from_slice(bytes);
    Ok(stripped)
}

/// Puts a name behind the others, and says where it is.
fn name(names: &mut Vec<u8>, name: &[u8]) -> u32 {
    let at = u32::try_from(names.len()).unwrap_or(u32::MAX);
    names.extend_from_slice(name);
    names.push(0);
    at
}
