//! The handle of a spawned task.

use std::future::Future;

use futures::future::{AbortHandle, Abortable};
use tokio::sync::oneshot;

/// A task started by [`Env::spawn`](super::Env::spawn). Dropping the handle leaves the task running.
#[derive(Debug)]
pub struct TaskHandle {
    abort: AbortHandle,
    ended: oneshot::Receiver<()>,
}

impl TaskHandle {
    /// Drops the task's future at its next suspension point, if it has not ended.
    pub fn abort(&self) {
        self.abort.abort();
    }

    /// Waits until the task has ended: by itself, by a panic, or by [`Self::abort`].
    pub async fn join(self) {
        // The sender lives as long as the task's future and is never sent on, so this resolves when the future is gone.
        let _ended = self.ended.await;
    }
}

/// `future` with a handle to abort and await it.
pub(super) fn abortable(
    future: impl Future<Output = ()> + Send + 'static,
) -> (impl Future<Output = ()> + Send + 'static, TaskHandle) {
    let (abort, registration) = AbortHandle::new_pair();
    let (alive, ended) = oneshot::channel::<()>();
    let future = async move {
        // Declared first, so dropped last: whoever joins finds the future's own state gone.
        let _alive = alive;
        let _aborted = Abortable::new(future, registration).await;
    };
    (future, TaskHandle { abort, ended })
}
