//! Where a store is: `file://DIR`, `s3://BUCKET/PREFIX` or `memory://`.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

#[cfg(test)]
#[path = "location_tests.rs"]
mod tests;

/// The place of an object store; what `--store` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreLocation {
    /// A folder, made when it is missing.
    File(PathBuf),
    /// A part of a bucket of S3, or of what speaks its protocol.
    S3 {
        /// The bucket's name.
        bucket: String,
        /// What all keys start with, without `/` at either end; may be empty.
        prefix: String,
    },
    /// The memory of the process: gone when it ends.
    Memory,
}

/// Why a text is no [`StoreLocation`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is no store: {reason}")]
pub struct InvalidLocation {
    text: String,
    reason: &'static str,
}

impl FromStr for StoreLocation {
    type Err = InvalidLocation;

    fn from_str(text: &str) -> Result<Self, InvalidLocation> {
        let invalid = |reason| InvalidLocation { text: text.to_owned(), reason };
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| invalid("write `file://DIR`, `s3://BUCKET/PREFIX` or `memory://`"))?;
        match scheme {
            "file" if rest.is_empty() => Err(invalid("the folder is missing")),
            // As it is written, relative to the working directory unless it starts with `/`; nothing is decoded.
            "file" => Ok(Self::File(PathBuf::from(rest))),
            "s3" => s3(rest).map_err(invalid),
            "memory" if rest.is_empty() => Ok(Self::Memory),
            "memory" => Err(invalid("a store in memory has no path")),
            _ => Err(invalid("the known kinds are `file`, `s3` and `memory`")),
        }
    }
}

fn s3(rest: &str) -> Result<StoreLocation, &'static str> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(letters) {
        return Err("a bucket's name has 3 to 63 lower-case letters, digits, `-` and `.`");
    }
    let prefix = prefix.trim_matches('/');
    let part = |part: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'=');
        !part.is_empty() && part != "." && part != ".." && part.bytes().all(known)
    };
    if !prefix.is_empty() && !prefix.split('/').all(part) {
        return Err("the parts of a prefix have letters, digits, `-`, `_`, `.` and `=`");
    }
    Ok(StoreLocation::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
}

impl StoreLocation {
    /// Whether other machines see the same objects.
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::S3 { .. })
    }

    /// What other programs know it as: a URL, or the path of a folder. Nobody else sees the memory of this process.
    ///
    /// # Errors
    /// If the working directory of a relative path is not known.
    pub fn public(&self) -> std::io::Result<Option<String>> {
        Ok(match self {
            Self::File(path) => Some(std::path::absolute(path)?.display().to_string()),
            Self::S3 { .. } => Some(self.to_string()),
            Self::Memory => None,
        })
    }

    /// Whether this is the folder `dir`, however either is written.
    pub fn is_folder(&self, dir: &Path) -> bool {
        matches!(self, Self::File(path) if normal(path) == normal(dir))
    }
}

/// `path` without `.`, and without links where it exists.
fn normal(path: &Path) -> PathBuf {
    let plain = || path.components().filter(|part| *part != Component::CurDir).collect();
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| plain())
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file://{}", path.display()),
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Self::Memory => f.write_str("memory://"),
        }
    }
}
