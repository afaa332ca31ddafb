//! The task that appends what was accepted, group by group.

use std::pin::pin;
use std::sync::Weak;

use super::stall::PATIENCE;
use super::{Committer, unavailable};
use crate::log::{Decided, EntryNumber, LogEntry, LogError, append_decided};

/// A group ends with the transaction that takes it beyond this many bytes, so that one append does not take for ever.
const GROUP_BYTES: usize = 4 << 20;

/// Entries read at a time when another writer was faster.
const CATCH_UP: usize = 64;

impl Committer {
    /// Appends what is accepted, until the committer is closed and all of it is appended, or the committer is dropped.
    pub async fn run(committer: Weak<Committer>) {
        let Some(wake) = committer.upgrade().map(|committer| committer.wake.clone()) else { return };
        loop {
            wake.notified().await;
            loop {
                let Some(held) = committer.upgrade() else { return };
                let Some((n, entry)) = held.next_group() else {
                    if held.end_if_closed() {
                        return;
                    }
                    break;
                };
                let (log, env) = (held.log.clone(), held.env.clone());
                let mut append = pin!(append_decided(&*log, &env, n, &entry));
                let decided = match env.timeout(PATIENCE, append.as_mut()).await {
                    Ok(decided) => decided,
                    Err(_) => {
                        held.stall(n, entry.transactions.len());
                        drop(held);
                        let Some(decided) = Self::outlast(&committer, &wake, append).await else { return };
                        decided
                    }
                };
                let Some(held) = committer.upgrade() else { return };
                held.decided(n, entry.transactions.len(), decided).await;
            }
        }
    }

    /// The next entry and its number: accepted transactions from the oldest on.
    fn next_group(&self) -> Option<(EntryNumber, LogEntry)> {
        let inner = self.inner.lock();
        let mut bytes = 0;
        let group = inner.pending.iter().take_while(|pending| {
            let fits = bytes < GROUP_BYTES;
            bytes += pending.bytes;
            fits
        });
        let transactions: Vec<_> = group.map(|pending| pending.transaction.clone()).collect();
        (!transactions.is_empty()).then(|| (inner.entry + 1, LogEntry { nonce: self.env.random_bytes(), transactions }))
    }

    /// Takes note of what became of entry `n`, of the first `count` pending transactions.
    async fn decided(&self, n: EntryNumber, count: usize, decided: Result<Decided, LogError>) {
        match decided {
            Ok(Decided::Appended) => self.appended(count),
            Ok(Decided::Occupied(foreign)) => self.occupied(foreign).await,
            Err(error) => {
                tracing::error!(entry = n, %error, "cannot append to the log");
                let mut inner = self.inner.lock();
                inner.stalled = None;
                inner.fall_back(0, &unavailable(&error));
                inner.publish(&self.published);
            }
        }
    }

    /// The first `count` pending transactions are durable.
    fn appended(&self, count: usize) {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        inner.entry += 1;
        inner.stalled = None;
        let group: Vec<_> = inner.pending.drain(..count).collect();
        if let Some(last) = group.last() {
            inner.latest = last.after.clone();
        }
        inner.log_bytes_since_checkpoint += group.iter().map(|pending| pending.bytes).sum::<usize>();
        let forgotten = inner.history.advance(&inner.latest);
        inner.publish(&self.published);
        // Those without writes too: who follows the commits has to hear of every timestamp that `latest` takes.
        inner.subscribers.send(group.iter().map(|pending| pending.transaction.clone()).collect());
        drop(guard);
        for pending in group {
            let ts = pending.transaction.ts;
            pending.answer(&Ok(ts));
        }
        drop(forgotten);
    }

    /// Another writer has the place in the log.
    async fn occupied(&self, foreign: LogEntry) {
        self.take_over(vec![foreign]);
        loop {
            let next = self.inner.lock().entry + 1;
            match self.log.read(next, CATCH_UP).await {
                Ok(entries) if entries.is_empty() => return,
                Ok(entries) => self.take_over(entries.into_iter().map(|(_, entry)| entry).collect()),
                Err(error) => {
                    // The next append meets the same entries.
                    tracing::warn!(entry = next, %error, "cannot read what another writer appended");
                    return;
                }
            }
        }
    }

    fn take_over(&self, entries: Vec<LogEntry>) {
        let mut inner = self.inner.lock();
        inner.stalled = None;
        let forgotten = inner.take_over(&self.env, entries);
        inner.publish(&self.published);
        drop(inner);
        drop(forgotten);
    }

    /// Ends the streams of subscribers if the pipeline is closed and empty.
    fn end_if_closed(&self) -> bool {
        let mut inner = self.inner.lock();
        let ends = inner.closed && inner.pending.is_empty();
        if ends {
            inner.subscribers.clear();
        }
        ends
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        // The task is waiting, or it would hold the committer.
        self.wake.notify_one();
    }
}
