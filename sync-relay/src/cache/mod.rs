//! Results of queries, shared by everybody who asks the same, over HTTP or by subscription.
//!
//! An entry is one query with its newest result. Requests for the same snapshot run once. While somebody subscribes, a commit that
//! makes the result stale has it run again at once; results nobody subscribes to are dropped when stale, or when memory is short.
//!
//! **Architecture Invariant:** the result of a function that asked who calls is never given to another caller. An entry for
//! everybody whose run turns out to have asked is retired, and the result kept for that caller alone.

mod content;
mod entry;
mod key;
mod run;
mod service;
mod shelf;
mod tracker;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use lakewire_functions::auth::Identity;
use lakewire_storage::env::Env;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

pub(crate) use content::{Content, Fingerprint};
use entry::Entry;
pub(crate) use entry::Watch;
pub(crate) use key::Query;
pub(crate) use tracker::{CommitProbe, Pin, Tracker};

use self::key::{QueryKey, Scope};
use self::shelf::Shelf;
use crate::backend::{Backend, CommitBatches};
use crate::signal::Signal;

/// Bounds of the cache.
#[derive(Debug, Clone)]
pub struct CacheOptions {
    /// Bytes of results kept that nobody subscribes to.
    pub idle_bytes: usize,
    /// How long a result that depends on the time or on random numbers is given to requests over HTTP.
    pub volatile_for: Duration,
    /// Queries given to the engine at a time.
    pub concurrent_runs: usize,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { idle_bytes: 64 << 20, volatile_for: Duration::from_secs(1), concurrent_runs: 128 }
    }
}

/// The cache.
pub(crate) struct QueryCache {
    backend: Arc<dyn Backend>,
    env: Env,
    options: CacheOptions,
    tracker: Arc<Tracker>,
    shelf: Mutex<Shelf>,
    permits: Semaphore,
}

impl QueryCache {
    /// An empty cache. Nothing happens in it until somebody runs [`QueryCache::follow`].
    pub(crate) fn new(backend: Arc<dyn Backend>, env: Env, options: CacheOptions) -> (Arc<Self>, CommitBatches) {
        let commits = backend.commits();
        let tracker = Tracker::new(Arc::clone(&backend));
        let permits = Semaphore::new(options.concurrent_runs);
        let shelf = Mutex::new(Shelf::new(options.idle_bytes));
        (Arc::new(Self { backend, env, options, tracker, shelf, permits }), commits)
    }

    /// Keeps the cache right, until there are no more commits.
    pub(crate) async fn follow(self: Arc<Self>, mut commits: CommitBatches) {
        while let Some(batch) = commits.next().await {
            self.apply(batch);
        }
    }

    /// The follower of the commits.
    pub(crate) fn tracker(&self) -> &Arc<Tracker> {
        &self.tracker
    }

    /// Subscribes to `query` for `identity`; `signal` is raised whenever there is something new to read.
    pub(crate) fn watch(&self, query: Query, identity: &Identity, signal: &Arc<Signal>) -> Watch {
        let mut shelf = self.shelf.lock();
        let entry = self.find(&mut shelf, query, identity);
        shelf.take_off(&entry);
        let slot = entry.state.lock().watchers.insert(Arc::clone(signal));
        Watch { entry, slot }
    }

    /// Ends a subscription.
    pub(crate) fn unwatch(&self, watch: Watch) {
        let last = {
            let mut state = watch.entry.state.lock();
            state.watchers.remove(watch.slot);
            state.watchers.is_empty()
        };
        if last {
            self.shelve(&watch.entry);
        }
    }

    /// Moves a subscription whose result pinned other pages than those it was run with to an entry that keeps them.
    pub(crate) fn follow_journal(
        &self,
        watch: Watch,
        journal: Option<Arc<str>>,
        identity: &Identity,
        signal: &Arc<Signal>,
    ) -> Watch {
        let query = Query { journal, ..watch.entry.key.query.clone() };
        let moved = self.watch(query, identity, signal);
        self.tracker.copy(&watch.entry, &moved.entry);
        self.unwatch(watch);
        moved
    }

    /// Subscribes anew to the query of a retired entry, or as another caller.
    pub(crate) fn rewatch(&self, watch: Watch, identity: &Identity, signal: &Arc<Signal>) -> Watch {
        let old = &watch.entry.key.query;
        let query = Query { rights: key::Rights::of(identity), ..old.clone() };
        let moved = self.watch(query, identity, signal);
        self.unwatch(watch);
        moved
    }

    /// The entry that answers `query` for `identity`.
    fn find(&self, shelf: &mut Shelf, query: Query, identity: &Identity) -> Arc<Entry> {
        let scope = if shelf.asks_who_calls(&query.path) { Scope::Only(identity.clone()) } else { Scope::Everybody };
        shelf.get_or_insert(QueryKey { query, scope }, |key| Entry::new(self.tracker.next_id(), key, identity.clone()))
    }

    /// Holds a batch of commits against what is cached and runs again what is needed.
    fn apply(self: &Arc<Self>, batch: Vec<crate::backend::Committed>) {
        let stale = self.tracker.apply(batch);
        if stale.is_empty() {
            return;
        }
        // One snapshot for the whole round.
        let pin = self.tracker.pin();
        for entry in stale {
            if entry.state.lock().needs_run() {
                self.start(&entry, &pin);
            } else {
                self.shelve(&entry);
            }
        }
    }

    /// Puts an entry that nobody uses where it may be evicted; drops it if its result is stale or missing.
    fn shelve(&self, entry: &Arc<Entry>) {
        let retired = {
            let mut shelf = self.shelf.lock();
            let state = entry.state.lock();
            if !state.is_idle() || state.retired {
                return;
            }
            match &state.latest {
                Some(landed) if landed.until == content::OPEN => {
                    let bytes = landed.bytes(&entry.key);
                    drop(state);
                    shelf.put(entry, bytes)
                }
                _ => shelf.remove(entry).into_iter().collect(),
            }
        };
        for entry in retired {
            self.tracker.retire(&entry);
        }
    }

    /// Takes an entry out of the cache although it is in use: its subscribers look again.
    fn retire(&self, entry: &Arc<Entry>) {
        if self.shelf.lock().remove(entry).is_some() {
            self.tracker.retire(entry);
        }
    }
}

impl Drop for QueryCache {
    fn drop(&mut self) {
        self.permits.close();
    }
}
