use std::fs;
use std::path::Path;

use object::elf::{EM_AARCH64, EM_X86_64};

use super::find;
use crate::package::arch::Arch;
use crate::package::elf;
use crate::package::error::PackageError;
use crate::package::made::Made;

const LOADER: &str = "/lib/ld-linux-aarch64.so.1";

/// The paths of what a program for arm64 needs in `sysroot`.
fn paths(made: &Made, sysroot: &Path) -> Result<Vec<String>, PackageError> {
    let path = Path::new("made");
    let program = elf::read(path, &made.bytes()).expect("an ELF file");
    Ok(find(Arch::Arm64, path, &program, sysroot)?.into_iter().map(|library| library.path).collect())
}

fn put(sysroot: &Path, path: &str, made: &Made) {
    let path = sysroot.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, made.bytes()).expect("a written file");
}

fn program() -> Made {
    Made { needed: vec!["libgcc_s.so.1", "libc.so.6"], ..Made::program(EM_AARCH64, LOADER, "GLIBC_2.34") }
}

/// A sysroot with the libraries at `folder`.
fn sysroot(folder: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    let libc = Made::library(EM_AARCH64, &["GLIBC_2.17", "GLIBC_2.34"]);
    let gcc = Made {
        needed: vec!["libc.so.6"],
        required: vec![("libc.so.6", "GLIBC_2.17", "abort")],
        ..Made::library(EM_AARCH64, &["GCC_3.0"])
    };
    put(root.path(), &format!("{folder}/libc.so.6"), &libc);
    put(root.path(), &format!("{folder}/libgcc_s.so.1"), &gcc);
    put(root.path(), "lib/ld-linux-aarch64.so.1", &Made::library(EM_AARCH64, &["GLIBC_2.17"]));
    // Nobody asks for this one.
    put(root.path(), &format!("{folder}/libz.so.1"), &Made::library(EM_AARCH64, &[]));
    root
}

#[test]
fn loader_and_libraries_are_where_the_loader_looks() {
    for folder in ["lib/aarch64-linux-gnu", "usr/lib64", "lib"] {
        let root = sysroot(folder);
        let mut expected = vec![
            "lib/ld-linux-aarch64.so.1".to_owned(),
            format!("{folder}/libc.so.6"),
            format!("{folder}/libgcc_s.so.1"),
        ];
        expected.sort();
        assert_eq!(paths(&program(), root.path()).expect("all libraries"), expected);
    }
}

#[test]
fn what_a_library_needs_is_found_too() {
    let root = sysroot("lib");
    let only_gcc = Made { needed: vec!["libgcc_s.so.1"], ..program() };
    assert!(paths(&only_gcc, root.path()).expect("all libraries").contains(&"lib/libc.so.6".to_owned()));
}

#[test]
fn a_missing_library_is_named_with_who_needs_it() {
    let root = sysroot("lib");
    fs::remove_file(root.path().join("lib/libc.so.6")).expect("a removed file");
    let only_gcc = Made { needed: vec!["libgcc_s.so.1"], ..program() };
    let error = paths(&only_gcc, root.path()).unwrap_err().to_string();
    assert!(error.contains("libgcc_s.so.1` needs `libc.so.6`, which is in none of "), "{error}");
    assert!(error.contains("/lib/aarch64-linux-gnu`"), "{error}");
    fs::remove_file(root.path().join("lib/ld-linux-aarch64.so.1")).expect("a removed file");
    let error = paths(&program(), root.path()).unwrap_err().to_string();
    assert!(error.contains("`made` needs `ld-linux-aarch64.so.1`"), "{error}");
}

#[test]
fn libraries_have_to_fit() {
    let root = sysroot("lib");
    let newer = Made { required: vec![("libc.so.6", "GLIBC_2.38", "strlcpy")], ..program() };
    let error = paths(&newer, root.path()).unwrap_err().to_string();
    assert!(error.contains("libc.so.6` has no GLIBC_2.38, which `made` needs"), "{error}");

    put(root.path(), "lib/libgcc_s.so.1", &Made::library(EM_X86_64, &["GCC_3.0"]));
    let error = paths(&program(), root.path()).unwrap_err().to_string();
    assert!(error.contains("libgcc_s.so.1` is for x86_64"), "{error}");

    let root = sysroot("lib");
    put(root.path(), "lib/libc.so.6", &Made::library(EM_AARCH64, &["GLIBC_2.17"]));
    let error = paths(&program(), root.path()).unwrap_err().to_string();
    assert!(error.contains("older than glibc 2.34"), "{error}");
}
