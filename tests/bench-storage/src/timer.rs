//! Sleeps that end within about 0.1 ms of their time. Those of tokio end at full milliseconds, late by up to two, which is much
//! of an append to a log.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Condvar, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// Those who sleep, by the end of their sleep and the order in which they came.
static SLEEPERS: LazyLock<&'static Sleepers> = LazyLock::new(|| {
    let sleepers: &'static Sleepers = Box::leak(Box::default());
    std::thread::spawn(|| sleepers.wake());
    sleepers
});

#[derive(Default)]
struct Sleepers {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    ends: BinaryHeap<Reverse<(Instant, u64)>>,
    wakers: std::collections::HashMap<u64, oneshot::Sender<()>>,
    next: u64,
}

impl Sleepers {
    fn wake(&self) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Instant::now();
            let left = inner.ends.peek().map(|Reverse((end, _))| end.saturating_duration_since(now));
            match left {
                Some(Duration::ZERO) => {
                    if let Some(Reverse((_, number))) = inner.ends.pop()
                        && let Some(waker) = inner.wakers.remove(&number)
                    {
                        // Whoever slept may have been dropped.
                        let _gone = waker.send(());
                    }
                }
                left => {
                    let wait = left.unwrap_or(Duration::from_secs(3600));
                    let woken = self.changed.wait_timeout(inner, wait);
                    inner = woken.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }
}

/// Sleeps.
pub async fn sleep(duration: Duration) {
    let (waker, woken) = oneshot::channel();
    {
        let mut inner = SLEEPERS.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let number = inner.next;
        inner.next += 1;
        inner.ends.push(Reverse((Instant::now() + duration, number)));
        inner.wakers.insert(number, waker);
    }
    SLEEPERS.changed.notify_one();
    // The sender is dropped by nobody.
    let _woken = woken.await;
}
