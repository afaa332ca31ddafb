//! Lists the files of `infra/`, so that the installed binary has them.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a stack is made of.
const EXTENSIONS: [&str; 7] = ["js", "json", "md", "npmrc", "tf", "tftpl", "ts"];
/// What tools make there, and what only tests need.
const NOT_THESE: [&str; 8] =
    ["cdk.context.json", "cdk.out", "dist", "examples", "node_modules", ".terraform", "test", "tests"];
/// Values of somebody's own stack.
const VALUES: &str = ".tfvars.json";

fn main() -> io::Result<()> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).ok_or(io::ErrorKind::NotFound);
    let infra = variable("CARGO_MANIFEST_DIR")?.join("../infra").canonicalize()?;
    let mut paths = Vec::new();
    walk(&infra, &mut paths)?;
    paths.sort();
    let mut list = String::from("&[\n");
    for path in paths {
        let name = path.strip_prefix(&infra).unwrap_or(&path);
        writeln!(list, "    ({:?}, include_str!({:?})),", name, path).map_err(io::Error::other)?;
    }
    list.push_str("]\n");
    fs::write(variable("OUT_DIR")?.join("infra.rs"), list)
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    // Not below what is left out: that changes with every run of a tool.
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if NOT_THESE.contains(&name.as_str()) || name.ends_with(VALUES) {
            continue;
        }
        if path.is_dir() {
            walk(&path, paths)?;
        } else if name.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension)) {
            paths.push(path);
        }
    }
    Ok(())
}
