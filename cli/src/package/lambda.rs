//! What Lambda takes, and what its runtime `provided.al2023` has.

use std::path::Path;

use super::elf::Elf;
use super::error::PackageError;

#[cfg(test)]
#[path = "lambda_tests.rs"]
mod tests;

/// The C library of Amazon Linux 2023.
const GLIBC: &str = "GLIBC_2.34";
/// Libraries of Amazon Linux 2023 that a program in Rust may need, besides the loader.
const LIBRARIES: [&str; 8] = [
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libutil.so.1",
];

/// Bytes of a zip that `CreateFunction` takes in its request ("Lambda quotas": 50 MB).
const ZIP_BYTES: u64 = 50 << 20;
/// Bytes of a function with its layers, unpacked (250 MB).
const UNPACKED_BYTES: u64 = 250 << 20;
/// Bytes of an image, unpacked (10 GB).
const IMAGE_BYTES: u64 = 10 << 30;

/// Checks that `elf`, the program in `path`, starts in the runtime.
pub fn check_program(path: &Path, elf: &Elf) -> Result<(), PackageError> {
    let has = |library: &str| LIBRARIES.contains(&library) || library.starts_with("ld-linux");
    if let Some(library) = elf.needed.iter().find(|library| !has(library)) {
        return Err(PackageError::NotInRuntime { path: path.to_owned(), library: library.clone() });
    }
    let newest = version(GLIBC).unwrap_or_default();
    let mut newer = Vec::new();
    for ((_, needed), symbols) in &elf.required {
        // Those with a name for a version, as GLIBC_ABI_DT_RELR, are all newer.
        if needed.starts_with("GLIBC_") && version(needed).is_none_or(|needed| needed > newest) {
            let symbols: Vec<_> = symbols.iter().map(String::as_str).collect();
            newer.push(if symbols.is_empty() { needed.clone() } else { format!("{} ({needed})", symbols.join(", ")) });
        }
    }
    if newer.is_empty() {
        return Ok(());
    }
    let newest = GLIBC.trim_start_matches("GLIBC_");
    Err(PackageError::NewLibc { path: path.to_owned(), newest, symbols: newer.join(", ") })
}

/// The numbers in a version of the C library.
pub fn version(name: &str) -> Option<Vec<u32>> {
    name.strip_prefix("GLIBC_")?.split('.').map(|part| part.parse().ok()).collect()
}

/// Checks the sizes of a zip, packed and unpacked, in bytes.
pub fn check_zip(name: &str, size: u64, unpacked: u64) -> Result<(), PackageError> {
    let advice = ": use the image, which may have 10 GB";
    check(name.to_owned(), size, ZIP_BYTES, advice)?;
    check(format!("{name}, unpacked,"), unpacked, UNPACKED_BYTES, advice)
}

/// Checks the size of an image, unpacked, in bytes.
pub fn check_image(name: &str, unpacked: u64) -> Result<(), PackageError> {
    check(format!("{name}, unpacked,"), unpacked, IMAGE_BYTES, "")
}

fn check(what: String, size: u64, limit: u64, advice: &'static str) -> Result<(), PackageError> {
    if size <= limit { Ok(()) } else { Err(PackageError::TooLarge { what, size, limit, advice }) }
}
