use std::fs;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use object::elf::EM_AARCH64;

use super::arch::Arch;
use super::made::Made;
use super::{NODE_ZIP, Package, PackageError, make};
use crate::args::{PackageFormat, PackageOptions};

const NODE: [(&str, &str); 2] = [("index.mjs", "export const handler = () => {};\n"), ("run.mjs", "export {};\n")];

fn options(folder: &Path, binary: Option<PathBuf>) -> PackageOptions {
    PackageOptions {
        out: folder.join("out"),
        binary,
        arch: Arch::Arm64,
        format: PackageFormat::Zip,
        sysroot: Some(folder.join("sysroot")),
    }
}

/// A folder with a binary for arm64 and the libraries that it needs.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let binary = folder.path().join("built");
    let program = Made::program(EM_AARCH64, "/lib/ld-linux-aarch64.so.1", "GLIBC_2.34");
    fs::write(&binary, program.bytes()).expect("a written file");
    let lib = folder.path().join("sysroot/lib");
    fs::create_dir_all(&lib).expect("a folder");
    let libc = Made::library(EM_AARCH64, &["GLIBC_2.34"]).bytes();
    for name in ["libc.so.6", "ld-linux-aarch64.so.1"] {
        fs::write(lib.join(name), &libc).expect("a written file");
    }
    (folder, binary)
}

fn names(packages: &[Package]) -> Vec<String> {
    let name = |package: &Package| package.path.file_name().expect("a name").to_string_lossy().into_owned();
    packages.iter().map(name).collect()
}

#[test]
fn all_packages_are_made_and_are_the_same_twice() {
    let (folder, binary) = folder();
    let all = PackageOptions { format: PackageFormat::All, ..options(folder.path(), Some(binary)) };
    let packages = make(&all, &NODE).expect("packages");
    assert_eq!(names(&packages), ["lakewire-lambda-arm64.zip", NODE_ZIP, "lakewire-image-arm64.tar"]);
    for package in &packages {
        let content = fs::read(&package.path).expect("a written file");
        assert_eq!(package.size, content.len() as u64);
        assert_eq!(package.sha256, super::image::digest(&content));
    }
    let elsewhere = PackageOptions { out: folder.path().join("elsewhere"), ..all };
    let again = make(&elsewhere, &NODE).expect("packages");
    let sums = |packages: &[Package]| packages.iter().map(|package| package.sha256.clone()).collect::<Vec<_>>();
    assert_eq!(sums(&again), sums(&packages));
    // Nothing but the packages is left.
    assert_eq!(fs::read_dir(folder.path().join("elsewhere")).expect("a folder").count(), packages.len());
}

#[test]
fn the_zip_is_a_stripped_bootstrap() {
    let (folder, binary) = folder();
    let packages = make(&options(folder.path(), Some(binary.clone())), &NODE).expect("packages");
    assert_eq!(names(&packages), ["lakewire-lambda-arm64.zip", NODE_ZIP]);
    let content = fs::read(&packages[0].path).expect("a written file");
    let mut archive = zip::ZipArchive::new(Cursor::new(content)).expect("a zip");
    assert_eq!(archive.len(), 1);
    let mut file = archive.by_name("bootstrap").expect("a file");
    assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
    let mut found = Vec::new();
    file.read_to_end(&mut found).expect("content");
    assert_eq!(packages[0].unpacked, found.len() as u64);
    assert_eq!(found, super::strip::strip(&binary, &fs::read(&binary).expect("a file")).expect("a program"));

    let content = fs::read(&packages[1].path).expect("a written file");
    let mut archive = zip::ZipArchive::new(Cursor::new(content)).expect("a zip");
    for (name, text) in NODE {
        let mut found = String::new();
        archive.by_name(name).expect("a file").read_to_string(&mut found).expect("text");
        assert_eq!(found, text);
    }
}

#[test]
fn another_processor_wants_a_binary_and_says_how_it_is_built() {
    let (folder, _) = folder();
    let other = if Arch::RUNNING == Arch::X86_64 { Arch::Arm64 } else { Arch::X86_64 };
    let error = make(&PackageOptions { arch: other, ..options(folder.path(), None) }, &NODE).unwrap_err();
    assert!(matches!(error, PackageError::NoBinary { .. }), "{error}");
    assert!(error.to_string().contains(&format!("--target {}-unknown-linux-gnu", other.cpu())), "{error}");
}

#[test]
fn nothing_is_written_when_a_check_fails() {
    let (folder, binary) = folder();
    let all = PackageOptions { format: PackageFormat::All, ..options(folder.path(), Some(binary.clone())) };
    let x86 = PackageOptions { arch: Arch::X86_64, ..all.clone() };
    assert!(matches!(make(&x86, &NODE), Err(PackageError::OtherArch { .. })));
    let gone = PackageOptions { binary: Some(folder.path().join("gone")), ..all.clone() };
    assert!(make(&gone, &NODE).unwrap_err().to_string().contains("gone`"));
    let without = PackageOptions { sysroot: Some(folder.path().join("nothing")), ..all.clone() };
    assert!(matches!(make(&without, &NODE), Err(PackageError::NoLibrary { .. })));
    let newer = Made::program(EM_AARCH64, "/lib/ld-linux-aarch64.so.1", "GLIBC_2.39");
    fs::write(&binary, newer.bytes()).expect("a written file");
    let zip = PackageOptions { format: PackageFormat::Zip, ..all };
    assert!(matches!(make(&zip, &NODE), Err(PackageError::NewLibc { .. })));
    assert!(!folder.path().join("out").exists());
}
