//! `globalThis.Convex`, by which the npm package talks to the host.

use super::{define, set_function, string, throw_error};
use crate::runtime::context;
use crate::runtime::drive;
use crate::runtime::errors;
use crate::runtime::host::{AsyncCall, SyscallError};
use crate::runtime::state::{self, Execution, Held, Mode, PendingCall, Services};

pub(super) fn install(scope: &mut v8::PinScope<'_, '_>, global: v8::Local<v8::Object>) {
    let convex = v8::Object::new(scope);
    set_function(scope, convex, "syscall", syscall);
    set_function(scope, convex, "asyncSyscall", async_syscall);
    set_function(scope, convex, "jsSyscall", js_syscall);
    let name = string(scope, "Convex");
    define(scope, global, name, convex.into());
}

/// `(op, args) => string`.
pub(super) fn syscall<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(execution) = state::current(scope) else { return };
    let op = args.get(0).to_rust_string_lossy(scope);
    let json = args.get(1).to_rust_string_lossy(scope);
    let answer = match &execution.services {
        Services::None => Err(refusal(&execution, &op)),
        Services::Udf(host) => match host.borrow_mut().as_mut() {
            Some(host) => host.syscall(&op, &json),
            None => Err(SyscallError::fatal("the host of the function is gone")),
        },
        Services::Action(host) => host.syscall(&op, &json),
    };
    match answer {
        Ok(json) => result.set(string(scope, &json).into()),
        Err(error) if error.fatal => {
            *execution.fatal.borrow_mut() = Some(errors::host_failure(error));
            scope.terminate_execution();
        }
        Err(error) => {
            let error = errors::syscall_exception(scope, &error);
            scope.throw_exception(error);
        }
    }
}

/// `(op, args) => Promise<string>`: only queues the call.
pub(super) fn async_syscall<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(execution) = state::current(scope) else { return };
    let op = args.get(0).to_rust_string_lossy(scope);
    let Some(resolver) = v8::PromiseResolver::new(scope) else { return };
    result.set(resolver.get_promise(scope).into());
    if let Services::None = execution.services {
        let error = refusal(&execution, &op);
        let error = errors::syscall_exception(scope, &error);
        resolver.reject(scope, error);
        return;
    }
    let json = args.get(1).to_rust_string_lossy(scope);
    let Some(held) = Held::new(&execution.queued_bytes, op.len() + json.len()) else {
        return execution.fail_with(scope, drive::out_of_memory());
    };
    let resolver = v8::Global::new(scope, resolver);
    execution.pending.borrow_mut().push_back(PendingCall { call: AsyncCall { op, args: json }, resolver, held });
}

/// What [`js_syscall`] has.
const JS_OPERATIONS: &[&str] =
    &["requestFromConvexJson", "convexJsonFromResponse", "storage/storeBlob", "storage/getBlob"];

/// `(op, args) => any`, for what is implemented in JavaScript.
pub(super) fn js_syscall<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(execution) = state::current(scope) else { return };
    let op = args.get(0).to_rust_string_lossy(scope);
    if let Services::None = execution.services {
        let error = refusal(&execution, &op);
        return throw_error(scope, &error.message);
    }
    if !JS_OPERATIONS.contains(&op.as_str()) {
        return execution.fail_uncatchably(scope, format!("Uncaught Error: Unknown operation {op}"));
    }
    let Some(implementation) = context::lazy_export(scope, "convex.js", "jsSyscall") else { return };
    let Ok(implementation) = v8::Local::<v8::Function>::try_from(implementation) else { return };
    let undefined = v8::undefined(scope);
    if let Some(answer) = implementation.call(scope, undefined.into(), &[args.get(0), args.get(1)]) {
        result.set(answer);
    }
}

/// The error for a syscall where there are none.
fn refusal(execution: &Execution, op: &str) -> SyscallError {
    let (code, place) = match execution.mode {
        Mode::Schema => ("NoSyscallInSchema", "in a schema"),
        Mode::AuthConfig | Mode::Definition(_) => ("NoSyscallDuringImport", "in a configuration"),
        _ if is_database(op) => ("NoDbDuringImport", "at import time"),
        _ => ("NoSyscallDuringImport", "at import time"),
    };
    execution.forbid(code);
    let what = if is_database(op) { "the database".to_owned() } else { format!("`{op}`") };
    SyscallError::developer(format!("Can't use {what} {place}"))
}

fn is_database(op: &str) -> bool {
    let name = op.strip_prefix("1.0/").unwrap_or(op);
    name.starts_with("db/")
        || name.starts_with("query")
        || matches!(name, "get" | "count" | "insert" | "shallowMerge" | "replace" | "remove")
}
