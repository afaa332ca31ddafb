//! Zips that are the same, byte for byte, whenever and wherever they are made of the same files.

use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::error::PackageError;

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;

/// The best compression that deflate has.
const LEVEL: i64 = 9;

/// A file of a zip.
pub struct Member<'a> {
    /// Its path.
    pub name: &'a str,
    /// Its permissions, such as `0o755`.
    pub mode: u32,
    pub content: &'a [u8],
}

/// A zip of `members`, in the order of their names.
pub fn zip(mut members: Vec<Member<'_>>) -> Result<Vec<u8>, PackageError> {
    members.sort_by_key(|member| member.name);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for member in members {
        let failed = |reason: String| PackageError::Pack { path: member.name.to_owned(), reason };
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(LEVEL))
            // 1980-01-01, the zero of the format.
            .last_modified_time(DateTime::default())
            .system(zip::System::Unix)
            .unix_permissions(member.mode);
        writer.start_file(member.name, options).map_err(|error| failed(error.to_string()))?;
        writer.write_all(member.content).map_err(|error| failed(error.to_string()))?;
    }
    let failed =
        |error: zip::result::ZipError| PackageError::Pack { path: "zip".to_owned(), reason: error.to_string() };
    Ok(writer.finish().map_err(failed)?.into_inner())
}
