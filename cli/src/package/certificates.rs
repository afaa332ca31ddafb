//! The certificate authorities that the image trusts: those of the machine that makes it, as the program itself takes the
//! system's.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::PackageError;

/// Where distributions have them as one file.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The bundle that `SSL_CERT_FILE` names, or the first of this machine's.
pub fn read(named: Option<PathBuf>) -> Result<Vec<u8>, PackageError> {
    if let Some(path) = named {
        return fs::read(&path).map_err(|source| PackageError::Read { path, source });
    }
    match BUNDLES.iter().find(|path| Path::new(path).is_file()) {
        Some(path) => fs::read(path).map_err(|source| PackageError::Read { path: path.into(), source }),
        None => Err(PackageError::NoCertificates { searched: BUNDLES.join(", ") }),
    }
}
