//! A value that is watched by those who wait for it to become another.
//!
//! As that of tokio, but those who wait are woken in the order in which they began to, which there is random: a run must be a
//! function of its seed.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Changes the value. Dropping it tells the receivers that there is nothing more to wait for.
pub struct Sender<T>(Arc<Shared<T>>);

/// Waits for changes.
#[derive(Clone)]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The version that was looked at last.
    seen: u64,
}

/// The sender is gone: the value will not change any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value will not change any more")]
pub struct Closed;

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Notify,
}

struct State<T> {
    value: T,
    version: u64,
    closed: bool,
}

/// A value with one who watches it.
pub fn channel<T: Clone>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T: Clone> Sender<T> {
    /// A value that nobody watches yet.
    pub fn new(value: T) -> Self {
        let state = Mutex::new(State { value, version: 0, closed: false });
        Sender(Arc::new(Shared { state, changed: Notify::new() }))
    }

    /// Watches the value from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver { shared: self.0.clone(), seen: self.0.state.lock().version }
    }

    /// The value.
    pub fn get(&self) -> T {
        self.0.state.lock().value.clone()
    }

    /// Sets the value.
    pub fn send_replace(&self, value: T) {
        self.send_if_modified(|present| {
            *present = value;
            true
        });
    }

    /// Lets `modify` change the value, which says whether it did. Nobody is woken otherwise.
    pub fn send_if_modified(&self, modify: impl FnOnce(&mut T) -> bool) {
        let mut state = self.0.state.lock();
        if modify(&mut state.value) {
            state.version += 1;
            drop(state);
            self.0.changed.notify_waiters();
        }
    }
}

impl<T: Clone> Receiver<T> {
    /// Waits until the value was set since it was looked at last.
    ///
    /// # Errors
    /// [`Closed`] if it never will be.
    pub async fn changed(&mut self) -> Result<(), Closed> {
        let seen = self.seen;
        self.wait(|state| state.version != seen).await.map(drop)
    }

    /// Waits until the value is one that is `wanted`, and gives it.
    ///
    /// # Errors
    /// [`Closed`] if it never will be.
    pub async fn wait_for(&mut self, wanted: impl Fn(&T) -> bool) -> Result<T, Closed> {
        self.wait(|state| wanted(&state.value)).await
    }

    async fn wait(&mut self, enough: impl Fn(&State<T>) -> bool) -> Result<T, Closed> {
        loop {
            // Before the look, so that no change in between is missed.
            let changed = self.shared.changed.notified();
            {
                let state = self.shared.state.lock();
                self.seen = state.version;
                if enough(&state) {
                    return Ok(state.value.clone());
                }
                if state.closed {
                    return Err(Closed);
                }
            }
            changed.await;
        }
    }
}

impl<T: Clone + Default> Default for Sender<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.state.lock().closed = true;
        self.0.changed.notify_waiters();
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
