use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use object::elf::EM_AARCH64;
use object::read::elf::{ElfFile64, ProgramHeader as _};
use object::{Endianness, Object as _, ObjectSection as _};

use super::strip;
use crate::package::elf;
use crate::package::made::Made;

type File<'a> = ElfFile64<'a, Endianness>;

/// What the loader sees of a file: each segment with its bytes, the file's header left out.
fn loaded(data: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let file = File::parse(data).expect("an ELF file");
    let endian = file.endian();
    let bytes = |segment: &object::elf::ProgramHeader64<Endianness>| {
        let skipped = if segment.p_offset(endian) == 0 { 64 } else { 0 };
        let data = segment.data(endian, data).expect("a segment in the file");
        (segment.p_vaddr(endian), data.get(skipped..).unwrap_or(&[]).to_vec())
    };
    file.elf_program_headers().iter().map(bytes).collect()
}

fn sections(data: &[u8]) -> Vec<(String, u64, Vec<u8>)> {
    let file = File::parse(data).expect("an ELF file");
    let read = |section: object::read::elf::ElfSection64<'_, '_, Endianness>| {
        let name = section.name().expect("a name").to_owned();
        (name, section.address(), section.data().expect("data").to_vec())
    };
    file.sections().map(read).collect()
}

#[test]
fn what_is_loaded_stays_and_the_rest_goes() {
    let made = Made::program(EM_AARCH64, "/lib/ld-linux-aarch64.so.1", "GLIBC_2.34").bytes();
    let stripped = strip(Path::new("made"), &made).expect("a program");
    assert!(stripped.len() + 13_000 < made.len(), "{} of {}", stripped.len(), made.len());
    assert_eq!(loaded(&stripped), loaded(&made));

    let mut kept: Vec<_> = sections(&made).into_iter().filter(|(_, address, _)| *address != 0).collect();
    let mut found = sections(&stripped);
    let names = found.pop().expect("a section").0;
    assert_eq!(names, ".shstrtab");
    kept.sort();
    found.sort();
    assert_eq!(found, kept);

    // Sections that belong together still find each other.
    let (before, after) = (elf::read(Path::new("made"), &made), elf::read(Path::new("made"), &stripped));
    let (before, after) = (before.expect("an ELF file"), after.expect("an ELF file"));
    assert_eq!(after.required, before.required);
    assert_eq!((after.needed, after.interpreter), (before.needed, before.interpreter));
    assert_eq!(strip(Path::new("made"), &stripped).expect("a program"), stripped, "there is nothing left to strip");
}

#[test]
fn half_a_file_is_refused() {
    let made = Made::program(EM_AARCH64, "/lib/ld-linux-aarch64.so.1", "GLIBC_2.34").bytes();
    for end in [0, 3, 64, 200, made.len() / 2, made.len() - 1] {
        assert!(strip(Path::new("half"), &made[..end]).is_err(), "{end} bytes");
    }
}

/// This very test, stripped, still runs.
#[test]
fn a_stripped_program_runs() {
    let path = std::env::current_exe().expect("a path");
    let built = fs::read(&path).expect("a readable file");
    let stripped = strip(&path, &built).expect("a program");
    assert!(stripped.len() < built.len());
    // Not `assert_eq!`: they are hundreds of megabytes.
    assert!(loaded(&stripped) == loaded(&built));
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy");
    fs::write(&copy, stripped).expect("a written file");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("permissions");
    let output =
        Command::new(&copy).args(["--list", "a_stripped_program_runs"]).output().expect("a program that starts");
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("a_stripped_program_runs"));
}
