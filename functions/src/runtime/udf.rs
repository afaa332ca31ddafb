//! The loop that runs queries and mutations: JavaScript until it has nothing left to do, then one
//! batch of syscalls, and again. Nothing in it depends on how long anything takes.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use lakewire_storage::env::Clock;

use super::budget::{Budget, Parker};
use super::console::Console;
use super::errors;
use super::function::{self, Target};
use super::host::{AsyncCall, NestedCall, SyscallError, SyscallReply};
use super::invocation::{FailureKind, JsFailure, Observed};
use super::isolate::IsolateShared;
use super::ops::string;
use super::pool::IsolateCache;
use super::state::{
    Execution, ExecutionSetup, HostCell, Mode, PendingCall, Services,
};

/// Calls within calls, the first one included.
const MAX_DEPTH: usize = 8;
/// Reads that are answered together.
const MAX_BATCH: usize = 16;

/// A query or mutation to run.
pub(super) struct UdfCall<'a> {
    pub(super) target: Target<'a>,
    pub(super) args: &'a str,
    pub(super) env: Arc<BTreeMap<String, String>>,
    pub(super) seed: [u8; 32],
    pub(super) now_ms: f64,
    /// 1 for the call from outside.
    pub(super) depth: usize,
}

/// What a call shares with the calls nested in it.
pub(super) struct World<'a> {
    pub(super) host: Rc<HostCell>,
    pub(super) console: Rc<Console>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) parker: &'a Parker,
    pub(super) isolates: &'a IsolateCache,
}

/// Runs a call in a fresh context of the isolate that `scope` is of.
///
/// The clock for JavaScript of `budget` runs at the start and at the end.
pub(super) fn run(
    scope: &mut v8::PinScope<'_, '_, ()>,
    shared: &Rc<IsolateShared>,
    call: &UdfCall,
    world: &World,
    budget: &Budget,
) -> (Result<String, JsFailure>, Observed) {
    v8::scope!(let scope, scope);
    let context = match call.target.context_index() {
        Ok(index) => function::fresh_context(scope, shared, index),
        Err(failure) => return (Err(failure), Observed::default()),
    };
    let Some(context) = context else {
        let failure = JsFailure::new(FailureKind::Internal, "cannot make a context");
        return (Err(failure), Observed::default());
    };
    let scope = &mut v8::ContextScope::new(scope, context);
    let undefined = v8::undefined(scope);
    scope.set_continuation_preserved_embedder_data(undefined.into());
    let execution = Execution::new(ExecutionSetup {
        mode: Mode::Function(call.target.kind),
        sources: call.target.program.sources().clone(),
        services: Services::Udf(world.host.clone()),
        env: call.env.clone(),
        console: world.console.clone(),
        clock: world.clock.clone(),
        now_ms: call.now_ms,
        import_now_ms: call.target.program.bundle().import_now_ms,
        seed: call.seed,
    });
    let _guard = shared.executions.push(execution.clone());
    let run = Run { shared, call, world, budget, execution: &execution };
    let result = run.run(scope);
    execution.pending.borrow_mut().clear();
    execution.rejections.borrow_mut().clear();
    (result, execution.observed.get())
}

/// Why JavaScript had to stop, if it had to.
pub(super) fn interruption(
    isolate: &v8::Isolate,
    shared: &IsolateShared,
    execution: &Execution,
) -> Option<JsFailure> {
    if shared.is_out_of_memory() {
        return Some(JsFailure::new(
            FailureKind::OutOfMemory,
            "JavaScript execution ran out of memory (maximum memory usage: 64 MB)",
        ));
    }
    if shared.watch.has_fired() {
        return Some(JsFailure::new(FailureKind::Timeout, "Function execution timed out"));
    }
    let fatal = execution.fatal.take()?;
    isolate.cancel_terminate_execution();
    Some(fatal)
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

struct Run<'a> {
    shared: &'a Rc<IsolateShared>,
    call: &'a UdfCall<'a>,
    world: &'a World<'a>,
    budget: &'a Budget,
    execution: &'a Rc<Execution>,
}

impl Run<'_> {
    fn run(&self, scope: &mut v8::PinScope<'_, '_>) -> Result<String, JsFailure> {
        let target = &self.call.target;
        let main = start(scope, self.shared, self.execution, target, None, self.call.args)?;
        loop {
            v8::scope!(let scope, scope);
            run_microtasks(scope, self.shared, self.execution, &main)?;
            let promise = v8::Local::new(scope, &main);
            if promise.state() == v8::PromiseState::Rejected {
                break;
            }
            let batch = next_batch(&mut self.execution.pending.borrow_mut());
            if batch.is_empty() {
                break;
            }
            self.run_batch(scope, batch)?;
        }
        let promise = v8::Local::new(scope, &main);
        let result = settled(scope, promise);
        // Telling what was thrown may have run JavaScript again.
        if let Some(failure) = interruption(scope, self.shared, self.execution) {
            return Err(failure);
        }
        result.unwrap_or_else(|| {
            Err(JsFailure::new(
                FailureKind::NeverResolves,
                "Uncaught Error: Returned promise will never resolve",
            ))
        })
    }

    fn run_batch(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        batch: Vec<PendingCall>,
    ) -> Result<(), JsFailure> {
        let (calls, resolvers): (Vec<AsyncCall>, Vec<_>) =
            batch.into_iter().map(|pending| (pending.call, pending.resolver)).unzip();
        let count = calls.len();
        if !self.budget.pause() {
            return Err(JsFailure::new(FailureKind::Timeout, "Function execution timed out"));
        }
        let replies = {
            let mut host = self.world.host.borrow_mut();
            let host = host.as_mut().ok_or_else(host_is_gone)?;
            self.budget.block_on(host.batch(calls), self.world.parker)
        };
        self.budget.resume();
        let replies = replies.ok_or_else(|| {
            JsFailure::new(FailureKind::SystemTimeout, "Your request timed out performing too many system operations.")
        })?;
        if replies.len() != count {
            return Err(JsFailure::new(FailureKind::Internal, "the host did not answer every syscall"));
        }
        for (resolver, reply) in resolvers.into_iter().zip(replies) {
            let answer = match reply {
                Ok(SyscallReply::Json(json)) => Ok(json),
                Ok(SyscallReply::Call(nested)) => self.run_nested(scope, &nested)?,
                Err(error) => Err(error),
            };
            match answer {
                Err(error) if error.fatal => return Err(errors::host_failure(error)),
                answer => settle(scope, resolver, answer),
            }
        }
        Ok(())
    }

    /// Runs another function; the outer error ends this one too.
    fn run_nested(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        nested: &NestedCall,
    ) -> Result<Result<String, SyscallError>, JsFailure> {
        if self.call.depth >= MAX_DEPTH {
            return Ok(Err(SyscallError::developer(format!(
                "Cross component call depth limit exceeded. Limit: {MAX_DEPTH}"
            ))));
        }
        let begun = match self.world.host.borrow_mut().as_mut() {
            Some(host) => host.nested_begin(nested),
            None => return Err(host_is_gone()),
        };
        if let Err(error) = begun {
            return Ok(Err(error));
        }
        let call = UdfCall {
            target: Target {
                program: nested.program.as_ref().unwrap_or(self.call.target.program),
                module: &nested.module,
                export: &nested.export,
                kind: nested.kind,
            },
            args: &nested.args,
            env: nested.env.clone().unwrap_or_else(|| self.call.env.clone()),
            seed: self.execution.nested_seed(),
            now_ms: self.call.now_ms,
            depth: self.call.depth + 1,
        };
        let is_same_program = call.target.program.id() == self.call.target.program.id();
        let (result, observed) = if is_same_program {
            let async_context = scope.get_continuation_preserved_embedder_data();
            let ran = run(scope, self.shared, &call, self.world, self.budget);
            scope.set_continuation_preserved_embedder_data(async_context);
            ran
        } else {
            self.run_elsewhere(&call)
        };
        self.execution.observe_all(observed);
        if let Err(failure) = &result
            && !failure.kind.parent_may_catch()
        {
            return Err(failure.clone());
        }
        match self.world.host.borrow_mut().as_mut() {
            Some(host) => Ok(host.nested_end(nested, result)),
            None => Err(host_is_gone()),
        }
    }

    /// Runs a call of another program, which has an isolate of its own.
    fn run_elsewhere(&self, call: &UdfCall) -> (Result<String, JsFailure>, Observed) {
        if !self.budget.pause() {
            let failure = JsFailure::new(FailureKind::Timeout, "Function execution timed out");
            return (Err(failure), Observed::default());
        }
        let ran = self.world.isolates.with(call.target.program, |isolate, shared| {
            let budget = self.budget.on_isolate(shared.watch.clone());
            v8::scope!(let scope, isolate);
            let ran = run(scope, shared, call, self.world, &budget);
            budget.pause();
            self.budget.settle(&budget);
            ran
        });
        self.budget.resume();
        ran
    }
}

fn host_is_gone() -> JsFailure {
    JsFailure::new(FailureKind::Internal, "the host of the function is gone")
}

/// Takes the syscalls that are run next: a single one, or reads that follow one another.
fn next_batch(pending: &mut VecDeque<PendingCall>) -> Vec<PendingCall> {
    let Some(first) = pending.pop_front() else { return Vec::new() };
    let class = batch_class(&first.call.op);
    let mut batch = vec![first];
    while class.is_some()
        && batch.len() < MAX_BATCH
        && let Some(next) = pending.pop_front_if(|next| batch_class(&next.call.op) == class)
    {
        batch.push(next);
    }
    batch
}

/// Syscalls of the same class are answered together, those without one alone.
fn batch_class(op: &str) -> Option<u8> {
    match op {
        "1.0/get" | "1.0/queryStreamNext" => Some(0),
        "1.0/storageGetUrl" => Some(1),
        _ => None,
    }
}
