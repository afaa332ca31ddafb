//! Putting what is accepted behind the entries of another writer.

use std::sync::Arc;

use super::end::sealed;
use super::{CommitError, Inner, Pending, validate};
use crate::env::Env;
use crate::log::{LogEntry, LoggedTransaction};
use crate::recovery::Found;
use crate::state::Snapshot;
use crate::state::history::{Forgotten, History};

impl Inner {
    /// Makes the entries of another writer, the next ones of the log, part of latest, and accepts again what was accepted before
    /// and does not depend on what they changed. Whoever committed the rest gets the conflict. Gives what is to be dropped outside
    /// of any lock, and what the subscribers are to be sent once latest is published.
    pub(super) fn take_over(&mut self, env: &Env, entries: Vec<LogEntry>) -> (Forgotten, Vec<Arc<LoggedTransaction>>) {
        let taken_back = self.take_back(0);
        self.stalled = None;
        self.in_flight = false;
        self.entry += entries.len() as u64;
        self.ended = entries.iter().find_map(|entry| entry.seal.as_ref()).map(sealed);
        let mut state = self.latest.state().clone();
        let mut ts = self.latest.ts();
        let mut foreign = Vec::new();
        for transaction in entries.into_iter().flat_map(|entry| entry.transactions) {
            // Segments have the timestamp of the log, whoever writes them, and so has the tail.
            self.log_ts = transaction.ts;
            if let Err(error) = state.apply(&transaction) {
                tracing::error!(ts = transaction.ts, %error, "another writer appended what cannot be read");
            }
            // The latest snapshot may carry a later timestamp than its last commit, from the clock at the start.
            ts = transaction.ts.max(ts + 1);
            let transaction = match transaction.ts == ts {
                true => transaction,
                false => Arc::new(LoggedTransaction { ts, ..LoggedTransaction::clone(&transaction) }),
            };
            self.history.push(transaction.clone());
            foreign.push(transaction);
        }
        self.latest = Snapshot::new(ts, self.head.epoch(), state);
        self.head = self.latest.clone();
        self.last_ts = self.last_ts.max(ts);
        let forgotten = self.history.advance(&self.latest);
        match &self.ended {
            None => self.accept_again(env, taken_back, foreign.clone()),
            Some(ended) => taken_back.into_iter().for_each(|pending| pending.answer(&Err(ended.clone()))),
        }
        (forgotten, foreign)
    }

    /// Goes on with what was found anew, because the entries in between are not known. Everything pending conflicts. The result
    /// is to be dropped outside of any lock; the subscribers are told after latest is published.
    pub(super) fn start_again(&mut self, found: Found) -> Option<History> {
        if found.entry <= self.entry {
            return None;
        }
        self.fall_back(0, &CommitError::Conflict(validate::unknown()));
        let ts = found.snapshot.ts().max(self.latest.ts());
        self.latest = Snapshot::new(ts, self.head.epoch(), found.snapshot.state().clone());
        self.head = self.latest.clone();
        (self.last_ts, self.log_ts, self.entry) = (self.last_ts.max(ts), found.log_ts, found.entry);
        (self.stalled, self.in_flight, self.manifest) = (None, false, found.manifest);
        let history = History::new(self.retention, &self.latest);
        Some(std::mem::replace(&mut self.history, history))
    }

    /// Accepts transactions that were taken back, in their order and with new timestamps, unless they depend on what `changed`:
    /// what others did, and what those before them did that is now lost or different.
    fn accept_again(&mut self, env: &Env, taken_back: Vec<Pending>, mut changed: Vec<Arc<LoggedTransaction>>) {
        for Pending { transaction, finished, committer, readers, .. } in taken_back {
            // There never is a snapshot of just that now.
            for reader in readers {
                let _gone = reader.send(Err(CommitError::Conflict(validate::unknown())));
            }
            let Some(finished) = finished else {
                let again = LoggedTransaction { ts: self.next_ts(env), ..LoggedTransaction::clone(&transaction) };
                let after = Snapshot::new(again.ts, self.head.epoch(), self.head.state().clone());
                self.accept(Arc::new(again), after, None, committer);
                continue;
            };
            // Who was told that it is not committed is not to find it committed, now that this is sure.
            let Some(committer) = committer else {
                changed.push(transaction);
                continue;
            };
            let unaffected = self.unaffected(&finished, changed.iter()).map_err(CommitError::Conflict);
            let again = unaffected.and_then(|()| {
                let again = Arc::new(finished.resolve(self.next_ts(env))?);
                let after = self.after(&again)?;
                Ok((again, after))
            });
            match again {
                Ok((again, after)) => {
                    if finished.has_commit_ts() {
                        changed.extend([transaction, again.clone()]);
                    }
                    self.accept(again, after, Some(finished), Some(committer));
                }
                Err(error) => {
                    changed.push(transaction);
                    let _gone = committer.send(Err(error));
                }
            }
        }
    }
}
