//! The files of the image, as layers.

use std::collections::BTreeMap;

use tar::{EntryType, Header};

use super::error::PackageError;
use super::libraries::Library;

#[cfg(test)]
#[path = "rootfs_tests.rs"]
mod tests;

/// The program's path, without the leading `/`.
pub const PROGRAM: &str = "lakewire";
/// Who runs it, user and group: the number that images without root use by custom.
pub const USER: u32 = 65532;

const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// Files and folders of one layer of an image, by path.
#[derive(Default)]
pub struct Layer<'a> {
    entries: BTreeMap<String, Entry<'a>>,
}

enum Entry<'a> {
    Folder { mode: u32 },
    File { mode: u32, content: &'a [u8] },
}

impl<'a> Layer<'a> {
    /// What the program needs of a system: libraries, certificate authorities, a user, `/tmp`.
    pub fn system(libraries: &'a [Library], certificates: &'a [u8], users: &'a Users) -> Self {
        let mut layer = Self::default();
        for library in libraries {
            layer.file(&library.path, 0o755, &library.content);
        }
        layer.file(CERTIFICATES, 0o644, certificates);
        layer.file("etc/passwd", 0o644, users.passwd.as_bytes());
        layer.file("etc/group", 0o644, users.group.as_bytes());
        // Without it, the C library asks DNS for `localhost` before it reads /etc/hosts.
        layer.file("etc/nsswitch.conf", 0o644, b"hosts: files dns\n");
        layer.entries.insert("tmp".to_owned(), Entry::Folder { mode: 0o1777 });
        layer
    }

    /// The program alone, so that a new version leaves the other layer as it is.
    pub fn program(program: &'a [u8]) -> Self {
        let mut layer = Self::default();
        layer.file(PROGRAM, 0o755, program);
        layer
    }

    fn file(&mut self, path: &str, mode: u32, content: &'a [u8]) {
        for (at, _) in path.match_indices('/') {
            self.entries.entry(path[..at].to_owned()).or_insert(Entry::Folder { mode: 0o755 });
        }
        self.entries.insert(path.to_owned(), Entry::File { mode, content });
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        let size = |entry: &Entry<'_>| match entry {
            Entry::Folder { .. } => 0,
            Entry::File { content, .. } => content.len() as u64,
        };
        self.entries.values().map(size).sum()
    }

    /// The layer as a tar: sorted, of root, at the epoch.
    pub fn tar(&self) -> Result<Vec<u8>, PackageError> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, entry) in &self.entries {
            match entry {
                Entry::Folder { mode } => {
                    append(&mut builder, &format!("{path}/"), EntryType::Directory, *mode, &[])?;
                }
                Entry::File { mode, content } => append(&mut builder, path, EntryType::Regular, *mode, content)?,
            }
        }
        finish(builder)
    }
}

/// The account that the program runs under.
pub struct Users {
    passwd: String,
    group: String,
}

impl Default for Users {
    fn default() -> Self {
        Self {
            passwd: format!("root:x:0:0:root:/:/none\nnonroot:x:{USER}:{USER}:nonroot:/:/none\n"),
            group: format!("root:x:0:\nnonroot:x:{USER}:\n"),
        }
    }
}

/// Adds one entry that says nothing of the machine and the moment.
pub fn append(
    builder: &mut tar::Builder<Vec<u8>>,
    path: &str,
    kind: EntryType,
    mode: u32,
    content: &[u8],
) -> Result<(), PackageError> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(content.len() as u64);
    builder
        .append_data(&mut header, path, content)
        .map_err(|error| PackageError::Pack { path: path.to_owned(), reason: error.to_string() })
}

/// The whole tar.
pub fn finish(builder: tar::Builder<Vec<u8>>) -> Result<Vec<u8>, PackageError> {
    builder.into_inner().map_err(|error| PackageError::Pack { path: "tar".to_owned(), reason: error.to_string() })
}
