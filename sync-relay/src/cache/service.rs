//! Queries over HTTP, answered from the cache that subscriptions fill too.

use std::sync::Arc;
use std::time::Duration;

use lakewire_functions::udf::{Call, CallFailure, FunctionError, QueryResult};
use lakewire_storage::log::Timestamp;

use super::QueryCache;
use super::content::{Landed, without_id};
use super::entry::{Ended, Entry};
use super::key::Query;
use crate::backend::View;
use crate::signal::Signal;

/// How long a request waits until the cache has looked at the newest commit, before it goes without.
const PATIENCE: Duration = Duration::from_secs(1);

impl QueryCache {
    /// The result of `call` at a snapshot that is at least as new as every commit acknowledged before.
    ///
    /// # Errors
    /// The [`CallFailure`] of a run that could not be completed.
    pub(crate) async fn query(self: &Arc<Self>, call: &Call) -> Result<Arc<QueryResult>, CallFailure> {
        let view = self.backend.latest();
        if !self.caught_up(view.ts()).await {
            return view.query(call, None).await.map(Arc::new);
        }
        let floor = view.ts();
        // A joined run that asked who calls may be another caller's. After it the entry is this caller's own, except for a function
        // that asks now and then.
        for _ in 0..3 {
            let entry = self.open(call);
            if let Some(landed) = self.fresh(&entry, floor) {
                self.shelve(&entry);
                return Ok(as_answer_to(call, &landed.result));
            }
            let pin = self.joinable(&entry, floor);
            let mut end = self.run(&entry, &pin, call.clone());
            drop(pin);
            let end = match end.wait_for(Option::is_some).await {
                Ok(end) => end.clone(),
                Err(_) => None,
            };
            let interrupted = || CallFailure::Internal("the run of the query was interrupted".to_owned());
            let Ended { landed, identity } = end.ok_or_else(interrupted)??;
            if !landed.result.observed.identity || identity == call.identity {
                return Ok(as_answer_to(call, &landed.result));
            }
        }
        self.backend.latest().query(call, None).await.map(Arc::new)
    }

    /// The result of `call` at the snapshot `view`.
    ///
    /// # Errors
    /// The [`CallFailure`] of the run.
    pub(crate) async fn query_at(&self, call: &Call, view: &dyn View) -> Result<Arc<QueryResult>, CallFailure> {
        let processed = self.tracker.processed();
        let entry = self.open(call);
        let known = {
            let state = entry.state.lock();
            state.latest.iter().chain(&state.previous).find(|landed| landed.holds_at(view.ts(), processed)).cloned()
        };
        let known = known.filter(|landed| self.is_young(landed));
        self.shelve(&entry);
        match known {
            Some(landed) => Ok(as_answer_to(call, &landed.result)),
            None => view.query(call, None).await.map(Arc::new),
        }
    }

    fn open(&self, call: &Call) -> Arc<Entry> {
        let query = Query::new(call.path.clone(), &call.args, None, &call.identity);
        let mut shelf = self.shelf.lock();
        let entry = self.find(&mut shelf, query, &call.identity);
        shelf.take_off(&entry);
        entry
    }

    /// Waits until all commits up to `ts` have been looked at; says whether that came about.
    async fn caught_up(&self, ts: Timestamp) -> bool {
        if self.tracker.processed() >= ts {
            return true;
        }
        let signal = Arc::new(Signal::default());
        let reached = async {
            while !self.tracker.notify_at(ts, &signal) {
                std::future::poll_fn(|cx| signal.poll_raised(cx)).await;
            }
        };
        self.env.timeout(PATIENCE, reached).await.is_ok()
    }

    /// The newest result of `entry`, if it is right at `floor` or a newer snapshot and may be given to a new request.
    fn fresh(&self, entry: &Entry, floor: Timestamp) -> Option<Landed> {
        let processed = self.tracker.processed();
        let landed = entry.state.lock().latest.clone()?;
        (landed.last(processed) >= floor && self.is_young(&landed)).then_some(landed)
    }

    /// Whether nothing but commits can have changed the result.
    fn is_young(&self, landed: &Landed) -> bool {
        let observed = landed.result.observed;
        let age = self.env.monotonic_ns().saturating_sub(landed.landed_ns);
        let volatile = observed.time || observed.random;
        !landed.refused && (!volatile || u128::from(age) < self.options.volatile_for.as_nanos())
    }

    /// The snapshot of a run under way that is new enough to be joined, or else the newest.
    fn joinable(&self, entry: &Entry, floor: Timestamp) -> Arc<super::Pin> {
        let running = entry
            .state
            .lock()
            .runs
            .iter()
            .map(|run| &run.pin)
            .filter(|pin| pin.ts() >= floor)
            .max_by_key(|pin| pin.ts())
            .cloned();
        running.unwrap_or_else(|| self.tracker.pin())
    }
}

impl Landed {
    /// What the entry holds in memory, more or less.
    pub(super) fn bytes(&self, key: &super::key::QueryKey) -> usize {
        /// Maps, reference counts, the index.
        const FIXED: usize = 512;
        /// One interval in the index.
        const INTERVAL: usize = 128;
        FIXED + key.query.args.len() + self.content.bytes() + self.result.reads.len() * INTERVAL
    }

    /// Uses the texts of an equal result.
    pub(super) fn share(&mut self, other: &Self) {
        if let (Ok(mine), Ok(theirs)) = (&self.result.outcome, other.content.outcome())
            && !Arc::ptr_eq(mine, theirs)
        {
            self.result = Arc::new(QueryResult { outcome: Ok(Arc::clone(theirs)), ..(*self.result).clone() });
        }
        self.content = Arc::clone(&other.content);
    }
}

/// `result` for the request `call`: an error names the request that sees it, not the one that ran into it first.
fn as_answer_to(call: &Call, result: &Arc<QueryResult>) -> Arc<QueryResult> {
    let Err(error) = &result.outcome else { return Arc::clone(result) };
    let rest = without_id(&error.message);
    if rest.len() == error.message.len() {
        return Arc::clone(result);
    }
    let message = format!("[Request ID: {}]{rest}", call.request_id).into();
    let error = FunctionError { message, ..error.clone() };
    Arc::new(QueryResult { outcome: Err(error), ..(**result).clone() })
}
