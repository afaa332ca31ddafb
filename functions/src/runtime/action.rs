//! The loop that runs actions: several operations at a time, timers, results as they come.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;

use super::budget::Parker;
use super::console::Console;
use super::drive::{drop_microtasks, interruption, run_microtasks, settle, settle_native, settled, start};
use super::errors;
use super::function;
use super::host::{ActionHost, SyscallError};
use super::invocation::{FailureKind, Invocation, JsFailure, LogLevel, Outcome};
use super::isolate::IsolateShared;
use super::native::{NativeReply, Weight};
use super::state::{Execution, ExecutionSetup, Mode, Services};
use super::timers::Timer;
use lakewire_storage::env::Clock;

/// Longest sleep between two looks at the deadline.
const MAX_SLEEP: Duration = Duration::from_secs(1);

type Completed = (u64, Result<Answer, SyscallError>);

/// What came of an operation.
enum Answer {
    Json(String),
    Native(NativeReply),
}

/// Runs an action in a fresh context of the isolate that `scope` is of.
pub(super) fn run(
    scope: &mut v8::PinScope<'_, '_, ()>,
    shared: &Rc<IsolateShared>,
    invocation: &Invocation,
    host: &Arc<dyn ActionHost>,
    clock: &Arc<dyn Clock>,
    parker: &Parker,
) -> Outcome {
    let target = invocation.target();
    in_context(scope, shared, invocation, host, clock, parker, |scope, run| {
        let main = start(scope, run.shared, run.execution, &target, Some("action"), &invocation.args)?;
        run.until_settled(scope, &main)
    })
}

/// Has `body` run in a fresh context, with all that an action needs.
pub(super) fn in_context(
    scope: &mut v8::PinScope<'_, '_, ()>,
    shared: &Rc<IsolateShared>,
    invocation: &Invocation,
    host: &Arc<dyn ActionHost>,
    clock: &Arc<dyn Clock>,
    parker: &Parker,
    body: impl FnOnce(&mut v8::PinScope<'_, '_>, &mut Run<'_>) -> Result<String, JsFailure>,
) -> Outcome {
    let started = clock.monotonic_ns();
    v8::scope!(let scope, scope);
    let index = match invocation.target().context_index() {
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
    let result = body(scope, &mut run);
    match &result {
        Ok(_) => run.warn_of_unawaited(),
        Err(_) => drop_microtasks(scope),
    }
    drop(run);
    shared.watch.disarm();
    execution.clear();
    Outcome {
        result,
        observed: execution.observed.get(),
        user_time: Duration::from_nanos(clock.monotonic_ns().saturating_sub(started)),
        is_doubtful: false,
    }
}

/// An action that runs.
pub(super) struct Run<'a> {
    pub(super) shared: &'a Rc<IsolateShared>,
    pub(super) execution: &'a Rc<Execution>,
    host: &'a Arc<dyn ActionHost>,
    parker: &'a Parker,
    in_flight: FuturesUnordered<BoxFuture<'static, Completed>>,
    max_in_flight: usize,
    /// Promises of the operations in flight.
    waiting: Vec<Waiting>,
    started: u64,
    deadline: u64,
}

/// An operation in flight.
struct Waiting {
    number: u64,
    /// What developers call it, if they should be told that they did not wait for it.
    name: Option<String>,
    weight: Weight,
    resolver: v8::Global<v8::PromiseResolver>,
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
    /// Goes on until the promise is settled.
    pub(super) fn until_settled(
        &mut self,
        scope: &mut v8::PinScope<'_, '_>,
        main: &v8::Global<v8::Promise>,
    ) -> Result<String, JsFailure> {
        loop {
            v8::scope!(let scope, scope);
            run_microtasks(scope, self.shared, self.execution, main)?;
            let promise = v8::Local::new(scope, main);
            if let Some(result) = settled(scope, promise) {
                return match interruption(scope, self.shared, self.execution) {
                    Some(failure) => Err(failure),
                    None => result,
                };
            }
            self.step(scope)?;
        }
    }

    /// Goes on until the host has all of a stream that JavaScript writes.
    pub(super) fn until_written(
        &mut self,
        scope: &mut v8::PinScope<'_, '_>,
        main: &v8::Global<v8::Promise>,
        stream: u32,
    ) -> Result<(), JsFailure> {
        loop {
            v8::scope!(let scope, scope);
            if let Err(failure) = run_microtasks(scope, self.shared, self.execution, main) {
                if failure.kind == FailureKind::UnhandledRejection {
                    self.hand_over(scope, stream);
                }
                return Err(failure);
            }
            if !self.execution.streams.borrow().is_open(stream) {
                return Ok(());
            }
            self.step(scope)?;
        }
    }

    /// Hands over what JavaScript has written to a stream, and the end of it if it was closed: that the function fails
    /// afterwards doesn't make the body any less complete. No other operation goes on.
    fn hand_over(&mut self, scope: &mut v8::PinScope<'_, '_>, stream: u32) {
        self.waiting.retain(|waiting| waiting.weight == Weight::Write);
        loop {
            v8::scope!(let scope, scope);
            scope.perform_microtask_checkpoint();
            let is_interrupted = interruption(scope, self.shared, self.execution).is_some();
            if is_interrupted || !self.execution.streams.borrow().is_open(stream) {
                return;
            }
            self.execution.pending.borrow_mut().clear();
            self.execution.native.borrow_mut().retain(|native| native.weight == Weight::Write);
            self.start_operations();
            if self.waiting.is_empty() {
                return;
            }
            match self.next_event() {
                Event::Completed((number, answer)) => {
                    if self.settle(scope, number, answer).is_err() {
                        return;
                    }
                }
                Event::Timer(..) => {}
                Event::Timeout | Event::Stuck => return,
            }
        }
    }

    /// Starts what waits to be started, and lets the next thing happen.
    fn step(&mut self, scope: &mut v8::PinScope<'_, '_>) -> Result<(), JsFailure> {
        self.start_operations();
        match self.next_event() {
            Event::Completed((number, answer)) => self.settle(scope, number, answer),
            Event::Timer(id, timer) => self.fire(scope, id, timer),
            Event::Timeout => Err(JsFailure::new(FailureKind::Timeout, "Function execution timed out")),
            Event::Stuck => {
                Err(JsFailure::new(FailureKind::NeverResolves, "Uncaught Error: Returned promise will never resolve"))
            }
        }
    }

    fn start_operations(&mut self) {
        // What is part of an operation has to go on for it to end, however many there are.
        let mut later = VecDeque::new();
        let natives = self.execution.native.take();
        for native in natives {
            if native.weight == Weight::Operation && !self.has_room() {
                later.push_back(native);
                continue;
            }
            let number = self.wait_for(native.name.map(str::to_owned), native.weight, native.resolver);
            let operation = native.future;
            self.in_flight.push(Box::pin(async move { (number, operation.await.map(Answer::Native)) }));
        }
        self.execution.native.replace(later);
        while self.has_room() {
            let Some(pending) = self.execution.pending.borrow_mut().pop_front() else { return };
            let name = friendly_name(&pending.call.op).to_owned();
            let number = self.wait_for(Some(name), Weight::Operation, pending.resolver);
            let operation = self.host.start(pending.call);
            self.in_flight.push(Box::pin(async move { (number, operation.await.map(Answer::Json)) }));
        }
    }

    fn has_room(&self) -> bool {
        let operations = self.waiting.iter().filter(|waiting| waiting.weight == Weight::Operation);
        operations.count() < self.max_in_flight
    }

    fn wait_for(&mut self, name: Option<String>, weight: Weight, resolver: v8::Global<v8::PromiseResolver>) -> u64 {
        self.started += 1;
        self.waiting.push(Waiting { number: self.started, name, weight, resolver });
        self.started
    }

    /// True if something is under way that can make the function go on.
    fn is_waiting(&self) -> bool {
        self.waiting.iter().any(|waiting| waiting.weight != Weight::Background)
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
                None if !self.is_waiting() => return Event::Stuck,
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
        answer: Result<Answer, SyscallError>,
    ) -> Result<(), JsFailure> {
        let Some(at) = self.waiting.iter().position(|waiting| waiting.number == number) else {
            return Ok(());
        };
        let resolver = self.waiting.remove(at).resolver;
        match answer {
            Err(error) if error.fatal => return Err(errors::host_failure(error)),
            Err(error) => settle(scope, resolver, Err(error)),
            Ok(Answer::Json(json)) => settle(scope, resolver, Ok(json)),
            Ok(Answer::Native(reply)) => settle_native(scope, self.execution, resolver, reply),
        }
        Ok(())
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
        let mut names: Vec<String> = self.waiting.iter().filter_map(|waiting| waiting.name.clone()).collect();
        let natives = self.execution.native.borrow();
        names.extend(natives.iter().filter_map(|native| native.name.map(str::to_owned)));
        let pending = self.execution.pending.borrow();
        names.extend(pending.iter().map(|pending| friendly_name(&pending.call.op).to_owned()));
        let Some(text) = unawaited_text(&names) else { return };
        let now = self.execution.clock.now_ns() / 1_000_000;
        self.execution.console.system(LogLevel::Warn, text, "UnawaitedOperations", now as f64);
    }
}

/// Tells of operations that were started and not waited for, if there are any.
pub(super) fn unawaited_text(names: &[String]) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    let (count, plural) = (names.len(), if names.len() == 1 { "" } else { "s" });
    Some(format!(
        "{count} unawaited operation{plural}: [{}]. Async operations should be awaited or they might not run. See https://docs.convex.dev/functions/actions#dangling-promises for more information.",
        names.join(", ")
    ))
}

/// What developers call an operation.
pub(super) fn friendly_name(op: &str) -> &str {
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
