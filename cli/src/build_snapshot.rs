//! The hidden subcommand behind startup snapshots: a child process, since V8 ends the process on some heaps.

use std::process::ExitCode;

/// Reads a build request from standard input and writes the blob to standard output.
pub fn run() -> ExitCode {
    let code = lakewire_functions::runtime::run_build_child();
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}
