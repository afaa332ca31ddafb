//! When the log does not say what became of an entry.
//!
//! Nothing else may be appended until it does, which may be never, on a broken disk for instance. Nobody has to wait for that.

use std::pin::pin;
use std::sync::Weak;
use std::time::Duration;

use futures::future::{Either, select};
use tokio::sync::Notify;

use super::{CommitError, Committer};
use crate::log::EntryNumber;

/// How long the log may take for an append before those who wait for it are refused.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

impl Committer {
    /// Entry `n`, of the first `count` pending transactions, is not decided in time. It stays part of the head, as it may be in
    /// the log; what comes after it is taken back.
    pub(super) fn stall(&self, n: EntryNumber, count: usize) {
        let reason = format!("the log has not said for {PATIENCE:?} whether it has entry {n}");
        tracing::error!(entry = n, "{reason}");
        let error = CommitError::Unavailable(reason);
        let mut inner = self.inner.lock();
        inner.fall_back(count, &error);
        for pending in &mut inner.pending {
            for waiter in pending.committer.take().into_iter().chain(pending.readers.drain(..)) {
                let _gone = waiter.send(Err(error.clone()));
            }
        }
        inner.stalled = Some(error);
        self.publish(&inner);
    }

    /// What became of an append, or `None` if the database is closed or dropped before that is known. That is the same as a
    /// crash: the next start reads the log.
    pub(super) async fn outlast<F: Future + Unpin>(
        committer: &Weak<Committer>,
        wake: &Notify,
        mut append: F,
    ) -> Option<F::Output> {
        loop {
            if committer.upgrade()?.abandon_if_closed() {
                return None;
            }
            match select(&mut append, pin!(wake.notified())).await {
                Either::Left((decided, _)) => return Some(decided),
                Either::Right(_) => {}
            }
        }
    }

    fn abandon_if_closed(&self) -> bool {
        let mut inner = self.inner.lock();
        if inner.closed {
            inner.subscribers.clear();
        }
        inner.closed
    }
}
