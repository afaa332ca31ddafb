//! Threads that take calls from a queue.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use futures::channel::oneshot;
use lakewire_storage::env::{Clock, Env};
use parking_lot::Mutex;
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
/// After this long in one call a thread no longer counts as one that the others can wait for.
pub(super) const SLOW: Duration = Duration::from_millis(10);

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
    /// Threads that may run, those not counted that wait within a call or have been in one for long.
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
    /// What the threads do.
    states: Mutex<Vec<Arc<State>>>,
    /// Threads that don't stop; most of them are not in `threads` any more.
    pub(super) written_off: AtomicUsize,
}

/// What a thread does.
#[derive(Default)]
pub(super) struct State {
    /// When its call began, on the monotonic clock; 0 if it has none.
    since_ns: AtomicU64,
    /// It waits for the host in the middle of a call.
    is_blocked: AtomicBool,
}

impl State {
    /// Whether others need not wait for the thread.
    fn is_away(&self, now_ns: u64) -> bool {
        let since = self.since_ns.load(Ordering::SeqCst);
        since != 0 && (self.is_blocked.load(Ordering::SeqCst) || now_ns.saturating_sub(since) > SLOW.as_nanos() as u64)
    }
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
            states: Mutex::default(),
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
        self.grow();
    }

    /// Starts a thread if calls wait that none of the present ones will take soon.
    pub(super) fn grow(&self) {
        Shared::grow(&self.shared);
    }
}

impl Shared {
    /// Starts a thread if calls wait that none of the present ones will take soon.
    pub(super) fn grow(self: &Arc<Self>) {
        loop {
            let threads = self.threads.load(Ordering::SeqCst);
            if self.queue.len() <= self.idle.load(Ordering::SeqCst) || threads >= self.size.most {
                return;
            }
            let now = self.env.monotonic_ns();
            let away = self.states.lock().iter().filter(|state| state.is_away(now)).count();
            if threads.saturating_sub(away) >= self.size.running {
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
                let state = Arc::<State>::default();
                shared.states.lock().push(state.clone());
                let hang = Hang::new(shared.clone(), state.clone());
                Thread::new(shared, hang, state).run();
            };
            if let Err(error) = self.env.spawn_thread(self.name, body) {
                tracing::warn!(%error, "cannot start a thread for functions");
                self.threads.fetch_sub(1, Ordering::SeqCst);
            }
            return;
        }
    }

    /// Counts a thread out.
    pub(super) fn leave(&self, state: &Arc<State>) {
        self.states.lock().retain(|other| !Arc::ptr_eq(other, state));
        self.threads.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Thread {
    shared: Arc<Shared>,
    hang: Arc<Hang>,
    isolates: IsolateCache,
    parker: Parker,
    clock: Arc<dyn Clock>,
    state: Arc<State>,
}

impl Thread {
    fn new(shared: Arc<Shared>, hang: Arc<Hang>, state: Arc<State>) -> Self {
        let (pool, own) = (shared.clone(), state.clone());
        let parker = Parker::new(move |is_blocked| {
            own.is_blocked.store(is_blocked, Ordering::SeqCst);
            if is_blocked {
                Shared::grow(&pool);
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
            state,
        }
    }

    fn run(&self) {
        let _tokio = self.shared.tokio.as_ref().map(Handle::enter);
        while let Some(job) = self.next_job() {
            if job.is_abandoned() {
                continue;
            }
            self.state.since_ns.store(self.clock.monotonic_ns().max(1), Ordering::SeqCst);
            let next = self.run_job(job);
            if self.hang.is_written_off() {
                break;
            }
            self.state.since_ns.store(0, Ordering::SeqCst);
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
