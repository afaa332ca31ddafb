//! One call of a function, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lakewire_storage::limits::Limits;

use super::program::Program;

/// The kinds of functions that can be called by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum UdfKind {
    Query,
    Mutation,
    Action,
}

impl UdfKind {
    /// `query`, `mutation` or `action`.
    pub fn name(self) -> &'static str {
        match self {
            UdfKind::Query => "query",
            UdfKind::Mutation => "mutation",
            UdfKind::Action => "action",
        }
    }

    /// The property that marks a registered function of this kind.
    pub(super) fn marker(self) -> &'static str {
        match self {
            UdfKind::Query => "isQuery",
            UdfKind::Mutation => "isMutation",
            UdfKind::Action => "isAction",
        }
    }

    /// The method by which the host calls a registered function of this kind.
    pub(super) fn invoke_method(self) -> &'static str {
        match self {
            UdfKind::Query => "invokeQuery",
            UdfKind::Mutation => "invokeMutation",
            UdfKind::Action => "invokeAction",
        }
    }
}

/// Ceilings of one execution, nested calls included.
#[derive(Clone, Debug)]
pub struct InvocationLimits {
    /// Queries and mutations: time in which JavaScript runs, syscalls not counted.
    pub user_time: Duration,
    /// Queries and mutations: time spent in syscalls.
    pub system_time: Duration,
    /// Actions: time from start to end.
    pub action_time: Duration,
    /// Actions: operations in flight at a time.
    pub concurrent_operations: usize,
    /// HTTP actions: bytes of the response's body.
    pub http_response_size: u64,
    /// Functions that call functions, the first one included.
    pub call_depth: usize,
    /// Lines of the console.
    pub log_lines: usize,
    /// Bytes of one line of the console.
    pub log_line_length: usize,
}

impl From<&Limits> for InvocationLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            user_time: Duration::from_millis(limits.user_time_ms),
            system_time: Duration::from_millis(limits.system_time_ms),
            action_time: Duration::from_millis(limits.action_time_ms),
            concurrent_operations: limits.concurrent_operations,
            http_response_size: limits.http_action_response_size as u64,
            call_depth: limits.call_depth,
            log_lines: limits.log_lines,
            log_line_length: limits.log_line_length,
        }
    }
}

impl Default for InvocationLimits {
    fn default() -> Self {
        Self::from(&Limits::default())
    }
}

/// A function to call and the world it shall see.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub program: Arc<Program>,
    /// Module path, `a/b.js`; must be one of the program's entries.
    pub module: String,
    pub export: String,
    pub kind: UdfKind,
    /// JSON text of the array of encoded arguments.
    pub args: Arc<str>,
    /// Seed of everything random that the function can see.
    pub seed: [u8; 32],
    /// The time the function starts at, milliseconds since 1970. Frozen for queries and mutations.
    pub now_ms: f64,
    /// `process.env`.
    pub env: Arc<BTreeMap<String, String>>,
    /// Number of the component that the function belongs to: components share programs, but nothing that is left in a context.
    pub component: u32,
    pub limits: InvocationLimits,
    /// Contexts that other calls have used because nothing in them can change are left alone.
    pub is_again: bool,
}

/// Sources of change outside the database that a function looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The time of day.
    pub time: bool,
    /// Random numbers.
    pub random: bool,
}

/// What came of an invocation. Its console lines went to the host.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The encoded return value, JSON text.
    pub result: Result<String, JsFailure>,
    pub observed: Observed,
    /// Time in which JavaScript ran (actions: time from start to end).
    pub user_time: Duration,
    /// It failed, or a call within it did, where nothing can change: what came of it may differ from what comes of
    /// the same invocation with [`Invocation::is_again`].
    pub is_doubtful: bool,
}

impl Outcome {
    pub(super) fn failed(failure: JsFailure) -> Self {
        Self { result: Err(failure), observed: Observed::default(), user_time: Duration::ZERO, is_doubtful: false }
    }
}

/// Why a function did not return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It threw, or its promise was rejected.
    Thrown,
    /// A promise was rejected and nobody was there to see it.
    UnhandledRejection,
    /// Its promise can't settle any more.
    NeverResolves,
    /// There is no such export, or it isn't a function of the kind asked for.
    NotCallable,
    /// An error that JavaScript can't catch, of the developer's making: something the runtime
    /// does not offer.
    Uncatchable,
    /// It ran out of time.
    Timeout,
    /// Its syscalls took too long.
    SystemTimeout,
    /// It ran out of memory.
    OutOfMemory,
    /// The host failed a syscall with [`SyscallError::fatal`](super::SyscallError).
    Host,
    /// The host failed a syscall with [`SyscallError::transient`](super::SyscallError).
    Unavailable,
    /// The pool has no room.
    Overloaded,
    /// A fault of the runtime.
    Internal,
}

impl FailureKind {
    /// True if the developer's code is to blame, false if Lakewire or its load is.
    pub fn is_developer_error(self) -> bool {
        !matches!(
            self,
            FailureKind::SystemTimeout
                | FailureKind::Host
                | FailureKind::Unavailable
                | FailureKind::Overloaded
                | FailureKind::Internal
        )
    }

    /// True if it may have come from a write to what is immutable only because calls share it.
    pub(super) fn may_be_of_immutability(self) -> bool {
        self.parent_may_catch()
    }

    /// True if a function that called the failed one gets to see the error.
    pub(super) fn parent_may_catch(self) -> bool {
        matches!(
            self,
            FailureKind::Thrown
                | FailureKind::UnhandledRejection
                | FailureKind::NeverResolves
                | FailureKind::NotCallable
                | FailureKind::Uncatchable
        )
    }
}

/// The failure of a function, in the words its caller reads.
#[derive(Clone, Debug)]
pub struct JsFailure {
    /// `Uncaught Error: boom`, then the frames, one a line, mapped to the sources.
    pub message: String,
    /// Data of a `ConvexError`, encoded JSON text.
    pub data: Option<String>,
    pub kind: FailureKind,
}

impl JsFailure {
    pub(super) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { message: message.into(), data: None, kind }
    }
}

/// Levels of `console` output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    Debug,
    Error,
    Warn,
    Info,
    Log,
}

impl LogLevel {
    /// The name in upper case, as log lines show it.
    pub fn name(self) -> &'static str {
        match self {
            LogLevel::Debug => "DEBUG",
            LogLevel::Error => "ERROR",
            LogLevel::Warn => "WARN",
            LogLevel::Info => "INFO",
            LogLevel::Log => "LOG",
        }
    }
}

/// One line of `console` output.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    pub level: LogLevel,
    /// The arguments, each rendered.
    pub messages: Vec<String>,
    /// Milliseconds since 1970, as the function saw the time.
    pub timestamp: f64,
    pub is_truncated: bool,
    /// Set on lines of the system's own: `LogOverflow`, `UnawaitedOperations`, ...
    pub system_code: Option<String>,
}

impl LogLine {
    /// `[LOG] 'a' 1`, the form that clients print.
    pub fn pretty(&self) -> String {
        let mut text = format!("[{}] {}", self.level.name(), self.messages.join(" "));
        if self.is_truncated {
            text.push_str(" (truncated due to length)");
        }
        text
    }
}
