//! The task that appends what was accepted, group by group, and otherwise listens to other writers.

use std::pin::pin;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::{Either, select};

use super::follow::{CATCH_UP, Polling};
use super::stall::PATIENCE;
use super::turns::Turns;
use super::{Committer, unavailable};
use crate::env::Env;
use crate::log::{CommitLog, Decided, EntryNumber, LogEntry, LogError, Seal, append_decided};

/// A group ends with the transaction that takes it beyond this many bytes, so that one append does not take for ever.
const GROUP_BYTES: usize = 4 << 20;

/// How long to wait for the entries behind one of another writer.
const NEXT_PATIENCE: Duration = Duration::from_secs(1);

/// What became of an append: the entries of others that are there from its number on, or none if it was done.
type Attempt = Result<Vec<LogEntry>, LogError>;

impl Committer {
    /// Appends what is accepted, until the committer is closed and all of it is appended, or the committer is dropped.
    pub async fn run(committer: Weak<Committer>) {
        let Some(wake) = committer.upgrade().map(|committer| committer.wake.clone()) else { return };
        let (mut turns, mut polling) = (Turns::default(), Polling::default());
        loop {
            let Some(held) = committer.upgrade() else { return };
            let Some((n, entry)) = held.next_group() else {
                if held.end_if_closed() {
                    return;
                }
                let env = held.env.clone();
                drop(held);
                let since = env.monotonic_ns();
                Self::idle(&committer, &wake, &mut polling).await;
                turns.rested(Duration::from_nanos(env.monotonic_ns().saturating_sub(since)));
                continue;
            };
            let (log, env) = (held.log.clone(), held.env.clone());
            let started = env.monotonic_ns();
            let mut attempt = pin!(attempt(&*log, &env, n, &entry, turns.is_behind()));
            let decided = match env.timeout(PATIENCE, attempt.as_mut()).await {
                Ok(decided) => decided,
                Err(_) => {
                    held.stall(n, entry.transactions.len());
                    drop(held);
                    let Some(decided) = Self::outlast(&committer, &wake, attempt).await else { return };
                    decided
                }
            };
            let Some(held) = committer.upgrade() else { return };
            let now = env.monotonic_ns();
            match &decided {
                Ok(others) if others.is_empty() => {
                    let pause = turns.won(Duration::from_nanos(now.saturating_sub(started)), now);
                    held.appended(entry.transactions.len());
                    drop(held);
                    if log.is_shared() && !pause.is_zero() {
                        env.sleep(pause).await;
                    }
                    continue;
                }
                _ => turns.lost(now),
            }
            held.refused(n, decided).await;
        }
    }

    /// The next entry and its number: accepted transactions from the oldest on.
    fn next_group(&self) -> Option<(EntryNumber, LogEntry)> {
        let mut inner = self.inner.lock();
        let mut bytes = 0;
        let group = inner.pending.iter().take_while(|pending| {
            let fits = bytes < GROUP_BYTES;
            bytes += pending.bytes;
            fits
        });
        let transactions: Vec<_> = group.map(|pending| pending.transaction.clone()).collect();
        if transactions.is_empty() {
            return None;
        }
        inner.in_flight = true;
        Some((inner.entry + 1, LogEntry { nonce: self.env.random_bytes(), transactions, seal: None }))
    }

    /// Entry `n` is not the one that was to be appended.
    async fn refused(&self, n: EntryNumber, decided: Attempt) {
        match decided {
            Ok(others) => {
                let more = others.len() > CATCH_UP;
                self.take_over(self.inner.lock(), others);
                if more {
                    self.catch_up().await;
                }
            }
            Err(LogError::Sealed { successor, .. }) => self.end(&Seal { successor }),
            Err(error) => {
                tracing::error!(entry = n, %error, "cannot append to the log");
                self.failed(&error);
                if matches!(error, LogError::Trimmed { .. }) {
                    self.reload().await;
                }
            }
        }
    }

    fn failed(&self, error: &LogError) {
        let mut inner = self.inner.lock();
        inner.stalled = None;
        inner.in_flight = false;
        inner.fall_back(0, &unavailable(error));
        self.publish(&inner);
    }

    /// The first `count` pending transactions are durable.
    fn appended(&self, count: usize) {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        inner.entry += 1;
        self.appended.store(inner.entry, Ordering::Relaxed);
        inner.stalled = None;
        inner.in_flight = false;
        let group: Vec<_> = inner.pending.drain(..count).collect();
        if let Some(last) = group.last() {
            inner.latest = last.after.clone();
            inner.log_ts = last.transaction.ts;
        }
        let forgotten = inner.history.advance(&inner.latest);
        self.publish(inner);
        // Those without writes too: who follows the commits has to hear of every timestamp that `latest` takes.
        inner.subscribers.send(group.iter().map(|pending| pending.transaction.clone()).collect());
        drop(guard);
        for pending in group {
            let ts = pending.transaction.ts;
            pending.answer(&Ok(ts));
        }
        drop(forgotten);
    }

    /// Ends the streams of subscribers if the pipeline is closed and empty.
    pub(super) fn end_if_closed(&self) -> bool {
        let mut inner = self.inner.lock();
        let ends = inner.closed && inner.pending.is_empty();
        if ends {
            inner.subscribers.clear();
        }
        ends
    }
}

/// Appends an entry. Whoever is behind also reads what comes after it at the same time, to catch up if another one is there.
async fn attempt(log: &dyn CommitLog, env: &Env, n: EntryNumber, entry: &LogEntry, is_behind: bool) -> Attempt {
    let append = append_decided(log, env, n, entry);
    if !is_behind {
        return Ok(match append.await? {
            Decided::Appended => Vec::new(),
            Decided::Occupied(other) => vec![other],
        });
    }
    let (append, read) = (pin!(append), log.read(n + 1, CATCH_UP));
    let (decided, next) = match select(append, read).await {
        Either::Left((decided, read)) => match decided? {
            Decided::Appended => return Ok(Vec::new()),
            occupied => (occupied, env.timeout(NEXT_PATIENCE, read).await.unwrap_or_else(|_| Ok(Vec::new()))),
        },
        Either::Right((next, append)) => (append.await?, next),
    };
    let Decided::Occupied(other) = decided else { return Ok(Vec::new()) };
    // What cannot be read now is met by the next append.
    let next = next.unwrap_or_default().into_iter().map(|(_, entry)| entry);
    Ok(std::iter::once(other).chain(next).collect())
}

impl Drop for Committer {
    fn drop(&mut self) {
        // The task is waiting, or it would hold the committer.
        self.wake.notify_one();
    }
}
