//! The task that appends what was accepted, group by group.

use std::sync::Weak;

use super::{CommitError, Committer, Conflict, unavailable};
use crate::catalog::Namespace;
use crate::log::{Decided, LogEntry, append_decided};
use crate::state::Snapshot;

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
            let Some(committer) = committer.upgrade() else { return };
            while let Some(entry) = committer.next_group() {
                committer.append(entry).await;
            }
            if committer.end_if_closed() {
                return;
            }
        }
    }

    /// The next entry, of accepted transactions from the oldest on.
    fn next_group(&self) -> Option<LogEntry> {
        let inner = self.inner.lock();
        let mut bytes = 0;
        let group = inner.pending.iter().take_while(|pending| {
            let fits = bytes < GROUP_BYTES;
            bytes += pending.bytes;
            fits
        });
        let transactions: Vec<_> = group.map(|pending| pending.transaction.clone()).collect();
        (!transactions.is_empty()).then(|| LogEntry { nonce: self.env.random_bytes(), transactions })
    }

    async fn append(&self, entry: LogEntry) {
        let n = self.inner.lock().entry + 1;
        match append_decided(&*self.log, &self.env, n, &entry).await {
            Ok(Decided::Appended) => self.appended(entry.transactions.len()),
            Ok(Decided::Occupied(foreign)) => self.occupied(foreign).await,
            Err(error) => {
                tracing::error!(entry = n, %error, "cannot append to the log");
                let mut inner = self.inner.lock();
                inner.fall_back(&unavailable(&error));
                inner.publish(&self.published);
            }
        }
    }

    /// The first `count` pending transactions are durable.
    fn appended(&self, count: usize) {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        inner.entry += 1;
        let group: Vec<_> = inner.pending.drain(..count).collect();
        if let Some(last) = group.last() {
            inner.latest = last.after.clone();
        }
        inner.log_bytes_since_checkpoint += group.iter().map(|pending| pending.bytes).sum::<usize>();
        let forgotten = inner.history.advance(&inner.latest);
        inner.publish(&self.published);
        let mut transactions = Vec::with_capacity(count);
        for pending in group {
            // Without writes too: who follows the commits has to hear of every timestamp that `latest` takes.
            transactions.push(pending.transaction);
            for waiter in pending.waiters {
                let _gone = waiter.send(Ok(()));
            }
        }
        inner.subscribers.send(transactions);
        drop(guard);
        drop(forgotten);
    }

    /// Another writer has the place in the log. What is pending was not checked against its entry, so it is taken back and its
    /// callers run again.
    async fn occupied(&self, foreign: LogEntry) {
        self.take_over(foreign);
        loop {
            let next = self.inner.lock().entry + 1;
            match self.log.read(next, CATCH_UP).await {
                Ok(entries) if entries.is_empty() => return,
                Ok(entries) => entries.into_iter().for_each(|(_, entry)| self.take_over(entry)),
                Err(error) => {
                    // The next append meets the same entries.
                    tracing::warn!(entry = next, %error, "cannot read what another writer appended");
                    return;
                }
            }
        }
    }

    fn take_over(&self, foreign: LogEntry) {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        let writer = foreign.transactions.last().map(|transaction| transaction.source.clone()).unwrap_or_default();
        inner.fall_back(&CommitError::Conflict(Conflict {
            table: String::new(),
            namespace: Namespace::ROOT,
            id: None,
            writer,
        }));
        inner.entry += 1;
        let before = inner.latest.ts();
        let mut state = inner.latest.state().clone();
        let mut ts = before;
        for transaction in &foreign.transactions {
            // The latest snapshot may carry a later timestamp than its last commit, from the clock at the start.
            ts = transaction.ts.max(before + 1);
            if let Err(error) = state.apply(transaction) {
                tracing::error!(ts, %error, "another writer appended what cannot be read");
            }
            inner.history.push(transaction.clone(), 0);
        }
        inner.latest = Snapshot::new(ts, inner.latest.epoch(), state);
        inner.head = inner.latest.clone();
        inner.last_ts = inner.last_ts.max(ts);
        let is_in_order = foreign.transactions.first().is_none_or(|first| first.ts > before);
        let forgotten = match is_in_order {
            true => inner.history.advance(&inner.latest),
            // Older snapshots lack commits with timestamps before theirs: none of them can be built on or replayed from.
            false => inner.history.restart(inner.latest.clone()),
        };
        inner.publish(&self.published);
        inner.subscribers.send(foreign.transactions);
        drop(guard);
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
