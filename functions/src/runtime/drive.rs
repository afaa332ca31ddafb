//! Steps that the loops of queries, mutations and actions have in common.

use std::rc::Rc;

use super::errors;
use super::function::{self, Target};
use super::host::SyscallError;
use super::invocation::{FailureKind, JsFailure};
use super::isolate::IsolateShared;
use super::native::{self, NativeReply};
use super::ops::string;
use super::state::Execution;

/// Why JavaScript had to stop, if it had to.
pub(super) fn interruption(isolate: &v8::Isolate, shared: &IsolateShared, execution: &Execution) -> Option<JsFailure> {
    if shared.is_out_of_memory() {
        return Some(out_of_memory());
    }
    if shared.watch.has_fired() {
        return Some(JsFailure::new(FailureKind::Timeout, "Function execution timed out"));
    }
    let fatal = execution.fatal.take()?;
    isolate.cancel_terminate_execution();
    Some(fatal)
}

pub(super) fn out_of_memory() -> JsFailure {
    let message = "JavaScript execution ran out of memory (maximum memory usage: 64 MB)";
    JsFailure::new(FailureKind::OutOfMemory, message)
}

/// Lets microtasks run until none is left, and looks at what became of it.
///
/// `main` is the promise of the function, whose own rejection is not an unhandled one.
pub(super) fn run_microtasks(
    scope: &mut v8::PinScope<'_, '_>,
    shared: &IsolateShared,
    execution: &Execution,
    main: &v8::Global<v8::Promise>,
) -> Result<(), JsFailure> {
    scope.perform_microtask_checkpoint();
    if let Some(failure) = interruption(scope, shared, execution) {
        return Err(failure);
    }
    let unhandled = {
        let mut rejections = execution.rejections.borrow_mut();
        rejections.retain(|rejection| rejection.promise != *main);
        (!rejections.is_empty()).then(|| rejections.remove(0))
    };
    if let Some(rejection) = unhandled {
        let value = v8::Local::new(scope, rejection.value);
        let mut failure = errors::failure(scope, value);
        failure.kind = FailureKind::UnhandledRejection;
        return Err(interruption(scope, shared, execution).unwrap_or(failure));
    }
    Ok(())
}

/// Drops the microtasks of an execution that failed: the queue is the isolate's, they would run in the next one.
pub(super) fn drop_microtasks(isolate: &mut v8::Isolate) {
    isolate.terminate_execution();
    isolate.perform_microtask_checkpoint();
    isolate.cancel_terminate_execution();
}

/// The result of a settled promise, `None` while it is pending.
pub(super) fn settled(
    scope: &mut v8::PinScope<'_, '_>,
    promise: v8::Local<v8::Promise>,
) -> Option<Result<String, JsFailure>> {
    match promise.state() {
        v8::PromiseState::Pending => None,
        v8::PromiseState::Rejected => {
            let thrown = promise.result(scope);
            Some(Err(errors::failure(scope, thrown)))
        }
        v8::PromiseState::Fulfilled => {
            let value = promise.result(scope);
            if value.is_string() {
                Some(Ok(value.to_rust_string_lossy(scope)))
            } else {
                let message = "The function's result is not a string";
                Some(Err(JsFailure::new(FailureKind::NotCallable, message)))
            }
        }
    }
}

/// Settles the promise of a syscall.
pub(super) fn settle(
    scope: &mut v8::PinScope<'_, '_>,
    resolver: v8::Global<v8::PromiseResolver>,
    answer: Result<String, SyscallError>,
) {
    v8::scope!(let scope, scope);
    let resolver = v8::Local::new(scope, resolver);
    match answer {
        Ok(json) => {
            let json = string(scope, &json);
            resolver.resolve(scope, json.into());
        }
        Err(error) => {
            let error = errors::syscall_exception(scope, &error);
            resolver.reject(scope, error);
        }
    }
}

/// Settles the promise of an operation on bytes.
pub(super) fn settle_native(
    scope: &mut v8::PinScope<'_, '_>,
    execution: &Execution,
    resolver: v8::Global<v8::PromiseResolver>,
    reply: NativeReply,
) {
    v8::tc_scope!(let scope, scope);
    let resolver = v8::Local::new(scope, resolver);
    match native::value_of(scope, execution, reply) {
        Some(value) => {
            resolver.resolve(scope, value);
        }
        None => {
            if let Some(thrown) = scope.exception() {
                resolver.reject(scope, thrown);
            }
        }
    }
}

/// Calls the function; an exception it throws at once is its failure.
pub(super) fn start(
    scope: &mut v8::PinScope<'_, '_>,
    shared: &Rc<IsolateShared>,
    execution: &Execution,
    target: &Target,
    first: Option<&str>,
    args: &str,
) -> Result<v8::Global<v8::Promise>, JsFailure> {
    v8::tc_scope!(let scope, scope);
    let started = function::namespace(scope, shared, execution, target)
        .and_then(|namespace| function::call(scope, namespace, target, first, args));
    if let Some(failure) = interruption(scope, shared, execution) {
        return Err(failure);
    }
    match started? {
        Some(promise) => Ok(v8::Global::new(scope, promise)),
        None => match scope.exception() {
            Some(thrown) => Err(errors::failure(scope, thrown)),
            None => Err(JsFailure::new(FailureKind::Internal, "the function was stopped")),
        },
    }
}
