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

/// Files that keep nothing in variables from one call of theirs to the next, neither in objects that they hold.
const STATELESS: &[&str] = &["clone.js", "crypto.js", "encoding.js", "inspect.js", "url.js", "weak.js"];

impl PreludeFile {
    /// Whether it may be in a context that calls share.
    pub(super) fn is_stateless(&self) -> bool {
        STATELESS.contains(&self.name)
    }
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
    PreludeFile {
        name: "streams.js",
        source: concat!(
            "(function () { const exports = {}, module = { exports };\n",
            include_str!("vendor/web_streams.js"),
            "\nreturn exports; })"
        ),
        globals: &[
            "ReadableStream",
            "ReadableStreamDefaultReader",
            "ReadableStreamBYOBReader",
            "ReadableStreamDefaultController",
            "ReadableByteStreamController",
            "ReadableStreamBYOBRequest",
            "WritableStream",
            "WritableStreamDefaultWriter",
            "WritableStreamDefaultController",
            "TransformStream",
            "TransformStreamDefaultController",
            "ByteLengthQueuingStrategy",
            "CountQueuingStrategy",
        ],
    },
    PreludeFile {
        name: "text_streams.js",
        source: include_str!("text_streams.js"),
        globals: &["TextEncoderStream", "TextDecoderStream"],
    },
    PreludeFile { name: "host_streams.js", source: include_str!("host_streams.js"), globals: &[] },
    PreludeFile { name: "blob.js", source: include_str!("blob.js"), globals: &["Blob", "File"] },
    PreludeFile { name: "form_data.js", source: include_str!("form_data.js"), globals: &["FormData"] },
    PreludeFile { name: "headers.js", source: include_str!("headers.js"), globals: &["Headers"] },
    PreludeFile { name: "body.js", source: include_str!("body.js"), globals: &[] },
    PreludeFile { name: "request.js", source: include_str!("request.js"), globals: &["Request"] },
    PreludeFile { name: "response.js", source: include_str!("response.js"), globals: &["Response"] },
    PreludeFile { name: "fetch.js", source: include_str!("fetch.js"), globals: &["fetch"] },
    PreludeFile { name: "convex.js", source: include_str!("convex.js"), globals: &[] },
    PreludeFile { name: "der.js", source: include_str!("der.js"), globals: &[] },
    PreludeFile { name: "crypto_key.js", source: include_str!("crypto_key.js"), globals: &[] },
    PreludeFile { name: "subtle.js", source: include_str!("subtle.js"), globals: &["SubtleCrypto", "CryptoKey"] },
    PreludeFile { name: "crypto.js", source: include_str!("crypto.js"), globals: &["Crypto", "crypto"] },
    PreludeFile {
        name: "performance.js",
        source: include_str!("performance.js"),
        globals: &["Performance", "PerformanceEntry", "PerformanceMark", "PerformanceMeasure", "performance"],
    },
    PreludeFile {
        name: "async_context.js",
        source: include_str!("async_context.js"),
        globals: &["AsyncLocalStorage", "AsyncResource"],
    },
    PreludeFile { name: "shared_buffer.js", source: include_str!("shared_buffer.js"), globals: &["SharedArrayBuffer"] },
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
