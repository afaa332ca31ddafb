use std::collections::BTreeSet;
use std::path::Path;

use object::elf::{EM_AARCH64, EM_RISCV};

use super::read;
use crate::package::arch::Arch;
use crate::package::made::Made;

const LOADER: &str = "/lib/ld-linux-aarch64.so.1";

#[test]
fn a_program_says_what_it_needs() {
    let made = Made {
        needed: vec!["libgcc_s.so.1", "libc.so.6"],
        required: vec![
            ("libc.so.6", "GLIBC_2.17", "read"),
            ("libc.so.6", "GLIBC_2.34", "dlopen"),
            ("libgcc_s.so.1", "GCC_3.0", "_Unwind_Resume"),
            ("libc.so.6", "GLIBC_ABI_DT_RELR", ""),
        ],
        ..Made::program(EM_AARCH64, LOADER, "")
    };
    let elf = read(Path::new("made"), &made.bytes()).expect("an ELF file");
    assert_eq!(elf.arch, Some(Arch::Arm64));
    assert_eq!(elf.interpreter.as_deref(), Some(LOADER));
    assert_eq!(elf.needed, ["libgcc_s.so.1", "libc.so.6"]);
    let symbols = |library: &str, version: &str| elf.required.get(&(library.to_owned(), version.to_owned()));
    assert_eq!(symbols("libc.so.6", "GLIBC_2.34"), Some(&BTreeSet::from(["dlopen".to_owned()])));
    assert_eq!(symbols("libgcc_s.so.1", "GCC_3.0"), Some(&BTreeSet::from(["_Unwind_Resume".to_owned()])));
    assert_eq!(symbols("libc.so.6", "GLIBC_ABI_DT_RELR"), Some(&BTreeSet::new()));
    assert_eq!(elf.required.len(), 4);
    assert!(elf.provided.is_empty());
}

#[test]
fn a_library_says_what_it_has() {
    let made = Made::library(EM_AARCH64, &["GLIBC_2.17", "GLIBC_2.34"]);
    let elf = read(Path::new("made"), &made.bytes()).expect("an ELF file");
    assert!(elf.interpreter.is_none());
    assert!(elf.provided.contains("GLIBC_2.17") && elf.provided.contains("GLIBC_2.34"), "{:?}", elf.provided);
}

#[test]
fn what_is_for_another_processor_is_named() {
    let elf = read(Path::new("made"), &Made::program(EM_AARCH64, LOADER, "GLIBC_2.17").bytes()).expect("an ELF file");
    elf.check_arch(Path::new("made"), Arch::Arm64).expect("the processor that it is for");
    let error = elf.check_arch(Path::new("made"), Arch::X86_64).unwrap_err().to_string();
    assert!(error.contains("`made` is for arm64, and the package for x86_64"), "{error}");

    let elf = read(Path::new("made"), &Made::program(EM_RISCV, LOADER, "GLIBC_2.17").bytes()).expect("an ELF file");
    let error = elf.check_arch(Path::new("made"), Arch::X86_64).unwrap_err().to_string();
    assert!(error.contains("is for machine 243"), "{error}");
}

#[test]
fn what_is_no_program_is_refused_and_not_read_past_its_end() {
    let whole = Made::program(EM_AARCH64, LOADER, "GLIBC_2.17").bytes();
    for broken in [&b""[..], b"#!/bin/sh\n", b"\x7fELF", &whole[..whole.len() / 2]] {
        let error = read(Path::new("broken"), broken).unwrap_err().to_string();
        assert!(error.starts_with("`broken` is no program or library for 64-bit Linux: "), "{error}");
    }
    // The table of sections is where the versions are found.
    let mut without_sections = whole;
    without_sections[40..48].fill(0);
    without_sections[60..64].fill(0);
    let error = read(Path::new("broken"), &without_sections).unwrap_err().to_string();
    assert!(error.contains("table of sections"), "{error}");
}

/// This very test is a program for the machine it runs on.
#[test]
fn the_running_program_is_read() {
    let path = std::env::current_exe().expect("a path");
    let elf = read(&path, &std::fs::read(&path).expect("a readable file")).expect("an ELF file");
    assert_eq!(elf.arch, Some(Arch::RUNNING));
    assert!(elf.interpreter.is_some());
    assert!(elf.needed.iter().any(|name| name == "libc.so.6"), "{:?}", elf.needed);
    assert!(elf.required.keys().any(|(file, version)| file == "libc.so.6" && version.starts_with("GLIBC_2.")));
}
