//! Files stay small enough to be read in one go.

use crate::Tree;

/// A file longer than this holds more than one idea.
pub const MAX_LINES: usize = 1_000;

/// Half of the Rust files are smaller than this, in bytes.
pub const MEDIAN_BYTES: usize = 6_000;

/// Source files of more than [`MAX_LINES`] lines.
pub fn long_files(tree: &Tree) -> Vec<String> {
    let sources = tree.files.iter().filter(|file| file.is_source());
    sources
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(file, lines)| format!("{}: {lines} lines, above {MAX_LINES}", file.path))
        .collect()
}

/// A Rust file in the middle by size that is not below [`MEDIAN_BYTES`].
pub fn median_size(tree: &Tree) -> Vec<String> {
    let mut sizes: Vec<usize> = tree.with_extension("rs").map(|file| file.text.len()).collect();
    sizes.sort_unstable();
    match sizes.get(sizes.len() / 2) {
        Some(&median) if median >= MEDIAN_BYTES => {
            vec![format!("half of the Rust files have {median} bytes or more; split until it is below {MEDIAN_BYTES}")]
        }
        _ => Vec::new(),
    }
}
