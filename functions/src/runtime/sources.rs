//! Source text and source maps of the modules of a program.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use sourcemap::SourceMap;

use super::bundle::{Bundle, ModuleSource};

/// Scheme of the URLs by which V8 knows modules: `convex:/a/b.js`.
pub(super) const SCHEME: &str = "convex:/";

/// The modules of a bundle by path, with their source maps parsed when first needed.
#[derive(Debug, Default)]
pub(super) struct Sources {
    modules: HashMap<String, SourceEntry>,
}

#[derive(Debug)]
struct SourceEntry {
    module: ModuleSource,
    map: OnceLock<Option<SourceMap>>,
}

/// A place in an original source. Lines and columns from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OriginalPosition {
    pub(super) source: String,
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Sources {
    pub(super) fn new(bundle: &Bundle) -> Arc<Self> {
        let modules = bundle.modules.iter().map(|module| {
            let entry = SourceEntry { module: module.clone(), map: OnceLock::new() };
            (module.path.clone(), entry)
        });
        Arc::new(Self { modules: modules.collect() })
    }

    pub(super) fn get(&self, path: &str) -> Option<&ModuleSource> {
        self.modules.get(path).map(|entry| &entry.module)
    }

    /// Maps a generated position (from 1) of the script `url`; `None` without map or match.
    pub(super) fn map(&self, url: &str, line: u32, column: u32) -> Option<OriginalPosition> {
        let entry = self.modules.get(url.strip_prefix(SCHEME)?)?;
        let map = entry.map.get_or_init(|| {
            let text = entry.module.source_map.as_deref()?;
            SourceMap::from_slice(text.as_bytes()).ok()
        });
        let line = line.checked_sub(1)?;
        let token = map.as_ref()?.lookup_token(line, column.checked_sub(1)?)?;
        // A token of an earlier line says nothing about this one.
        if token.get_dst_line() != line {
            return None;
        }
        Some(OriginalPosition {
            source: token.get_source()?.to_string(),
            line: token.get_src_line() + 1,
            column: token.get_src_col() + 1,
        })
    }
}
