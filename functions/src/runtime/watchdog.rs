//! Stops JavaScript that runs for too long.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use lakewire_storage::env::{Clock, Env};
use parking_lot::{Condvar, Mutex};

/// How late a stop may come.
const TICK: Duration = Duration::from_millis(10);
/// How long after its deadline an isolate counts as one that can't be stopped: far longer than V8 takes for a collection.
const HANG: Duration = Duration::from_secs(5);
/// How long the thread goes on looking after the last activity.
const LINGER_TICKS: u32 = 100;

/// The deadline of one isolate.
pub(super) struct Watch {
    state: Mutex<WatchState>,
    isolate: v8::IsolateHandle,
    clock: Arc<dyn Clock>,
    watchdog: Weak<Shared>,
    on_hang: Option<Arc<OnHang>>,
}

/// Told of an isolate that does not stop, at most once a deadline.
type OnHang = dyn Fn() + Send + Sync;

#[derive(Default)]
struct WatchState {
    /// Monotonic nanoseconds.
    deadline: Option<u64>,
    /// The isolate has been told to stop since the deadline was set.
    fired: bool,
    /// And it has not for [`HANG`].
    hangs: bool,
}

impl Watch {
    /// Has the isolate stopped at `deadline` (monotonic nanoseconds), in place of any earlier one.
    pub(super) fn arm(&self, deadline: u64) {
        let mut state = self.state.lock();
        state.deadline = Some(deadline);
        state.hangs = false;
        drop(state);
        if let Some(watchdog) = self.watchdog.upgrade() {
            watchdog.wake();
        }
    }

    /// Has the isolate stopped after `time`.
    pub(super) fn arm_for(&self, time: Duration) {
        self.arm(self.clock.monotonic_ns() + time.as_nanos() as u64);
    }

    /// The clock that deadlines are of.
    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// Takes the deadline back. True if it has passed and the isolate was told to stop.
    pub(super) fn disarm(&self) -> bool {
        let mut state = self.state.lock();
        state.deadline = None;
        state.fired
    }

    /// True if the isolate has been told to stop.
    pub(super) fn has_fired(&self) -> bool {
        self.state.lock().fired
    }

    /// True while a deadline is set.
    fn check(&self, now: u64) -> bool {
        // The lock is held while terminating: after `disarm`, no stop can come any more.
        let mut state = self.state.lock();
        match state.deadline {
            Some(deadline) if deadline <= now => {
                state.fired = true;
                // Again at every tick: an isolate that was between two scripts has missed it.
                self.isolate.terminate_execution();
                if !state.hangs && now - deadline > HANG.as_nanos() as u64 {
                    state.hangs = true;
                    if let Some(on_hang) = &self.on_hang {
                        on_hang();
                    }
                }
                true
            }
            Some(_) => true,
            None => false,
        }
    }
}

/// A thread that looks after the deadlines of all isolates of a pool.
#[derive(Clone)]
pub(super) struct Watchdog {
    shared: Arc<Shared>,
    on_hang: Option<Arc<OnHang>>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    watches: Mutex<Vec<Weak<Watch>>>,
    asleep: AtomicBool,
    gate: Mutex<()>,
    wake: Condvar,
}

impl Shared {
    fn wake(&self) {
        if self.asleep.load(Ordering::SeqCst) {
            let _gate = self.gate.lock();
            self.wake.notify_one();
        }
    }

    /// Stops what is overdue; true if any deadline is set.
    fn check_all(&self) -> bool {
        let now = self.clock.monotonic_ns();
        let mut is_active = false;
        self.watches.lock().retain(|watch| match watch.upgrade() {
            Some(watch) => {
                is_active |= watch.check(now);
                true
            }
            None => false,
        });
        is_active
    }
}

impl Watchdog {
    /// Starts the thread. It ends once all clones of this are gone.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(super) fn start(env: &Env) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            clock: env.clock.clone(),
            watches: Mutex::default(),
            asleep: AtomicBool::new(false),
            gate: Mutex::new(()),
            wake: Condvar::new(),
        });
        let weak = Arc::downgrade(&shared);
        env.spawn_thread("js-watchdog", move || watch_all(&weak))?;
        Ok(Self { shared, on_hang: None })
    }

    /// The same one, which calls `on_hang` when an isolate that it is asked to watch does not stop.
    pub(super) fn with_on_hang(&self, on_hang: impl Fn() + Send + Sync + 'static) -> Self {
        Self { shared: self.shared.clone(), on_hang: Some(Arc::new(on_hang)) }
    }

    /// A watch, without deadline yet, for an isolate.
    pub(super) fn watch(&self, isolate: v8::IsolateHandle) -> Arc<Watch> {
        let watch = Arc::new(Watch {
            state: Mutex::default(),
            isolate,
            clock: self.shared.clock.clone(),
            watchdog: Arc::downgrade(&self.shared),
            on_hang: self.on_hang.clone(),
        });
        self.shared.watches.lock().push(Arc::downgrade(&watch));
        watch
    }
}

fn watch_all(shared: &Weak<Shared>) {
    let mut idle_ticks = 0;
    while let Some(shared) = shared.upgrade() {
        idle_ticks = if shared.check_all() { 0 } else { idle_ticks + 1 };
        let mut gate = shared.gate.lock();
        if idle_ticks < LINGER_TICKS {
            shared.wake.wait_for(&mut gate, TICK);
            continue;
        }
        shared.asleep.store(true, Ordering::SeqCst);
        // A deadline set just before is noticed here, a later one wakes us. The time limit is
        // for noticing that the pool is gone.
        if !shared.check_all() {
            shared.wake.wait_for(&mut gate, Duration::from_secs(1));
        }
        shared.asleep.store(false, Ordering::SeqCst);
        idle_ticks = LINGER_TICKS - 1;
    }
}
