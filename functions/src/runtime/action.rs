//! The loop that runs actions: several operations at a time, timers, results as they come.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;

use super::budget::Parker;
use super::console::Console;
use super::drive::{interruption, run_microtasks, settle, settled, start};
use super::errors;
use super::function::{self, Target};
use super::host::{ActionHost, SyscallError};
use super::invocation::{FailureKind, Invocation, JsFailure, LogLevel, Outcome};
use super::isolate::IsolateShared;
use super::state::{Execution, ExecutionSetup, Mode, Services};
use super::timers::Timer;
use lakewire_storage::env::Clock;

/// Longest sleep between two looks at the deadline.
const MAX_SLEEP: Duration = Duration::from_secs(1);

type Completed = (u64, Result<String, SyscallError>);

/// Runs an action in a fresh context of the isolate that `scope` is of.
pub(super) fn run(
    scope: &mut v8::PinScope<'_, '_, ()>,
    shared: &Rc<IsolateShared>,
    invocation: &Invocation,
    host: &Arc<dyn ActionHost>,
    clock: &Arc<dyn Clock>,
    parker: &Parker,
) -> Outcome {
    let started = clock.monotonic_ns();
    let target = Target {
        program: &invocation.program,
        module: &invocation.module,
        export: &invocation.export,
        kind: invocation.kind,
    };
    v8::scope!(let scope, scope);
    let index = match target.context_index() {
        Ok(index) => index,
        Err(failure) => return Outcome::failed(failure),
    };
    let Some(context) = function::fresh_context(scope, shared, index) else {
        return Outcome::failed(JsFailure::new(FailureKind::Internal, "cannot make a context"));
    };
    let scope = &mut v8::ContextScope::new(scope, context);
    let undefined = v8::undefined(scope);
    scope.set_continuation_preserved_embedder_data(undefined.into());
    let services = Services::Action(host.clone());
    let execution = Execution::new(ExecutionSetup {
        mode: Mode::Function(invocation.kind),
        sources: invocation.program.sources().clone(),
        services: services.clone(),
        env: invocation.env.clone(),
        console: Rc::new(Console::new(services, &invocation.limits)),
        clock: clock.clone(),
        now_ms: invocation.now_ms,
        import_now_ms: invocation.program.bundle().import_now_ms,
        seed: invocation.seed,
    });
    let _guard = shared.executions.push(execution.clone());
    let deadline = started + invocation.limits.action_time.as_nanos() as u64;
    shared.watch.arm(deadline);
    let mut run = Run {
        shared,
        execution: &execution,
        host,
        parker,
        in_flight: FuturesUnordered::new(),
        max_in_flight: invocation.limits.concurrent_operations,
        waiting: Vec::new(),
        started: 0,
        deadline,
    };
    let result = run.run(scope, &target, &invocation.args);
    if result.is_ok() {
        run.warn_of_unawaited();
    }
    drop(run);
    shared.watch.disarm();
    execution.pending.borrow_mut().clear();
    execution.rejections.borrow_mut().clear();
    execution.timers.take();
    Outcome {
        result,
        observed: execution.observed.get(),
        user_time: Duration::from_nanos(clock.monotonic_ns().saturating_sub(started)),
    }
}

struct Run<'a> {
    shared: &'a Rc<IsolateShared>,
    execution: &'a Rc<Execution>,
    host: &'a Arc<dyn ActionHost>,
    parker: &'a Parker,
    in_flight: FuturesUnordered<BoxFuture<'static, Completed>>,
    max_in_flight: usize,
    /// Promises of the operations in flight: number, operation, resolver.
    waiting: Vec<(u64, String, v8::Global<v8::PromiseResolver>)>,
    started: u64,
    deadline: u64,
}

/// What happens next in an action.
enum Event {
    Completed(Completed),
    Timer(u32, Timer),
    Timeout,
    /// Nothing can happen any more.
    Stuck,
}

impl Run<'_> {
    fn run(&mut self, scope: &mut v8::PinScope<'_, '_>, target: &Target, args: &str) -> Result<String, JsFailure> {
        let request_id = "action";
        let main = start(scope, self.shared, self.execution, target, Some(request_id), args)?;
        loop {
            v8::scope!(let scope, scope);
            run_microtasks(scope, self.shared, self.execution, &main)?;
            let promise = v8::Local::new(scope, &main);
            if let Some(result) = settled(scope, promise) {
                return match interruption(scope, self.shared, self.execution) {
                    Some(failure) => Err(failure),
                    None => result,
                };
            }
            self.start_operations();
            match self.next_event() {
                Event::Completed((number, answer)) => self.settle(scope, number, answer)?,
                Event::Timer(id, timer) => self.fire(scope, id, timer)?,
                Event::Timeout => {
                    return Err(JsFailure::new(FailureKind::Timeout, "Function execution timed out"));
                }
                Event::Stuck => {
                    return Err(JsFailure::new(
                        FailureKind::NeverResolves,
                        "Uncaught Error: Returned promise will never resolve",
                    ));
                }
            }
        }
    }

    fn start_operations(&mut self) {
        while self.in_flight.len() < self.max_in_flight {
            let Some(pending) = self.execution.pending.borrow_mut().pop_front() else { return };
            self.started += 1;
            let number = self.started;
            self.waiting.push((number, pending.call.op.clone(), pending.resolver));
            let operation = self.host.start(pending.call);
            self.in_flight.push(Box::pin(async move { (number, operation.await) }));
        }
    }

    /// Waits for whatever is first.
    fn next_event(&mut self) -> Event {
        loop {
            let mut context = Context::from_waker(&self.parker.waker);
            if let Poll::Ready(Some(completed)) = std::pin::Pin::new(&mut self.in_flight).poll_next(&mut context) {
                return Event::Completed(completed);
            }
            let now = self.execution.clock.monotonic_ns();
            if now >= self.deadline {
                return Event::Timeout;
            }
            let mut timers = self.execution.timers.borrow_mut();
            if let Some((id, timer)) = timers.pop_due(now) {
                return Event::Timer(id, timer);
            }
            let wake_at = match timers.next_due() {
                Some(due) => due.min(self.deadline),
                None if self.in_flight.is_empty() => return Event::Stuck,
                None => self.deadline,
            };
            drop(timers);
            let sleep = Duration::from_nanos(wake_at.saturating_sub(now)).min(MAX_SLEEP);
            self.parker.park(sleep);
        }
    }

    fn settle(
        &mut self,
        scope: &mut v8::PinScope<'_, '_>,
        number: u64,
        answer: Result<String, SyscallError>,
    ) -> Result<(), JsFailure> {
        let Some(at) = self.waiting.iter().position(|(of, _, _)| *of == number) else {
            return Ok(());
        };
        let (_, _, resolver) = self.waiting.remove(at);
        match answer {
            Err(error) if error.fatal => Err(errors::host_failure(error)),
            answer => {
                settle(scope, resolver, answer);
                Ok(())
            }
        }
    }

    fn fire(&self, scope: &mut v8::PinScope<'_, '_>, id: u32, timer: Timer) -> Result<(), JsFailure> {
        v8::tc_scope!(let scope, scope);
        let callback = v8::Local::new(scope, &timer.callback);
        let arguments: Vec<v8::Local<v8::Value>> =
            timer.arguments.iter().map(|argument| v8::Local::new(scope, argument)).collect();
        let async_context = v8::Local::new(scope, &timer.async_context);
        if let Some(interval) = timer.interval_ns {
            let due = self.execution.clock.monotonic_ns() + interval;
            self.execution.timers.borrow_mut().rearm(id, due, timer);
        }
        scope.set_continuation_preserved_embedder_data(async_context);
        let global = scope.get_current_context().global(scope);
        let result = callback.call(scope, global.into(), &arguments);
        let undefined = v8::undefined(scope);
        scope.set_continuation_preserved_embedder_data(undefined.into());
        if let Some(failure) = interruption(scope, self.shared, self.execution) {
            return Err(failure);
        }
        if result.is_none()
            && let Some(thrown) = scope.exception()
        {
            return Err(errors::failure(scope, thrown));
        }
        Ok(())
    }

    /// Tells of operations that the action started and did not wait for.
    fn warn_of_unawaited(&self) {
        let mut names: Vec<String> = self.waiting.iter().map(|(_, op, _)| friendly_name(op).to_owned()).collect();
        let pending = self.execution.pending.borrow();
        names.extend(pending.iter().map(|pending| friendly_name(&pending.call.op).to_owned()));
        if names.is_empty() {
            return;
        }
        let (count, plural) = (names.len(), if names.len() == 1 { "" } else { "s" });
        let text = format!(
            "{count} unawaited operation{plural}: [{}]. Async operations should be awaited or they might not run. See https://docs.convex.dev/functions/actions#dangling-promises for more information.",
            names.join(", ")
        );
        let now = self.execution.clock.now_ns() / 1_000_000;
        self.execution.console.system(LogLevel::Warn, text, "UnawaitedOperations", now as f64);
    }
}

/// What developers call an operation.
fn friendly_name(op: &str) -> &str {
    let name = op.rsplit('/').next().unwrap_or(op);
    match name {
        "shallowMerge" => "patch",
        "remove" => "delete",
        "queryPage" => "paginate",
        "queryStreamNext" => "query",
        "schedule" => "scheduler",
        "cancel_job" => "scheduler.cancel",
        "storageStore" => "storage.store",
        "storageGet" => "storage.get",
        "storageGetUrl" => "storage.getUrl",
        "storageDelete" => "storage.delete",
        "storageGenerateUploadUrl" => "storage.generateUploadUrl",
        "storageGetMetadata" => "storage.getMetadata",
        other => other,
    }
}
