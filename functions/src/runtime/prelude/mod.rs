//! The JavaScript that every context starts with, and the globals that are made when first read.

use sha2::{Digest, Sha256};

/// A file of the prelude: a function expression that the host calls.
pub(super) struct PreludeFile {
    /// Name in stack traces, after [`SCHEME`].
    pub(super) name: &'static str,
    pub(super) source: &'static str,
    /// The globals it makes. Empty for files that are not loaded by name of a global.
    pub(super) globals: &'static [&'static str],
}

/// Scheme of the prelude's script names.
pub(super) const SCHEME: &str = "lakewire:";

/// Called once in every context with `(globalThis, ops)`.
pub(super) const CORE: PreludeFile = PreludeFile { name: "core.js", source: include_str!("core.js"), globals: &[] };

/// Called with `(ops, load)` when one of its globals is first read; returns an object with them.
pub(super) const LAZY: &[PreludeFile] = &[
    PreludeFile { name: "inspect.js", source: include_str!("inspect.js"), globals: &[] },
    PreludeFile {
        name: "events.js",
        source: include_str!("events.js"),
        globals: &["DOMException", "Event", "EventTarget", "AbortSignal", "AbortController"],
    },
    PreludeFile {
        name: "encoding.js",
        source: include_str!("encoding.js"),
        globals: &["TextEncoder", "TextDecoder", "atob", "btoa"],
    },
    PreludeFile { name: "url.js", source: include_str!("url.js"), globals: &["URL", "URLSearchParams"] },
    PreludeFile { name: "clone.js", source: include_str!("clone.js"), globals: &["structuredClone"] },
    PreludeFile { name: "crypto.js", source: include_str!("crypto.js"), globals: &["Crypto", "crypto"] },
    PreludeFile {
        name: "performance.js",
        source: include_str!("performance.js"),
        globals: &["Performance", "performance"],
    },
    PreludeFile {
        name: "async_context.js",
        source: include_str!("async_context.js"),
        globals: &["AsyncLocalStorage", "AsyncResource"],
    },
    PreludeFile { name: "weak.js", source: include_str!("weak.js"), globals: &["WeakRef", "FinalizationRegistry"] },
];

/// The lazy file that makes `global`, or that has this name.
pub(super) fn lazy_file(name: &str) -> Option<&'static PreludeFile> {
    LAZY.iter().find(|file| file.name == name || file.globals.contains(&name))
}

/// Changes whenever the prelude does.
pub(super) fn fingerprint() -> [u8; 32] {
    let mut hash = Sha256::new();
    for file in std::iter::once(&CORE).chain(LAZY) {
        hash.update(file.name.as_bytes());
        hash.update(file.source.as_bytes());
    }
    hash.finalize().into()
}
