//! The time an execution has left, and running futures within it.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use lakewire_storage::env::Clock;

use super::watchdog::Watch;

/// Keeps the clocks of one execution and of the calls nested in it.
pub(super) struct Budget {
    clock: Arc<dyn Clock>,
    watch: Arc<Watch>,
    user_left_ns: Cell<u64>,
    system_left_ns: Cell<u64>,
    /// When JavaScript was last let run.
    resumed_ns: Cell<u64>,
    user_ns: Cell<u64>,
}

impl Budget {
    /// Starts the clock for JavaScript.
    pub(super) fn start(clock: Arc<dyn Clock>, watch: Arc<Watch>, user: Duration, system: Duration) -> Self {
        let budget = Self {
            clock,
            watch,
            user_left_ns: Cell::new(user.as_nanos() as u64),
            system_left_ns: Cell::new(system.as_nanos() as u64),
            resumed_ns: Cell::new(0),
            user_ns: Cell::new(0),
        };
        budget.resume();
        budget
    }

    /// Watches over another isolate as well, while a call nested in this execution runs there.
    pub(super) fn on_isolate(&self, watch: Arc<Watch>) -> Self {
        let budget = Self {
            clock: self.clock.clone(),
            watch,
            user_left_ns: self.user_left_ns.clone(),
            system_left_ns: self.system_left_ns.clone(),
            resumed_ns: Cell::new(0),
            user_ns: Cell::new(0),
        };
        budget.resume();
        budget
    }

    /// Takes over what a budget made by [`on_isolate`](Self::on_isolate) has used.
    pub(super) fn settle(&self, nested: &Budget) {
        self.user_left_ns.set(nested.user_left_ns.get());
        self.system_left_ns.set(nested.system_left_ns.get());
        self.user_ns.set(self.user_ns.get() + nested.user_ns.get());
    }

    pub(super) fn resume(&self) {
        let now = self.clock.monotonic_ns();
        self.resumed_ns.set(now);
        self.watch.arm(now + self.user_left_ns.get());
    }

    /// Stops the clock for JavaScript. False if its time was up.
    pub(super) fn pause(&self) -> bool {
        let has_fired = self.watch.disarm();
        let used = self.clock.monotonic_ns().saturating_sub(self.resumed_ns.get());
        self.user_ns.set(self.user_ns.get() + used);
        self.user_left_ns.set(self.user_left_ns.get().saturating_sub(used));
        !has_fired
    }

    /// Time in which JavaScript ran.
    pub(super) fn user_time(&self) -> Duration {
        Duration::from_nanos(self.user_ns.get())
    }

    /// Runs a future of the host on this thread; `None` if the time for syscalls is up.
    pub(super) fn block_on<F: Future>(&self, future: F, parker: &Parker) -> Option<F::Output> {
        let start = self.clock.monotonic_ns();
        let mut future = pin!(future);
        let mut context = Context::from_waker(&parker.waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                let used = self.clock.monotonic_ns().saturating_sub(start);
                self.system_left_ns.set(self.system_left_ns.get().saturating_sub(used));
                return Some(output);
            }
            let used = self.clock.monotonic_ns().saturating_sub(start);
            let left = self.system_left_ns.get().checked_sub(used).filter(|left| *left > 0)?;
            parker.park(Duration::from_nanos(left));
        }
    }
}

/// Lets a thread sleep until a future it polls can go on.
pub(super) struct Parker {
    pub(super) waker: Waker,
    inner: Arc<Inner>,
    on_block: Box<dyn Fn(bool)>,
}

struct Inner {
    thread: Thread,
    notified: AtomicBool,
}

impl Wake for Inner {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.notified.swap(true, Ordering::AcqRel) {
            self.thread.unpark();
        }
    }
}

impl Parker {
    /// For the current thread. `on_block` is told when it goes to sleep (`true`) and wakes up.
    pub(super) fn new(on_block: impl Fn(bool) + 'static) -> Self {
        let inner = Arc::new(Inner { thread: std::thread::current(), notified: AtomicBool::new(false) });
        Self { waker: inner.clone().into(), inner, on_block: Box::new(on_block) }
    }

    /// Sleeps until woken, or for `at_most`.
    pub(super) fn park(&self, at_most: Duration) {
        if !self.inner.notified.load(Ordering::Acquire) {
            (self.on_block)(true);
            std::thread::park_timeout(at_most);
            (self.on_block)(false);
        }
        self.inner.notified.store(false, Ordering::Release);
    }
}
