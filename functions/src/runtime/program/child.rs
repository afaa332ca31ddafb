//! Building in a child process: V8 ends the process on some heaps that it can't freeze.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use lakewire_storage::env::Env;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::snapshot::{Caution, freeze, prove};
use super::{BuildError, Frozen, ImportError, Program, format};
use crate::runtime::bundle::Bundle;
use crate::runtime::pool::RuntimeOptions;
use crate::runtime::watchdog::Watchdog;

/// The argument that makes the executable a builder.
const ARGUMENT: &str = "build-snapshot";

#[derive(Serialize, Deserialize)]
struct Request {
    bundle: Bundle,
    caution: Caution,
    heap_bytes: usize,
    heap_slack_bytes: usize,
    array_buffer_bytes: usize,
    import_time: Duration,
}

#[derive(Serialize, Deserialize)]
enum Failure {
    Import(ImportError),
    Internal(String),
}

/// The isolates of a process share V8's read-only heap, which making a snapshot rewrites: two at a time crash.
static IN_PROCESS: Mutex<()> = Mutex::new(());

/// Makes a bundle runnable; blocks meanwhile.
pub(in crate::runtime) fn build(
    bundle: Bundle,
    options: &RuntimeOptions,
    watchdog: &Watchdog,
) -> Result<Program, BuildError> {
    let Some(exe) = &options.snapshot_exe else {
        let _alone = IN_PROCESS.lock();
        let frozen = freeze(&bundle, Caution::Suspicious, options, watchdog)?;
        return Ok(Program::new(bundle, frozen));
    };
    let mut request = Request {
        bundle,
        caution: Caution::None,
        heap_bytes: options.heap_bytes,
        heap_slack_bytes: options.heap_slack_bytes,
        array_buffer_bytes: options.array_buffer_bytes,
        import_time: options.analyze_time,
    };
    loop {
        let answer = match ask(exe, &request) {
            // There is no WebAssembly while a snapshot is made: what needs it to load is not to be frozen.
            Err(BuildError::Import(_)) if request.caution == Caution::None => None,
            answer => answer?,
        };
        match answer {
            Some(frozen) => return Ok(Program::new(request.bundle, frozen)),
            None => {
                request.caution = request
                    .caution
                    .more()
                    .ok_or_else(|| BuildError::Internal("the builder ended before it had answered".to_owned()))?;
                tracing::debug!(caution = ?request.caution, "freezing modules failed, trying with fewer");
            }
        }
    }
}

/// `None` if the child ended without an answer.
fn ask(exe: &Path, request: &Request) -> Result<Option<Frozen>, BuildError> {
    let internal = |what: &str, error: &dyn std::fmt::Display| {
        BuildError::Internal(format!("{what} `{}`: {error}", exe.display()))
    };
    let request = serde_json::to_vec(request).map_err(|error| internal("cannot ask", &error))?;
    let mut child = Command::new(exe)
        .arg(ARGUMENT)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| internal("cannot run", &error))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A child that has ended already is noticed below.
        let _ = stdin.write_all(&request);
    }
    let output = child.wait_with_output().map_err(|error| internal("cannot read from", &error))?;
    if !output.status.success() {
        return Ok(None);
    }
    match output.stdout.split_first() {
        Some((0, bytes)) => format::decode(bytes)
            .map(Some)
            .ok_or_else(|| internal("cannot use the answer of", &"it is of another version")),
        Some((1, bytes)) => match serde_json::from_slice(bytes) {
            Ok(Failure::Import(error)) => Err(BuildError::Import(error)),
            Ok(Failure::Internal(error)) => Err(internal("no success from", &error)),
            Err(error) => Err(internal("cannot use the answer of", &error)),
        },
        _ => Ok(None),
    }
}

/// The child process behind [`RuntimeOptions::snapshot_exe`]: reads a request from stdin, writes
/// the answer to stdout, and returns the exit code.
pub fn run_build_child() -> i32 {
    let mut request = Vec::new();
    if std::io::stdin().lock().read_to_end(&mut request).is_err() {
        return 2;
    }
    let answer = match answer(&request) {
        Ok(frozen) => [vec![0], format::encode(&frozen)].concat(),
        Err(error) => {
            let failure = match error {
                BuildError::Import(error) => Failure::Import(error),
                BuildError::Internal(error) => Failure::Internal(error),
            };
            match serde_json::to_vec(&failure) {
                Ok(json) => [vec![1], json].concat(),
                Err(_) => return 2,
            }
        }
    };
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(&answer).and_then(|()| stdout.flush()) {
        Ok(()) => 0,
        Err(_) => 2,
    }
}

fn answer(request: &[u8]) -> Result<Frozen, BuildError> {
    let request: Request = serde_json::from_slice(request).map_err(|error| BuildError::Internal(error.to_string()))?;
    let watchdog = Watchdog::start(&Env::system())
        .map_err(|error| BuildError::Internal(format!("cannot start a thread: {error}")))?;
    let options = RuntimeOptions {
        heap_bytes: request.heap_bytes,
        heap_slack_bytes: request.heap_slack_bytes,
        array_buffer_bytes: request.array_buffer_bytes,
        analyze_time: request.import_time,
        ..RuntimeOptions::default()
    };
    let frozen = freeze(&request.bundle, request.caution, &options, &watchdog)?;
    prove(&frozen)?;
    Ok(frozen)
}
