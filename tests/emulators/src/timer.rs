//! Sleeps that end within about 0.1 ms of their time. Those of tokio end at full milliseconds, late by up to two.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::{LazyLock, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

struct Sleeper {
    end: Instant,
    waker: oneshot::Sender<()>,
}

impl Ord for Sleeper {
    fn cmp(&self, other: &Self) -> Ordering {
        self.end.cmp(&other.end)
    }
}

impl PartialOrd for Sleeper {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Sleeper {
    fn eq(&self, other: &Self) -> bool {
        self.end == other.end
    }
}

impl Eq for Sleeper {}

static NEW: LazyLock<mpsc::Sender<Sleeper>> = LazyLock::new(|| {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || wake(&receiver));
    sender
});

fn wake(new: &mpsc::Receiver<Sleeper>) {
    let mut sleepers = BinaryHeap::new();
    loop {
        let left = sleepers.peek().map_or(Duration::from_secs(3600), |Reverse(first): &Reverse<Sleeper>| {
            first.end.saturating_duration_since(Instant::now())
        });
        match new.recv_timeout(left) {
            Ok(sleeper) => sleepers.push(Reverse(sleeper)),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
        let now = Instant::now();
        while sleepers.peek().is_some_and(|Reverse(first)| first.end <= now) {
            if let Some(Reverse(sleeper)) = sleepers.pop() {
                // Whoever slept may have been dropped.
                let _gone = sleeper.waker.send(());
            }
        }
    }
}

/// Sleeps; not at all for a duration of zero.
pub(crate) async fn sleep(duration: Duration) {
    if duration.is_zero() {
        return;
    }
    let (waker, woken) = oneshot::channel();
    if NEW.send(Sleeper { end: Instant::now() + duration, waker }).is_ok() {
        let _woken = woken.await;
    }
}
