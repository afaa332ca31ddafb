//! Which results the commits make stale.
//!
//! **Architecture Invariant:** a commit is matched against every result before [`Tracker::processed`] reaches its timestamp, and
//! results are entered under the same lock, with a look at the commits since their snapshot. So a result that is not marked stale
//! after `processed` was read is right at that timestamp.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lakewire_storage::interval::{Interval, IntervalIndex, ReadSet};
use lakewire_storage::log::Timestamp;
use lakewire_storage::sabotage::{self, Rule};
use parking_lot::Mutex;

use super::content::{Landed, OPEN};
use super::entry::Entry as CacheEntry;
use crate::backend::{Backend, Committed, View};
use crate::signal::Signal;

/// Follows the commits.
pub(crate) struct Tracker {
    backend: Arc<dyn Backend>,
    processed: AtomicU64,
    next_id: AtomicU64,
    inner: Mutex<Inner>,
    /// Snapshots in use, and how often. Taken last: pins are dropped anywhere.
    pins: Mutex<BTreeMap<Timestamp, usize>>,
}

#[derive(Default)]
struct Inner {
    /// What is read, by the ids of the owners below.
    index: IntervalIndex<u64>,
    owners: HashMap<u64, Owner>,
    /// Commits after the oldest pin, oldest first: results of runs under way have yet to be held against them.
    recent: VecDeque<Committed>,
    /// Who wants to know when commits up to a timestamp have been looked at.
    waiting: BTreeMap<Timestamp, Vec<Arc<Signal>>>,
}

enum Owner {
    Entry(Arc<CacheEntry>),
    Probe(Arc<Probe>),
}

/// What a [`CommitProbe`] listens for.
struct Probe {
    /// The first such commit; 0 while there is none.
    committed: AtomicU64,
    /// Commits up to here do not count.
    after: Timestamp,
    /// Commits that nobody knows count.
    hears_gaps: bool,
}

/// A snapshot that is in use. As long as it is, results at it can be told when they went stale.
pub(crate) struct Pin {
    view: Arc<dyn View>,
    tracker: Arc<Tracker>,
}

/// Learns when a transaction commits that touches some reads. Stops listening when dropped.
pub(crate) struct CommitProbe {
    id: u64,
    probe: Arc<Probe>,
    tracker: Arc<Tracker>,
}

impl Tracker {
    /// A tracker of the commits after the newest snapshot of `backend`; all of them must go through [`Tracker::apply`].
    pub(crate) fn new(backend: Arc<dyn Backend>) -> Arc<Self> {
        let processed = AtomicU64::new(backend.latest().ts());
        let (next_id, inner, pins) = (AtomicU64::new(0), Mutex::default(), Mutex::default());
        Arc::new(Self { backend, processed, next_id, inner, pins })
    }

    /// The newest commit that was looked at.
    pub(crate) fn processed(&self) -> Timestamp {
        self.processed.load(Ordering::Acquire)
    }

    /// A number for an owner of reads.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Pins the newest snapshot.
    pub(crate) fn pin(self: &Arc<Self>) -> Arc<Pin> {
        // Under the lock, so that no commit after the snapshot has been looked at, and forgotten, already.
        let _inner = self.inner.lock();
        let view = self.backend.latest();
        *self.pins.lock().entry(view.ts()).or_default() += 1;
        Arc::new(Pin { view, tracker: Arc::clone(self) })
    }

    /// Raises `signal` as soon as commits up to `ts` have been looked at. Says whether they have been already.
    pub(crate) fn notify_at(&self, ts: Timestamp, signal: &Arc<Signal>) -> bool {
        let mut inner = self.inner.lock();
        if self.processed() >= ts {
            return true;
        }
        inner.waiting.entry(ts).or_default().push(Arc::clone(signal));
        false
    }

    /// Listens for the first commit that writes to `interval`. One that nobody knows does not count: who asks for the record of a
    /// mutation again finds out.
    pub(crate) fn probe(self: &Arc<Self>, interval: Interval) -> CommitProbe {
        self.listen(&ReadSet::from_iter([interval]), 0, false)
    }

    /// Listens for the first commit after `after` that touches `reads`, among those that have not been looked at.
    pub(crate) fn probe_reads(self: &Arc<Self>, reads: &ReadSet, after: Timestamp) -> CommitProbe {
        self.listen(reads, after, true)
    }

    fn listen(self: &Arc<Self>, reads: &ReadSet, after: Timestamp, hears_gaps: bool) -> CommitProbe {
        let id = self.next_id();
        let probe = Arc::new(Probe { committed: AtomicU64::new(0), after, hears_gaps });
        let mut inner = self.inner.lock();
        inner.index.insert(reads, id);
        inner.owners.insert(id, Owner::Probe(Arc::clone(&probe)));
        CommitProbe { id, probe, tracker: Arc::clone(self) }
    }

    /// Looks at a batch of commits; gives the entries whose newest result they made stale.
    pub(super) fn apply(&self, batch: Vec<Committed>) -> Vec<Arc<CacheEntry>> {
        let Some(newest) = batch.last().map(|commit| commit.ts) else { return Vec::new() };
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        let mut stale = Vec::new();
        let mut hit: Vec<u64> = Vec::new();
        for commit in batch {
            if sabotage::is(Rule::InvalidationSkipped) && commit.ts / 1_000_000 % 5 == 0 {
                continue;
            }
            hit.extend(commit.keys.iter().flat_map(|key| inner.index.hits(key)));
            if commit.is_gap {
                let hears = |owner: &Owner| match owner {
                    Owner::Entry(_) => true,
                    Owner::Probe(probe) => probe.hears_gaps,
                };
                hit.extend(inner.owners.iter().filter(|(_, owner)| hears(owner)).map(|(id, _)| *id));
            }
            hit.sort_unstable();
            hit.dedup();
            hit.retain(|id| inner.strike(*id, commit.ts, &mut stale));
            for id in hit.drain(..) {
                inner.index.remove(&id);
                inner.owners.remove(&id);
            }
            inner.recent.push_back(commit);
        }
        inner.forget_commits(self.pins.lock().first_key_value().map(|(oldest, _)| *oldest));
        self.processed.fetch_max(newest, Ordering::Release);
        let later = inner.waiting.split_off(&(newest + 1));
        let ready = std::mem::replace(&mut inner.waiting, later);
        drop(guard);
        ready.into_values().flatten().for_each(|signal| signal.raise());
        stale
    }

    /// Enters the result of a run of `entry`, whose pin is still held, and gives it as entered.
    pub(super) fn enter(&self, entry: &Arc<CacheEntry>, mut landed: Landed) -> Landed {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        landed.until = inner.first_hit(&landed.result.reads, landed.from);
        let processed = self.processed();
        let mut state = entry.state.lock();
        if state.retired {
            landed.close(processed);
            return landed;
        }
        if state.latest.as_ref().is_some_and(|latest| latest.from > landed.from) {
            landed.close(processed);
            state.previous = Some(landed.clone());
            return landed;
        }
        if let Some(mut previous) = state.latest.take() {
            // The same text is kept once.
            if previous.content.same(&landed.content) {
                landed.share(&previous);
            }
            previous.close(processed);
            state.previous = Some(previous);
        }
        inner.register(entry, &landed);
        state.latest = Some(landed.clone());
        landed
    }

    /// Gives `to`, which has no result yet, that of `from`.
    pub(super) fn copy(&self, from: &Arc<CacheEntry>, to: &Arc<CacheEntry>) {
        let mut guard = self.inner.lock();
        let landed = from.state.lock().latest.clone();
        let mut state = to.state.lock();
        if let (Some(landed), None, false) = (landed, &state.latest, state.retired) {
            guard.register(to, &landed);
            state.latest = Some(landed);
        }
    }

    /// Marks `entry` as gone and forgets what it reads.
    pub(super) fn retire(&self, entry: &CacheEntry) {
        let mut inner = self.inner.lock();
        inner.index.remove(&entry.id);
        inner.owners.remove(&entry.id);
        let mut state = entry.state.lock();
        state.retired = true;
        state.wake_watchers();
    }
}

impl Inner {
    /// Tells owner `id` of a commit at `ts`; says whether it has heard enough.
    fn strike(&self, id: u64, ts: Timestamp, stale: &mut Vec<Arc<CacheEntry>>) -> bool {
        match self.owners.get(&id) {
            Some(Owner::Entry(entry)) => {
                let mut state = entry.state.lock();
                let Some(latest) = &mut state.latest else { return true };
                // The snapshot of the result may be newer than the commits looked at so far.
                if ts <= latest.from {
                    return false;
                }
                latest.until = ts;
                stale.push(Arc::clone(entry));
                true
            }
            Some(Owner::Probe(probe)) if ts <= probe.after => false,
            Some(Owner::Probe(probe)) => {
                probe.committed.store(ts, Ordering::Release);
                true
            }
            None => true,
        }
    }

    fn register(&mut self, entry: &Arc<CacheEntry>, landed: &Landed) {
        if landed.until == OPEN {
            self.index.insert(&landed.result.reads, entry.id);
            self.owners.insert(entry.id, Owner::Entry(Arc::clone(entry)));
        } else if self.owners.remove(&entry.id).is_some() {
            self.index.remove(&entry.id);
        }
    }

    /// The first known commit after `ts` that touches `reads`.
    fn first_hit(&self, reads: &ReadSet, ts: Timestamp) -> Timestamp {
        let start = self.recent.partition_point(|commit| commit.ts <= ts);
        let mut later = self.recent.range(start..);
        let hit = later.find(|commit| commit.is_gap || commit.keys.iter().any(|key| reads.contains(key)));
        hit.map_or(OPEN, |commit| commit.ts)
    }

    /// Drops the commits that no run under way can have missed.
    fn forget_commits(&mut self, oldest_pin: Option<Timestamp>) {
        match oldest_pin {
            None => self.recent.clear(),
            Some(oldest) => {
                while self.recent.front().is_some_and(|commit| commit.ts <= oldest) {
                    self.recent.pop_front();
                }
            }
        }
    }
}

impl Landed {
    /// No longer kept up to date: right up to the commits looked at so far.
    fn close(&mut self, processed: Timestamp) {
        if self.until == OPEN {
            self.until = self.last(processed) + 1;
        }
    }
}

impl Pin {
    /// Which snapshot it is.
    pub(crate) fn ts(&self) -> Timestamp {
        self.view.ts()
    }

    /// The snapshot.
    pub(crate) fn view(&self) -> &Arc<dyn View> {
        &self.view
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut pins = self.tracker.pins.lock();
        if let Entry::Occupied(mut count) = pins.entry(self.view.ts()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

impl CommitProbe {
    /// When the first such transaction committed, as far as commits have been looked at.
    pub(crate) fn committed(&self) -> Option<Timestamp> {
        match self.probe.committed.load(Ordering::Acquire) {
            0 => None,
            ts => Some(ts),
        }
    }
}

impl Drop for CommitProbe {
    fn drop(&mut self) {
        let mut inner = self.tracker.inner.lock();
        inner.index.remove(&self.id);
        inner.owners.remove(&self.id);
    }
}
