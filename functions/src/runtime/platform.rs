//! Set-up of the V8 engine, once a process.

use std::sync::Once;

/// Options of V8. A startup snapshot only fits an engine with the same ones.
const FLAGS: &str = concat!(
    // V8 can otherwise ignore a request to terminate: a loop that allocates is never stopped.
    "--no-turboshaft-loop-unrolling ",
    // All isolates of a process share one read-only space: a snapshot with objects of its own in
    // there would fit no process that has used another.
    "--no-extensible-ro-snapshot ",
    // `eval` and `new Function` throw.
    "--disallow-code-generation-from-strings ",
    // Compiling WebAssembly must end within the microtask loop.
    "--no-wasm-async-compilation ",
    // The prelude has a `SharedArrayBuffer` of its own.
    "--enable-sharedarraybuffer-per-context ",
    // 64 MiB, like the JavaScript heap.
    "--wasm-max-mem-pages=1024 ",
    // Every call has a context of its own, and optimised code belongs to a context: what a call of
    // usual length would have compiled is thrown away with it. Worse, compile jobs keep their
    // contexts alive, and more of them can come than one background thread ends. So only what is
    // called far more often than usual is worth it. Baseline code, which contexts share, is made at once.
    "--no-concurrent-sparkplug ",
    "--invocation-count-for-maglev=20000 --invocation-count-for-maglev-osr=10000 ",
    "--invocation-count-for-turbofan=60000 --invocation-count-for-osr=30000 ",
    // Below the stack of the threads that run functions (2 MiB), with room for the host's frames.
    "--stack-size=900",
);

/// Environment variable with further options of V8, for looking into it (`--trace-gc`). A snapshot may need the same ones again.
const MORE_FLAGS: &str = "LAKEWIRE_V8_FLAGS";

/// Version of V8 and of this host's use of it: startup snapshots of another version are of no use.
pub(super) fn engine_version() -> &'static str {
    concat!(env!("CARGO_PKG_VERSION"), "/3")
}

/// Sets V8 up. Called by whatever needs it; call it early in `main` as well, while there is one
/// thread, since it sets the time zone of the process to UTC.
pub fn initialize() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if std::env::var_os("TZ").is_none_or(|zone| zone != "UTC") {
            // SAFETY: Rust's own access to the environment is locked; C code that reads it at
            // this moment from another thread is the reason to call this early.
            unsafe { std::env::set_var("TZ", "UTC") };
        }
        v8::icu::set_default_locale("en-US");
        v8::V8::set_flags_from_string(FLAGS);
        if let Ok(more) = std::env::var(MORE_FLAGS) {
            v8::V8::set_flags_from_string(&more);
        }
        let platform = v8::new_default_platform(0, false).make_shared();
        v8::V8::initialize_platform(platform);
        v8::V8::initialize();
    });
}
