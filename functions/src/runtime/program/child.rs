//! Building in a child process: V8 ends the process on some heaps that it can't freeze.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use lakewire_storage::env::Env;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::snapshot::{Caution, Choice, freeze, prove};
use super::{BuildError, Frozen, ImportError, Program, format};
use crate::runtime::bundle::Bundle;
use crate::runtime::pool::RuntimeOptions;
use crate::runtime::watchdog::Watchdog;

/// Kinds of what the child says: the build, why there is none, the entry that is looked at next.
const FROZEN: u8 = 0;
const FAILED: u8 = 1;
const ENTRY: u8 = 2;

/// Entries that are left out one by one; with more, all are left out that look suspicious.
const MAX_EXCLUDED: usize = 16;

/// The argument that makes the executable a builder.
const ARGUMENT: &str = "build-snapshot";

#[derive(Serialize, Deserialize)]
struct Request {
    bundle: Bundle,
    choice: Choice,
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
        let choice = Choice { caution: Caution::Suspicious, excluded: BTreeSet::new() };
        let frozen = freeze(&bundle, &choice, options, watchdog)?;
        return Ok(Program::new(bundle, frozen));
    };
    let mut request = Request {
        bundle,
        choice: Choice { caution: Caution::None, excluded: BTreeSet::new() },
        heap_bytes: options.heap_bytes,
        heap_slack_bytes: options.heap_slack_bytes,
        array_buffer_bytes: options.array_buffer_bytes,
        import_time: options.analyze_time,
    };
    loop {
        let answer = match ask(exe, &request) {
            // There is no WebAssembly while a snapshot is made: what needs it to load is not to be frozen.
            Err(BuildError::Import(_)) if request.choice.caution == Caution::None => Answer::Ended { at: None },
            answer => answer?,
        };
        match answer {
            Answer::Frozen(frozen) => return Ok(Program::new(request.bundle, frozen)),
            Answer::Ended { at: Some(path) } if request.choice.excluded.len() < MAX_EXCLUDED => {
                request.choice.excluded.insert(path);
            }
            Answer::Ended { .. } => {
                request.choice.caution = request
                    .choice
                    .caution
                    .more()
                    .ok_or_else(|| BuildError::Internal("the builder ended before it had answered".to_owned()))?;
            }
        }
        tracing::debug!(choice = ?request.choice, "freezing modules failed, trying with fewer");
    }
}

enum Answer {
    Frozen(Frozen),
    /// The child ended without an answer, maybe while the context of an entry was made.
    Ended {
        at: Option<String>,
    },
}

fn ask(exe: &Path, request: &Request) -> Result<Answer, BuildError> {
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
    let mut at = None;
    let mut rest = &output.stdout[..];
    while let Some((kind, part, after)) = part_of(rest) {
        match kind {
            ENTRY => at = Some(String::from_utf8_lossy(part).into_owned()),
            _ if !output.status.success() => break,
            FROZEN => {
                let frozen = format::decode(part);
                let frozen = frozen.ok_or_else(|| internal("cannot use the answer of", &"it is of another version"))?;
                return Ok(Answer::Frozen(frozen));
            }
            _ => match serde_json::from_slice(part) {
                Ok(Failure::Import(error)) => return Err(BuildError::Import(error)),
                Ok(Failure::Internal(error)) => return Err(internal("no success from", &error)),
                Err(error) => return Err(internal("cannot use the answer of", &error)),
            },
        }
        rest = after;
    }
    Ok(Answer::Ended { at })
}

/// What the child says comes in parts: kind, length (eight bytes, little endian), bytes. V8 may print behind them.
fn part_of(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let (part, after) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    Some((*kind, part, after))
}

fn say(kind: u8, part: &[u8]) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&[kind])?;
    stdout.write_all(&(part.len() as u64).to_le_bytes())?;
    stdout.write_all(part)?;
    stdout.flush()
}

/// The child process behind [`RuntimeOptions::snapshot_exe`]: reads a request from stdin, writes
/// the answer to stdout, and returns the exit code.
pub fn run_build_child() -> i32 {
    let mut request = Vec::new();
    if std::io::stdin().lock().read_to_end(&mut request).is_err() {
        return 2;
    }
    let said = match answer(&request) {
        Ok(frozen) => say(FROZEN, &format::encode(&frozen)),
        Err(error) => {
            let failure = match error {
                BuildError::Import(error) => Failure::Import(error),
                BuildError::Internal(error) => Failure::Internal(error),
            };
            match serde_json::to_vec(&failure) {
                Ok(json) => say(FAILED, &json),
                Err(_) => return 2,
            }
        }
    };
    match said {
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
    let frozen = freeze(&request.bundle, &request.choice, &options, &watchdog)?;
    // Whoever asked may be gone.
    prove(&frozen, |path| drop(say(ENTRY, path.as_bytes())))?;
    Ok(frozen)
}
