use std::path::Path;

use object::elf::EM_X86_64;

use super::{check_image, check_program, check_zip, version};
use crate::package::elf;
use crate::package::error::PackageError;
use crate::package::made::Made;

const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

fn check(made: &Made) -> Result<(), PackageError> {
    check_program(Path::new("made"), &elf::read(Path::new("made"), &made.bytes()).expect("an ELF file"))
}

#[test]
fn symbols_that_the_runtime_does_not_have_are_listed() {
    let old = Made::program(EM_X86_64, LOADER, "GLIBC_2.34");
    check(&old).expect("the newest version that it has");
    check(&Made::program(EM_X86_64, LOADER, "GLIBC_2.2.5")).expect("an old version");

    let new = Made {
        required: vec![
            ("libc.so.6", "GLIBC_2.34", "dlopen"),
            ("libc.so.6", "GLIBC_2.38", "__isoc23_strtol"),
            ("libc.so.6", "GLIBC_2.38", "strlcpy"),
            ("libm.so.6", "GLIBC_2.35", "hypot"),
            ("libc.so.6", "GLIBC_ABI_DT_RELR", ""),
        ],
        ..old
    };
    let error = check(&new).unwrap_err().to_string();
    assert!(error.contains("`made` needs a newer C library than the 2.34 "), "{error}");
    for named in ["__isoc23_strtol, strlcpy (GLIBC_2.38)", "hypot (GLIBC_2.35)", "GLIBC_ABI_DT_RELR"] {
        assert!(error.contains(named), "{error}");
    }
    assert!(!error.contains("dlopen"), "{error}");
}

#[test]
fn libraries_that_the_runtime_does_not_have_are_named() {
    let mut made = Made::program(EM_X86_64, LOADER, "GLIBC_2.34");
    made.needed = vec!["libgcc_s.so.1", "libm.so.6", "libc.so.6", "ld-linux-x86-64.so.2"];
    check(&made).expect("libraries that it has");
    made.needed.push("libstdc++.so.6");
    let error = check(&made).unwrap_err().to_string();
    assert!(error.contains("`libstdc++.so.6`"), "{error}");
}

#[test]
fn versions_are_compared_as_numbers() {
    assert!(version("GLIBC_2.34") > version("GLIBC_2.4"));
    assert!(version("GLIBC_2.2.5") < version("GLIBC_2.3"));
    assert_eq!(version("GLIBC_PRIVATE"), None);
}

#[test]
fn sizes_have_the_limits_of_lambda() {
    check_zip("a.zip", 52_428_800, 262_144_000).expect("as large as may be");
    let error = check_zip("a.zip", 52_428_801, 1).unwrap_err().to_string();
    assert!(error.contains("a.zip has 52428801 bytes, and Lambda takes 52428800"), "{error}");
    let error = check_zip("a.zip", 1, 262_144_001).unwrap_err().to_string();
    assert!(error.contains("a.zip, unpacked, has 262144001 bytes"), "{error}");
    check_image("a.tar", 10 << 30).expect("as large as may be");
    check_image("a.tar", (10 << 30) + 1).unwrap_err();
}
