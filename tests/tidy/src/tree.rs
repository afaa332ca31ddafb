//! The files of the repository, read once.

use std::io;
use std::path::Path;
use std::process::Command;

/// One text file.
#[derive(Debug, Clone)]
pub struct File {
    /// Path from the root of the repository, with `/` between its parts.
    pub path: String,
    /// Whole content.
    pub text: String,
}

impl File {
    /// The extension, or an empty text.
    pub fn extension(&self) -> &str {
        self.name().rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Whether people write this file, as opposed to a tool.
    pub fn is_written(&self) -> bool {
        let generated = self.path.contains("/_generated/") || self.path.contains("/golden/");
        !generated && self.extension() != "lock" && self.name() != "package-lock.json"
    }

    /// Whether this is source code in one of the project's languages.
    pub fn is_source(&self) -> bool {
        self.is_written() && ["rs", "ts", "tsx", "js", "mjs", "css", "sh", "tf"].contains(&self.extension())
    }

    /// Lines with their numbers, which start at 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(i, line)| (i + 1, line))
    }
}

/// All text files of the repository; files that are not UTF-8 are left out.
#[derive(Debug, Default)]
pub struct Tree {
    /// Ordered by path.
    pub files: Vec<File>,
}

impl Tree {
    /// Reads the repository that holds this crate. Files that git ignores are no part of it.
    ///
    /// # Errors
    /// If `git` cannot be run or fails, or a file cannot be read.
    pub fn load() -> io::Result<Tree> {
        // Asked when it runs: clones may share a target directory, so that another one may have compiled this.
        let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&here).join("../..");
        let listing = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&root)
            .output()?;
        if !listing.status.success() {
            let reason = String::from_utf8_lossy(&listing.stderr).into_owned();
            return Err(io::Error::other(format!("git ls-files: {reason}")));
        }
        let mut files = Vec::new();
        for path in String::from_utf8_lossy(&listing.stdout).split_terminator('\0') {
            if let Some(text) = read_text(&root.join(path))? {
                files.push(File { path: path.to_owned(), text });
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Tree { files })
    }

    /// The file at `path`, if it is there.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Files with this extension.
    pub fn with_extension<'a>(&'a self, extension: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| file.extension() == extension)
    }

    /// Manifests of the crates, without that of the workspace.
    pub fn manifests(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with("/Cargo.toml"))
    }
}

/// The content of a file, or `None` if it is not text or was deleted since it was listed.
fn read_text(path: &Path) -> io::Result<Option<String>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8(bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))),
    }
}
