//! One life of one node: its tasks, which can be killed or frozen at any await, and its doors to the world.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::BoxFuture;
use lakewire_storage::env::{Clock, Env, SeededEntropy, Spawner};
use parking_lot::Mutex;

use crate::world::World;

/// A running process, as far as the world is concerned.
pub struct Host {
    /// The world that it is in.
    pub world: Arc<World>,
    /// `node.life`, for traces.
    pub name: String,
    alive: AtomicBool,
    frozen: AtomicBool,
    /// Wall clock minus true time, in ns.
    skew_ns: AtomicI64,
    /// Of every task that has not ended, so that it notices.
    wakers: Mutex<BTreeMap<u64, Waker>>,
    next_task: AtomicU64,
}

impl Host {
    /// A process that has just been started. `skew_ns` is what its wall clock is ahead.
    pub fn start(world: &Arc<World>, name: String, skew_ns: i64) -> Arc<Host> {
        Arc::new(Host {
            world: world.clone(),
            name,
            alive: AtomicBool::new(true),
            frozen: AtomicBool::new(false),
            skew_ns: AtomicI64::new(skew_ns),
            wakers: Mutex::default(),
            next_task: AtomicU64::new(0),
        })
    }

    /// Whether it has not been killed.
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    /// Whether it stands still.
    pub fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::Relaxed)
    }

    /// No task of it takes another step. Their state is dropped, with all doors closed.
    pub fn kill(&self) {
        if self.alive.swap(false, Ordering::Relaxed) {
            self.world.event(format_args!("{} dies", self.name));
            self.wake_all();
        }
    }

    /// No task of it takes a step until [`Self::thaw`].
    pub fn freeze(&self) {
        self.frozen.store(true, Ordering::Relaxed);
    }

    /// See [`Self::freeze`].
    pub fn thaw(&self) {
        self.frozen.store(false, Ordering::Relaxed);
        self.wake_all();
    }

    /// Sets the wall clock.
    pub fn set_skew(&self, skew_ns: i64) {
        self.skew_ns.store(skew_ns, Ordering::Relaxed);
    }

    /// Dies if the dice say so: to be asked between any two steps that the world can see.
    pub async fn may_crash(&self) {
        if self.is_alive() && self.world.fault("crash at a request", self.world.rates().crash_at_request) {
            self.kill();
        }
        if !self.is_alive() {
            std::future::pending::<()>().await;
        }
    }

    /// Runs a task of this process.
    pub fn spawn(self: &Arc<Self>, future: impl Future<Output = ()> + Send + 'static) {
        self.spawn_boxed("sim", Box::pin(future));
    }

    /// Its doors.
    pub fn env(self: &Arc<Self>) -> Env {
        let entropy = SeededEntropy::new(self.world.dice.seed());
        Env {
            clock: Arc::new(HostClock(self.clone())),
            entropy: Arc::new(entropy),
            spawner: Arc::new(HostSpawner(self.clone())),
        }
    }

    fn spawn_boxed(self: &Arc<Self>, name: &'static str, future: BoxFuture<'static, ()>) {
        if !self.is_alive() {
            return;
        }
        let id = self.next_task.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(Task { host: self.clone(), id, name, future: Some(future) });
    }

    fn wake_all(&self) {
        let wakers: Vec<_> = self.wakers.lock().values().cloned().collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

struct Task {
    host: Arc<Host>,
    id: u64,
    name: &'static str,
    future: Option<BoxFuture<'static, ()>>,
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let host = self.host.clone();
        if host.is_alive() {
            host.wakers.lock().insert(self.id, cx.waker().clone());
            if host.is_frozen() {
                return Poll::Pending;
            }
            if host.world.dice.chance(host.world.rates().yields) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Some(future) = self.future.as_mut() else { return Poll::Ready(()) };
            let polled = std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
            match polled {
                Ok(Poll::Pending) if host.is_alive() => return Poll::Pending,
                Ok(_) => {}
                Err(panic) => {
                    let text = panic.downcast_ref::<String>().map(String::as_str);
                    let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
                    host.world.violation("panic", format_args!("task `{}` of {}: {text}", self.name, host.name));
                }
            }
        }
        host.wakers.lock().remove(&self.id);
        self.future = None;
        Poll::Ready(())
    }
}

struct HostClock(Arc<Host>);

impl Clock for HostClock {
    fn now_ns(&self) -> u64 {
        self.0.world.now_ns().saturating_add_signed(self.0.skew_ns.load(Ordering::Relaxed))
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.world.elapsed().as_nanos() as u64
    }
}

struct HostSpawner(Arc<Host>);

impl Spawner for HostSpawner {
    fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>) {
        self.0.spawn_boxed(name, future);
    }

    fn spawn_thread(&self, name: &str, _body: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
        Err(std::io::Error::other(format!("there are no threads in a simulation (`{name}`)")))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
