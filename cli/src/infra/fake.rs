//! Programs for tests that write down how they are called.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::programs::Programs;

/// A folder with such programs.
pub struct Fake {
    folder: tempfile::TempDir,
}

impl Fake {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("bin")).expect("a folder");
        Self { folder }
    }

    /// Adds `name`, which goes on with the lines of `script`.
    pub fn program(self, name: &str, script: &str) -> Self {
        let path = self.folder.path().join("bin").join(name);
        let log = self.log();
        let text =
            format!("#!/bin/sh\necho \"$(/usr/bin/basename \"$PWD\")$ {name} $*\" >> '{}'\n{script}\n", log.display());
        fs::write(&path, text).expect("a written file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
        self
    }

    /// Only these are found.
    pub fn programs(&self) -> Programs {
        Programs { path: Some(self.folder.path().join("bin").into()) }
    }

    /// An empty folder for a stack.
    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("stack")
    }

    /// Folder and command line of all calls.
    pub fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("calls")
    }
}
