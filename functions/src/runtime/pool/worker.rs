//! Threads that take calls from a queue.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use futures::channel::oneshot;
use lakewire_storage::env::{Clock, Env};
use tokio::runtime::Handle;

use super::RuntimeOptions;
use super::hang::{Hang, Reply};
use super::isolates::{IsolateCache, Next};
use crate::runtime::action;
use crate::runtime::body::{HttpRequest, HttpResponse};
use crate::runtime::budget::{Budget, Parker};
use crate::runtime::console::Console;
use crate::runtime::host::{ActionHost, UdfHost};
use crate::runtime::http_action;
use crate::runtime::invocation::{Invocation, Outcome};
use crate::runtime::state::Services;
use crate::runtime::udf::{self, UdfCall, World};
use crate::runtime::watchdog::Watchdog;

/// How long a thread that isn't needed stays.
const IDLE_LIFE: Duration = Duration::from_secs(10);
/// After this long without work a thread gives memory back.
const IDLE_TRIM: Duration = Duration::from_secs(2);

pub(super) type UdfReply = oneshot::Sender<(Outcome, Option<Box<dyn UdfHost>>)>;

/// A call that waits for a thread.
pub(super) enum Job {
    Udf {
        invocation: Invocation,
        host: Box<dyn UdfHost>,
        reply: UdfReply,
    },
    Action {
        invocation: Invocation,
        host: Arc<dyn ActionHost>,
        /// Told when a thread takes the call.
        started: oneshot::Sender<()>,
        reply: oneshot::Sender<Outcome>,
    },
    Http {
        invocation: Invocation,
        host: Arc<dyn ActionHost>,
        request: HttpRequest,
        started: oneshot::Sender<()>,
        response: oneshot::Sender<HttpResponse>,
        reply: oneshot::Sender<Outcome>,
    },
}

impl Job {
    fn is_abandoned(&self) -> bool {
        match self {
            Job::Udf { reply, .. } => reply.is_canceled(),
            Job::Action { reply, .. } => reply.is_canceled(),
            Job::Http { response, .. } => response.is_canceled(),
        }
    }
}

/// How many threads a queue has.
#[derive(Clone, Copy)]
pub(super) struct Size {
    /// Threads that stay while there is nothing to do.
    pub(super) lasting: usize,
    /// Threads that may run, those not counted that wait within a call.
    pub(super) running: usize,
    /// All threads.
    pub(super) most: usize,
}

/// A queue and its threads.
pub(super) struct Workers {
    sender: Sender<Job>,
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    name: &'static str,
    size: Size,
    options: Arc<RuntimeOptions>,
    env: Env,
    watchdog: Watchdog,
    tokio: Option<Handle>,
    queue: Receiver<Job>,
    pub(super) threads: AtomicUsize,
    idle: AtomicUsize,
    /// Threads that wait for the host in the middle of a call.
    blocked: AtomicUsize,
    /// Threads that don't stop; most of them are not in `threads` any more.
    pub(super) written_off: AtomicUsize,
}

impl Workers {
    pub(super) fn new(
        name: &'static str,
        size: Size,
        options: Arc<RuntimeOptions>,
        env: Env,
        watchdog: Watchdog,
    ) -> Self {
        let (sender, queue) = crossbeam_channel::unbounded();
        let shared = Shared {
            name,
            size,
            options,
            env,
            watchdog,
            tokio: Handle::try_current().ok(),
            queue,
            threads: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
            blocked: AtomicUsize::new(0),
            written_off: AtomicUsize::new(0),
        };
        Self { sender, shared: Arc::new(shared) }
    }

    /// Calls that wait for a thread.
    pub(super) fn queued(&self) -> usize {
        self.sender.len()
    }

    pub(super) fn submit(&self, job: Job) {
        // The receiving end is in `shared`, so the channel is open.
        let _ = self.sender.send(job);
        Shared::grow(&self.shared);
    }
}

impl Shared {
    /// Starts a thread if calls wait that none of the present ones will take at once.
    pub(super) fn grow(self: &Arc<Self>) {
        loop {
            let threads = self.threads.load(Ordering::SeqCst);
            let blocked = self.blocked.load(Ordering::SeqCst);
            let is_needed = self.queue.len() > self.idle.load(Ordering::SeqCst);
            let may_run = threads.saturating_sub(blocked) < self.size.running;
            if !is_needed || !may_run || threads >= self.size.most {
                return;
            }
            let is_ours =
                self.threads.compare_exchange(threads, threads + 1, Ordering::SeqCst, Ordering::SeqCst).is_ok();
            if !is_ours {
                continue;
            }
            let shared = self.clone();
            // Dropped last, however the thread ends: it counts it out.
            let body = move || {
                let hang = Hang::new(shared.clone());
                Thread::new(shared, hang.clone()).run();
            };
            if let Err(error) = self.env.spawn_thread(self.name, body) {
                tracing::warn!(%error, "cannot start a thread for functions");
                self.threads.fetch_sub(1, Ordering::SeqCst);
            }
            return;
        }
    }
}

struct Thread {
    shared: Arc<Shared>,
    hang: Arc<Hang>,
    isolates: IsolateCache,
    parker: Parker,
    clock: Arc<dyn Clock>,
}

impl Thread {
    fn new(shared: Arc<Shared>, hang: Arc<Hang>) -> Self {
        let counted = shared.clone();
        let parker = Parker::new(move |is_blocked| {
            if is_blocked {
                counted.blocked.fetch_add(1, Ordering::SeqCst);
                Shared::grow(&counted);
            } else {
                counted.blocked.fetch_sub(1, Ordering::SeqCst);
            }
        });
        let weak = Arc::downgrade(&hang);
        let on_hang = move || {
            if let Some(hang) = weak.upgrade() {
                hang.write_off();
            }
        };
        Self {
            isolates: IsolateCache::new(shared.options.clone(), shared.watchdog.with_on_hang(on_hang)),
            hang,
            parker,
            clock: shared.env.clock.clone(),
            shared,
        }
    }

    fn run(&self) {
        let _tokio = self.shared.tokio.as_ref().map(Handle::enter);
        while let Some(job) = self.next_job() {
            if job.is_abandoned() {
                continue;
            }
            let next = self.run_job(job);
            if self.hang.is_written_off() {
                break;
            }
            self.isolates.prepare(&next, self.shared.queue.is_empty());
        }
    }

    /// Waits for a call; `None` if the thread isn't needed any more.
    fn next_job(&self) -> Option<Job> {
        let shared = &self.shared;
        shared.idle.fetch_add(1, Ordering::SeqCst);
        let mut idle = Duration::ZERO;
        let job = loop {
            let wait = if idle.is_zero() { IDLE_TRIM } else { IDLE_LIFE };
            match shared.queue.recv_timeout(wait) {
                Ok(job) => break Some(job),
                Err(RecvTimeoutError::Disconnected) => break None,
                Err(RecvTimeoutError::Timeout) if idle.is_zero() => self.isolates.trim(),
                Err(RecvTimeoutError::Timeout) => {
                    if shared.threads.load(Ordering::SeqCst) > shared.size.lasting {
                        break None;
                    }
                }
            }
            idle += wait;
        };
        shared.idle.fetch_sub(1, Ordering::SeqCst);
        // A call that came between the one taken here and this moment counted on this thread.
        Shared::grow(shared);
        job
    }

    /// Runs a call; returns what the next call of the same module would need.
    fn run_job(&self, job: Job) -> Next {
        match job {
            Job::Udf { invocation, host, reply } => {
                self.hang.begin(Reply::Udf(reply));
                let (outcome, host) = self.run_udf(&invocation, host);
                if let (Some(Reply::Udf(reply)), Some(host)) = (self.hang.end(), host) {
                    let _ = reply.send((outcome, Some(host)));
                }
                Next::udf(invocation)
            }
            Job::Action { invocation, host, started, reply } => {
                let _ = started.send(());
                self.hang.begin(Reply::Action(reply));
                let outcome = self.isolates.with(&invocation.program, |isolate, shared| {
                    v8::scope!(let scope, isolate);
                    action::run(scope, shared, &invocation, &host, &self.clock, &self.parker)
                });
                drop(host);
                if let Some(Reply::Action(reply)) = self.hang.end() {
                    let _ = reply.send(outcome);
                }
                Next::action(invocation)
            }
            Job::Http { invocation, host, request, started, response, reply } => {
                let _ = started.send(());
                self.hang.begin(Reply::Action(reply));
                let outcome = self.isolates.with(&invocation.program, |isolate, shared| {
                    v8::scope!(let scope, isolate);
                    http_action::run(scope, shared, &invocation, &host, &self.clock, &self.parker, request, response)
                });
                drop(host);
                if let Some(Reply::Action(reply)) = self.hang.end() {
                    let _ = reply.send(outcome);
                }
                Next::action(invocation)
            }
        }
    }

    fn run_udf(&self, invocation: &Invocation, host: Box<dyn UdfHost>) -> (Outcome, Option<Box<dyn UdfHost>>) {
        let limits = &invocation.limits;
        let host = Rc::new(RefCell::new(Some(host)));
        let world = World {
            host: host.clone(),
            is_again: invocation.is_again,
            is_doubtful: Cell::new(false),
            max_depth: limits.call_depth,
            console: Rc::new(Console::new(Services::Udf(host.clone()), limits)),
            clock: self.clock.clone(),
            parker: &self.parker,
            isolates: &self.isolates,
        };
        let call = UdfCall {
            target: invocation.target(),
            args: &invocation.args,
            env: invocation.env.clone(),
            seed: invocation.seed,
            now_ms: invocation.now_ms,
            component: invocation.component,
            depth: 1,
        };
        let outcome = self.isolates.with(&invocation.program, |isolate, shared| {
            v8::scope!(let scope, isolate);
            let budget = Budget::start(self.clock.clone(), shared.watch.clone(), limits.user_time, limits.system_time);
            let (result, observed) = udf::run(scope, shared, &call, &world, &budget);
            budget.pause();
            let is_doubtful = world.is_doubtful.get();
            Outcome { result, observed, user_time: budget.user_time(), is_doubtful }
        });
        let host = host.borrow_mut().take();
        (outcome, host)
    }
}
