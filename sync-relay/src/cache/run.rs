//! Running queries for the cache.

use std::sync::Arc;
use std::time::Duration;

use lakewire_functions::udf::{
    Call, CallFailure, Caller, FunctionError, FunctionErrorKind, Observed, QueryResult, RequestId,
};
use lakewire_storage::interval::ReadSet;
use lakewire_storage::log::Timestamp;
use lakewire_storage::watch;

use super::QueryCache;
use super::content::{Content, Landed, OPEN};
use super::entry::{Ended, Entry, Run, RunEnd};
use super::key::{QueryKey, Scope};
use super::tracker::Pin;

/// Pause before a run that could not be completed is repeated; doubles with every failure in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause, as a power of two of the first.
const MAX_DOUBLINGS: u32 = 5;

impl QueryCache {
    /// Sees to it that `entry` gets its result at the snapshot of `pin`, for a subscriber.
    pub(crate) fn start(self: &Arc<Self>, entry: &Arc<Entry>, pin: &Arc<Pin>) {
        let QueryKey { query, .. } = &*entry.key;
        let (path, args) = (query.path.clone(), Arc::clone(&query.args));
        let request_id = RequestId::random(&self.env);
        let call = Call::new(path, args, entry.identity.clone(), Caller::SyncWorker, request_id);
        self.run(entry, pin, call);
    }

    /// As [`QueryCache::start`], by making `call`; joins a run at the same snapshot. Gives where its end will be told.
    pub(super) fn run(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        pin: &Arc<Pin>,
        call: Call,
    ) -> watch::Receiver<Option<RunEnd>> {
        let (tell, end) = watch::channel(None);
        {
            let mut state = entry.state.lock();
            if let Some(run) = state.runs.iter().find(|run| run.pin.ts() == pin.ts()) {
                return run.end.clone();
            }
            state.runs.push(Run { pin: Arc::clone(pin), end: end.clone() });
        }
        let (cache, entry, pin) = (Arc::clone(self), Arc::clone(entry), Arc::clone(pin));
        self.env.spawner.spawn("query", Box::pin(async move { cache.perform(entry, pin, call, tell).await }));
        end
    }

    async fn perform(
        self: Arc<Self>,
        entry: Arc<Entry>,
        pin: Arc<Pin>,
        call: Call,
        tell: watch::Sender<Option<RunEnd>>,
    ) {
        // Whatever happens, a panic in the engine too, the run does not stay in the list.
        let finish = Finish { cache: &self, entry: &entry, ts: pin.ts() };
        let Ok(permit) = self.permits.acquire().await else { return };
        let outcome = pin.view().query(&call, entry.key.query.journal.as_deref()).await;
        drop(permit);
        let end = match outcome {
            Ok(result) => {
                entry.state.lock().failures = 0;
                Ok(Ended { landed: self.land(&entry, &call, result, false), identity: call.identity })
            }
            Err(failure) => {
                if let Some(result) = as_result(&failure, &call, pin.ts()) {
                    self.land(&entry, &call, result, true);
                } else {
                    tracing::warn!(function = %call.path, request_id = %call.request_id, %failure, "query could not be run");
                    self.rest(&entry);
                }
                Err(failure)
            }
        };
        tell.send_replace(Some(end));
        drop(finish);
    }

    /// Enters a result where it belongs.
    fn land(self: &Arc<Self>, entry: &Arc<Entry>, call: &Call, result: QueryResult, refused: bool) -> Landed {
        let asked = result.observed.identity;
        let result = Arc::new(result);
        let content = Arc::new(Content::new(Arc::clone(&result), entry.key.query.journal.as_ref()));
        let landed_ns = self.env.monotonic_ns();
        let landed = Landed { content, from: result.ts, until: OPEN, landed_ns, refused, result };
        let scope = match (&entry.key.scope, asked) {
            (Scope::Everybody, true) => Scope::Only(call.identity.clone()),
            (Scope::Only(_), false) => Scope::Everybody,
            _ => return self.tracker.enter(entry, landed),
        };
        // The entry was made for the wrong callers.
        let key = QueryKey { query: entry.key.query.clone(), scope };
        let better = {
            let mut shelf = self.shelf.lock();
            shelf.note_asking(&call.path, asked);
            shelf.get_or_insert(key, |key| Entry::new(self.tracker.next_id(), key, call.identity.clone()))
        };
        let landed = self.tracker.enter(&better, landed);
        self.retire(entry);
        better.state.lock().wake_watchers();
        self.shelve(&better);
        landed
    }

    /// Repeats the run after a pause if somebody still waits for it then.
    fn rest(self: &Arc<Self>, entry: &Arc<Entry>) {
        let failures = {
            let mut state = entry.state.lock();
            if state.resting || state.watchers.is_empty() {
                return;
            }
            state.resting = true;
            state.failures += 1;
            state.failures
        };
        let pause = FIRST_PAUSE * 2_u32.pow((failures - 1).min(MAX_DOUBLINGS));
        let (cache, entry) = (Arc::clone(self), Arc::clone(entry));
        self.env.spawner.spawn(
            "query retry",
            Box::pin(async move {
                cache.env.sleep(pause).await;
                let wanted = {
                    let mut state = entry.state.lock();
                    state.resting = false;
                    !state.watchers.is_empty() && !state.retired
                };
                if wanted {
                    let pin = cache.tracker.pin();
                    cache.start(&entry, &pin);
                }
                cache.shelve(&entry);
            }),
        );
    }
}

/// Takes a run off the list of its entry, tells the subscribers, and sees what is to be done next.
struct Finish<'a> {
    cache: &'a Arc<QueryCache>,
    entry: &'a Arc<Entry>,
    ts: Timestamp,
}

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        let (needs_run, _ended) = {
            let mut state = self.entry.state.lock();
            let ended = state.runs.iter().position(|run| run.pin.ts() == self.ts).map(|at| state.runs.swap_remove(at));
            state.wake_watchers();
            (state.needs_run(), ended)
        };
        if needs_run {
            let pin = self.cache.tracker.pin();
            self.cache.start(self.entry, &pin);
        } else {
            self.cache.shelve(self.entry);
        }
    }
}

/// The result that a refusal of the call amounts to for a subscriber: it would be refused again. `None` if repeating it may help.
fn as_result(failure: &CallFailure, call: &Call, ts: Timestamp) -> Option<QueryResult> {
    if !matches!(failure, CallFailure::BadRequest { .. } | CallFailure::Auth(_)) {
        return None;
    }
    let message = format!("[Request ID: {}] Server Error\n{}\n", call.request_id, failure.public_message());
    Some(QueryResult {
        outcome: Err(FunctionError { message: message.into(), data: None, kind: FunctionErrorKind::NotFound }),
        log_lines: Arc::new([]),
        journal: None,
        reads: Arc::new(ReadSet::default()),
        ts,
        observed: Observed::default(),
        audit: Arc::new([]),
    })
}
