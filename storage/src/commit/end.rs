//! The end of a log that was sealed, and of what is known of one that was trimmed too far.

use parking_lot::MutexGuard;

use super::{CommitError, Committer, Inner};
use crate::env::Moment;
use crate::log::{LogEntry, Seal};
use crate::recovery;
use crate::watch;

/// Tells who waits for it that the log was sealed.
#[derive(Default)]
pub(super) struct Ending(watch::Sender<Option<Seal>>);

/// The answer to whoever commits to a sealed log.
pub(super) fn sealed(seal: &Seal) -> CommitError {
    CommitError::Unavailable(format!(
        "the deployment was restored to an earlier time, and goes on as timeline `{}`: restart",
        seal.successor
    ))
}

impl Committer {
    /// Completes once the log is sealed: with the timeline that the deployment goes on as.
    pub async fn sealed(&self) -> String {
        let mut ending = self.ending.0.subscribe();
        let seal = ending.wait_for(Option::is_some).await;
        match seal {
            Ok(Some(Seal { successor })) => successor,
            // The sender is part of `self`.
            _ => std::future::pending().await,
        }
    }

    /// Nothing can ever be appended again.
    pub(super) fn end(&self, seal: &Seal) {
        let mut inner = self.inner.lock();
        let ended = sealed(seal);
        inner.stalled = None;
        inner.in_flight = false;
        inner.fall_back(0, &ended);
        inner.ended = Some(ended);
        self.publish(&inner);
        drop(inner);
        self.announce(seal.clone());
    }

    fn announce(&self, seal: Seal) {
        tracing::error!(successor = %seal.successor, "the log is sealed");
        self.ending.0.send_replace(Some(seal));
    }

    /// Makes the next entries of the log, those of another writer, part of latest. Gives the lock back.
    pub(super) fn take_over(&self, mut inner: MutexGuard<'_, Inner>, entries: Vec<LogEntry>) {
        *self.disturbed.lock() = Moment::now(&self.env);
        let seal = entries.iter().find_map(|entry| entry.seal.clone());
        let (forgotten, foreign) = inner.take_over(&self.env, entries);
        // Before it is told: who hears of a commit finds it in latest.
        self.publish(&inner);
        inner.subscribers.send(foreign);
        drop(inner);
        drop(forgotten);
        if let Some(seal) = seal {
            self.announce(seal);
        }
    }

    /// Starts again from the newest manifest, because the log no longer has the entries that come next.
    pub(super) async fn reload(&self) {
        let found = match recovery::recover(&*self.log, &self.segments, &self.env, self.pressure.flush_bytes()).await {
            Ok(found) => found,
            Err(error) => {
                // The next append, or look at the log, meets the same.
                tracing::error!(%error, "cannot read the database again");
                return;
            }
        };
        let seal = found.seal.clone();
        *self.disturbed.lock() = Moment::now(&self.env);
        let mut inner = self.inner.lock();
        let forgotten = inner.start_again(found);
        self.publish(&inner);
        if forgotten.is_some() {
            let ts = inner.latest.ts();
            inner.subscribers.skip_to(ts);
        }
        drop(inner);
        drop(forgotten);
        if let Some(seal) = seal {
            self.end(&seal);
        }
    }
}
