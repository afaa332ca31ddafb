//! The V8 host: runs functions written for the `convex` package.
//!
//! It knows V8 and nothing of storage. A [`Bundle`] is built into a [`Program`] (a startup snapshot
//! with the modules evaluated); a [`Pool`] runs [`Invocation`]s of it, each in a fresh context. What
//! functions ask of the world goes to a [`UdfHost`] or an [`ActionHost`].

mod action;
mod allocator;
mod batch;
mod body;
mod budget;
mod bundle;
mod console;
mod context;
mod deploy_time;
mod drive;
mod errors;
mod function;
mod host;
mod http_action;
mod invocation;
mod isolate;
mod modules;
mod native;
mod ops;
mod platform;
mod pool;
mod prelude;
mod program;
mod rejections;
mod reuse;
mod sources;
mod state;
mod streams;
mod timers;
mod udf;
mod watchdog;

#[cfg(test)]
mod tests;

pub use body::{
    ByteStream, FetchBody, FetchRequest, FetchResponse, HttpRequest, HttpResponse, HttpRun, NewFile, StoredFile,
    StreamError,
};
pub use bundle::{Bundle, CodeKey, ModuleSource};
pub use console::{LineLimits, unawaited_warning};
pub use deploy_time::{
    AnalyzedFunction, AnalyzedModule, AnalyzedRoute, DefinitionDependency, EvaluationError, FunctionVisibility,
    SourcePosition,
};
pub use host::{ActionHost, AsyncCall, NestedCall, SyscallError, SyscallReply, UdfHost};
pub use invocation::{
    FailureKind, Invocation, InvocationLimits, JsFailure, LogLevel, LogLine, Observed, Outcome, UdfKind,
};
pub use platform::initialize;
pub use pool::{Pool, RuntimeOptions};
pub use program::{BuildError, ImportError, Program, run_build_child};
