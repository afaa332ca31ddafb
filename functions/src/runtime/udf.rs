//! The loop that runs queries and mutations: JavaScript until it has nothing left to do, then one
//! batch of syscalls, and again. Nothing in it depends on how long anything takes.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use lakewire_storage::env::Clock;

use super::batch::next_batch;
use super::budget::{Budget, Parker};
use super::console::Console;
use super::drive::{drop_microtasks, interruption, run_microtasks, settle, settled, start};
use super::errors;
use super::function::{self, Target};
use super::host::{AsyncCall, NestedCall, SyscallError, SyscallReply};
use super::invocation::{FailureKind, JsFailure, Observed};
use super::isolate::IsolateShared;
use super::pool::IsolateCache;
use super::reuse::{self, UsedContext};
use super::state::{Execution, ExecutionSetup, HostCell, Mode, PendingCall, Services};

/// A query or mutation to run.
pub(super) struct UdfCall<'a> {
    pub(super) target: Target<'a>,
    pub(super) args: &'a str,
    pub(super) env: Arc<BTreeMap<String, String>>,
    pub(super) seed: [u8; 32],
    pub(super) now_ms: f64,
    /// Number of the component.
    pub(super) component: u32,
    /// 1 for the call from outside.
    pub(super) depth: usize,
}

/// What a call shares with the calls nested in it.
pub(super) struct World<'a> {
    pub(super) host: Rc<HostCell>,
    /// See [`Invocation::is_again`](super::invocation::Invocation).
    pub(super) is_again: bool,
    /// See [`Outcome::is_doubtful`](super::invocation::Outcome).
    pub(super) is_doubtful: Cell<bool>,
    /// Calls within calls, the first one included.
    pub(super) max_depth: usize,
    pub(super) console: Rc<Console>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) parker: &'a Parker,
    pub(super) isolates: &'a IsolateCache,
}

/// Runs a call in a context of the isolate that `scope` is of: one that was used before if the module may have that,
/// or a fresh one.
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
    let module = call.target.module;
    let index = match call.target.context_index() {
        Ok(index) => index,
        Err(failure) => return (Err(failure), Observed::default()),
    };
    let used = shared.used.take(call.component, module, &call.env, !world.is_again);
    let (context, namespace, seen, is_immutable) = match used {
        Some(used) => {
            let context = v8::Local::new(scope, used.context);
            (Some(context), Some(used.namespace), used.seen, used.is_immutable)
        }
        None => {
            shared.used.note_fresh(module);
            (function::fresh_context(scope, shared, index), None, BTreeMap::new(), false)
        }
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
    execution.namespace.replace(namespace);
    execution.env_reads.replace(seen.into_keys().collect());
    execution.is_immutable.set(is_immutable);
    let _guard = shared.executions.push(execution.clone());
    let run = Run { shared, call, world, budget, execution: &execution };
    let result = run.run(scope);
    if let Err(failure) = &result {
        drop_microtasks(scope);
        if is_immutable && failure.kind.may_be_of_immutability() {
            world.is_doubtful.set(true);
            if execution.has_tripped.get() {
                call.target.program.refuse_immutable(module, "it used what only a fresh context may have");
            } else if reuse::is_refused_write(&failure.message) {
                call.target.program.refuse_immutable(module, "it wrote to what it had at import");
            }
        }
    }
    keep(scope, shared, call, &execution, result.is_ok());
    execution.clear();
    (result, execution.observed.get())
}

/// Keeps the context for the next call of its module, if that may have it.
fn keep(scope: &mut v8::PinScope<'_, '_>, shared: &IsolateShared, call: &UdfCall, execution: &Execution, is_ok: bool) {
    let Ok(entry) = call.target.entry() else { return };
    let Some(namespace) = execution.namespace.take() else { return };
    let is_immutable = execution.is_immutable.get();
    let local = v8::Local::new(scope, &namespace);
    let seen = match entry.context {
        _ if is_immutable && call.target.program.may_be_immutable(call.target.module) => BTreeMap::new(),
        _ if is_immutable => return,
        // What was left undone may have left the module in a state that it does not know.
        _ if !is_ok => return,
        Some(_) if !entry.reuses => return,
        // The program was chosen by what its modules saw.
        Some(_) => BTreeMap::new(),
        None if !reuse::is_asked_for(scope, local) => return,
        None => {
            let names = execution.env_reads.take();
            names.into_iter().map(|name| (name.clone(), call.env.get(&name).cloned())).collect()
        }
    };
    let context = scope.get_current_context();
    let context = v8::Global::new(scope, context);
    shared.used.put(scope, call.component, call.target.module, UsedContext { context, namespace, seen, is_immutable });
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
            Err(JsFailure::new(FailureKind::NeverResolves, "Uncaught Error: Returned promise will never resolve"))
        })
    }

    fn run_batch(&self, scope: &mut v8::PinScope<'_, '_>, batch: Vec<PendingCall>) -> Result<(), JsFailure> {
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
        let limit = self.world.max_depth;
        if self.call.depth >= limit {
            return Ok(Err(SyscallError::developer(format!(
                "Cross component call depth limit exceeded. Limit: {limit}"
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
            component: nested.component,
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
