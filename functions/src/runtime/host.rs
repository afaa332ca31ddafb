//! What the rest of Lakewire offers to running JavaScript.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::body::{FetchRequest, FetchResponse, NewFile, StoredFile};
use super::invocation::{JsFailure, LogLine, UdfKind};
use super::program::Program;

/// An asynchronous syscall as JavaScript issued it.
#[derive(Clone, Debug)]
pub struct AsyncCall {
    /// Operation, such as `1.0/get`.
    pub op: String,
    /// Its arguments, JSON text that has not been checked.
    pub args: String,
}

/// A failed syscall.
#[derive(Clone, Debug, Default, thiserror::Error)]
#[error("{message}")]
pub struct SyscallError {
    pub message: String,
    /// Data of a `ConvexError`, encoded JSON text.
    pub data: Option<String>,
    /// True for what user code must not be able to catch: the execution ends with this error.
    pub fatal: bool,
    /// True if the host lacks for now what it needs to answer, and the same call may succeed later.
    pub transient: bool,
}

impl SyscallError {
    /// An error that JavaScript sees as `Error(message)`.
    pub fn developer(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// An error that ends the execution.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self { message: message.into(), fatal: true, ..Self::default() }
    }

    /// An error that ends the execution, which may succeed when it is tried again.
    pub fn transient(message: impl Into<String>) -> Self {
        Self { transient: true, ..Self::fatal(message) }
    }
}

/// How the host answers an asynchronous syscall.
#[derive(Clone, Debug)]
pub enum SyscallReply {
    /// The promise resolves with this JSON text.
    Json(String),
    /// The runtime first runs another function, then asks [`UdfHost::nested_end`] for the answer.
    Call(Box<NestedCall>),
}

/// A query or mutation to run within the one that asked for it, in a fresh context.
#[derive(Clone, Debug)]
pub struct NestedCall {
    /// Program of the callee if it isn't the caller's (another component).
    pub program: Option<Arc<Program>>,
    /// Module path, `a/b.js`.
    pub module: String,
    pub export: String,
    pub kind: UdfKind,
    /// JSON text of the array of encoded arguments.
    pub args: String,
    /// `process.env` of the callee if it isn't the caller's.
    pub env: Option<Arc<BTreeMap<String, String>>>,
    /// Number of the callee's component.
    pub component: u32,
    /// For the host's own use: not looked at by the runtime.
    pub token: u64,
}

/// The services of one query or mutation, usually a transaction.
///
/// It lives on the worker thread while the invocation runs; the futures it returns are driven
/// there too, with the runtime of tokio at hand that the pool was made in.
pub trait UdfHost: Any + Send {
    /// `Convex.syscall`: answers at once, JSON text.
    fn syscall(&mut self, op: &str, args: &str) -> Result<String, SyscallError>;

    /// A batch of asynchronous syscalls: either a single one, or reads that belong together
    /// (see `batch_rule`). The answer has one element a call, in the same order.
    fn batch<'a>(&'a mut self, calls: Vec<AsyncCall>) -> BoxFuture<'a, Vec<Result<SyscallReply, SyscallError>>>;

    /// Called before a nested call runs; an error keeps it from running.
    fn nested_begin(&mut self, call: &NestedCall) -> Result<(), SyscallError>;

    /// Called after a nested call that [`nested_begin`](Self::nested_begin) let run, with its
    /// encoded result or its failure. What it returns settles the promise of the caller.
    /// Not called when the failure ends the whole execution (a timeout, for example).
    fn nested_end(&mut self, call: &NestedCall, result: Result<String, JsFailure>) -> Result<String, SyscallError>;

    /// One line of `console` output, in order, nested calls included. The runtime has already
    /// applied the limits on length and number.
    fn log(&mut self, line: LogLine);
}

/// The services of one action: any number of operations may be under way at a time.
pub trait ActionHost: Send + Sync + 'static {
    /// `Convex.syscall`: answers at once, JSON text.
    fn syscall(&self, op: &str, args: &str) -> Result<String, SyscallError>;

    /// Starts an asynchronous syscall. It is dropped when the action ends before it has.
    fn start(&self, call: AsyncCall) -> BoxFuture<'static, Result<String, SyscallError>>;

    /// Sends a request; dropped when it is aborted. The error becomes that of JavaScript's `fetch`.
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'static, Result<FetchResponse, SyscallError>> {
        let error =
            SyscallError::developer(format!("fetch of {} failed: requests cannot be sent from here", request.url));
        Box::pin(async { Err(error) })
    }

    /// Stores a file and returns its `_storage` id.
    fn store_file(&self, _: NewFile) -> BoxFuture<'static, Result<String, SyscallError>> {
        Box::pin(async { Err(SyscallError::developer("files cannot be stored from here")) })
    }

    /// Opens a file by the id that the app gave, unchecked; `None` if there is none.
    fn open_file(&self, _: String) -> BoxFuture<'static, Result<Option<StoredFile>, SyscallError>> {
        Box::pin(async { Err(SyscallError::developer("files cannot be read from here")) })
    }

    /// One line of `console` output.
    fn log(&self, line: LogLine);
}
