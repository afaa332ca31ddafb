//! One query in the cache: its newest results, the runs under way, and who waits for them.

use std::sync::Arc;

use lakewire_functions::auth::Identity;
use lakewire_functions::udf::CallFailure;
use lakewire_storage::interval::ReadSet;
use lakewire_storage::log::Timestamp;
use lakewire_storage::watch;
use parking_lot::Mutex;
use slab::Slab;
use smallvec::SmallVec;

use super::content::{Content, Landed};
use super::key::{Query, QueryKey};
use super::tracker::Pin;
use crate::signal::Signal;

/// A cache entry.
pub(crate) struct Entry {
    pub(super) id: u64,
    pub(super) key: Arc<QueryKey>,
    /// Who it is run as. Whoever shares the entry would get the same.
    pub(super) identity: Identity,
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// The result at the newest snapshot.
    pub(super) latest: Option<Landed>,
    /// The one before: a session that still puts an older snapshot together may need it.
    pub(super) previous: Option<Landed>,
    /// Runs under way, each at another snapshot.
    pub(super) runs: SmallVec<[Run; 1]>,
    /// The sessions that subscribe to it.
    pub(super) watchers: Slab<Arc<Signal>>,
    /// No longer in the cache: subscribers have to look again.
    pub(super) retired: bool,
    /// How many runs in a row could not be completed.
    pub(super) failures: u32,
    /// A run will be started after a pause.
    pub(super) resting: bool,
}

/// A run under way.
pub(super) struct Run {
    pub(super) pin: Arc<Pin>,
    pub(super) end: watch::Receiver<Option<RunEnd>>,
}

/// How a run ended.
pub(super) type RunEnd = Result<Ended, CallFailure>;

/// A completed run.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) landed: Landed,
    /// Who it was run as: nobody else may be given the result if the function asked.
    pub(super) identity: Identity,
}

/// What an entry knows, as a session needs it.
pub(crate) struct Reading {
    /// The newest result with the first and the last snapshot at which it is right.
    pub(crate) newest: Option<(Arc<Content>, Timestamp, Timestamp)>,
    /// The snapshot of the newest run under way.
    pub(crate) running: Option<Arc<Pin>>,
    /// A run failed and will be repeated by itself.
    pub(crate) resting: bool,
}

impl Entry {
    pub(super) fn new(id: u64, key: Arc<QueryKey>, identity: Identity) -> Self {
        Self { id, key, identity, state: Mutex::default() }
    }

    /// What is known, all commits up to `processed` having been looked at *before* this call.
    pub(crate) fn read(&self, processed: Timestamp) -> Reading {
        let state = self.state.lock();
        Reading {
            newest: state.latest.as_ref().map(|it| (Arc::clone(&it.content), it.from, it.last(processed))),
            running: state.runs.iter().map(|run| &run.pin).max_by_key(|pin| pin.ts()).cloned(),
            resting: state.resting,
        }
    }

    /// Whether the entry left the cache: its subscribers have to subscribe again.
    pub(crate) fn is_retired(&self) -> bool {
        self.state.lock().retired
    }

    /// Whether a run failed and will be repeated by itself.
    pub(crate) fn is_resting(&self) -> bool {
        self.state.lock().resting
    }

    /// The result at the snapshot `ts`, if it is known.
    pub(crate) fn at(&self, ts: Timestamp, processed: Timestamp) -> Option<Arc<Content>> {
        let state = self.state.lock();
        let landed = [&state.latest, &state.previous].into_iter().flatten().find(|it| it.holds_at(ts, processed))?;
        Some(Arc::clone(&landed.content))
    }

    /// The newest result, the snapshot it was run on, and what it read.
    pub(crate) fn newest(&self) -> Option<(Arc<Content>, Timestamp, Arc<ReadSet>)> {
        let state = self.state.lock();
        let landed = state.latest.as_ref()?;
        Some((Arc::clone(&landed.content), landed.from, Arc::clone(&landed.result.reads)))
    }

    /// Whether a run at the snapshot `ts` is under way.
    pub(crate) fn is_running_at(&self, ts: Timestamp) -> bool {
        self.state.lock().runs.iter().any(|run| run.pin.ts() == ts)
    }
}

impl State {
    /// Tells every subscriber to look.
    pub(super) fn wake_watchers(&self) {
        for (_, signal) in &self.watchers {
            signal.raise();
        }
    }

    /// Whether subscribers wait for a result that nobody is working on.
    pub(super) fn needs_run(&self) -> bool {
        !self.retired
            && !self.resting
            && !self.watchers.is_empty()
            && self.runs.is_empty()
            && self.latest.as_ref().is_some_and(|it| it.until != super::content::OPEN)
    }

    /// Whether nobody has use for the entry but those who may ask for it again.
    pub(super) fn is_idle(&self) -> bool {
        self.watchers.is_empty() && self.runs.is_empty() && !self.resting
    }
}

/// Holds a place among the subscribers of an entry.
pub(crate) struct Watch {
    pub(crate) entry: Arc<Entry>,
    pub(super) slot: usize,
}

impl Watch {
    /// The query that is watched.
    pub(crate) fn query(&self) -> &Query {
        &self.entry.key.query
    }
}
